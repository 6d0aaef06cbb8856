"""The application behind the TLS listener: routing by Host header, the journal, and fault injection."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sandbox import inner
from sandbox.faults import Fault
from sandbox.world import World

_log = logging.getLogger(__name__)

_BODY_LIMIT = 65_536
_SECRET_WORDS = ("password", "passwd", "secret", "assertion", "token", "samlresponse")
_REDACTED = "[secret]"
_NO_ANSWER = 0
_FLUSH_SECONDS = 0.05


class ListenerProtocol(H11Protocol):
    """Lets an application close the connection without a response, as a broken network does."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, inner.ABORT: self._abort}, _loop)

    def _abort(self) -> None:
        self.transport.abort()


class Gateway:
    """The listener's application: passes each request to the emulator of its host."""

    def __init__(self, world: World, apps: Mapping[str, ASGIApp]) -> None:
        self._world = world
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, by a fault that applies or by the emulator, and write it to the journal."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "").partition(":")[0].lower()
        scope = {**scope, "state": {**scope["state"], inner.GATEWAY: self}}
        exchange = _Exchange(receive, send, self._world.now)
        try:
            await self._handle(host, scope, exchange)
        finally:
            self._world.record(
                host=host,
                method=scope["method"],
                path=scope["path"],
                query=unquote(scope["query_string"].decode("ascii").replace("+", " ")),
                status=exchange.status,
                body=_journal_body(headers.get("content-type", ""), bytes(exchange.body)),
                batched=inner.is_inner(scope),
            )

    async def _handle(self, host: str, scope: Scope, exchange: _Exchange) -> None:
        fault = self._world.fault(scope["method"], host, scope["path"])
        app = self._apps.get(host) or _nobody
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is None or fault.answer == "own":
            await app(scope, exchange.receive, exchange.send)
            return
        if fault.answer is not None:
            held = _HeldResponse()
            await app(scope, exchange.receive, held.take)
            await held.give(fault.answer, scope, exchange)
            return
        if fault.after_commit:
            await app(scope, exchange.receive, _discard)
        else:
            await exchange.drain()
        if fault.drop:
            scope["state"][inner.ABORT]()
        else:
            await _response(fault)(scope, exchange.receive, exchange.send)


class _Exchange:
    """Observes one request and its response, and dates the response by the world's clock."""

    def __init__(self, receive: Receive, send: Send, now: Callable[[], datetime]) -> None:
        self._receive = receive
        self._send = send
        self._now = now
        self.body = bytearray()
        self.status = _NO_ANSWER

    async def receive(self) -> Message:
        message = await self._receive()
        if len(self.body) < _BODY_LIMIT:
            self.body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            date = format_datetime(self._now(), usegmt=True).encode("ascii")
            message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
        await self._send(message)

    async def drain(self) -> None:
        """Read the request to its end, so that the journal has the whole body."""
        while True:
            message = await self.receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return


class _HeldResponse:
    """An emulator's response, held back to be corrupted."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        else:
            self._body += message.get("body", b"")

    async def give(self, spoilt: str, scope: Scope, exchange: _Exchange) -> None:
        """Send it, corrupted as one of ``sandbox.faults.ANSWERS`` says."""
        if spoilt == "truncated":
            await self._send(exchange, bytes(self._body), len(self._body) // 2)
            await asyncio.sleep(_FLUSH_SECONDS)
            scope["state"][inner.ABORT]()
        else:
            body = _SPOILT[spoilt](bytes(self._body))
            await self._send(exchange, body, len(body))

    async def _send(self, exchange: _Exchange, body: bytes, sent: int) -> None:
        headers = [header for header in self._headers if header[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await exchange.send({"type": "http.response.start", "status": self._status, "headers": headers})
        await exchange.send(
            {"type": "http.response.body", "body": body[:sent], "more_body": sent < len(body)}
        )


def _malformed(body: bytes) -> bytes:
    return body[: len(body) // 2] + b'"'


def _wrong_type(body: bytes) -> bytes:
    document = _json(body)
    if not isinstance(document, dict):
        return b'"text"'
    lists = [key for key, value in document.items() if isinstance(value, list)]
    return json.dumps(document | dict.fromkeys(lists, "text") if lists else "text").encode()


def _duplicated(body: bytes) -> bytes:
    document = _json(body)
    if not isinstance(document, dict):
        return body
    return json.dumps({key: _twice(item, key) for key, item in document.items()}).encode()


def _twice(value: Any, key: str = "") -> Any:
    if not isinstance(value, list):
        return value
    if key == "data" and any(isinstance(row, list) for item in value for row in _values(item)):
        # Mimecast's envelope: the rows are in lists of the one object under "data".
        return [{name: _twice(rows) for name, rows in item.items()} for item in value]
    return value + value


def _values(item: Any) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else ()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


_SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "malformed": _malformed,
    "wrong-type": _wrong_type,
    "duplicated": _duplicated,
}


async def _discard(message: Message) -> None:
    """Discard an emulator's response."""


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    host = Headers(scope=scope).get("host", "")
    await JSONResponse({"error": f"no emulator for {host}"}, status_code=501)(scope, receive, send)


def _response(fault: Fault) -> Response:
    if fault.body is None or isinstance(fault.body, str):
        return Response(fault.body or "", status_code=fault.status, headers=dict(fault.headers))
    return JSONResponse(fault.body, status_code=fault.status, headers=dict(fault.headers))


def _journal_body(content_type: str, body: bytes) -> Any:
    if not body:
        return None
    if "json" in content_type:
        try:
            return _redacted(json.loads(body))
        except ValueError:
            _log.debug("a request body has a JSON content type but is not JSON")
    if "urlencoded" in content_type:
        return _redacted(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    return None


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _REDACTED if _is_secret(key, item) else _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and any(word in key.lower() for word in _SECRET_WORDS)
