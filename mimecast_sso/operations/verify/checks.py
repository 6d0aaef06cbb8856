"""One check: what was looked at, what was found, and how it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.operations.exit_codes import Exit


class Result(StrEnum):
    """How a check ended; the capitals are what somebody has to act on."""

    FINE = "fine"
    OPEN = "open"
    """What was seen neither confirms nor contradicts it."""
    WARNS = "warns"
    WAITING = "waiting"
    """For work that is known to be due, or for people to sign in."""
    NOT_CONFIGURED = "not configured"
    NOT_POSSIBLE = "not possible"
    """Cannot be looked at here; the text says why, and what would make it possible."""
    UNKNOWN = "UNKNOWN"
    """Should have been read, and was not."""
    DIFFERS = "DIFFERS"
    FAILS = "FAILS"


_BAD = frozenset({Result.DIFFERS, Result.FAILS})
_UNCHECKED = frozenset({Result.NOT_POSSIBLE, Result.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. ``known``: read live (where), attested (by whom, when), or unknown."""

    what: str
    result: Result
    found: str
    known: str


def table(checks: Sequence[Check]) -> Iterator[str]:
    """A line a check, and one that names what was not checked."""
    results = max(len(check.result) for check in checks)
    names = max(len(check.what) for check in checks)
    for check in checks:
        yield f"{check.result:<{results}}  {check.what:<{names}}  {_line(check.found)} [{_line(check.known)}]"
    if unchecked := [check.what for check in checks if check.result in _UNCHECKED]:
        yield f"Not checked: {', '.join(unchecked)}."


def code(checks: Iterable[Check]) -> Exit:
    """2 where something differs or fails, 1 where something could not be read, else fine."""
    results = {check.result for check in checks}
    if results & _BAD:
        return Exit.CHANGES
    return Exit.ERROR if Result.UNKNOWN in results else Exit.FINE


def _line(text: str) -> str:
    return " ".join(text.split())
