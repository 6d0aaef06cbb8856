"""Microsoft Graph's query options, for the collections that the emulator serves.

Sources: Microsoft Graph's "Use query parameters to customize responses", "Advanced query capabilities on Microsoft
Entra ID objects" (which options need ``ConsistencyLevel: eventual`` and ``$count=true``) and reports that quote error
messages. An option that is not simulated returns 501; it is never ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

Document = dict[str, Any]

OPTIONS = (
    "$count",
    "$expand",
    "$filter",
    "$format",
    "$orderby",
    "$search",
    "$select",
    "$skip",
    "$skiptoken",
    "$top",
)
"""Graph's options. The dollar sign is optional, and letter case is ignored."""

_OF_COLLECTIONS = {"$count", "$filter", "$orderby", "$search", "$skip", "$top"}
_NEVER_EMPTY = {"$count", "$filter", "$orderby", "$search", "$top"}
_EVENTUAL = "eventual"
_UNSET = {"allowExternalSenders", "autoSubscribeNewMembers", "hideFromAddressLists", "hideFromOutlookClients"}
"""Properties of groups that Graph returns only with ``$select``, and that no group here has."""
_LARGEST_PAGE = 999


class QueryError(Exception):
    """A refused query, with the status and code of the error response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


def unsupported(message: str) -> QueryError:
    """400 for a valid query that Graph does not support."""
    return QueryError(HTTPStatus.BAD_REQUEST, "Request_UnsupportedQuery", message)


def invalid(message: str) -> QueryError:
    """400 for a malformed query."""
    return QueryError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def not_simulated(what: str) -> QueryError:
    """501 for a feature that Graph may have and the emulator does not."""
    return QueryError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", f"The sandbox does not simulate {what}.")


@dataclass(frozen=True, slots=True)
class Kind:
    """The query options of a collection.

    ``name`` is the type in messages, ``options`` are the simulated options. A directory collection supports the
    advanced query parameters: ``$filter`` accepts the properties in ``filterable`` without them, those in
    ``filterable_advanced`` only with them; ``sortable`` maps each property to whether it needs them. ``related`` marks
    a relationship, such as the members of a group.
    """

    name: str
    options: frozenset[str] = frozenset({"$select", "$filter", "$top", "$skiptoken"})
    properties: frozenset[str] = frozenset()
    filterable: frozenset[str] = frozenset()
    filterable_advanced: frozenset[str] = frozenset()
    sortable: Mapping[str, bool] = field(default_factory=dict)
    is_directory: bool = False
    related: bool = False
    largest_page: int = _LARGEST_PAGE

    @property
    def resource(self) -> str:
        """The type as written in messages about unsupported queries."""
        return self.name[0].upper() + self.name[1:]


@dataclass(frozen=True)
class Query:
    """The query options of one request; their names are in lower case, with the dollar sign."""

    options: Mapping[str, str]
    is_eventual: bool = False

    @staticmethod
    def read(pairs: Iterable[tuple[str, str]], consistency_level: str | None) -> Query:
        """The options of a query string, without other parameters, which Graph ignores.

        Raises:
            QueryError: unknown, repeated or empty.
        """
        named = [(_option(name), value) for name, value in pairs]
        options = [(name, value) for name, value in named if name is not None]
        for name, times in Counter(name for name, _ in options).items():
            if times > 1:
                raise invalid(
                    f"Query option '{name}' was specified more than once, but it must be specified at most once."
                )
        for name, value in options:
            if name in _NEVER_EMPTY and not value.strip():
                raise invalid(f"The value for OData query '{name}' cannot be empty.")
        return Query(dict(options), (consistency_level or "").strip().casefold() == _EVENTUAL)

    def check(self, kind: Kind | None, method: str) -> None:
        """Refuse options that would otherwise be ignored; ``kind`` is ``None`` if the target is not a collection.

        Raises:
            QueryError
        """
        if self.options.get("$format", "json").casefold() not in {"json", "application/json"}:
            raise not_simulated(f"$format={self.options['$format']}")
        asked = self.options.keys() - {"$format"}
        if method != "GET":
            allowed: frozenset[str] = frozenset()
        elif kind is None:
            allowed = frozenset({"$select"})
            if asked & _OF_COLLECTIONS:
                raise invalid(
                    "The query specified in the URI is not valid. The requested resource is not a collection. Query"
                    " options $filter, $orderby, $count, $skip, and $top can be applied only on collections."
                )
        else:
            allowed = kind.options
        beyond = sorted(asked - allowed)
        if beyond:
            raise not_simulated(f"{', '.join(beyond)} in this request")

    @cached_property
    def counts(self) -> bool:
        """Whether the caller asks for the total number of objects.

        Raises:
            QueryError: neither true nor false.
        """
        text = self.options.get("$count", "false").casefold()
        if text not in {"true", "false"}:
            raise invalid(f"Invalid value '{text}' for $count query option found. Specify true or false.")
        return text == "true"

    @property
    def is_advanced(self) -> bool:
        """Whether both advanced query parameters are set."""
        return self.is_eventual and self.counts

    def start(self) -> int:
        """The offset of the page.

        Raises:
            QueryError: the token is invalid.
        """
        token = self.options.get("$skiptoken", "0")
        if not token.isdecimal():
            raise invalid("The skip token is invalid.")
        return int(token)

    def page_size(self, kind: Kind, default: int) -> int:
        """The page size.

        Raises:
            QueryError: not a number, or out of range.
        """
        text = self.options.get("$top")
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal():
            raise invalid(
                f"Invalid value '{text}' for $top query option found. The $top query option requires a non-negative"
                " integer value."
            )
        size = int(text)
        if not 1 <= size <= kind.largest_page:
            message = (
                f"Invalid page size specified: '{size}'. Must be between 1 and {kind.largest_page} inclusive."
            )
            raise unsupported(message) if kind.is_directory else not_simulated(f"$top={size} here")
        return size


def _option(name: str) -> str | None:
    """The option that a parameter names, or ``None`` for any other parameter."""
    option = f"${name.casefold().removeprefix('$')}"
    if option in OPTIONS:
        return option
    if name.startswith("$"):
        raise unsupported(f"The query option '{name}' is not supported.")
    return None


def select(document: Document, names: str | None) -> Document:
    """The object reduced to the properties in ``$select`` (null if it has none), or complete; always with its type.

    Raises:
        QueryError: a property that the emulator's objects of this type do not have. Not raised if the type is written
            beside the object: the list then has several types, and the property may be another type's.
    """
    if not names:
        return document
    annotations = {name: value for name, value in document.items() if name.startswith("@")}
    for name in selected(names):
        if name not in document and name not in _UNSET and not annotations:
            raise not_simulated(f"the property {name}")
    return annotations | {name: document.get(name) for name in selected(names)}


def selected(names: str) -> list[str]:
    """The properties that a ``$select`` names."""
    return [name.strip() for name in names.split(",") if name.strip()]


def sort(kind: Kind, query: Query, documents: list[Document]) -> list[Document]:
    """The objects in the order of ``$orderby``; case-insensitive, null first.

    Raises:
        QueryError
    """
    text = query.options.get("$orderby")
    if text is None:
        return documents
    if "," in text:
        raise not_simulated("$orderby with several properties")
    name, _, direction = text.strip().partition(" ")
    direction = direction.strip().casefold() or "asc"
    if direction not in {"asc", "desc"}:
        raise invalid(f"Syntax error at position {len(text)} in '{text}'.")
    if name not in kind.sortable:
        raise unsupported(f"Unsupported sort property '{name}' for '{kind.resource}'.")
    needs_advanced = kind.sortable[name] or "$filter" in query.options
    if needs_advanced and not query.is_advanced:
        raise unsupported("Sorting not supported for current query.")
    return sorted(
        documents,
        key=lambda each: (each.get(name) is not None, str(each.get(name) or "").casefold()),
        reverse=direction == "desc",
    )
