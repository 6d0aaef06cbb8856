"""The project's processes, without importing anything: that was three quarters of the work of a deployment.

A server that has imported the project forks one process per order, with its own memory, environment, folder,
descriptors and exit code; `Forked` is a `subprocess.Popen` that has it do so. Within such a process, further ones are
forks as well: a command starts the engine, which starts the program and the plugins. Other programs, and processes with
other variables that Python reads at start-up, are started normally, and so is everything that tests send signals to.
"""

from __future__ import annotations

import inspect
import json
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest import mock

from mimecast_sso.operations.review import rehearsal
from sandbox.azuread import install
from sandbox.environment import pulumi_home

_NAME = "mimecast-sso"
PROGRAM = str(Path(sys.executable).with_name(_NAME))
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")
_SERVER = "tests.support.command_server"
_ROOT = Path(__file__).resolve().parents[2]
_BIN = os.path.realpath(Path(sys.executable).parent)
_CLIENT = Path(__file__).with_name("fork_client.py")
_SHIELD = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"]

# Modules that are started with -m: those that the server has imported, by their main function.
_MODULES = {
    "sandbox": "",
    "sandbox.engine": "",
    "pulumi.dynamic": "",
    "sandbox.server": "sandbox.server:main",
    "mimecast_sso.operations.fleet.deploy_one": "mimecast_sso.operations.fleet.deploy_one:main",
}
_COMMAND = "mimecast_sso.operations.cli:main"
_STAND_IN = "sandbox.azuread.__main__:main"
_FLAGS = ("-u", "-P")
_SCRIPTS = [str(_ROOT / name) for name in (
    "sandbox/engine/launcher.py", "tools/pulumi/language_host.py", "tools/pulumi/program.py",
)]  # fmt: skip

_ENCODING = "utf-8"
"""Of the server's streams, and so of its forks'."""
_WITHOUT_EFFECT = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
"""Variables of the interpreter that the server sees to, or that say where byte code is."""

_Popen = subprocess.Popen
_signature = inspect.signature(_Popen._execute_child)  # type: ignore[attr-defined]
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_lock = threading.Lock()
enabled = os.environ.get("FORKS") != "no"
"""Figures are measured, and long tests run, without forks: processes start as users start them."""
server = ""
"""The path of the server's socket, once there is one."""
_life = -1
"""The end of a pipe: the server ends when it is closed, with this process at the latest."""


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run ``mimecast-sso WORDS`` in that folder and environment. Returns its exit code and output."""
    return call([PROGRAM, *words], folder, environment)


def call(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command without input. Returns its exit code and output."""
    with Forked(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    ) as process:
        text, _ = process.communicate()
    return process.returncode, text


@contextmanager
def forking() -> Iterator[None]:
    """Within the block, what this process starts is forked, where possible."""
    with mock.patch.object(subprocess, "Popen", Forked):
        yield


def for_the_cli() -> dict[str, str]:
    """The environment variable by which the Pulumi CLI starts the processes written in Python as forks."""
    return {"MIMECAST_SSO_TESTS_SERVER": start()} if enabled else {}


