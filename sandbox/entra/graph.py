"""How a Graph request is answered: token, permissions, error envelope, lists. The objects are elsewhere.

Source of the envelope and the codes: Microsoft Graph's "Error responses and resource types".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.entra import odata, tokens
from sandbox.entra.odata import Document
from sandbox.hosts import GRAPH_HOST
from sandbox.world import World

VERSIONS = ("v1.0", "beta")
DEFAULT_PAGE_SIZE = 100
_LAG = "entra.lag"


class GraphError(Exception):
    """An answer in Graph's error envelope."""

    def __init__(self, status: int, code: str, message: str, *, hint: str | None = None) -> None:
        self.status = status
        self.code = code
        self.hint = hint
        super().__init__(message)


def bad_request(message: str, *, code: str = "Request_BadRequest", hint: str | None = None) -> GraphError:
    """400; clients match on the message."""
    return GraphError(HTTPStatus.BAD_REQUEST, code, message, hint=hint)


def not_found(identifier: str) -> GraphError:
    """404 in Graph's words."""
    message = (
        f"Resource '{identifier}' does not exist"
        " or one of its queried reference-property objects are not present."
    )
    return GraphError(HTTPStatus.NOT_FOUND, "Request_ResourceNotFound", message)


def denied() -> GraphError:
    """403 in Graph's words."""
    message = "Insufficient privileges to complete the operation."
    return GraphError(HTTPStatus.FORBIDDEN, "Authorization_RequestDenied", message)


@dataclass(frozen=True, slots=True)
class Permission:
    """Which application permissions a route wants: one of each set."""

    sets: tuple[frozenset[str], ...]

    def __and__(self, other: Permission) -> Permission:
        return Permission(self.sets + other.sets)

    def granted(self, roles: Iterable[str]) -> bool:
        """Whether a caller with these roles may use the route."""
        held = frozenset(roles)
        return all(held & wanted for wanted in self.sets)


def one_of(*roles: str) -> Permission:
    """Any one of these application permissions."""
    return Permission((frozenset(roles),))


ANYBODY = Permission(())
"""Any caller with a token."""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated Graph request."""

    world: World
    caller: tokens.Caller
    version: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def document(self) -> Document:
        """The body, which must be an object; annotations such as ``@odata.type`` are left out."""
        if not isinstance(self.body, dict):
            raise bad_request("Unable to read JSON request payload.", code="BadRequest")
        return {name: value for name, value in self.body.items() if not name.startswith("@")}

    def reference(self) -> str:
        """The object id at the end of a ``$ref`` body's ``@odata.id``."""
        target = self.body.get("@odata.id") if isinstance(self.body, dict) else None
        if not isinstance(target, str):
            raise bad_request("A reference needs '@odata.id'.")
        return target.rstrip("/").rpartition("/")[2]

    def one(self, document: Document, status: int = HTTPStatus.OK) -> Response:
        """Answer with one object."""
        return JSONResponse(odata.select(document, self.query.get("$select")), status_code=status)

    def created(self, document: Document) -> Response:
        """Answer with a new object."""
        return JSONResponse(document, status_code=HTTPStatus.CREATED)

    def many(self, documents: Iterable[Document]) -> Response:
        """Answer with those objects that the filter admits, a page at a time."""
        admits = odata.predicate(self.query.get("$filter"))
        found = [document for document in documents if admits(document)]
        size = int(self.query.get("$top") or self.world.setting("entra.page_size", DEFAULT_PAGE_SIZE))
        start = int(self.query.get("$skiptoken") or 0)
        names = self.query.get("$select")
        answer: Document = {
            "value": [odata.select(document, names) for document in found[start : start + size]]
        }
        if start + size < len(found):
            answer["@odata.nextLink"] = self._next_link(start + size)
        return JSONResponse(answer)

    def _next_link(self, start: int) -> str:
        query = urlencode({**self.query, "$skiptoken": str(start)})
        return f"https://{GRAPH_HOST}/{self.version}{self.path['']}?{query}"


def no_content() -> Response:
    """Success without a body."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path, below the version. Handlers are synchronous, so each runs undisturbed.

    ``only_simulated_queries``: an unsupported query returns 501 instead of Graph's error for an invalid query.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission = ANYBODY
    only_simulated_queries: bool = False


def routes(world: World, operations: Iterable[Operation]) -> list[BaseRoute]:
    """Starlette routes of the operations, in every version of Graph."""
    return [
        Route(
            f"/{version}{operation.path}",
            partial(_answer, world, version, operation),
            methods=[operation.method],
        )
        for version in VERSIONS
        for operation in operations
    ]


def not_simulated(what: str) -> GraphError:
    """501 for what Graph can do and the emulator cannot, rather than a wrong response."""
    return GraphError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", f"The sandbox does not simulate {what}.")


async def unknown_route(world: World, request: Request) -> Response:
    """501 for a route that the emulator lacks: the one answer that clients neither retry nor misread."""
    world.record_unknown(request.method, GRAPH_HOST, request.url.path)
    message = f"The sandbox's Graph has no route {request.method} {request.url.path}."
    return _envelope(GraphError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message), request)


def new_id() -> str:
    """A fresh object id."""
    return str(uuid.uuid4())


def start_lag(world: World, identifier: str) -> None:
    """Hide a new object from as many reads as the setting ``entra.lag`` says (eventual consistency)."""
    reads: int = world.setting("entra.lag", 0)
    if reads:
        world.put(_LAG, identifier, {"reads": reads})


def is_visible(world: World, identifier: str) -> bool:
    """Whether a read sees the object yet; each call counts as a read."""
    lag = world.get(_LAG, identifier)
    if lag is None:
        return True
    if lag["reads"] <= 1:
        world.delete(_LAG, identifier)
    else:
        world.put(_LAG, identifier, {"reads": lag["reads"] - 1})
    return False


async def _answer(world: World, version: str, operation: Operation, request: Request) -> Response:
    raw = await request.body()
    try:
        caller = tokens.authenticate(world, request.headers.get("authorization"))
        if not operation.permission.granted(caller.roles):
            raise denied()
        odata.check_options(request.query_params)
        call = Call(
            world=world,
            caller=caller,
            version=version,
            path={**request.path_params, "": request.url.path.removeprefix(f"/{version}")},
            query=dict(request.query_params),
            body=parsed(raw),
        )
        if operation.method == "GET":
            return operation.handler(call)
        with world.transaction():
            return operation.handler(call)
    except REFUSALS as error:
        if operation.only_simulated_queries and isinstance(error, odata.UnsupportedQueryError):
            return refusal(not_simulated(f"this query: {error}"), request)
        return refusal(error, request)


REFUSALS = (GraphError, odata.UnsupportedQueryError, tokens.InvalidTokenError)
"""The exceptions with which a handler refuses a request."""


def refusal(error: Exception, request: Request) -> Response:
    """The response for one of ``REFUSALS``."""
    if isinstance(error, GraphError):
        return _envelope(error, request)
    if isinstance(error, tokens.InvalidTokenError):
        return _envelope(
            GraphError(HTTPStatus.UNAUTHORIZED, "InvalidAuthenticationToken", str(error)), request
        )
    return _envelope(bad_request(str(error), code="Request_UnsupportedQuery"), request)


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
    identifier = str(uuid.uuid4())
    body: Document = {
        "code": error.code,
        "message": str(error),
        "innerError": {
            "request-id": identifier,
            "client-request-id": request.headers.get("client-request-id", identifier),
        },
    }
    if error.hint:
        body["details"] = [{"code": error.hint, "message": str(error)}]
    return JSONResponse({"error": body}, status_code=error.status)
