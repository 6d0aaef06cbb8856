"""The API gateway: credentials, quota, permissions, and routing to functions and operations.

Switch: ``mimecast.permissions``, an object that maps client ids to the permissions of the application's role; other
applications have every permission. Codes and bodies of refusals are those that integrators report; the order of the
checks is EMU: quota, credentials, path, verb, permission.

Unknown operations return 501: the vendor's own 404 (``endpoint_evaluation_failed_1``) would tell a client that the
object behind the path does not exist.
"""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import Response

from sandbox.mimecast import (
    accounts,
    audit,
    directory_sync,
    discover,
    domains,
    envelope,
    groups,
    imports,
    rest,
    synchronising,
    users,
)
from sandbox.mimecast.limits import RateLimits, refusal
from sandbox.mimecast.oauth import TOKEN_PATH, Caller, TokenError, authenticate, gateway_error, issue
from sandbox.world import World

_FUNCTIONS = {
    **accounts.FUNCTIONS,
    **audit.FUNCTIONS,
    **directory_sync.FUNCTIONS,
    **domains.FUNCTIONS,
    **groups.FUNCTIONS,
    **imports.FUNCTIONS,
    **users.FUNCTIONS,
}
_ROUTES = (*accounts.ROUTES, *directory_sync.ROUTES, *domains.ROUTES, *groups.ROUTES, *users.ROUTES)

_LEGACY = "/api/"
_SUCCESS_HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Robots-Tag": "noindex, nofollow",
}
_UNAUTHORIZED = 401


class ApiGateway:
    """Handles calls of API 2.0."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = RateLimits(world)

    async def handle(self, request: Request) -> Response:
        """Handle one call."""
        body = await request.body()
        outcome = self._identify(request, body)
        quota = self._limits.take(outcome.client_id if isinstance(outcome, Caller) else None)
        if quota.exhausted:
            response = refusal()
        elif isinstance(outcome, Caller):
            response = self._dispatch(outcome, request, body)
        else:
            response = outcome
        quota.mark(response)
        response.headers["x-request-id"] = str(uuid.uuid4())
        if response.status_code != _UNAUTHORIZED:
            response.headers.update(_SUCCESS_HEADERS)
        return response

    def _identify(self, request: Request, body: bytes) -> Caller | Response:
        """The caller, or the response to a token request or an unknown caller."""
        if request.url.path == TOKEN_PATH:
            return self._token(request, body)
        try:
            return authenticate(self._world, request.headers.get("authorization", ""))
        except TokenError as error:
            return error.response

    def _token(self, request: Request, body: bytes) -> Response:
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        return issue(self._world, request.headers.get("content-type", ""), body)

    def _dispatch(self, caller: Caller, request: Request, body: bytes) -> Response:
        imports.advance(self._world)
        synchronising.advance(self._world)
        path = request.url.path
        if path.startswith(_LEGACY):
            return self._legacy(caller, request, body)
        for route in _ROUTES:
            variables = route.match(path) if route.method == request.method else None
            if variables is not None:
                if not self._may(caller, route.permission):
                    return _forbidden()
                return rest.run(route, rest.Call(caller, variables, request.query_params, body))
        return unknown(self._world, request)

    def _legacy(self, caller: Caller, request: Request, body: bytes) -> Response:
        path = request.url.path
        function = _FUNCTIONS.get(path)
        if function is None and path != imports.PATH:
            return unknown(self._world, request)
        if request.method != "POST":
            return Response(status_code=405, headers={"Allow": "POST"})
        if not self._may(caller, function.permission if function else imports.PERMISSION):
            return _forbidden()
        if function is None:
            return imports.start(caller, request.headers, body)
        return envelope.run(function, caller, body)

    def _may(self, caller: Caller, permission: str | None) -> bool:
        granted: dict[str, list[str]] = self._world.setting("mimecast.permissions", {})
        return permission is None or permission in granted.get(caller.client_id, [permission])


class RegionalApi:
    """The remaining part of API 1.0 on the global and regional hosts: discovery. Signed calls are not simulated."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = RateLimits(world)

    async def handle(self, request: Request) -> Response:
        """Handle one call."""
        quota = self._limits.take(None)
        body = await request.body()
        if quota.exhausted:
            response = refusal()
        elif request.url.path != discover.PATH:
            response = unknown(self._world, request)
        elif request.method != "POST":
            response = Response(status_code=405, headers={"Allow": "POST"})
        else:
            response = discover.run(self._world, body)
        quota.mark(response)
        return response


def unknown(world: World, request: Request) -> Response:
    """501 in the gateway's form for an operation that is not simulated; the sandbox's status lists it."""
    world.record_unknown(request.method, request.url.hostname or "", request.url.path)
    message = f"The sandbox does not simulate {request.method} {request.url.path}"
    return gateway_error(501, "not_implemented", message)


def _forbidden() -> Response:
    message = "Requested resource or method is not in a product of this application"
    return gateway_error(403, "app_forbidden", message)
