"""The answers of a preflight, a line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_LIVE = "read live"


class Standing(StrEnum):
    """What became of one question."""

    FINE = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"
    NOTE = "note"
    """Neither needed nor wrong, and worth knowing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One answer: about what, its text, and how it is known."""

    standing: Standing
    subject: str
    text: str
    how: str = _LIVE

    def __str__(self) -> str:
        how = f" [{self.how}]" if self.how else ""
        return f"  {self.standing:8}{self.subject}: {self.text}{how}"


def fine(subject: str, text: str, how: str = _LIVE) -> Line:
    """What is there and serves."""
    return Line(Standing.FINE, subject, text, how)


def missing(subject: str, text: str, how: str = _LIVE) -> Line:
    """What is known to be missing, and how to have it."""
    return Line(Standing.MISSING, subject, text, how)


def note(subject: str, text: str, how: str = _LIVE) -> Line:
    """What is worth knowing, and neither needed nor wrong."""
    return Line(Standing.NOTE, subject, text, how)


def unknown(subject: str, why: object) -> Line:
    """What could not be seen, and why."""
    return Line(Standing.UNKNOWN, subject, str(why), "")
