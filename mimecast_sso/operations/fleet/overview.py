"""The overview of a report of many stacks: common causes, certificates, confirmations, roll-out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mimecast_sso.operations.fleet.checks import NOT_READ
from mimecast_sso.operations.reports.model import Entry, Level, Section

PRESSING = (Level.URGENT, Level.LOOK, Level.UNKNOWN)
"""Levels that need attention."""

_NO_LIMIT = 10**6
_PARTS = re.compile(r"^(.+?/(?:changed|missing|unmanaged))(?:/.*)?$")


@dataclass(frozen=True, slots=True)
class StacksByCause:
    """Stacks with the same finding.

    Attributes:
        cause: The finding, the same for every stack.
        found: The entry of each stack, by its name.
    """

    level: Level
    cause: str
    found: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Band:
    """Stacks whose figure is in one range; ``stacks`` is ordered by the figure.

    Attributes:
        usual: Whether the range needs no attention, so that its stacks are not named.
    """

    title: str
    stacks: tuple[str, ...]
    usual: bool = False


def groups(sections: Iterable[Section]) -> tuple[StacksByCause, ...]:
    """Findings by cause: the most urgent first, then the most frequent."""
    found: dict[tuple[Level, str], dict[str, Entry]] = {}
    for section in sections:
        for entry in _said(section):
            found.setdefault((entry.level, cause_of(entry)), {}).setdefault(section.stack, entry)
    by_cause = (StacksByCause(level, cause, entries) for (level, cause), entries in found.items())
    return tuple(sorted(by_cause, key=lambda each: (each.level.rank, -len(each.found), each.cause)))


def cause_of(entry: Entry) -> str:
    """The text of an entry without the parts that differ from stack to stack."""
    command, _, rest = entry.id.partition("/")
    if command == NOT_READ:
        return entry.text
    match = _PARTS.match(entry.id)
    if match:
        return _words(match[1])
    return _words(rest.partition("/")[0] or command)


def certificates(sections: Sequence[Section]) -> tuple[Band, ...]:
    """Stacks by days until the active signing certificate expires."""
    ranges = (
        _Range(7, "within 7 days"),
        _Range(30, "within 30 days"),
        _Range(60, "within 60 days"),
        _Range(_NO_LIMIT, "later", usual=True),
    )
    return _bands(sections, "certificateDays", ranges, "unknown")


def confirmations(sections: Sequence[Section]) -> tuple[Band, ...]:
    """Stacks by the age of the confirmation of the console form."""
    ranges = (
        _Range(90, "up to 90 days old", usual=True),
        _Range(300, "up to 300 days old", usual=True),
        _Range(365, "up to a year old"),
        _Range(_NO_LIMIT, "older"),
    )
    return _bands(sections, "confirmationDays", ranges, "none known")


def roll_out(sections: Sequence[Section]) -> tuple[Band, ...]:
    """Stacks by the share of people who sign in through Entra."""
    known = {each.stack: share for each in sections if (share := _share(each)) is not None}
    ranges: tuple[tuple[str, Callable[[float], bool]], ...] = (
        ("nobody yet", lambda share: share == 0),
        ("up to half", lambda share: 0 < share <= 1 / 2),
        ("more than half", lambda share: 1 / 2 < share < 1),
        ("everybody", lambda share: share == 1),
    )
    found = [
        Band(
            title, tuple(stack for stack, share in known.items() if holds(share)), usual=title == "everybody"
        )
        for title, holds in ranges
    ]
    unknown = tuple(each.stack for each in sections if each.stack not in known)
    return tuple(each for each in (*found, Band("unknown", unknown)) if each.stacks)


def people(sections: Iterable[Section]) -> tuple[int, int]:
    """How many people sign in through Entra, of how many, of stacks where it is known."""
    known = [each.figures for each in sections if _share(each) is not None]
    return sum(each["signIn"] for each in known), sum(each["people"] for each in known)


def _said(section: Section) -> Iterator[Entry]:
    """The urgent entries; if nothing could be read, only the reason."""
    pressing = [each for each in section.entries if each.level in PRESSING]
    whole = [each for each in pressing if each.id.startswith(f"{NOT_READ}/")]
    yield from whole
    yield from (
        each for each in pressing if each not in whole and not (whole and each.level is Level.UNKNOWN)
    )


def _share(section: Section) -> float | None:
    figures = section.figures
    return figures["signIn"] / figures["people"] if figures.get("people") and "signIn" in figures else None


@dataclass(frozen=True, slots=True)
class _Range:
    """The figures up to ``most`` that are not in an earlier range."""

    most: int
    title: str
    usual: bool = False


def _bands(
    sections: Sequence[Section], figure: str, ranges: Sequence[_Range], unknown: str
) -> tuple[Band, ...]:
    known = sorted((each.figures[figure], each.stack) for each in sections if figure in each.figures)
    below = -_NO_LIMIT
    found = []
    for each in ranges:
        found.append(
            Band(each.title, tuple(name for value, name in known if below < value <= each.most), each.usual)
        )
        below = each.most
    missing = tuple(each.stack for each in sections if figure not in each.figures)
    return tuple(each for each in (*found, Band(unknown, missing)) if each.stacks)


def _words(identifier: str) -> str:
    return identifier.replace("/", " ").replace("-", " ")
