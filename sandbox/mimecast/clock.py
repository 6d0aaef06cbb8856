"""Times as the world stores them and as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def on_the_wire(stored: str) -> str:
    """A stored ISO time as the API writes it: ``2015-04-02T15:58:47+0000``."""
    return datetime.fromisoformat(stored).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")


def from_the_wire(text: str) -> datetime:
    """Read a time that a client sent; ``+0000`` and ``Z`` are both understood.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
