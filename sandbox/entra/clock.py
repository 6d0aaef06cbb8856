"""Times in Entra's format."""

from __future__ import annotations

from datetime import UTC, datetime


def on_the_wire(moment: datetime) -> str:
    """In UTC, to the second: ``2029-11-01T00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
