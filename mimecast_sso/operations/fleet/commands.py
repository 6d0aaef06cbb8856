"""What ``mimecast-sso fleet`` does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet import page, stack_files
from mimecast_sso.operations.fleet import run as runs
from mimecast_sso.operations.fleet.checks import CHECKS
from mimecast_sso.operations.fleet.work import Work
from mimecast_sso.operations.output import Format, print_to
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.operations.reports import history as histories
from mimecast_sso.operations.reports.model import Report, Section
from mimecast_sso.operations.reports.render import render


@dataclass(frozen=True, slots=True)
class Options:
    """What was given on the command line."""

    select: tuple[str, ...]
    shard: tuple[int, int]
    jobs: int
    timeout: float
    work: Path | None
    resume: bool
    form: str
    out: Path | None
    history: Path | None


def run(check: str, given: Options) -> Exit:
    """Checks the stacks that are wanted, and reports on all of them. Raises OperationError."""
    project = find_project()
    wanted = stack_files.wanted(project, given.select, given.shard)
    folder = (given.work or _folder(project)) / check
    now = datetime.now(UTC).replace(microsecond=0)
    work = Work.resume(folder) if given.resume else Work.begin(folder, now)
    plan = runs.Plan(f"fleet {check}", CHECKS[check], wanted, given.jobs, given.timeout)
    found = runs.run(plan, project, work, _Progress(len(wanted)))
    return _write(found, given.form, given.out, given.history)


def merge(reports: Sequence[Path], *, form: str, out: Path | None, history: Path | None) -> Exit:
    """One report of several; of a stack that is in more than one, the latest counts. Raises OperationError."""
    found = sorted((_report(file) for file in reports), key=lambda each: each.at)
    commands = {each.command.removeprefix("fleet ") for each in found}
    if len(commands) > 1:
        raise OperationError(
            f"These are reports of different checks: {', '.join(sorted(commands))}. Merge one kind."
        )
    sections = {section.stack: _with_code(section, each) for each in found for section in each.sections}
    return _write(runs.report(f"fleet {commands.pop()}", found[-1].at, sections.values()), form, out, history)


def _folder(project: Project) -> Path:
    """Where finished rows are kept; on the sandbox in its own folder, lest a rehearsal is resumed for real."""
    home = os.environ.get("SANDBOX_HOME") if "SANDBOX_INSTANCE" in os.environ else None
    return Path(home) / "fleet" if home else project.root / "build" / "fleet"


class _Progress:
    """A line on standard error that says how far a run is, where somebody looks at it."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._done = 0

    def __call__(self, section: Section) -> None:
        self._done += 1
        if sys.stderr.isatty():
            end = "\n" if self._done == self._whole else "\r"
            click.echo(f"{self._done} of {self._whole} stacks{end}", err=True, nl=False)


def _report(file: Path) -> Report:
    try:
        return Report.of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(
            f"{file} is not a report in JSON. Make it with --format json --out {file.name}, and merge again."
        ) from None


def _with_code(section: Section, report: Report) -> Section:
    """A section of a single stack's report gets that report's code."""
    return replace(section, exit=report.exit) if section.exit is None else section


def _write(report: Report, form: str, out: Path | None, history: Path | None) -> Exit:
    days = histories.kept(history, report) if history else ()
    if form == "text":
        text = page.text(report, days)
    elif form == "csv":
        text = page.table(report)
    else:
        text = render(report, cast("Format", form), days)
    print_to(out, text)
    return Exit(report.exit)
