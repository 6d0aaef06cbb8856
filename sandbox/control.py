"""The control plane: what tests and the ``sandbox`` command ask of a running sandbox.

Plain HTTP under ``/.sandbox/`` on the proxy's port, which only loopback reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.environment import PRODUCT
from sandbox.faults import problem_of
from sandbox.world import World

_CONTROL_HOST = "sandbox"
_NO_CONTENT = 204


def create_app(
    world: World,
    *,
    status: Callable[[], dict[str, Any]],
    seed: Callable[[dict[str, Any]], None],
    stop: Callable[[], None],
) -> ASGIApp:
    """The control plane of ``world``; ``status`` describes the process, ``stop`` asks it to end."""
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
    return _AbsoluteForm(Starlette(routes=routes), world)


class _AbsoluteForm:
    """Accepts the control plane's own name in absolute form, and refuses plain HTTP to any other host."""

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
        entries = self._world.journal(
            host=query.get("host"), path=query.get("path"), after=int(query.get("after", 0))
        )
        return JSONResponse([asdict(entry) for entry in entries])

    async def put_setting(self, request: Request) -> Response:
        self._world.set_setting(request.path_params["name"], await request.json())
        return Response(status_code=_NO_CONTENT)

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse(self._world.faults())

    async def put_faults(self, request: Request) -> Response:
        rules = await request.json()
        problem = next(filter(None, map(problem_of, rules)), None)
        if problem:
            return JSONResponse({"error": f"fault rule: {problem}"}, status_code=400)
        self._world.set_faults(rules)
        return Response(status_code=_NO_CONTENT)

    async def seed(self, request: Request) -> Response:
        document = await request.json()
        try:
            with self._world.transaction():
                self._seed(document)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"seed document: {error!r}"}, status_code=400)
        return Response(status_code=_NO_CONTENT)

    async def list_documents(self, request: Request) -> Response:
        return JSONResponse(self._world.all(request.path_params["collection"]))

    async def get_document(self, request: Request) -> Response:
        document = self._world.get(request.path_params["collection"], request.path_params["key"])
        if document is None:
            return JSONResponse({"error": "no such document"}, status_code=404)
        return JSONResponse(document)

    async def put_document(self, request: Request) -> Response:
        document = await request.json()
        self._world.put(request.path_params["collection"], request.path_params["key"], document)
        return Response(status_code=_NO_CONTENT)

    async def delete_document(self, request: Request) -> Response:
        found = self._world.delete(request.path_params["collection"], request.path_params["key"])
        return Response(status_code=_NO_CONTENT if found else 404)

    async def stop(self, _: Request) -> Response:
        self._stop()
        return Response(status_code=_NO_CONTENT)
