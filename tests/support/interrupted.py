"""A client of Microsoft Graph with external changes between its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from providers.entra.graph import GraphClient

BEFORE_RETIRING = 2
"""Removing a certificate: read to decide, read again, write, read to verify; this is just before the write."""
BEFORE_ACTIVATING = 1
"""Activating: read, write, read to verify."""


class Interrupted(GraphClient):
    """``meanwhile`` maps the number of a call to what happens after it."""

    def __init__(self, environment: Mapping[str, str], meanwhile: dict[int, Callable[[], object]]) -> None:
        super().__init__(environment)
        self._meanwhile = meanwhile
        self._calls = 0

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = super()._call(method, path, **options)
        self._calls += 1
        self._meanwhile.pop(self._calls, lambda: None)()
        return response
