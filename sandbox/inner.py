"""Requests inside a request, which an emulator passes through the gateway as if each had been sent separately.

Each is subject to the same faults, permissions and routes as any other request, and has its own journal entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

ABORT = "sandbox.abort"
"""Key in a scope's state: the function that closes the connection without a response."""

GATEWAY = "sandbox.gateway"
"""Key in a scope's state: the application that every request goes through."""

_INNER = "sandbox.inner"
_AS_WRITTEN = "!$&'()*+,;=:@/?%-._~"
_CONNECTION = ("type", "asgi", "http_version", "scheme", "server", "client")

Header = tuple[str, str]


@dataclass(slots=True)
class InnerResponse:
    """The response to an inner request. ``lost``: the connection closed before the response was complete."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    lost: bool = False

    def lose(self) -> None:
        """Replaces closing the connection."""
        self.lost = True

    async def take(self, message: Message) -> None:
        """The ``send`` of the inner request."""
        if self.lost:
            return
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], Headers(raw=list(message.get("headers", ())))
        else:
            self.body += message.get("body", b"")


def is_inner(scope: Scope) -> bool:
    """Whether the request is part of another request."""
    return bool(scope["state"].get(_INNER))


async def request(
    outer: Scope, method: str, target: str, headers: Iterable[Header], body: bytes
) -> InnerResponse:
    """Send a request to the host of the outer request; ``target`` is path and query as written by the client."""
    response = InnerResponse()
    path, _, query = target.partition("?")
    named = {"host": Headers(scope=outer).get("host", ""), "content-length": str(len(body))}
    # The rest of the outer scope holds results of its router, which do not apply to this request.
    scope: dict[str, Any] = {name: outer.get(name) for name in _CONNECTION} | {
        "method": method,
        "path": unquote(path),
        "raw_path": quote(path, safe=_AS_WRITTEN).encode("ascii"),
        "query_string": quote(query, safe=_AS_WRITTEN).encode("ascii"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in (*headers, *named.items())
        ],
        "state": {**outer["state"], ABORT: response.lose, _INNER: True},
    }
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else {"type": "http.disconnect"}

    gateway: ASGIApp = outer["state"][GATEWAY]
    await gateway(scope, receive, response.take)
    return response
