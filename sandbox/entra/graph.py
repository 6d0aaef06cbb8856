"""Handling of Graph requests: token, permissions, error envelope, lists. The objects are in other modules.

Source of the envelope and the codes: Microsoft Graph's "Error responses and resource types"; of headers, annotations
and the refusal of bodies without a JSON Content-Type: requests and responses that callers report.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from sandbox.entra import odata, odata_filter, odata_search, tokens
from sandbox.entra.entrance import CaselessRoute, request_ids
from sandbox.entra.odata import Document, Kind, Query
from sandbox.hosts import GRAPH_HOST
from sandbox.world import World

VERSIONS = ("v1.0", "beta")
DEFAULT_PAGE_SIZE = 100
_LAG = "entra.lag"
_COUNT = "/$count"
_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_LOGO_TYPES = ("image/gif", "image/jpeg", "image/png")

_NO_KEY = re.compile(r"delta|\$\w+|\w+(?:\.\w+)*\(.*\)|(?:microsoft\.)?graph\.\w+", re.IGNORECASE)
"""Functions, ``$count`` and type casts in the place of a key in a path: ``/users/delta()``, ``/members/graph.user``."""


class GraphError(Exception):
    """A response in Graph's error envelope."""

    def __init__(self, status: int, code: str, message: str, *, hint: str | None = None) -> None:
        self.status = status
        self.code = code
        self.hint = hint
        super().__init__(message)


def bad_request(message: str, *, code: str = "Request_BadRequest", hint: str | None = None) -> GraphError:
    """400; clients match the message."""
    return GraphError(HTTPStatus.BAD_REQUEST, code, message, hint=hint)


def not_found(identifier: str) -> GraphError:
    """404 with Graph's message."""
    message = (
        f"Resource '{identifier}' does not exist"
        " or one of its queried reference-property objects are not present."
    )
    return GraphError(HTTPStatus.NOT_FOUND, "Request_ResourceNotFound", message)


def denied() -> GraphError:
    """403 with Graph's message."""
    message = "Insufficient privileges to complete the operation."
    return GraphError(HTTPStatus.FORBIDDEN, "Authorization_RequestDenied", message)


@dataclass(frozen=True, slots=True)
class Permission:
    """The application permissions that a route requires: one of each set."""

    sets: tuple[frozenset[str], ...]

    def __and__(self, other: Permission) -> Permission:
        return Permission(self.sets + other.sets)

    def granted(self, roles: Iterable[str]) -> bool:
        """Whether these roles suffice."""
        held = frozenset(roles)
        return all(held & requested for requested in self.sets)


def one_of(*roles: str) -> Permission:
    """Require any one of these application permissions."""
    return Permission((frozenset(roles),))


