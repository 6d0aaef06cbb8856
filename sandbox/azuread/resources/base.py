"""The base class of resource types."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from sandbox.azuread.graph import FailedError, Graph
from sandbox.azuread.schema import Table
from sandbox.azuread.wire import Properties

MINUTE = 60.0


class IncompleteError(FailedError):
    """The operation failed after the object was created: the engine must record it.

    `resource_id` is its id. The engine keeps the resource, and the next run completes it with an update.
    """

    def __init__(self, resource_id: str, cause: Exception) -> None:
        super().__init__(str(cause))
        self.resource_id = resource_id


class ResourceType(ABC):
    """One resource type: its table and its calls to Graph. Stateless.

    `planned` is a complete map of outputs, with the program's inputs merged in. `read` returns what Graph holds, under
    the table's names, with `id`; properties that it leaves out keep their values.
    """

    table: ClassVar[Table]
    create_seconds: ClassVar[float] = 5 * MINUTE
    repeats_errors: ClassVar[bool] = False
    """Whether the published plugin prints this type's errors twice, joined by a colon."""

    @abstractmethod
    def create(self, graph: Graph, planned: Properties) -> str:
        """Create the object and return its id. Raises IncompleteError once the id is known, else FailedError."""

    @abstractmethod
    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        """The live values; None if the object no longer exists or the id is not one of this type."""

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        """Change the object. Types all of whose inputs force a replacement have no update."""
        raise FailedError(f"{self.table.name} has no update")

    @abstractmethod
    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        """Delete the object. Raises FailedError if that fails and, for most types, if the object does not exist."""


def parts(pattern: str, resource_id: str) -> tuple[str, ...] | None:
    """The variable parts of an id, one per group of `pattern`; None if the id has another form."""
    match = re.fullmatch(pattern, resource_id)
    return match.groups() if match else None


def last_part(path_id: str) -> str:
    """The object id at the end of an id in path form."""
    return path_id.rpartition("/")[2]


def known_parts(pattern: str, resource_id: str) -> tuple[str, ...]:
    """Like `parts`, for an id that this plugin issued itself."""
    found = parts(pattern, resource_id)
    if found is None:
        raise FailedError(f"not an id of this resource type: {resource_id!r}")
    return found
