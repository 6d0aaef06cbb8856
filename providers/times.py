"""Times as texts: in UTC, to the second, as Microsoft Graph writes them and configuration and state keep them."""

from __future__ import annotations

from datetime import UTC, datetime

_PATTERN = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(moment: datetime) -> str:
    """An aware time, such as ``2029-11-01T00:00:00Z``."""
    return f"{moment.astimezone(UTC):{_PATTERN}}"


def utc_time(text: str) -> datetime:
    """The aware time that such a text stands for. Raises ValueError for any other spelling."""
    try:
        return datetime.strptime(text, _PATTERN).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text!r} is not a time in UTC written as 2029-11-01T00:00:00Z") from None
