"""Several reports of one check as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mimecast_sso.operations.exit_codes import OperationError, worst
from mimecast_sso.operations.reports.model import Report, Section

_MANY = "fleet "
"""How the name of a command begins that checks many stacks at once."""


def merged(reports: Sequence[Report]) -> Report:
    """One report, the most pressing stack first; of a stack that is in more than one, the latest counts.

    Its time is the latest, and its exit code the worst. Raises OperationError for reports of different checks.
    """
    found = sorted(reports, key=lambda each: each.at)
    checks = {each.command.removeprefix(_MANY) for each in found}
    if len(checks) > 1:
        raise OperationError(
            f"These are reports of different checks: {', '.join(sorted(checks))}. Merge those of one."
        )
    sections = {section.stack: _with_code(section, each) for each in found for section in each.sections}
    ordered = sorted(sections.values(), key=lambda each: (each.level.rank, each.stack))
    return Report(checks.pop(), found[-1].at, int(worst(each.exit for each in ordered)), tuple(ordered))


def _with_code(section: Section, report: Report) -> Section:
    """A section of a single stack's report gets that report's code."""
    return replace(section, exit=report.exit) if section.exit is None else section
