"""The statements of a preflight: what exists, what is missing, what is unknown."""

from __future__ import annotations

from mimecast_sso.provenance import How, Statement, Verdict


def fine(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """What exists and is enough."""
    return Statement(text, how, source, Verdict.FINE, subject)


def missing(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """What is known to be missing, and how to get it."""
    return Statement(text, how, source, Verdict.MISSING, subject)


def fails(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """What is known to be wrong, and how to put it right."""
    return Statement(text, how, source, Verdict.FAILS, subject)


def note(subject: str, text: str, how: How = How.LIVE, source: str = "") -> Statement:
    """What is worth knowing, and neither needed nor wrong."""
    return Statement(text, how, source, Verdict.NOTE, subject)


def unknown(subject: str, why: object) -> Statement:
    """What could not be read, and why."""
    return Statement(str(why), How.UNKNOWN, "", Verdict.UNKNOWN, subject)


CONNECTION = "connection"
"""The subject of what says that a side could not be asked at all."""


def unreachable(why: object) -> Statement:
    """A side that could not be asked at all, so that nothing is known of it."""
    return unknown(CONNECTION, f"{why}. Nothing else of this side was checked")


CAN_WRITE = "the preview identity can write"
"""The subject of what a preview identity must not be able to do."""
