"""The parts of a Graph client that this project uses, so that tests can replace it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from mimecast_sso.facts.json_types import JSON
from providers.entra.batching import Read, ReadOutcome


class GraphReads(Protocol):
    """Calls that change nothing. `providers.entra.graph.GraphClient` documents them."""

    def get(self, path: str, **query: str) -> dict[str, JSON]: ...
    def list(self, path: str, **query: str) -> Iterator[dict[str, JSON]]: ...
    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]: ...
    def now(self) -> datetime: ...
    def claims(self) -> dict[str, JSON]: ...


class Graph(GraphReads, Protocol):
    """Adds the call that changes an object."""

    def patch(self, path: str, values: Mapping[str, JSON]) -> None: ...
