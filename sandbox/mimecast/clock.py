"""Times in the world's and the API's formats."""

from __future__ import annotations

from datetime import UTC, datetime


def on_the_wire(stored: str) -> str:
    """A stored ISO time in the API's format: ``2015-04-02T15:58:47+0000``."""
    return datetime.fromisoformat(stored).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")


def from_the_wire(text: str) -> datetime:
    """Parse a client's time, with ``+0000`` or ``Z``.

    Raises:
        ValueError: it is invalid.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
