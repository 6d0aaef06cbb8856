"""What commands print: text for people, JSON for other programs, to the terminal or into a file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import Output, exit_of, options
from mimecast_sso.provenance import How, Statement, Verdict, lines

FINE = Statement("the active one", How.LIVE, "Microsoft Graph", Verdict.FINE, "certificate")
UNREAD = Statement("not read", How.UNKNOWN, "HTTP 403", Verdict.UNKNOWN, "console")
FAILS = Statement("expired", How.LIVE, "Microsoft Graph", Verdict.FAILS, "expiry")


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@click.group()
def commands() -> None:
    """For these tests."""


@commands.command()
@click.option("--stack", required=True)
@click.option("--person")
@options("look")
def look(stack: str, person: str | None, output: Output) -> Exit:
    """Look at something."""
    output.line(f"Looking at {stack} for {person}")
    output.entry(FINE, "Entra")
    output.table([UNREAD, FAILS])
    output.keep(Statement("only for programs"))
    return exit_of([FINE, UNREAD, FAILS])


TEXT = """\
Looking at prod-eu for ada
  fine     certificate: the active one [read live: Microsoft Graph]
UNKNOWN  console  not read [unknown: HTTP 403]
FAILS    expiry   expired [read live: Microsoft Graph]
Not checked: console.
"""


def run(*words: str) -> tuple[str, object]:
    ended = CliRunner().invoke(
        commands, ["look", "--stack", "prod-eu", "--person", "ada", *words], standalone_mode=False
    )
    assert ended.exception is None, ended.exception
    return ended.output, ended.return_value


def test_text_is_the_default() -> None:
    assert run() == (TEXT, Exit.CHANGES)


def test_json_has_each_statement_and_how_the_command_ended() -> None:
    text, exit_code = run("--format", "json")
    document = json.loads(text)
    assert {key: document[key] for key in ("schema", "command", "stack", "exit")} == {
        "schema": 1,
        "command": "look",
        "stack": "prod-eu",
        "exit": 2,
    }
    assert exit_code is Exit.CHANGES
    assert [each.get("subject") for each in document["statements"]] == [
        "Entra: certificate",
        "console",
        "expiry",
        None,
    ]
    assert document["statements"][1] == {
        "subject": "console",
        "verdict": "UNKNOWN",
        "text": "not read",
        "how": "unknown",
        "source": "HTTP 403",
    }


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_file_gets_what_the_terminal_would_have(tmp_path: Path, format_: str) -> None:
    file = tmp_path / "reports" / "look"
    shown, _ = run("--format", format_)
    assert run("--format", format_, "--out", str(file)) == ("", Exit.CHANGES)
    assert file.read_text(encoding="utf-8") == shown


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    output = Output("look", "prod-eu", file=tmp_path / "file" / "below")
    with pytest.raises(OperationError, match=r"file/below cannot be written: "):
        output.end(Exit.FINE)


def test_a_table_that_does_not_fit_a_terminal_is_wrapped_and_a_pipe_is_not() -> None:
    long = Statement(
        "the certificate expires " + "soon " * 30, How.LIVE, "Microsoft Graph", Verdict.WARNS, "end"
    )
    statements = [FINE, long]
    assert len(list(lines(statements))) == 2
    wrapped = list(lines(statements, 80))
    assert max(map(len, wrapped)) <= 80
    assert wrapped[0].split() == next(iter(lines([FINE]))).replace("certificate ", "certificate: ").split()
    assert all(line.startswith((" " * 9, "warns    end: ", "fine ")) for line in wrapped)
    assert list(lines([FINE], 80)) == list(lines([FINE])), "a table that fits stays a table"
    address = Statement(f"see https://example.com/{'x' * 90}", subject="link")
    assert any(line.strip() == f"https://example.com/{'x' * 90}" for line in lines([address], 60)), (
        "in one piece"
    )


@pytest.mark.parametrize(("columns", "fits"), [(80, True), (30, False)])
def test_a_terminal_gets_wrapped_statements(
    monkeypatch: pytest.MonkeyPatch, columns: int, *, fits: bool
) -> None:
    """One that is too narrow for them wraps by itself."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    output = Output("look", "prod-eu")
    output.line("word " * 40)
    shown = terminal.getvalue().splitlines()
    assert (max(map(len, shown)) <= columns) is fits


@pytest.mark.parametrize(
    ("verdicts", "ends"),
    [
        ([], Exit.FINE),
        (["fine", "note", "open", "warns", "waiting", "not configured", "not possible"], Exit.FINE),
        (["fine", "UNKNOWN"], Exit.ERROR),
        (["UNKNOWN", "DIFFERS"], Exit.CHANGES),
        (["FAILS"], Exit.CHANGES),
        (["MISSING"], Exit.CHANGES),
    ],
)
def test_the_worst_verdict_decides_how_a_check_ends(verdicts: list[str], ends: Exit) -> None:
    assert exit_of(Statement("x", verdict=Verdict(each)) for each in verdicts) is ends
