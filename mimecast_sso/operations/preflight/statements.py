"""The statements of a preflight: what exists, what is missing, what is unknown."""

from __future__ import annotations

from mimecast_sso.provenance import How, Statement, Verdict


def fine(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """Something that exists and is sufficient."""
    return Statement(text, how, source, Verdict.FINE, subject)


def missing(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """Something that is missing, and how to get it."""
    return Statement(text, how, source, Verdict.MISSING, subject)


def fails(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """Something that is wrong, and how to fix it."""
    return Statement(text, how, source, Verdict.FAILS, subject)


def note(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """Something to know that is neither required nor wrong."""
    return Statement(text, how, source, Verdict.NOTE, subject)


def unknown(subject: str, why: object) -> Statement:
    """Something that could not be read, and why."""
    return Statement(str(why), How.UNKNOWN, "", Verdict.UNKNOWN, subject)


CONNECTION = "connection"
"""The subject of the statement that a side could not be read at all."""


def unreachable(why: object) -> Statement:
    """A side that could not be read at all, so that nothing is known about it."""
    return unknown(CONNECTION, f"{why}. Nothing else on this side was checked")


CAN_WRITE = "the preview identity can write"
"""The subject of statements about writes by a preview identity."""
