"""The commands of ``mimecast-sso fleet``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import click

from mimecast_sso.operations import plan
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet import page, stack_files
from mimecast_sso.operations.fleet import run as runs
from mimecast_sso.operations.fleet.checks import CHECKS
from mimecast_sso.operations.fleet.previews import Preview
from mimecast_sso.operations.fleet.rings import Ring, in_rings
from mimecast_sso.operations.fleet.selection import Listed, listed, shard
from mimecast_sso.operations.fleet.up import Record, Terms, Why
from mimecast_sso.operations.fleet.up import run as ring_by_ring
from mimecast_sso.operations.fleet.work import Work, alone
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import print_to
from mimecast_sso.operations.project import Project, find_project
from mimecast_sso.operations.reports import history as histories
from mimecast_sso.operations.reports.merging import merged
from mimecast_sso.operations.reports.model import Report, Section
from mimecast_sso.operations.reports.reading import read
from mimecast_sso.operations.reports.render import render
from mimecast_sso.text import foreign
from mimecast_sso.text.times import utc_text
from mimecast_sso.text.wording import count

_LONGEST_RUN = timedelta(hours=12)
"""How long a run can be resumed."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a check."""

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
    """Check the selected stacks, and report on all of them. Raises OperationError."""
    project = find_project()
    selected = stack_files.selected(project, given.select)
    chosen = shard(selected, *given.shard)
    folder = (given.work or _folder(project)) / check
    now = datetime.now(UTC).replace(microsecond=0)
    asks = Preview(project) if check == "preview" else CHECKS[check]
    asked = runs.CheckPlan(f"fleet {check}", asks, chosen, given.jobs, given.timeout)
    if given.resume:
        _require_recent(Work.resume(folder), now)  # Raises before a folder is created.
    with alone(folder):
        work = Work.resume(folder) if given.resume else Work.begin(folder, now)
        found = runs.run(asked, project, work, _Progress(len(chosen)))
    if given.shard[1] > 1:
        found = replace(found, expected=tuple(each.name for each in selected))
    return _write(found, given.form, given.out, given.history)


def _require_recent(work: Work, now: datetime) -> None:
    """Refuse to continue a run whose rows would be reported as of its time. Raises OperationError."""
    if now - work.at > _LONGEST_RUN:
        raise OperationError(
            f"The run in {work.folder} began at {utc_text(work.at)}, and what it found may have changed since. Start a "
            "new one: leave out --resume."
        )


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of ``fleet up``."""

    select: tuple[str, ...]
    rings: str
    go_on: bool
    stop_after: int
    hold: bool
    expect: Path | None
    yes: bool
    jobs: int
    timeout: float
    work: Path | None
    form: str
    out: Path | None
    history: Path | None

    @property
    def begins_with(self) -> tuple[str, ...]:
        """The options that only a new run takes; a continued run has stored them."""
        given = {"--select": self.select, "--rings": self.rings, "--expect": self.expect}
        return tuple(name for name, value in given.items() if value)


def up(given: UpOptions) -> Exit:
    """Deploy stacks ring by ring, and report on all of them. Raises OperationError."""
    project = find_project()
    folder = (given.work or _folder(project)) / "up"
    terms = Terms(given.stop_after, given.hold, given.jobs, given.timeout)
    if given.go_on:
        if given.begins_with:
            raise OperationError(
                f"--continue uses the stacks, rings and plans of the interrupted run. Remove "
                f"{', '.join(given.begins_with)}.",
                Exit.USAGE,
            )
        Work.resume(folder)  # Raises if no stack is selected, before a folder is created.
        with alone(folder):
            return _go_on(_continued(folder), terms, project, given)
    chosen = stack_files.share_of(project, given.select, (1, 1))
    order = [each.strip() for each in given.rings.split(",") if each.strip()]
    found = in_rings(chosen, order, listed(project))
    expect = _digests(given.expect, chosen) if given.expect else {}
    _ask(found, given)
    now = datetime.now(UTC).replace(microsecond=0)
    with alone(folder):
        return _go_on(
            Record.of(Work.begin(folder, now, **Record.terms(found, expect))), terms, project, given
        )


def _continued(folder: Path) -> Record:
    try:
        return Record.of(Work.resume(folder))
    except (KeyError, TypeError, AttributeError):
        raise OperationError(f"{folder} has no run of fleet up. Start one without --continue.") from None


def _go_on(record: Record, terms: Terms, project: Project, given: UpOptions) -> Exit:
    def say(line: str) -> None:
        click.echo(foreign.one_line(line), err=True)

    try:
        ended = ring_by_ring(record, terms, project, say)
    except KeyboardInterrupt:
        click.echo(f"Interrupted. Next: {_command(given)}", err=True)
        raise
    code = _write(
        runs.report("fleet up", record.work.at, ended.sections), given.form, given.out, given.history
    )
    width = max(len(ring.name) for ring in record.rings)
    for ring in record.rings:
        done = len(ring.stacks) - len(record.left_in(ring))
        click.echo(
            f"Ring {ring.name:<{width}}  {done} of {count(len(ring.stacks), 'stack')} deployed", err=True
        )
    click.echo(ended.text, err=True)
    if ended.why is not Why.DONE or code is not Exit.FINE:
        click.echo(f"Next: {_command(given)}", err=True)
    return code


def _command(given: UpOptions) -> str:
    """The command that continues the run."""
    words = ["mimecast-sso", "fleet", "up", "--continue"]
    words += ["--stop-after", str(given.stop_after)] if given.stop_after > 1 else []
    words += [] if given.hold else ["--no-hold"]
    words += ["--work", str(given.work)] if given.work else []
    return shlex.join(words)


def _ask(rings: Sequence[Ring], given: UpOptions) -> None:
    """Show what will be deployed, and prompt unless that is skipped. Raises click.Abort."""
    for ring in rings:
        names = foreign.one_line(", ".join(each.name for each in ring.stacks))
        click.echo(f"Ring {ring.name}: {count(len(ring.stacks), 'stack')}: {names}", err=True)
    if not given.yes:
        click.confirm("Deploy them, ring by ring?", abort=True, err=True)


def _digests(file: Path, chosen: Sequence[Listed]) -> dict[str, str]:
    """The digests in a preview's report. Raises OperationError if a stack's digest is missing."""
    digests = {each.stack: each.plan for each in read(file).sections if each.plan}
    missing = [each.name for each in chosen if each.name not in digests]
    if missing:
        raise OperationError(
            f"{file} has no plan of {foreign.one_line(', '.join(missing))}. Write it again: mimecast-sso fleet preview "
            f"--format json --out {shlex.quote(str(file))}"
        )
    return {each.name: plan.parse(digests[each.name]) for each in chosen}


def merge(reports: Sequence[Path], *, form: str, out: Path | None, history: Path | None) -> Exit:
    """Merge several reports; for a stack in more than one, the latest counts. Raises OperationError."""
    found = merged([read(file) for file in reports])
    return _write(replace(found, command=f"fleet {found.command}"), form, out, history)


def _folder(project: Project) -> Path:
    """The folder of finished rows; the sandbox has its own, so that a rehearsal is never resumed on real tenants."""
    home = os.environ.get("SANDBOX_HOME") if "SANDBOX_INSTANCE" in os.environ else None
    return Path(home) / "fleet" if home else project.root / "build" / "fleet"


class _Progress:
    """A progress line on standard error, if it is a terminal."""

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