class Forked(_Popen):  # type: ignore[type-arg]
    """A process that is a fork of the server, if it is one of the project's."""

    _told: int | None = None
    """What the server says of the process comes here: its id, then its exit code."""

    def _execute_child(self, *words: Any) -> None:
        given = _signature.bind(self, *words).arguments
        order = _order(given)
        if order is None:
            super()._execute_child(*words)  # type: ignore[misc]
            return
        standard = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        own = [number if each == -1 else each for number, each in enumerate(standard)]
        order["descriptors"] = [0, 1, 2, *given["pass_fds"]]
        self._told, told = os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(start())
            socket.send_fds(connection, [json.dumps(order).encode()], [told, *own, *given["pass_fds"]])
        os.close(told)
        self.pid = int(self._line())
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]

    @property
    def is_fork(self) -> bool:
        """Whether it was forked, and not started."""
        return self._told is not None

    def __del__(self) -> None:
        """Nobody waits for it, such as a sandbox."""
        if self._told is None:
            super().__del__()  # type: ignore[misc]
        elif self.returncode is None:
            os.close(self._told)

    def _line(self) -> bytes:
        assert self._told is not None
        line = b""
        while not line.endswith(b"\n"):
            more = os.read(self._told, 1)
            if not more:
                raise RuntimeError(f"{_SERVER} ended")
            line += more
        return line

    def _ended(self, timeout: float | None) -> bool:
        """Wait for the exit code, at most that long."""
        if self.returncode is None and self._told is not None:
            readable = select.poll()
            readable.register(self._told, select.POLLIN)
            if readable.poll(None if timeout is None else timeout * 1_000):
                self._take_exit_code()
        return self.returncode is not None

    def _take_exit_code(self) -> None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None and self._told is not None:
                self.returncode = int(self._line())
                os.close(self._told)

    def _internal_poll(self, *words: Any, **named: Any) -> int | None:
        if self._told is None:
            return super()._internal_poll(*words, **named)  # type: ignore[misc, no-any-return]
        self._ended(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._told is None:
            return super()._wait(timeout)  # type: ignore[misc, no-any-return]
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def fork_plugin(home: Path) -> None:
    """Have the Pulumi CLI start the stand-in of the azuread plugin in a sandbox's home as a fork."""
    for plugin in pulumi_home(home).glob(f"plugins/*/{install.EXECUTABLE}"):
        if enabled and _is_stand_in(plugin):
            kept = plugin.parent / "kept" / plugin.name
            kept.parent.mkdir(exist_ok=True)
            shutil.copy2(plugin, kept)
            words = shlex.join([sys.executable, "-IS", str(_CLIENT), str(kept)])
            plugin.write_text(f'#!/bin/sh\n{install.MARK}\nexec {words} "$@"\n')


def start() -> str:
    """Start this process's server, if it has none. Returns the path of its socket."""
    global server, _life  # noqa: PLW0603 (one per process)
    with _lock:
        if not server:
            server = str(Path(tempfile.mkdtemp(prefix="forks-"), "socket"))
            pipe, _life = os.pipe()
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(server)
                listener.listen(128)
                command = [sys.executable, "-m", _SERVER, server, str(pipe)]
                _Popen(command, cwd=_ROOT, stdin=listener, pass_fds=[pipe])
            os.close(pipe)
        return server


def _order(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the server has to do; None for a process that is started normally."""
    words, environment = given["args"], dict(given["env"] or os.environ)
    if isinstance(words, str | bytes | os.PathLike):
        return None
    found = order(words, environment, given["cwd"] or Path.cwd())
    return found and found | {"session": bool(given["start_new_session"])}


def order(
    words: Sequence[Any], environment: Mapping[str, str], folder: str | os.PathLike[str]
) -> dict[str, Any] | None:
    """How a command is run without an interpreter of its own; None if it needs one."""
    if not enabled:
        return None
    program = _program([os.fsdecode(word) for word in words])
    if program is None or _of_the_interpreter(environment) != _of_the_interpreter(os.environ):
        return None
    if program["here"] and _has_code(Path(os.fsdecode(folder))):
        return None
    return program | {
        "folder": os.fsdecode(folder),
        "environment": dict(environment),
        "unbuffered": "-u" in program["flags"] or bool(environment.get("PYTHONUNBUFFERED")),
    }


def _has_code(folder: Path) -> bool:
    """Whether a process that starts there finds another copy of the project's packages."""
    return folder != _ROOT and any(
        (folder / name).is_dir() for name in ("components", "mimecast_sso", "sandbox")
    )


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    found = {
        name: value
        for name, value in environment.items()
        if name.startswith(_OF_THE_INTERPRETER) and name not in _WITHOUT_EFFECT
    }
    if found.get("PYTHONPATH") == str(_ROOT):  # The server has imported what is found there.
        del found["PYTHONPATH"]
    if found.get("PYTHONIOENCODING") == _ENCODING:
        del found["PYTHONIOENCODING"]
    return found


def _program(words: list[str]) -> dict[str, Any] | None:
    """How the server starts the program of a command, if it can."""
    if words[: len(_SHIELD)] == _SHIELD:
        words = words[len(_SHIELD) :]
    first = Path(words[0])
    own = os.path.realpath(first.parent) == _BIN
    if own and first.name == _NAME:
        return _started("function", _COMMAND, words) | {"here": False}
    if first.name == install.EXECUTABLE and _is_stand_in(first):
        return _started("function", _STAND_IN, words, ["-P"]) | {"here": False}
    if not own or not first.name.startswith("python"):
        return None
    flags = list(takewhile(_FLAGS.__contains__, words[1:]))
    return _interpreted(words[1 + len(flags) :], flags)


def _interpreted(rest: list[str], flags: list[str]) -> dict[str, Any] | None:
    """The same of a command of the interpreter."""
    if rest and os.path.realpath(rest[0]) in _SCRIPTS:
        return _started("path", os.path.realpath(rest[0]), rest, flags)
    if rest[:2] == ["-c", rehearsal.MAIN]:
        return _started("function", _COMMAND, ["-c", *rest[2:]], flags)
    if rest[:1] == ["-m"] and rest[1] in _MODULES:
        main = _MODULES[rest[1]]
        return _started("function" if main else "module", main or rest[1], rest[1:], flags)
    return None


def _started(kind: str, program: str, words: list[str], flags: Sequence[str] = ()) -> dict[str, Any]:
    """``here``: modules in the folder where it is started take precedence over those of the environment."""
    return {"kind": kind, "program": program, "words": words, "flags": list(flags), "here": True}


def _is_stand_in(plugin: Path) -> bool:
    text = plugin.read_bytes()[:2_000]
    return b"sandbox.azuread.__main__" in text and os.fsencode(_ROOT) in text
