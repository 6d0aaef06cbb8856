"""What every resource type has."""

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

    `resource_id` is its id; the engine keeps it, and the next run completes it by an update.
    """

    def __init__(self, resource_id: str, cause: Exception) -> None:
        super().__init__(str(cause))
        self.resource_id = resource_id


class ResourceType(ABC):
    """One resource type: its table, and its calls to Graph. It holds no state.

    `planned` is a complete map of outputs with what the program states laid over it. `read` returns what the service
    holds, under the names of the table, with `id`; what it does not mention stays as it was.
    """

    table: ClassVar[Table]
    create_seconds: ClassVar[float] = 5 * MINUTE
    repeats_errors: ClassVar[bool] = False
    """The published plugin prints the errors of some types twice, joined by a colon."""

    @abstractmethod
    def create(self, graph: Graph, planned: Properties) -> str:
        """Creates the object and returns its id. Raises IncompleteError once the id is known, else FailedError."""

    @abstractmethod
    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        """The live values; None when the object is gone, or the id is not one of this type."""

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        """Changes the object. Types whose every input forces a replacement have no update."""
        raise FailedError(f"{self.table.name} has no update")

    @abstractmethod
    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        """Removes the object. Raises FailedError when it cannot, and for most types when it is not there."""


def parts(pattern: str, resource_id: str) -> tuple[str, ...] | None:
    """The variable parts of an id, `pattern` having one group for each; None when it has another form."""
    match = re.fullmatch(pattern, resource_id)
    return match.groups() if match else None


def last_part(path_id: str) -> str:
    """The object id at the end of an id in path form."""
    return path_id.rpartition("/")[2]


def known_parts(pattern: str, resource_id: str) -> tuple[str, ...]:
    """As `parts`, for an id that this plugin gave out itself."""
    found = parts(pattern, resource_id)
    if found is None:
        raise FailedError(f"not an id of this resource type: {resource_id!r}")
    return found
