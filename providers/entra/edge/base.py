"""What the edge files of this package share."""

from __future__ import annotations

from providers.edge import Properties, ReadableProvider
from providers.entra.errors import GraphError

STORED_IN = "providers.entra.resources"
"""The module by which people's state knows the providers of this package."""


class EntraProvider(ReadableProvider):
    """A provider that works on the tenant of the process."""

    expected = (GraphError,)


def replaces(olds: Properties, news: Properties, *keys: str) -> list[str]:
    """Those of the keys whose change makes another resource of it."""
    return [key for key in keys if olds[key] != news[key]]
