"""What ``mimecast-sso fleet`` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.fleet import page, stack_files
from mimecast_sso.operations.fleet import run as runs
from mimecast_sso.operations.fleet.checks import CHECKS
from mimecast_sso.operations.fleet.work import Work
from mimecast_sso.operations.output import Format, print_to
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.operations.reports import history as histories
from mimecast_sso.operations.reports.merging import merged
from mimecast_sso.operations.reports.model import Report, Section
from mimecast_sso.operations.reports.reading import read
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
    plan = runs.CheckPlan(f"fleet {check}", CHECKS[check], wanted, given.jobs, given.timeout)
    found = runs.run(plan, project, work, _Progress(len(wanted)))
    return _write(found, given.form, given.out, given.history)


def merge(reports: Sequence[Path], *, form: str, out: Path | None, history: Path | None) -> Exit:
    """One report of several; of a stack that is in more than one, the latest counts. Raises OperationError."""
    found = merged([read(file) for file in reports])
    return _write(replace(found, command=f"fleet {found.command}"), form, out, history)


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
