"""The base class of data sources."""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from sandbox.azuread.graph import Document, Graph
from sandbox.azuread.schema import Shape, Table
from sandbox.azuread.wire import UNKNOWN, Properties


class Function(ABC):
    """One data source: its table and its calls to Graph. Stateless."""

    table: ClassVar[Table]
    repeats_errors: ClassVar[bool] = False
    """Whether the published plugin prints errors twice; see `ResourceType.repeats_errors`."""

    @abstractmethod
    def read(self, graph: Graph, arguments: Properties) -> Properties:
        """The results with `id`; `arguments` are complete, unset ones empty. Raises FailedError."""

    def invoke(self, graph: Graph, arguments: Properties) -> Properties:
        """Arguments and results together; an unknown argument counts as unset."""
        stated = {key: value for key, value in arguments.items() if value != UNKNOWN}
        empty: Properties = {row.name: row.shape.empty for row in self.table.properties}
        results = self.read(graph, {**empty, **stated})
        for row in self.table.properties:
            if row.shape is Shape.STRING_SET and row.name in results:
                results[row.name] = sorted(results[row.name])
        return {**stated, **results}


def quoted(value: str) -> str:
    """A string literal for an OData filter."""
    return "'" + value.replace("'", "''") + "'"


def fingerprint(names: Iterable[str]) -> str:
    """The plugin's hash of a list of names, used as an id; not for security."""
    digest = hashlib.sha1("/".join(names).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode()


def texts(live: Document, fields: Mapping[str, str]) -> Properties:
    """Map result names to the strings that Graph holds under other names; "" when unset."""
    return {name: live.get(key) or "" for name, key in fields.items()}


def ids(objects: Iterable[Document]) -> list[str]:
    return [item["id"] for item in objects]
