"""Requests inside a request: an emulator sends them through the gateway, as if they had come one by one.

So each of them meets the same faults, permissions and routes as a request of its own, and has its entry in the
journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

ABORT = "sandbox.abort"
"""The key, in a scope's state, of the function that ends the connection without a response."""

GATEWAY = "sandbox.gateway"
"""The key, in a scope's state, of the application that every request goes through."""

_INNER = "sandbox.inner"
_AS_WRITTEN = "!$&'()*+,;=:@/?%-._~"
_CONNECTION = ("type", "asgi", "http_version", "scheme", "server", "client")

Header = tuple[str, str]


@dataclass(slots=True)
class InnerResponse:
    """What came back. ``lost``: the connection ended before the response was complete."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    lost: bool = False

    def lose(self) -> None:
        """Stands for the end of the connection."""
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
    """Whether the request came inside another one."""
    return bool(scope["state"].get(_INNER))


async def request(
    outer: Scope, method: str, target: str, headers: Iterable[Header], body: bytes
) -> InnerResponse:
    """Send a request to the host of the outer one; ``target`` is path and query as a client writes them."""
    response = InnerResponse()
    path, _, query = target.partition("?")
    named = {"host": Headers(scope=outer).get("host", ""), "content-length": str(len(body))}
    # Not the rest of the outer scope: what its router has found out is not true of this request.
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
