"""The command line as a whole: help, completion and version, without loading heavy modules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mimecast_sso.operations import cli
from mimecast_sso.operations.cli import commands
from providers.entra.errors import Unreachable
from tests.support.command_words import subcommands

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pulumi", "pydantic", "cryptography", "requests", "ruamel")
PROGRAM = "import sys; from mimecast_sso.operations.cli import main; sys.argv[0] = 'mimecast-sso'; main()"
CONTEXT = click.Context(commands)
NAMES = commands.list_commands(CONTEXT)


def run(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", PROGRAM, *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def complete(words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """What a shell asks when a person presses Tab after these words."""
    count = str(len(words.split(" ")) - 1)
    asked = {"_MIMECAST_SSO_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    return run(folder=folder, **asked)


def heavy(imports: str) -> set[str]:
    """Which of the modules that take long stand in a list of imports."""
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in imports.splitlines()}
    return names & set(HEAVY)


@pytest.mark.parametrize(
    "words", [["--help"], ["up", "--help"], ["roll-out", "--help"], ["assess", "--help"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    ended = run(*words)
    assert ended.returncode == 0
    assert ended.stdout.startswith("Usage: mimecast-sso")
    assert heavy(ended.stderr) == set()


def leaves(group: click.Group = commands, words: tuple[str, ...] = ()) -> Iterator[click.Context]:
    """The context of each command, 80 columns wide."""
    for name, command in subcommands(group).items():
        if isinstance(command, click.Command):
            yield command.make_context(
                " ".join((*words, name)),
                [],
                parent=click.Context(commands, **commands.context_settings),
                resilient_parsing=True,
                terminal_width=80,
                max_content_width=80,
            )
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))


@pytest.mark.parametrize("context", list(leaves()), ids=lambda context: context.info_name)
def test_every_option_and_example_in_a_help_text_can_be_copied(context: click.Context) -> None:
    lines = [line.strip() for line in context.command.get_help(context).splitlines()]
    assert [line for line in lines if line.endswith("-")] == []
    example = re.search(r"^Example: .*?(?=\n\n|\Z)", str(context.command.help), re.DOTALL | re.MULTILINE)
    assert example is None or " ".join(example[0].split()) in lines


def test_a_stack_is_completed_without_loading_anything_heavy() -> None:
    ended = complete("mimecast-sso up --stack prod-")
    assert ended.stdout.split() == ["plain,prod-eu", "plain,prod-us"]
    assert heavy(ended.stderr) == set()


def test_a_stack_is_completed_in_a_group_and_from_the_folder_that_stack_config_dir_names(
    tmp_path: Path,
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: acme\nruntime: python\nstackConfigDir: config\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "Pulumi.tenant-7.yaml").write_text("config: {}\n")
    assert complete("mimecast-sso rotate status -s ", tmp_path).stdout == "plain,tenant-7\n"


def test_nothing_is_completed_where_the_project_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("- no: project\n")
    assert complete("mimecast-sso up --stack ", tmp_path).stdout.strip() == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_commands_says_what_the_command_itself_says(name: str) -> None:
    command = commands.get_command(CONTEXT, name)
    assert command is not None
    assert command.name == name
    line = str(command.help).partition("\n")[0]
    listed = " ".join(commands.get_help(CONTEXT).split())
    assert line.partition(". ")[0].rstrip(".") in listed


def test_an_unknown_command_is_a_usage_error() -> None:
    ended = run("deploy")
    assert ended.returncode == 64
    assert "No such command 'deploy'" in ended.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["verfy"], "verify"), (["rollout", "status"], "roll-out"), (["rotate", "nxt"], "next")],
)
def test_the_error_for_a_misspelt_command_names_the_nearest(words: list[str], meant: str) -> None:
    ended = run(*words)
    assert ended.returncode == 64
    assert ended.stderr.count(f"Did you mean {meant!r}?") == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["preview", "--stack", "x", "--out", "y"], "--out needs a --format other than text"),
        (["up", "--stack", "x", "--expect", "y", "--reviewed", "z"], "both set the expected plan"),
    ],
)
def test_options_that_exclude_each_other_are_a_usage_error(words: list[str], why: str) -> None:
    ended = run(*words)
    assert ended.returncode == 64
    assert why in ended.stderr


def test_the_sandbox_is_a_command_too(tmp_path: Path) -> None:
    environment = os.environ | {"SANDBOX_HOME": str(tmp_path)}

    def ended(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, *words, "status"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert ended("-c", PROGRAM, "sandbox") == ended("-m", "sandbox")


def test_the_environment_names_the_stack() -> None:
    done = run("verify", MIMECAST_SSO_STACK="no-such-stack")
    assert done.returncode == 1
    assert "There is no stack file stacks/Pulumi.no-such-stack.yaml" in done.stderr


def fail(*_: object) -> None:
    raise KeyError("a text of somebody else")


def test_an_unexpected_error_is_one_line_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as for a response of a vendor without a documented property."""
    monkeypatch.setattr(click.Group, "invoke", fail)
    assert cli.run(["stacks"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Unexpected KeyError in test_command_line.py, line ")
    assert "MIMECAST_SSO_TRACEBACK=1" in said
    assert "somebody else" not in said
    monkeypatch.setenv("MIMECAST_SSO_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.run(["stacks"])


def test_an_error_of_graph_is_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> None:
        raise Unreachable("Microsoft Graph could not be reached")

    monkeypatch.setattr(click.Group, "invoke", unreachable)
    assert cli.run(["stacks"]) == 1
    assert capsys.readouterr().err == "Microsoft Graph could not be reached\n"
