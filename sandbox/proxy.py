"""The CONNECT proxy: tunnels served names to the listener; refuses and counts every other name.

The control plane is served on the same port, as ordinary requests.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_CONNECT = b"CONNECT "
_END_OF_HEAD = b"\r\n\r\n"
_HEAD_LIMIT = 16_384
_TLS_PORT = "443"
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)

_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where tunnels lead: ``served`` names, on port 443, to the listener's loopback port."""

    served: Collection[str]
    listener_port: int
    refused: Callable[[str], None]
    """Called with ``host:port`` of each refused connection."""

    def allows(self, target: str) -> bool:
        """Whether ``host:port`` may be tunnelled."""
        host, _, port = target.rpartition(":")
        return host.lower() in self.served and port == _TLS_PORT


class ProxyConfig(uvicorn.Config):
    """A server configuration that carries the proxy's route to its protocols."""

    def __init__(self, app: Any, route: Route, **options: Any) -> None:
        super().__init__(app, http=ProxyProtocol, **options)
        self.route = route


class _Upstream(asyncio.Protocol):
    """The listener's end of a tunnel: passes everything it receives to the client."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()


class ProxyProtocol(H11Protocol):
    """A CONNECT request becomes a tunnel; anything else is an ordinary request for the control plane."""

    def __init__(
        self,
        config: ProxyConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._route = config.route
        self._head = b""
        self._ordinary = False
        self._opening: asyncio.Task[None] | None = None
        self._upstream: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        if self._upstream is not None:
            self._acknowledge()
            self._upstream.write(data)
        elif self._ordinary:
            super().data_received(data)
        else:
            self._read_head(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._upstream is not None:
            self._upstream.close()
        super().connection_lost(exc)

    def _acknowledge(self) -> None:
        """Acknowledge received data at once, where the system can.

        urllib3 sends the head and body of a request separately, and through a proxy it waits until the head is
        acknowledged, which the system would delay by 40 ms. The option applies to one acknowledgement only.
        """
        if _QUICK_ACK is not None:
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _read_head(self, data: bytes) -> None:
        self._head += data
        if not _CONNECT.startswith(self._head[: len(_CONNECT)]):
            self._ordinary = True
            super().data_received(self._head)
        elif _END_OF_HEAD in self._head and self._opening is None:
            self._connect()
        elif len(self._head) > _HEAD_LIMIT:
            self.transport.close()

    def _connect(self) -> None:
        target = self._head.split(b" ", 2)[1].decode("ascii", "replace")
        if not self._route.allows(target):
            self._route.refused(target)
            text = f"The sandbox does not serve {target}.\n".encode()
            self.transport.write(_REFUSAL % (len(text), text))
            self.transport.close()
            return
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._upstream, _ = await loop.create_connection(
            lambda: _Upstream(self.transport), "127.0.0.1", self._route.listener_port
        )
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        # A client may send data without waiting for the response.
        early = self._head.partition(_END_OF_HEAD)[2]
        if early:
            self._upstream.write(early)
