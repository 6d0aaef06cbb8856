"""The control plane, through which tests and the ``sandbox`` command drive a running sandbox.

Plain HTTP under ``/.sandbox/`` on the proxy's port, reachable over loopback only. Other users of the machine and web
pages in a browser can reach loopback too, so a request must name loopback as its host, must not come from a web page,
and must carry the token of the sandbox's home. The handshake reveals only that this is a sandbox and needs no token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from hmac import compare_digest
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.control_token import TOKEN_FILE
from sandbox.environment import HANDSHAKE_PATH, PRODUCT
from sandbox.faults import problem_of
from sandbox.world import World

_CONTROL_HOST = "sandbox"
_HOSTS = ("127.0.0.1", "localhost", "::1", _CONTROL_HOST)
_NO_CONTENT = 204
_OFFSET = "clock.offset_seconds"


class _BadRequestError(Exception):
    """A refused request; the message gives the reason."""


def create_app(
    world: World,
    *,
    status: Callable[[], dict[str, Any]],
    seed: Callable[[dict[str, Any]], None],
    stop: Callable[[], None],
    token: str,
) -> ASGIApp:
    """The control plane of ``world``. ``status`` describes the process, ``stop`` asks it to end.

    Callers must present ``token``.
    """
    control = _Control(world, status, seed, stop)
    routes = [
        Route("/.sandbox/handshake", control.handshake),
        Route("/.sandbox/status", control.status),
        Route("/.sandbox/journal", control.journal),
        Route("/.sandbox/settings/{name}", control.put_setting, methods=["PUT"]),
        Route("/.sandbox/faults", control.list_faults, methods=["GET"]),
        Route("/.sandbox/faults", control.put_faults, methods=["PUT"]),
        Route("/.sandbox/seed", control.seed, methods=["POST"]),
        Route("/.sandbox/documents/{collection}", control.list_documents),
        Route("/.sandbox/documents/{collection}/{key:path}", control.get_document, methods=["GET"]),
        Route("/.sandbox/documents/{collection}/{key:path}", control.put_document, methods=["PUT"]),
        Route("/.sandbox/documents/{collection}/{key:path}", control.delete_document, methods=["DELETE"]),
        Route("/.sandbox/stop", control.stop, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={_BadRequestError: _bad_request})
    return _AbsoluteForm(_Guard(app, token), world)


class _AbsoluteForm:
    """Accepts absolute URLs of the control plane, and refuses plain HTTP to any other host."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/"):
            target = urlsplit(scope["path"])
            if target.hostname != _CONTROL_HOST:
                self._world.record_refused(f"{target.hostname}:{target.port or 80}")
                refusal = Response(f"The sandbox does not serve {target.hostname}.\n", status_code=403)
                await refusal(scope, receive, send)
                return
            scope = {**scope, "path": target.path, "raw_path": target.path.encode()}
        await self._app(scope, receive, send)


class _Guard:
    """Admits callers with the token, and no request from a web page."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope["path"], Headers(scope=scope)) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            status, text = problem
            await JSONResponse({"error": text}, status_code=status)(scope, receive, send)

    def _problem(self, path: str, headers: Headers) -> tuple[int, str] | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        if host not in _HOSTS:
            return (
                HTTPStatus.FORBIDDEN,
                f"address the control plane as {' or '.join(_HOSTS)}",
            )
        if headers.get("origin") is not None or headers.get("sec-fetch-site", "none") != "none":
            return HTTPStatus.FORBIDDEN, "the control plane refuses requests from web pages"
        if path == HANDSHAKE_PATH:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not compare_digest(given.encode(), self._token.encode()):
            text = f"send 'Authorization: Bearer' with the content of {TOKEN_FILE} in the sandbox's home"
            return HTTPStatus.UNAUTHORIZED, text
        return None


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=HTTPStatus.BAD_REQUEST)


async def _body(request: Request) -> Any:
    """The JSON body; refused without its Content-Type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _BadRequestError("the body needs the header Content-Type: application/json")
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise _BadRequestError("the body is not JSON") from error


async def _object(request: Request) -> dict[str, Any]:
    found = await _body(request)
    if not isinstance(found, dict):
        raise _BadRequestError("the body is not a JSON object")
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise _BadRequestError(f'"{text}" is not a number')
    return int(text)


class _Control:
    def __init__(
        self,
        world: World,
        status: Callable[[], dict[str, Any]],
        seed: Callable[[dict[str, Any]], None],
        stop: Callable[[], None],
    ) -> None:
        self._world = world
        self._status = status
        self._seed = seed
        self._stop = stop

    async def handshake(self, _: Request) -> Response:
        return JSONResponse({"product": PRODUCT, "instance": self._world.instance})

    async def status(self, _: Request) -> Response:
        return JSONResponse(self._status())

    async def journal(self, request: Request) -> Response:
        query = request.query_params
        after = _number(query.get("after", "0"))
        try:
            re.compile(query.get("path", ""))
            entries = self._world.journal(host=query.get("host"), path=query.get("path"), after=after)
        except (re.error, OverflowError) as error:
            raise _BadRequestError(
                f"path must be a regular expression, and after a number: {error}"
            ) from error
        return JSONResponse([asdict(entry) for entry in entries])

    async def put_setting(self, request: Request) -> Response:
        name, value = request.path_params["name"], await _body(request)
        if name == _OFFSET and (isinstance(value, bool) or not isinstance(value, int | float | None)):
            raise _BadRequestError(f"{_OFFSET} must be a number of seconds")
        self._world.set_setting(name, value)
        return Response(status_code=_NO_CONTENT)

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse(self._world.faults())

    async def put_faults(self, request: Request) -> Response:
        rules = await _body(request)
        if not isinstance(rules, list):
            raise _BadRequestError("the body is not a list of fault rules")
        problem = next(filter(None, map(problem_of, rules)), None)
        if problem:
            raise _BadRequestError(f"fault rule: {problem}")
        self._world.set_faults(rules)
        return Response(status_code=_NO_CONTENT)

    async def seed(self, request: Request) -> Response:
        document = await _object(request)
        try:
            with self._world.transaction():
                self._seed(document)
        except Exception as error:
            # Each emulator raises its own errors; nothing of the document was stored.
            raise _BadRequestError(f"seed document: {error!r}") from error
        return Response(status_code=_NO_CONTENT)

    async def list_documents(self, request: Request) -> Response:
        return JSONResponse(self._world.all(request.path_params["collection"]))

    async def get_document(self, request: Request) -> Response:
        document = self._world.get(request.path_params["collection"], request.path_params["key"])
        if document is None:
            return JSONResponse({"error": "no such document"}, status_code=404)
        return JSONResponse(document)

    async def put_document(self, request: Request) -> Response:
        document = await _object(request)
        self._world.put(request.path_params["collection"], request.path_params["key"], document)
        return Response(status_code=_NO_CONTENT)

    async def delete_document(self, request: Request) -> Response:
        found = self._world.delete(request.path_params["collection"], request.path_params["key"])
        return Response(status_code=_NO_CONTENT if found else 404)

    async def stop(self, _: Request) -> Response:
        self._stop()
        return Response(status_code=_NO_CONTENT)
