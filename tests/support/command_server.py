"""Runs ``mimecast-sso`` commands in forks of a process that has already imported it: see ``tests.support.commands``."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pkgutil
import signal
import socket
import sys
from importlib import import_module
from typing import Any, NoReturn

_LONGEST_ORDER = 1_000_000


def _prepare() -> None:
    """Import what the commands import, and exclude it from garbage collection in forks."""
    from mimecast_sso import operations  # noqa: PLC0415 (only the server imports it)

    for module in pkgutil.walk_packages(operations.__path__, f"{operations.__name__}."):
        import_module(module.name)
    gc.freeze()


def main() -> None:
    """Serve the socket on standard input until its other end is closed."""
    _prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # each fork reports its own exit code
    orders = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while True:
        text, descriptors, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, 2)
        if not text:
            return
        if os.fork() == 0:
            orders.close()
            _wait_for_command(json.loads(text), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _wait_for_command(order: dict[str, Any], output: int, ended: int) -> NoReturn:
    """Run the command in another fork, so that its end is known however it ends; report its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        _run(order, output)
    os.close(output)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(ended, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(order: dict[str, Any], output: int) -> NoReturn:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # The server's own streams are bound to its original files.
    encoding = sys.stdout.encoding
    sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = order["words"]
    code = 1
    try:
        from mimecast_sso.operations.cli import main as command  # noqa: PLC0415

        command()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
