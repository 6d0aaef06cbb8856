"""The sandbox process: listener, proxy, control plane and name server in one event loop.

Started by ``python -m sandbox start``, which it tells through a pipe that it is ready, or why it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from sandbox import control, control_token, dns, emulators, hosts
from sandbox.authority import server_context
from sandbox.environment import PROCESS_FILE, Process, instance
from sandbox.gateway import Gateway, ListenerProtocol
from sandbox.proxy import ProxyConfig, Route
from sandbox.world import World

LOOPBACK = "127.0.0.1"
_PORTS_FILE = "ports.json"
_LOCK_FILE = "lock"

_log = logging.getLogger("sandbox")


class StartError(Exception):
    """The sandbox cannot start; the message gives the cause and the fix."""


class _Server(uvicorn.Server):
    """A uvicorn server that shares its loop with others and leaves signals to the sandbox."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Sandbox:
    """A sandbox in its home folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._world = World(home, instance(home))
        self._stopping = asyncio.Event()
        self._process: Process | None = None

    async def run(self, ready: Callable[[Process], None], port: int | None = None) -> None:
        """Serve until asked to stop; ``port`` forces the proxy's port.

        Raises:
            StartError: the port is taken.
        """
        kept = _kept_ports(self._home)
        sockets = {"proxy": _proxy_socket(port, kept), "listener": _socket(kept.get("listener", 0))}
        name_server = await self._start_dns(kept.get("dns", 0))
        ports = {role: int(sock.getsockname()[1]) for role, sock in sockets.items()}
        ports["dns"] = name_server.port
        _write_atomically(self._home / _PORTS_FILE, json.dumps(ports))
        listener = _Server(self._listener_config())
        proxy = _Server(self._proxy_config(ports["listener"]))
        serving = [
            asyncio.create_task(listener.serve([sockets["listener"]])),
            asyncio.create_task(proxy.serve([sockets["proxy"]])),
        ]
        await asyncio.gather(listener.ready.wait(), proxy.ready.wait())
        self._process = Process(
            pid=os.getpid(),
            instance=self._world.instance,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            **{role: f"{LOOPBACK}:{number}" for role, number in ports.items()},
        )
        _write_atomically(self._home / PROCESS_FILE, json.dumps(self._process.as_dict()))
        ready(self._process)
        self._stop_on_signals()
        await self._stopping.wait()
        (self._home / PROCESS_FILE).unlink(missing_ok=True)
        listener.should_exit = proxy.should_exit = True
        await asyncio.gather(*serving)
        name_server.close()
        self._world.close()

    def _listener_config(self) -> uvicorn.Config:
        def context(*_: Any) -> Any:
            return server_context(self._home, hosts.SERVED)

        gateway = Gateway(self._world, emulators.applications(self._world))
        # The gateway dates responses by the world's clock, which may be ahead of the machine's.
        return uvicorn.Config(
            gateway, http=ListenerProtocol, ssl_context_factory=context, date_header=False, **_OPTIONS
        )

    def _proxy_config(self, listener_port: int) -> ProxyConfig:
        app = control.create_app(
            self._world,
            status=self._status,
            seed=lambda document: emulators.seed(self._world, document),
            stop=self._stopping.set,
            token=control_token.ensure(self._home),
        )
        route = Route(frozenset(hosts.SERVED), listener_port, self._world.record_refused)
        return ProxyConfig(app, route, **_OPTIONS)

    async def _start_dns(self, port: int) -> dns.Handle:
        try:
            return await dns.serve(self._world, LOOPBACK, port)
        except OSError:
            return await dns.serve(self._world, LOOPBACK, 0)

    def _status(self) -> dict[str, Any]:
        process = self._process
        return {
            "running": True,
            "home": str(self._home),
            **(process.as_dict() if process else {}),
            "refused": self._world.counts("refused"),
            "unknown": self._world.counts("unknown"),
            "faults": self._world.counts("faults"),
        }

    def _stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)


_OPTIONS: dict[str, Any] = {
    "loop": "asyncio",
    "ws": "none",
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "timeout_keep_alive": 60,
    "timeout_graceful_shutdown": 1,
}


def _proxy_socket(requested: int | None, kept: dict[str, int]) -> socket.socket:
    if requested is None:
        return _socket(kept.get("proxy", 0))
    try:
        return _listen(requested)
    except OSError as error:
        raise StartError(
            f"port {requested} is in use: {error.strerror}. Choose another --port, or leave it out"
        ) from error


def _socket(port: int) -> socket.socket:
    """A listening socket on the last run's port if it is free, else on another one."""
    try:
        return _listen(port)
    except OSError:
        _log.warning("port %d of the last run is in use; using another", port)
        return _listen(0)


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; it saves 40 ms per request.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def _kept_ports(home: Path) -> dict[str, int]:
    try:
        ports: dict[str, int] = json.loads((home / _PORTS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return ports


def _write_atomically(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)


@contextmanager
def _sole_process(home: Path) -> Iterator[None]:
    """Lock the home for as long as this process lives; the system releases the lock however the process ends."""
    with (home / _LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise StartError(
                f"process {lock.read().strip()} holds {home} but does not respond; stop it, then start again"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def main() -> None:
    """Serve the home given on the command line; ``--ready-fd`` is the parent's pipe."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--ready-fd", type=int)
    arguments = parser.parse_args()
    # The world holds secrets, if only the sandbox's, and other users of the machine may reach the folder.
    os.umask(0o077)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def tell(report: dict[str, Any]) -> None:
        descriptor, arguments.ready_fd = arguments.ready_fd, None
        if descriptor is not None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "w") as pipe:
                json.dump(report, pipe)

    async def serve() -> None:
        await Sandbox(arguments.home).run(lambda process: tell(process.as_dict()), arguments.port)

    try:
        with _sole_process(arguments.home):
            asyncio.run(serve())
    except StartError as failure:
        tell({"error": str(failure)})
        sys.exit(1)
    except (OSError, sqlite3.Error) as failure:
        # Such as a full disk, which the log could not tell.
        reason = failure.strerror if isinstance(failure, OSError) else str(failure)
        tell(
            {
                "error": f"its data in {arguments.home} cannot be used: {reason}. Make room there, or delete the data: "
                "mimecast-sso sandbox reset"
            }
        )
        raise


if __name__ == "__main__":
    main()
