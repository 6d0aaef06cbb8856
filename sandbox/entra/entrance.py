"""The first stage of every Graph request: normalises the path, and adds the ids that callers quote to the response.

Sources: Microsoft Graph's "Error responses and resource types" (``request-id``, ``client-request-id``, ``date``).
Official clients rely on doubled slashes and letter case being ignored in paths: msgraph-sdk sends every path with two
slashes. A final slash is ignored as well.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.world import World

_IDS = "entra.request_ids"
_SLASHES = re.compile("//+")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """The ids of one request, and the time it was received."""

    request_id: str
    client_request_id: str
    received: datetime


def request_ids(scope: Scope) -> RequestIds:
    """The ids of the current request."""
    ids: RequestIds = scope["state"][_IDS]
    return ids


class CaselessRoute(Route):
    """A route with a case-insensitive path."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


class Entrance:
    """The first stage of Graph requests; see the module."""

    def __init__(self, world: World, app: ASGIApp) -> None:
        self._world = world
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request_id = str(uuid.uuid4())
        asked = Headers(scope=scope).get("client-request-id") or request_id
        ids = RequestIds(request_id, asked, self._world.now())

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["request-id"], headers["client-request-id"] = ids.request_id, ids.client_request_id
            await send(message)

        path = _SLASHES.sub("/", scope["path"])
        path = path.removesuffix("/") or "/"
        state = {**scope.get("state", {}), _IDS: ids}
        inner = {**scope, "path": path, "raw_path": path.encode(), "state": state}
        await self._app(inner, receive, send_with_ids)
