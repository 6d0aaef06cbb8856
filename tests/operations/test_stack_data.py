"""The base's code with a pull request's stack files: what is taken from a pull request, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mimecast_sso.operations.change.stack_data import Taken, take
from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project
from tests.support.forge_steps import HOSTILE, Place, commit, git, place, write

STACK = "stacks/Pulumi.dev-eu.yaml"


def taken(at: Place) -> Taken:
    git(at.folder, "fetch", "--quiet", "origin", at.head)
    return take(Project(at.folder, "mimecast-sso", at.folder / "stacks"), at.base, at.head)


def files(at: Place, name: str) -> dict[str, str]:
    """The blobs of a commit by path, with their modes."""
    rows = git(at.folder, "ls-tree", "-r", name).splitlines()
    return {row.partition("\t")[2]: row.partition("\t")[0] for row in rows}


def test_stack_files_are_taken_and_the_code_is_the_bases(tmp_path: Path) -> None:
    at = place(
        tmp_path, head={STACK: "config: {a:b: c}\n", "stacks/Pulumi.new.yaml": "x\n", "docs/a.md": "x\n"}
    )
    found = taken(at)
    assert found.stack_files == (STACK, "stacks/Pulumi.new.yaml")
    assert found.others == (), "documentation runs nothing"
    made, base, head = (files(at, name) for name in (found.commit, at.base, at.head))
    assert made == base | {path: head[path] for path in found.stack_files}
    assert git(at.folder, "status", "--porcelain", "--untracked-files=no") == "", "nothing is checked out"
    assert taken(at).commit == found.commit, "the same every time"


def test_a_deleted_stack_file_is_removed(tmp_path: Path) -> None:
    at = place(tmp_path, head={STACK: None})
    assert STACK not in files(at, taken(at).commit)


@pytest.mark.parametrize("path", ["stacks/Pulumi.dev-eu.written.json", "addresses.csv", "people/eu.tsv"])
def test_written_records_and_addresses_are_data_as_well(tmp_path: Path, path: str) -> None:
    at = place(tmp_path, head={path: "{}\n"})
    found = taken(at)
    assert (found.stack_files, found.others) == ((path,), ())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("__main__.py", "evil\n"),
        ("conftest.py", "evil\n"),
        ("Pulumi.yaml", "name: evil\n"),
        ("stacks/Pulumi.dev-eu.py", "evil\n"),
        ("stacks/deep/Pulumi.dev-eu.yaml", "evil\n"),
        ("stacks/Pulumi..yaml/x.yaml", "evil\n"),
        ("Pulumi.dev-eu.yaml", "evil\n"),
        ("addresses.csv", "-> /etc/passwd"),
        ("addresses.csv.py", "evil\n"),
        (STACK, "-> /etc/passwd"),
        ("stacks/Pulumi.link.yaml", "-> ../../secret.yaml"),
        ("x\n$(touch pwned).py", "evil\n"),
    ],
)
def test_nothing_else_is_taken(tmp_path: Path, path: str, content: str) -> None:
    at = place(tmp_path, head={path: content})
    found = taken(at)
    assert found.others == (path,)
    assert files(at, found.commit) == files(at, at.base)


def test_a_stack_file_that_can_be_executed_is_not_data(tmp_path: Path) -> None:
    at = place(tmp_path, head={STACK: "x\n"})
    origin = tmp_path / "origin"
    git(origin, "switch", "--quiet", "--detach", at.head)
    (origin / STACK).chmod(0o755)
    git(origin, "-c", "core.fileMode=true", "add", "--all")
    changed = commit(origin)
    assert taken(Place(at.folder, at.stubs, at.base, changed)).others == (STACK,)


def test_what_the_base_changed_since_stays(tmp_path: Path) -> None:
    at = place(tmp_path, head={STACK: "head\n"})
    write(tmp_path / "origin", {"stacks/Pulumi.prod-eu.yaml": "newer\n", "__main__.py": "newer\n"})
    base = commit(tmp_path / "origin")
    git(at.folder, "fetch", "--quiet", "origin", base)
    found = taken(Place(at.folder, at.stubs, base, at.head))
    made = files(at, found.commit)
    assert made == files(at, base) | {STACK: files(at, at.head)[STACK]}


@pytest.mark.parametrize("name", ["", "--all", "nothing", HOSTILE])
def test_an_unknown_commit_is_refused(tmp_path: Path, name: str) -> None:
    at = place(tmp_path)
    with pytest.raises(OperationError, match="is not a commit of this repository"):
        take(Project(at.folder, "mimecast-sso", at.folder / "stacks"), at.base, name)
    assert at.pwned == []


def test_a_project_in_a_folder_of_its_repository_takes_its_own_data_only(tmp_path: Path) -> None:
    at = place(
        tmp_path, head={f"sso/{STACK}": "head\n", STACK: "x\n", "sso/people.csv": "x\n", "people.csv": "x\n"}
    )
    git(at.folder, "fetch", "--quiet", "origin", at.head)
    (root := at.folder / "sso").mkdir()
    found = take(Project(root, "mimecast-sso", root / "stacks"), at.base, at.head)
    assert found.stack_files == ("sso/people.csv", f"sso/{STACK}")
    assert found.others == ("people.csv", STACK)
    made, head = files(at, found.commit), files(at, at.head)
    assert made == files(at, at.base) | {path: head[path] for path in found.stack_files}


def test_the_command_names_what_was_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = place(tmp_path, head={"x ::error::\n##vso[x].py": "evil\n", STACK: "x\n"})
    git(at.folder, "fetch", "--quiet", "origin", at.head)
    monkeypatch.chdir(at.folder)
    ended = CliRunner().invoke(
        commands, ["ci", "data", "--base", at.base, "--head", at.head], standalone_mode=False
    )
    assert ended.return_value is Exit.CHANGES
    assert files(at, ended.stdout.strip())[STACK]
    assert ended.stderr == "Changed, but not included: x : :error:: ## vso[x].py\n"
