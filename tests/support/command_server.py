"""Runs the project's processes in forks of one that has already imported them: see ``tests.support.commands``."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import io
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from tests.support import commands

LONGEST_ORDER = 200_000
MOST_DESCRIPTORS = 16

# What the processes import; a module that one of them runs as its main program is not among them.
_PACKAGES = ("mimecast_sso", "components", "providers", "sandbox")
_MODULES = ("pulumi.dynamic", "pulumi_azuread", "grpc", "azure.identity", "dill")

_execvpe = os.execvpe
_PATH = sys.path[1:]
"""Where modules are found, after the folder that ``-m`` adds."""


def _prepare() -> None:
    """Import what the processes import, and exclude it from garbage collection in forks."""
    for name in _PACKAGES:
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(("__main__", ".launcher", ".deploy_one")):
                import_module(module.name)
    for name in _MODULES:
        import_module(name)
    gc.freeze()


def main() -> None:
    """Serve the listening socket on standard input. Arguments: its path, and a pipe; ends when that is closed."""
    _prepare()
    path, pipe = sys.argv[1], int(sys.argv[2])
    commands.server = path
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # each fork reports its own exit code
    listener = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while listener in select.select([listener, pipe], [], [])[0]:
        caller, _ = listener.accept()
        text, descriptors, _, _ = socket.recv_fds(caller, LONGEST_ORDER, MOST_DESCRIPTORS)
        caller.close()
        order = _order(json.loads(text)) if text else None
        if order is not None and os.fork() == 0:
            listener.close()
            os.close(pipe)
            _wait_for_process(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
    shutil.rmtree(Path(path).parent, ignore_errors=True)


def _order(given: dict[str, Any]) -> dict[str, Any] | None:
    """An order; one from `fork_client` is a command, which may not be the project's, or in a session of its own."""
    if "kind" in given:
        return given
    program, *words = given["words"]
    found = shutil.which(program, path=given["environment"].get("PATH")) or program
    order = commands.order([found, *words], given["environment"], given["folder"])
    if order is None or given["session"] != os.getsid(0):
        return None
    return order | {"session": False, "descriptors": [0, 1, 2], "group": given["group"]}


def _wait_for_process(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Run it in another fork, so that its end is known however it ends; report its id and its exit code."""
    told, *others = descriptors
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _run(order, *others)
    for descriptor in others:
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):
        os.write(told, f"{pid}\n".encode())
        if "group" in order:
            _end_with_client(pid, told)
        _, status = os.waitpid(pid, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _end_with_client(pid: int, told: int) -> None:
    """Wait for the process; kill it if its client was killed, which is the process for everybody else."""
    if hasattr(os, "pidfd_open"):
        ended = select.poll()
        ended.register(os.pidfd_open(pid), select.POLLIN)
        ended.register(told, 0)  # an error: nobody reads it any more
        if told in dict(ended.poll()):
            os.kill(pid, signal.SIGKILL)


def _run(order: dict[str, Any], *descriptors: int) -> NoReturn:
    """Become the process: its session, descriptors, environment, folder and arguments, then its program."""
    if order["session"]:
        os.setsid()
    if "group" in order:
        os.setpgid(0, order["group"])
    _put(descriptors, order["descriptors"])
    subprocess.Popen = commands.Forked  # type: ignore[misc]
    os.execvpe = _execute  # type: ignore[assignment]
    os.chdir(order["folder"])
    _become(order)


def _execute(file: str, words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """In place of `os.execvpe`, by which `python -m sandbox run` becomes another of the project's programs."""
    order = commands.order(words, environment, Path.cwd())
    if order is None:
        _execvpe(file, words, environment)
    _become(order)


def _become(order: dict[str, Any]) -> NoReturn:
    """Run its program with its environment and arguments."""
    _open_streams(unbuffered=order["unbuffered"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[:] = [*([] if "-P" in order["flags"] else [order["folder"]]), *_PATH]
    sys.argv = order["words"]
    code = 1
    try:
        _start(order["kind"], order["program"])
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _put(descriptors: tuple[int, ...], desired: list[int]) -> None:
    """Give the descriptors their numbers."""
    free = max(desired, default=0) + 1
    away = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, free) for each in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for descriptor, number in zip(away, desired, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)


def _open_streams(*, unbuffered: bool) -> None:
    """The server's own streams are bound to its original files."""
    encoding = sys.stdout.encoding
    sys.stdin = os.fdopen(0, encoding=encoding, closefd=False)
    out = io.FileIO(1, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        cast(BinaryIO, out) if unbuffered else io.BufferedWriter(out), encoding, write_through=unbuffered
    )
    sys.stderr = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)


def _start(kind: str, program: str) -> None:
    if kind == "function":
        module, _, name = program.partition(":")
        sys.exit(getattr(import_module(module), name)())
    elif kind == "module":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
