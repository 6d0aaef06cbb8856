"""One check of many stacks, several at a time, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime

from mimecast_sso.operations.exit_codes import worst
from mimecast_sso.operations.fleet.checks import Check, failed
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.work import Work
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.reports.model import Report, Section
from mimecast_sso.operations.stacks import Stacks
from providers import pauses
from providers.deadline import Deadline


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """The job: a check of many stacks.

    Attributes:
        command: The report's name, such as ``fleet drift``.
        check: The check of one stack.
        stacks: The selected stacks.
        jobs: Number of stacks at a time.
        seconds: Time limit for one stack.
    """

    command: str
    check: Check
    stacks: Sequence[Listed]
    jobs: int
    seconds: float


def run(plan: CheckPlan, project: Project, work: Work, progress: Callable[[Section], None]) -> Report:
    """Check every stack without a section in the work folder, and report on all of them.

    Raises:
        OperationError: The sandbox is not running, or the work folder cannot be written.
    """
    pauses.silence()
    found = work.finished({each.name: project.stack_file(each.name) for each in plan.stacks})
    left = [each for each in plan.stacks if each.name not in found]
    for section in _asked(plan, left, Stacks(project, [each.name for each in left])):
        work.keep(section)
        progress(section)
        found[section.stack] = section
    return report(plan.command, work.at, found.values())


def report(command: str, at: datetime, sections: Iterable[Section]) -> Report:
    """The report of these sections, the most urgent first; its exit code is the worst of theirs."""
    ordered = tuple(sorted(sections, key=lambda each: (each.level.rank, each.stack)))
    return Report(command, at, int(worst(each.exit for each in ordered)), ordered)


def _asked(plan: CheckPlan, left: Sequence[Listed], stacks: Stacks) -> Iterator[Section]:
    """Yield each section as soon as it is ready."""
    with ThreadPoolExecutor(max_workers=plan.jobs, thread_name_prefix="fleet") as pool:
        running = [pool.submit(_section, plan, each, stacks) for each in left]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            # After Ctrl-C or a full disk, running checks end by their deadline and no other starts.
            pool.shutdown(wait=False, cancel_futures=True)


def _section(plan: CheckPlan, listed: Listed, stacks: Stacks) -> Section:
    try:
        return plan.check(stacks.open(listed.name, Deadline(plan.seconds)))
    except Exception as error:  # Whatever the error, the other stacks are reported.
        return failed(listed, error)
