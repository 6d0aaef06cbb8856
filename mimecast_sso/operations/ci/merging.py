"""Several reports as one: what jobs that look at one stack each have found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mimecast_sso.operations.drift_report import keep
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import Format
from mimecast_sso.operations.reports.model import Report
from mimecast_sso.operations.reports.printing import show
from mimecast_sso.operations.reports.reading import read


def merge(files: Iterable[Path], history: Path | None, form: Format, out: Path | None) -> Exit:
    """Prints the reports in the files as one. Raises OperationError."""
    report = merged([read(file) for file in files])
    days = keep(history, report) if history else ()
    show(report, form, out, days)
    return Exit.FINE


def merged(reports: list[Report]) -> Report:
    """One report of the stacks of all, by name; its time is the latest, and its code the first that is not fine."""
    commands = {each.command for each in reports}
    if len(commands) > 1:
        raise OperationError(f"These are reports of different commands: {', '.join(sorted(commands))}.")
    sections = sorted(
        (section for report in reports for section in report.sections), key=lambda each: each.stack
    )
    codes = {each.exit for each in reports}
    code = next((code for code in (Exit.ERROR, Exit.CHANGES) if code in codes), Exit.FINE)
    return Report(commands.pop(), max(each.at for each in reports), int(code), tuple(sections))
