"""The v2 family's conventions: real verbs, plain JSON, lists with ``meta.nextPage``.

Not documented, so EMU: the error body, success statuses of PATCH and DELETE, and the next-page key, which the setting
``mimecast.v2_next_page`` changes (a dotted path below ``meta``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from sandbox.mimecast import ids
from sandbox.mimecast.envelope import CallError, ItemError, parse_json
from sandbox.mimecast.oauth import Caller, gateway_error

Row = TypeVar("Row")

_LARGEST_PAGE = 100
PAGED = frozenset({"pageSize", "pageToken"})
"""The query parameters of a list."""

_TOKEN = re.compile(r"(\d+):null")


class RestError(Exception):
    """The call fails with a status and a code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}: {message}")


@dataclass(frozen=True, slots=True)
class Call:
    """One v2 call: the caller, the path's variables, the query and the body."""

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    raw_body: bytes

    def body(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            RestError: there is none.
        """
        try:
            document = parse_json(self.raw_body)
        except ValueError as error:
            raise RestError(400, "err_deserialise", "Payload is malformed") from error
        if not isinstance(document, dict):
            raise RestError(400, "err_deserialise", "Payload is malformed")
        return document

    def list_of(self, name: str, limit: int | None = None) -> list[Any]:
        """A mandatory list in the body.

        Raises:
            RestError: it is missing, not a list, empty or longer than ``limit``.
        """
        values = self.body().get(name)
        if not isinstance(values, list) or not values:
            raise RestError(400, "err_validation_null", f"{name} must not be empty")
        if limit is not None and len(values) > limit:
            raise RestError(400, "err_validation_size", f"At most {limit} items are allowed")
        return values

    def items_of(self, name: str, limit: int | None = None) -> list[dict[str, Any]]:
        """Like ``list_of``, for a list of objects.

        Raises:
            RestError: as `list_of`, or an element is not an object.
        """
        values = self.list_of(name, limit)
        if not all(isinstance(value, dict) for value in values):
            raise RestError(400, "err_deserialise", f"Payload is malformed: {name}")
        return values

    def identified(self, name: str, kind: ids.Kind) -> int:
        """The number inside an id in the path.

        Raises:
            RestError: no object has this id.
        """
        try:
            return ids.decode(self.caller.world, kind, self.path[name])
        except ids.MalformedIdError as error:
            raise not_found() from error

    def page(self, key: str, rows: Sequence[Row], document: Callable[[Row], Any]) -> Response:
        """A list response with the requested page, its rows converted to documents.

        Raises:
            RestError: the page size or token is malformed.
        """
        start, size = self._asked_page()
        found: dict[str, Any] = {key: [document(row) for row in rows[start : start + size]], "meta": {}}
        if start + size < len(rows):
            token = base64.b64encode(f"{start + size}:null".encode()).decode()
            _set(found["meta"], self.caller.world.setting("mimecast.v2_next_page", "nextPage"), token)
        return JSONResponse(found)

    def _asked_page(self) -> tuple[int, int]:
        try:
            size = int(self.query.get("pageSize", _LARGEST_PAGE))
            token = base64.b64decode(self.query.get("pageToken", ""), validate=True).decode()
        except (ValueError, binascii.Error) as error:
            raise RestError(400, "err_validation_page", "pageSize or pageToken is malformed") from error
        position = _TOKEN.fullmatch(token or "0:null")
        if position is None or not 1 <= size <= _LARGEST_PAGE:
            raise RestError(400, "err_validation_page", f"pageSize is 1 to {_LARGEST_PAGE}")
        return int(position[1]), size


Handle = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One v2 operation; ``path`` has its variables in braces."""

    method: str
    path: str
    handle: Handle
    permission: str | None = None
    query: frozenset[str] = frozenset()
    """The query parameters that it accepts."""

    def match(self, path: str) -> dict[str, str] | None:
        """The path's variables, or ``None`` if the path does not match."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


def run(route: Route, call: Call) -> Response:
    """Run a v2 operation; errors become the gateway's error body."""
    odd = sorted(call.query.keys() - route.query)
    if odd:
        # Ignoring a filter would return more than requested.
        return gateway_error(501, "not_implemented", f"The sandbox does not simulate the parameter {odd[0]}")
    try:
        with call.caller.world.transaction():
            return route.handle(call)
    except RestError as error:
        return gateway_error(error.status, error.code, error.message)
    except (CallError, ItemError) as error:
        return gateway_error(400, error.code, error.message)
    except ids.MalformedIdError:
        return Response(status_code=400)


def not_found() -> RestError:
    """The error for an object that does not exist."""
    return RestError(404, "err_not_found", "The object does not exist")


def _set(meta: dict[str, Any], dotted: str, value: str) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        meta = meta.setdefault(parent, {})
    meta[last] = value
