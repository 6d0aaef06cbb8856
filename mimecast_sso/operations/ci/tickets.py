"""Plan which tickets to open, comment on, close and reopen after a report. Pure.

One ticket per stack and kind of report. It is opened if a finding needs attention, commented on if the
set of findings changes, closed by the first run without findings, and reopened later. The set is stored in a
marker, the first line of the ticket's text.

A failed reading never closes a ticket. A check that is impossible in this tenant closes it, and the comment
says so, unless the ticket is about exactly that: then one comment says so, and a person closes it.

A workflow comments first and changes the ticket afterwards, and either may fail, or be applied although the response is
lost. The next run plans the same then, and the workflow skips a comment that is the ticket's last one: each begins with
a name of its own, which counts the changes that the ticket's marker knows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.operations.reports.model import Level, Section
from mimecast_sso.text.wording import count

# Some services drop HTML comments, and wrap lines in elements.
_MARKER = re.compile(
    r"(?:<!-- |(?:<[a-z]+>)*)mimecast-sso ticket v1 kind=([a-z-]+) stack=([A-Za-z0-9_.-]+) findings=([0-9a-f,]*)"
    r"(?: n=(\d+))?"
)
_MOST = 500
_LONG = 16
_NOTHING = "The last run found nothing."
_NOT_CHECKED = "{} here, so the result is unknown (listed above)."
_OUT_OF_SIGHT = (
    "The subject of this ticket can no longer be checked (listed above), so no run will close it. Close it once you "
    "know that it is settled."
)
_TITLES = {"heartbeat": "Single sign-on: the drift report of {stack} did not run"}
_TITLE = "Single sign-on: {kind} of {stack}"


class Do(StrEnum):
    """An action of a workflow on a ticket."""

    OPEN = "open"
    COMMENT = "comment"
    CLOSE = "close"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket of the CI service.

    Attributes:
        number: Its number for the service's programs.
        is_open: Whether it is open.
        body: Its text, with the marker of the last run that changed it.
    """

    number: int
    is_open: bool
    body: str


@dataclass(frozen=True, slots=True)
class TicketAction:
    """One action to take.

    Attributes:
        marker: The first line of the ticket's text after the action.
        comment: The comment; "" for none.
        number: The ticket; None for a new one.
        name: The name of the comment, the same in every run that plans it until the ticket was changed.
    """

    do: Do
    stack: str
    title: str
    marker: str
    comment: str = ""
    number: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Remembered:
    ticket: Ticket
    findings: frozenset[str]
    changes: int = 0
    """How often runs have changed the ticket, as far as its marker knows."""


def plan(kind: str, section: Section, tickets: Iterable[Ticket]) -> tuple[TicketAction, ...]:
    """The actions after a report.

    Args:
        kind: Which command reported.
        section: Its findings for one stack.
        tickets: The tickets that earlier runs opened, whether open or closed now.
    """
    return tuple(_actions(kind, section, _remembered(tickets, kind, section.stack)))


def _actions(kind: str, section: Section, remembered: Sequence[_Remembered]) -> Iterator[TicketAction]:
    opened = [each for each in remembered if each.ticket.is_open]
    level = section.level
    if level is Level.FINE:
        for each in opened:
            yield from _of_nothing(kind, section, each)
    elif level is not Level.UNKNOWN:
        yield from _of_findings(kind, section, remembered)


def _of_nothing(kind: str, section: Section, last: _Remembered) -> Iterator[TicketAction]:
    """Close the ticket, unless the run could not check the ticket's subject."""
    hidden = _out_of_sight(section, last.findings)
    if not hidden:
        impossible = section.not_possible
        checks = f"{count(len(impossible), 'check')} {'is' if len(impossible) == 1 else 'are'} not possible"
        comment = f"{_NOTHING} {_NOT_CHECKED.format(checks)}" if impossible else _NOTHING
        yield _action(Do.CLOSE, kind, section, last.findings, last=last, comment=comment)
    elif hidden != last.findings:
        yield _action(Do.COMMENT, kind, section, hidden, last=last, comment=_OUT_OF_SIGHT)


