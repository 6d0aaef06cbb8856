"""Check that drift reports still run: the last report of each stack that could read its tenants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mimecast_sso.operations.ci.init import deployed_stacks
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import print_to
from mimecast_sso.operations.project import find_project
from mimecast_sso.operations.reports import history as histories
from mimecast_sso.operations.reports.history import Day
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.reports.render import render
from mimecast_sso.provenance import How
from mimecast_sso.text.times import shown


def run(history: Path, stacks: Sequence[str], within: timedelta, form: Format, out: Path | None) -> Exit:
    """Print the times of the last reports; 1 if one is overdue. Raises OperationError."""
    report = heartbeat(history, deployed_stacks(find_project(), stacks), within, datetime.now(UTC))
    print_to(out, render(report, form))
    return Exit(report.exit)


def heartbeat(folder: Path, stacks: Iterable[str], within: timedelta, now: datetime) -> Report:
    """A report on the reports in a folder; its exit code is 1 if one of them is overdue."""
    days = histories.read(folder, now)
    sections = tuple(_section(stack, days, within, now) for stack in stacks)
    late = any(section.level is not Level.FINE for section in sections)
    return Report("heartbeat", now, int(Exit.ERROR if late else Exit.FINE), sections)


def _section(stack: str, days: Sequence[Day], within: timedelta, now: datetime) -> Section:
    read = [day.at for day in days if day.level(stack) not in (None, Level.UNKNOWN)]
    if read and now - read[-1] <= within:
        text = f"last report {shown(read[-1])}"
        return Section(stack, summary=text, entries=(_entry(Level.FINE, text),))
    last = f"the last one is from {shown(read[-1])}" if read else f"none in the last {histories.DAYS} days"
    hours = f"{within / timedelta(hours=1):g} hours"
    text = f"No drift report within {hours} could read this stack: {last}"
    return Section(stack, summary=text, entries=(_entry(Level.LOOK, text),))


def _entry(level: Level, text: str) -> Entry:
    return Entry("heartbeat/report", level, text, How.SEEN, "the folder of reports")
