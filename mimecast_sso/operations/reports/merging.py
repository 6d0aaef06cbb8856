"""Several reports of one check as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mimecast_sso.operations.exit_codes import Exit, OperationError, worst
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.provenance import How
from mimecast_sso.text.times import utc_text

_MANY = "fleet "
"""Prefix of the names of commands that check many stacks at once."""
_OF_ONE_RUN = timedelta(hours=12)
"""Reports of one run are not further apart. An older one was left over, and its stacks are as unknown as without it."""


def merged(reports: Sequence[Report], desired: Sequence[str] = ()) -> Report:
    """One report, the most urgent stack first; for a stack in more than one, the latest counts.

    It has the latest time and the worst exit code. A stack that is expected, or belongs to a sharded run, and
    that no report has, is not readable; nor is one that only a report of an earlier day has. Raises OperationError for
    reports of different checks.
    """
    found = sorted(reports, key=lambda each: each.at)
    checks = {each.command.removeprefix(_MANY) for each in found}
    if len(checks) > 1:
        raise OperationError(
            f"These are reports of different checks: {', '.join(sorted(checks))}. Merge reports of one check only."
        )
    sections = {
        section.stack: _with_code(section, each) if _is_of(each, found[-1]) else _left_over(section, each)
        for each in found
        for section in each.sections
        if not _is_missing(section)
    }
    expected = dict.fromkeys([*desired, *(stack for each in found for stack in each.expected)])
    sections |= {stack: _missing(stack) for stack in expected if stack not in sections}
    ordered = sorted(sections.values(), key=lambda each: (each.level.rank, each.stack))
    return Report(
        checks.pop(), found[-1].at, int(worst(each.exit for each in ordered)), tuple(ordered), tuple(expected)
    )


def _is_of(report: Report, latest: Report) -> bool:
    return latest.at - report.at <= _OF_ONE_RUN


def _left_over(section: Section, report: Report) -> Section:
    why = f"its only report is of {utc_text(report.at)}; run its share again, or do not pass that file"
    entry = Entry(_OLD_REPORT, Level.UNKNOWN, "No report of this run has this stack", How.UNKNOWN, why)
    return Section(
        section.stack,
        section.account,
        section.region,
        summary="not read",
        entries=(entry,),
        exit=int(Exit.ERROR),
    )


_NO_REPORT = "fleet/no-report"
_OLD_REPORT = "fleet/old-report"


def _missing(stack: str) -> Section:
    why = "its job did not end, or the file that it wrote was not passed"
    entry = Entry(_NO_REPORT, Level.UNKNOWN, "No report has this stack", How.UNKNOWN, why)
    return Section(stack, summary="not read", entries=(entry,), exit=int(Exit.ERROR))


def _is_missing(section: Section) -> bool:
    return [each.id for each in section.entries] == [_NO_REPORT]


def _with_code(section: Section, report: Report) -> Section:
    """Give a section of a single stack's report the report's exit code."""
    return replace(section, exit=report.exit) if section.exit is None else section