def _of_findings(kind: str, section: Section, remembered: Sequence[_Remembered]) -> Iterator[TicketAction]:
    found = findings(section)
    unread = any(each.level is Level.UNKNOWN and each.possible for each in section.entries)
    last = next((each for each in remembered if each.ticket.is_open), None)
    if last is not None:
        # A finding that could not be checked may still exist.
        now = found | _out_of_sight(section, last.findings) | (last.findings if unread else frozenset())
        if now != last.findings:
            comment = _changes(last.findings, now)
            yield _action(Do.COMMENT, kind, section, now, last=last, comment=comment)
        return
    closed = max(remembered, key=lambda each: each.ticket.number, default=None)
    if closed is None:
        yield _action(Do.OPEN, kind, section, found)
    else:
        yield _action(Do.REOPEN, kind, section, found, last=closed, comment="Found again.")


def _action(
    do: Do,
    kind: str,
    section: Section,
    found: frozenset[str],
    *,
    last: _Remembered | None = None,
    comment: str = "",
) -> TicketAction:
    stack = section.stack
    title = _TITLES.get(kind, _TITLE).format(kind=kind, stack=stack)
    if last is None:
        return TicketAction(do, stack, title, marker(kind, stack, found))
    changes = last.changes + 1
    name = f"mimecast-sso comment v1 {do}={changes} of={_hash(','.join(sorted(found)))}"
    return TicketAction(
        do, stack, title, marker(kind, stack, found, changes), comment, last.ticket.number, name
    )


def _changes(before: frozenset[str], now: frozenset[str]) -> str:
    more, gone = len(now - before), len(before - now)
    words = [count(more, "new finding")] if more else []
    words += [count(gone, "resolved finding")] if gone else []
    return f"{', '.join(words)}; {count(len(now), 'finding')} now, listed above."


def findings(section: Section) -> frozenset[str]:
    """The hashed ids of findings that need attention: ids may contain names, and a marker is not escaped.

    One hash for all of them if so many would fill the ticket.
    """
    ids = [each.id for each in section.entries if each.level in (Level.URGENT, Level.LOOK)]
    if len(ids) > _MOST:
        # Longer than other hashes, because it covers many findings.
        return frozenset({_hash("\n".join(sorted(ids)), _LONG)})
    return frozenset(map(_hash, ids))


def _out_of_sight(section: Section, remembered: frozenset[str]) -> frozenset[str]:
    """The findings of a ticket that can no longer be checked.

    Their hashes differ from those of findings, so that a ticket reports the change once.
    """
    whole = any(len(each) == _LONG for each in remembered)
    hidden = {each.id: _hash(f"not possible: {each.id}") for each in section.not_possible}
    return frozenset(
        mark for identifier, mark in hidden.items() if whole or {_hash(identifier), mark} & remembered
    )


def _hash(text: str, length: int = 8) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def marker(kind: str, stack: str, found: frozenset[str], changes: int = 0) -> str:
    """The marker by which the next run finds the ticket and its findings."""
    counted = f" n={changes}" if changes else ""
    return f"mimecast-sso ticket v1 kind={kind} stack={stack} findings={','.join(sorted(found))}{counted}"


def _remembered(tickets: Iterable[Ticket], kind: str, stack: str) -> tuple[_Remembered, ...]:
    """The tickets of this kind and stack, by number; a marker counts only as the first line."""
    found = []
    for ticket in tickets:
        match = _MARKER.match(ticket.body)
        if match and match[1] == kind and match[2] == stack:
            hashes = frozenset(filter(None, match[3].split(",")))
            found.append(_Remembered(ticket, hashes, int(match[4] or 0)))
    return tuple(sorted(found, key=lambda each: each.ticket.number))
