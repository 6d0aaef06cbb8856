"""The report of ``mimecast-sso drift``, as text for the terminal and in the formats of `reports.render`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.operations.drift_check import NO_DRIFT, DriftCheck, look
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import print_to
from mimecast_sso.operations.reports import history as histories
from mimecast_sso.operations.reports.model import Report
from mimecast_sso.operations.reports.render import entry_lines, render
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import Verdict, lines, not_checked
from mimecast_sso.text.paragraphs import terminal_width
from mimecast_sso.text.wording import count


def run(
    opened: Stack, engine: Engine, *, fast: bool, form: Format, out: Path | None, history: Path | None
) -> Exit:
    """Check for drift and print it; change nothing. Raises OperationError."""
    found = look(opened, engine, refresh=not fast)
    snapshot = found.assessment.value.snapshot if found.assessment.value else None
    at = snapshot.entra_now if snapshot else datetime.now(UTC)
    report = Report("drift", at, int(found.exit), (found.section(),))
    days = histories.kept(history, report) if history else ()
    past = histories.since(report.sections[0], days)
    if form == "text":
        width = terminal_width() if out is None else None
        text = "".join(f"{line}\n" for line in _lines(found, past, width))
    else:
        text = render(report, form, days)
    print_to(out, text)
    return found.exit


def _lines(found: DriftCheck, past: str, width: int | None) -> Iterator[str]:
    """The report of one stack; ``past`` says how long it has been so, ``width`` is the terminal's."""
    shown = found.differences
    if found.is_quiet and not shown:
        yield NO_DRIFT if not found.unread else "No drift in what could be read."
    elif shown:
        yield f"Drift: {count(len(shown), 'difference')} between the live state and the stack."
        for entry in shown:
            yield from entry_lines(entry)
    if found.planned:
        yield f"Not deployed yet: {count(len(found.planned), 'change')} of the program or its configuration."
        yield from (f"  {step}" for step in found.planned)
    if past:
        yield f"In earlier reports: {past}."
    statements = (*found.statements, *found.unread)
    yield from (*lines(statements, width), *not_checked(statements))
    if any(each.verdict is Verdict.DIFFERS for each in found.statements):
        yield (
            "If a change of the console concerns this profile, its confirmation is stale. Record that: mimecast-sso "
            f"verify --stack {found.stack}"
        )
