"""A report of many stacks for people and spreadsheets: one page of text, or one line per stack."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from mimecast_sso.operations.fleet import overview
from mimecast_sso.operations.fleet.overview import Band, StacksByCause
from mimecast_sso.operations.reports.history import Day, first_day
from mimecast_sso.operations.reports.model import Level, Report, Section
from mimecast_sso.operations.reports.render import summary_of
from mimecast_sso.text import foreign
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.paragraphs import paragraph
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count

_NUMBER = 6
_TITLE = 24
_NAMES = 12
"""Maximum number of stacks named in a line; the rest is counted."""
_REASONS = 10
"""Maximum number of reasons listed one by one."""
_NAMES_OF_REASON = 3
"""Maximum number of stacks named with a reason: the line of the cause names them already."""
_TITLES = {Level.URGENT: "Urgent", Level.LOOK: "Needs attention", Level.UNKNOWN: "Not read"}


def text(report: Report, days: Sequence[Day] = ()) -> str:
    """The page. ``days`` are earlier reports, which show since when."""
    return "".join(f"{line}\n" for line in _lines(report, days))


def _lines(report: Report, days: Sequence[Day]) -> Iterator[str]:
    sections = report.sections
    yield f"{report.command.capitalize()} of {count(len(sections), 'stack')}, {shown(report.at)}"
    if not sections:
        return
    yield summary_of(report)
    groups = overview.groups(sections)
    for level in overview.PRESSING:
        of_level = [each for each in groups if each.level is level]
        if of_level:
            yield f"\n{_TITLES[level]}"
            for group in of_level:
                yield from _group(group, report, days)
    yield from _figures(sections)


def _group(group: StacksByCause, report: Report, days: Sequence[Day]) -> Iterator[str]:
    names = [_since(name, group.level, report, days) for name in group.found]
    yield _wrapped(f"{foreign.one_line(group.cause)}: {enumerate_some(names, _NAMES)}", len(group.found))
    if group.level is Level.LOOK:
        return
    reasons = _by_reason(group)
    for reason, stacks in list(reasons.items())[:_REASONS]:
        yield _reason(enumerate_some(stacks, _NAMES_OF_REASON), reason)
    left = len(reasons) - _REASONS
    if left > 0:
        yield _reason(f"{left:,} more", "see the report as JSON or HTML")


def _by_reason(group: StacksByCause) -> Mapping[str, Sequence[str]]:
    """The stacks of each reason: what failed for all of them is printed once."""
    found: dict[str, list[str]] = {}
    for name, entry in group.found.items():
        reason = entry.source if group.level is Level.UNKNOWN and entry.source else entry.text
        found.setdefault(foreign.one_line(reason), []).append(name)
    return found


def _figures(sections: Sequence[Section]) -> Iterator[str]:
    yield from _bands("Certificates by days left", overview.certificates(sections))
    yield from _bands("Confirmations by age", overview.confirmations(sections))
    signed, known = overview.people(sections)
    if known:
        title = f"Roll-out: {signed:,} of {count(known, 'person')} sign in through Entra"
        yield from _bands(title, overview.roll_out(sections))


def _bands(title: str, bands: Sequence[Band]) -> Iterator[str]:
    if all(each.title.endswith(("unknown", "none known")) for each in bands):
        return
    yield f"\n{title}"
    for band in bands:
        names = "" if band.usual else enumerate_some(band.stacks, _NAMES)
        yield _wrapped(f"{band.title:<{_TITLE}}{names}".rstrip(), len(band.stacks), indent=_TITLE)


def _since(name: str, level: Level, report: Report, days: Sequence[Day]) -> str:
    """The stack, with the first day since which every report has shown it on this level."""
    first = first_day(name, level, days)
    section = next(each for each in report.sections if each.stack == name)
    return f"{name} (since {first:%Y-%m-%d})" if first and section.level is level else name


def _wrapped(line: str, number: int, indent: int = 2) -> str:
    return paragraph(line, f"{number:>{_NUMBER},}  ", " " * (_NUMBER + 2 + indent))


def _reason(name: str, reason: str) -> str:
    margin = " " * (_NUMBER + 4)
    return paragraph(f"{name}: {reason}", margin, f"{margin}  ", most_lines=3)


# -- One line per stack -----------------------------------------------------------------------------------------------

_COLUMNS = (
    "stack",
    "account",
    "region",
    "level",
    "exit",
    "summary",
    "certificateDays",
    "confirmationDays",
    "signIn",
)


def table(report: Report) -> str:
    """As CSV, with the causes of each stack in its last column."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*_COLUMNS, "people", "causes"])
    for section in report.sections:
        causes = dict.fromkeys(
            overview.cause_of(each) for each in section.entries if each.level in overview.PRESSING
        )
        row = section.document() | dict(section.figures)
        cells = [row.get(name, "") for name in (*_COLUMNS, "people")]
        writer.writerow([_cell(each) for each in (*cells, "; ".join(causes))])
    return written.getvalue()


def _cell(value: object) -> object:
    return foreign.cell(value) if isinstance(value, str) else value