ANYBODY = Permission(())
"""Accept any caller with a token."""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated Graph request."""

    world: World
    caller: tokens.Caller
    version: str
    path: Mapping[str, str]
    query: Query
    body: Any
    kind: Kind | None = None
    context: str = ""
    wants_number: bool = False

    def document(self) -> Document:
        """The body, which must be an object, without annotations such as ``@odata.type``."""
        if not isinstance(self.body, dict):
            raise bad_request("Unable to read JSON request payload.", code="BadRequest")
        return {name: value for name, value in self.body.items() if not name.startswith("@")}

    def reference(self) -> str:
        """The object id from a ``$ref`` body's ``@odata.id``."""
        target = self.body.get("@odata.id") if isinstance(self.body, dict) else None
        if not isinstance(target, str):
            raise bad_request("A reference needs '@odata.id'.")
        return target.rstrip("/").rpartition("/")[2]

    @property
    def selected(self) -> list[str]:
        """The properties that ``$select`` names."""
        return odata.selected(self.query.options.get("$select", ""))

    def one(self, document: Document, status: int = HTTPStatus.OK) -> Response:
        """Respond with one object."""
        shown = odata.select(document, self.query.options.get("$select"))
        return _json({"@odata.context": self._context("/$entity"), **shown}, status)

    def created(self, document: Document) -> Response:
        """Respond with a new object."""
        return self.one(document, HTTPStatus.CREATED)

    def many(self, documents: Iterable[Document]) -> Response:
        """Respond with a page of the objects that filter and search admit, or with their number.

        Raises:
            odata.QueryError
        """
        query, kind = self.query, self.kind or Kind("list")
        admits, matches = odata_filter.predicate(kind, query), odata_search.predicate(kind, query)
        found = odata.sort(kind, query, [item for item in documents if admits(item) and matches(item)])
        if self.wants_number:
            return PlainTextResponse(str(len(found)))
        start = query.start()
        size = query.page_size(kind, self.world.setting("entra.page_size", DEFAULT_PAGE_SIZE))
        body: Document = {"@odata.context": self._context("")}
        if query.is_advanced:
            body["@odata.count"] = len(found)
        if start + size < len(found):
            body["@odata.nextLink"] = self._next_link(start + size)
        names = query.options.get("$select")
        body["value"] = [odata.select(document, names) for document in found[start : start + size]]
        return _json(body)

    def _context(self, suffix: str) -> str:
        names = self.selected
        shown = f"({','.join(names)})" if names else ""
        if self.context.startswith("microsoft.graph."):
            suffix = ""  # The result of an action belongs to no collection.
        return f"https://{GRAPH_HOST}/{self.version}/$metadata#{self.context}{shown}{suffix}"

    def _next_link(self, start: int) -> str:
        query = urlencode({**self.query.options, "$skiptoken": str(start)})
        return f"https://{GRAPH_HOST}/{self.version}{self.path['']}?{query}"


def no_content() -> Response:
    """Respond with success and no body."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path below the version. Handlers are synchronous, so each runs without interruption.

    ``kind`` describes the collection; ``None`` if it is not one. ``context`` is the name in ``@odata.context`` if it
    does not follow from the path.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission = ANYBODY
    kind: Kind | None = None
    context: str | None = None
    wants_number: bool = field(default=False, kw_only=True)


def routes(world: World, operations: Iterable[Operation]) -> list[BaseRoute]:
    """The operations' Starlette routes, for every version of Graph."""
    operations = list(operations)
    numbers = [
        replace(operation, path=f"{operation.path}{_COUNT}", wants_number=True)
        for operation in operations
        if operation.kind is not None and operation.kind.is_directory
    ]
    return [
        CaselessRoute(
            f"/{version}{operation.path}",
            partial(_handle, world, version, operation),
            methods=[operation.method],
        )
        for version in VERSIONS
        # "/users/$count" must precede "/users/{id}".
        for operation in (*numbers, *operations)
    ]


def not_simulated(what: str) -> GraphError:
    """501 for features of Graph that are not simulated, rather than a wrong response."""
    refused = odata.not_simulated(what)
    return GraphError(refused.status, refused.code, str(refused))


async def unknown_route(world: World, request: Request) -> Response:
    """501 for a route that the emulator lacks: clients neither retry nor misread it."""
    world.record_unknown(request.method, GRAPH_HOST, request.url.path)
    message = f"The sandbox's Graph has no route {request.method} {request.url.path}."
    return _envelope(GraphError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message), request)


def new_id() -> str:
    """A new object id."""
    return str(uuid.uuid4())


def start_lag(world: World, identifier: str) -> None:
    """Hide a new object from the next ``entra.lag`` reads (eventual consistency)."""
    reads: int = world.setting("entra.lag", 0)
    if reads:
        world.put(_LAG, identifier, {"reads": reads})


def is_visible(world: World, identifier: str) -> bool:
    """Whether the object is visible yet; each call counts as a read."""
    lag = world.get(_LAG, identifier)
    if lag is None:
        return True
    if lag["reads"] <= 1:
        world.delete(_LAG, identifier)
    else:
        world.put(_LAG, identifier, {"reads": lag["reads"] - 1})
    return False


