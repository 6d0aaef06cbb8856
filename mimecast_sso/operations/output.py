"""The findings of a command: text for people, JSON and other formats for programs.

A command that takes `options` prints through an `Output`. As text, a line is shown as soon as it is printed. As JSON,
the statements alone are kept and written once the command has ended::

    {"schema": 1, "command": "verify", "stack": "prod-eu", "exit": 2, "statements": [{"subject": …, "verdict": …}]}

A command that cannot continue writes neither: it exits with a message on standard error.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.files import write_text
from mimecast_sso.operations.formats import Format
from mimecast_sso.provenance import BAD, Statement, Verdict, documents, entries, lines, not_checked
from mimecast_sso.text.paragraphs import on_terminal, terminal_width
from mimecast_sso.text.wording import count

_SCHEMA: Final = 1
_PROGRAM: Final = "mimecast-sso"


def exit_of(statements: Iterable[Statement]) -> Exit:
    """2 if something is missing, differs or fails, 1 if something was not read, else 0."""
    verdicts = {each.verdict for each in statements}
    if verdicts & BAD:
        return Exit.CHANGES
    return Exit.ERROR if Verdict.UNKNOWN in verdicts else Exit.FINE


def write_report(file: Path, text: str) -> None:
    """Write a text to the file of ``--out``. Raises OperationError if it cannot be written."""
    try:
        write_text(file, text)
    except OSError as error:
        raise OperationError(
            f"{file} cannot be written: {error.strerror}. Name another file with --out."
        ) from None


def print_to(file: Path | None, text: str) -> None:
    """Print a text to the file of ``--out``, or to the terminal. Raises OperationError."""
    if file is None:
        click.echo(text, nl=False)
    else:
        write_report(file, text)


@dataclass(slots=True)
class Output:
    """The output of a command.

    Attributes:
        command: The name of the command in JSON.
        stack: The stack's name; for a command without a stack, the stack that it is about.
        format: The format.
        file: The file; None for the terminal.
        quiet: Whether a table leaves out statements that are fine.
        lists: The command that lists those; "" if it takes more options than the stack.
    """

    command: str
    stack: str
    format: Format = "text"
    file: Path | None = None
    quiet: bool = False
    lists: str = ""
    _statements: list[Statement] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Print a line that is not a statement, wrapped on a terminal."""
        if self.format == "text":
            self._print(on_terminal(text) if self.file is None else text)

    def entry(self, statement: Statement, section: str) -> None:
        """Print one statement of a section, without waiting for the others."""
        self.keep(replace(statement, subject=f"{section}: {statement.subject}"))
        for line in entries([statement], self._width):
            self.line(line)

    def table(self, statements: Sequence[Statement]) -> None:
        """Print statements as a table."""
        self.keep(*statements)
        shown = [each for each in statements if not (self.quiet and each.verdict is Verdict.FINE)]
        for line in lines(shown, self._width):
            self.line(line)
        if len(shown) < len(statements):
            fine = count(len(statements) - len(shown), "check is fine", "checks are fine")
            self.line(f"{fine}. List them: {self.lists or 'the same command without --quiet'}")
        for line in not_checked(statements):
            self.line(line)

    @property
    def _width(self) -> int | None:
        return terminal_width() if self.file is None else None

    def keep(self, *statements: Statement) -> None:
        """Add statements to the report whose text is printed by other means."""
        self._statements.extend(statements)

    def end(self, exit_code: Exit) -> None:
        """Write the rest of the output. Raises OperationError if the file cannot be written."""
        if self.format == "json":
            self._print(json.dumps(self._document(exit_code), indent=2, ensure_ascii=False))
        elif self.format != "text":
            self._print(self._rendered(exit_code).rstrip("\n"))
        if self.file is not None:
            write_report(self.file, "".join(f"{line}\n" for line in self._lines))

    def _document(self, exit_code: Exit) -> dict[str, object]:
        return {
            "schema": _SCHEMA,
            "command": self.command,
            "stack": self.stack,
            "exit": int(exit_code),
            "statements": documents(self._statements),
        }

    def _rendered(self, exit_code: Exit) -> str:
        from mimecast_sso.operations.reports.model import Report, Section, of_statements  # noqa: PLC0415
        from mimecast_sso.operations.reports.render import render  # noqa: PLC0415  (loaded only when asked for)

        entries_ = of_statements(self.command.replace(" ", "-"), self._statements)
        section = Section(self.stack or "-", entries=entries_)
        return render(Report(self.command, datetime.now(UTC), int(exit_code), (section,)), self.format)

    def _print(self, text: str) -> None:
        if self.file is None:
            click.echo(text)
        else:
            self._lines.append(text)


def options(name: str, *, alone: bool = True) -> Callable[[Callable[..., Exit]], Callable[..., Exit]]:
    """Give a command ``--format``, ``--out`` and ``--quiet``, and an `Output` as its argument ``output``.

    Args:
        name: The name of the command in JSON.
        alone: Whether ``--stack`` is all that the command needs.
    """

    def add(command: Callable[..., Exit]) -> Callable[..., Exit]:
        @click.option(
            "--format",
            "format_",
            type=click.Choice(get_args(Format)),
            default="text",
            show_default=True,
            help="Format of the report. JSON has one entry per statement.",
        )
        @click.option(
            "--out",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Write the report to FILE.",
        )
        @click.option("--quiet", "-q", is_flag=True, help="List only what needs attention.")
        @functools.wraps(command)
        def run(*, format_: Format, out: Path | None, quiet: bool, **others: object) -> Exit:
            stack = str(others.get("stack", ""))
            lists = f"{_PROGRAM} {name} --stack {stack}" if stack and alone else ""
            output = Output(name, stack, format_, out, quiet, lists)
            exit_code = command(output=output, **others)
            output.end(exit_code)
            return exit_code

        return run

    return add
