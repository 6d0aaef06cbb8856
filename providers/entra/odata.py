"""Values in Graph's query options."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as a string literal of a ``$filter``, in quotes.

    Source: Microsoft Graph's "Use query parameters to customize responses": a quote inside is doubled.
    """
    return "'" + text.replace("'", "''") + "'"