async def _handle(world: World, version: str, operation: Operation, request: Request) -> Response:
    if any(_NO_KEY.fullmatch(str(value)) for value in request.path_params.values()):
        return await unknown_route(world, request)
    raw = await request.body()
    try:
        caller = tokens.authenticate(world, request.headers.get("authorization"))
        if not operation.permission.granted(caller.roles):
            raise denied()
        query = _query(request, operation)
        check_label(request, raw, takes_image=operation.method == "PUT")
        path = request.url.path[len(version) + 1 :]
        call = Call(
            world=world,
            caller=caller,
            version=version,
            path={**request.path_params, "": path},
            query=query,
            body=None if operation.method == "PUT" else parsed(raw),
            kind=operation.kind,
            context=_context_name(operation, request.path_params),
            wants_number=operation.wants_number,
        )
        if operation.method == "GET":
            return operation.handler(call)
        with world.transaction():
            return operation.handler(call)
    except REFUSALS as error:
        return refusal(error, request)


def _query(request: Request, operation: Operation) -> Query:
    query = Query.read(request.query_params.multi_items(), request.headers.get("consistencylevel"))
    query.check(operation.kind, operation.method)
    if operation.wants_number and not query.is_eventual:
        raise odata.unsupported(
            "Raw count (/$count) is not supported because the 'ConsistencyLevel:eventual' header is missing. Refer"
            " to https://aka.ms/graph-docs/advanced-queries for more information"
        )
    # ``/$count`` implies ``$count=true``, which advanced queries require.
    return replace(query, options={**query.options, "$count": "true"}) if operation.wants_number else query


def check_label(request: Request, raw: bytes, *, takes_image: bool = False) -> None:
    """Check the Content-Type of a body.

    Raises:
        GraphError: 400.
    """
    if not raw or request.method == "GET":
        return
    label = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not label:
        message = "Write requests (excluding DELETE) must contain the Content-Type header declaration."
        raise bad_request(message, code="BadRequest")
    if takes_image:
        if label not in _LOGO_TYPES:
            raise bad_request("Invalid content type.", code="BadRequest")
    elif label != "application/json":
        raise bad_request("Entity only allows writes with a JSON Content-Type header.", code="BadRequest")


def _context_name(operation: Operation, variables: Mapping[str, Any]) -> str:
    """The name of the path's target, for ``@odata.context``."""
    if operation.context is not None:
        return operation.context
    name = ""
    parts = operation.path.removesuffix(_COUNT).strip("/").split("/")
    for position, part in enumerate(parts):
        if not part.startswith("{"):
            name += f"/{part}" if name else part
        elif position < len(parts) - 1:
            name += f"('{variables[part.strip('{}')]}')"
    return name


REFUSALS = (GraphError, odata.QueryError, tokens.InvalidTokenError)
"""The exceptions with which a handler refuses a request."""


def refusal(error: Exception, request: Request) -> Response:
    """The response for one of ``REFUSALS``."""
    if isinstance(error, GraphError):
        return _envelope(error, request)
    if isinstance(error, tokens.InvalidTokenError):
        return _envelope(
            GraphError(HTTPStatus.UNAUTHORIZED, "InvalidAuthenticationToken", str(error)), request
        )
    if isinstance(error, odata.QueryError):
        return _envelope(GraphError(error.status, error.code, str(error)), request)
    raise error


def parsed(raw: bytes) -> Any:
    """The JSON of a request, or ``None`` for no body.

    Raises:
        GraphError: 400.
    """
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise bad_request("Unable to read JSON request payload.", code="BadRequest") from error


def _envelope(error: GraphError, request: Request) -> Response:
    ids = request_ids(request.scope)
    body: Document = {
        "code": error.code,
        "message": str(error),
        "innerError": {
            "date": f"{ids.received:%Y-%m-%dT%H:%M:%S}",
            "request-id": ids.request_id,
            "client-request-id": ids.client_request_id,
        },
    }
    if error.hint:
        body["details"] = [{"code": error.hint, "message": str(error)}]
    return JSONResponse({"error": body}, status_code=error.status)


def _json(document: Document, status: int = HTTPStatus.OK) -> Response:
    return JSONResponse(document, status_code=status, media_type=_JSON, headers={"OData-Version": "4.0"})
