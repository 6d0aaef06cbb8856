"""Times as text, in UTC and to the second, for configuration, state and people."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mimecast_sso.text.foreign import quoted

_PATTERN = "%Y-%m-%dT%H:%M:%SZ"
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
"""Of such texts. Python also reads other spellings: 2029-1-1, small letters, digits of other scripts."""


def utc_text(moment: datetime) -> str:
    """An aware time, such as ``2029-11-01T00:00:00Z``."""
    return f"{moment.astimezone(UTC):{_PATTERN}}"


def shown(moment: datetime) -> str:
    """An aware time for people, such as ``2029-11-01 00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def graph_time(written: object) -> datetime:
    """The aware time in a response of Microsoft Graph, with or without fractions. Raises ValueError for other texts."""
    return datetime.fromisoformat(str(written)).astimezone(UTC)


def utc_time(text: str) -> datetime:
    """The aware time of such a text. Raises ValueError for any other form."""
    try:
        # A text of another form becomes one that nothing matches.
        return datetime.strptime(text if _FORM.fullmatch(text) else "", _PATTERN).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a time in UTC written as 2029-11-01T00:00:00Z") from None
