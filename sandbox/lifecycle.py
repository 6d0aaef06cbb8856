"""Starting, stopping and emptying a sandbox from outside its process."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.control_client import Control, ControlError
from sandbox.environment import (
    NotRunningError,
    Process,
    output_folders,
    pulumi_home,
    read_process,
    running,
    stack_files_folder,
    state_folder,
)
from sandbox.world import FILE_NAME

LOG_FILE = "sandbox.log"
_LOCK_FILE = "start.lock"
_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 5.0
_LOG_LINES_SHOWN = 10
_WORLD_FILES = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm")
_PROJECT_ROOT = Path(__file__).resolve().parent.parent


class LifecycleError(Exception):
    """The sandbox did not start or stop; the message gives the cause and the fix."""


def start(home: Path, *, port: int | None = None) -> tuple[Process, bool]:
    """Start the sandbox in ``home`` and wait until it is ready. Returns whether it was not running before.

    Raises:
        LifecycleError: the home cannot be written, the port is taken, a process that does not respond holds the home,
            or the process exited early.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / _LOCK_FILE).touch()
    except OSError as error:
        raise LifecycleError(
            f"{home} cannot be written: {error.strerror}. Name another folder for the sandbox: SANDBOX_HOME=<folder>"
        ) from None
    with _one_starter(home):
        process = running(home)
        if process is not None:
            return process, False
        _require_installed()
        child, pipe = _spawn(home, port)
        _prepare_pulumi(home)
        return _await_ready(home, child, pipe), True


def stop(home: Path) -> bool:
    """Stop the sandbox in ``home``. Returns whether one was running.

    Signals only a process whose handshake proves it to be this home's sandbox.
    """
    process = running(home)
    if process is None:
        return False
    plane = Control(process.proxy_port, home)
    pid = plane.status()["pid"]
    with contextlib.suppress(OSError, ControlError):
        plane.stop()
    if not _ended(pid, _STOP_TIMEOUT):
        os.kill(pid, signal.SIGKILL)
        if not _ended(pid, _STOP_TIMEOUT):
            raise LifecycleError(f"process {pid} does not stop; stop it yourself: kill -9 {pid}")
    return True


def reset(home: Path) -> None:
    """Stop the sandbox, and delete its data and everything that deployments on it left behind."""
    stop(home)
    for name in _WORLD_FILES:
        (home / name).unlink(missing_ok=True)
    for folder in (state_folder(home), stack_files_folder(home), *output_folders(home)):
        shutil.rmtree(folder, ignore_errors=True)


def status(home: Path) -> dict[str, Any]:
    """The status that the running sandbox reports.

    Raises:
        NotRunningError: nothing runs in ``home``; ``stale_process`` tells whether a process file was left over.
    """
    return control(home).status()


def control(home: Path) -> Control:
    """The control plane of the running sandbox.

    Raises:
        NotRunningError: nothing runs in ``home``.
    """
    process = running(home)
    if process is None:
        raise NotRunningError(home)
    return Control(process.proxy_port, home)


def stale_process(home: Path) -> Process | None:
    """Remove a stale process file and return its content."""
    process = read_process(home)
    return process if process is not None and running(home) is None else None


@contextmanager
def _one_starter(home: Path) -> Iterator[None]:
    """Serialize starts: a second one waits and then finds the sandbox running."""
    with (home / _LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _require_installed() -> None:
    """Check that the emulators are installed, which ``pulumi install`` does not do. Raises LifecycleError."""
    missing = [name for name in ("starlette", "trustme", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise LifecycleError(
            f"the sandbox is not installed in {sys.prefix}: {', '.join(missing)} is missing. Install it: "
            "make install-sandbox"
        )


def _spawn(home: Path, port: int | None) -> tuple[subprocess.Popen[bytes], int]:
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "sandbox.server", "--home", str(home), "--ready-fd", str(writer)]
    if port is not None:
        command += ["--port", str(port)]
    with (home / LOG_FILE).open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=_PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    return child, reader


def _prepare_pulumi(home: Path) -> None:
    """Create the backend's folder and install the stand-in plugin while the process loads."""
    state_folder(home).mkdir(parents=True, exist_ok=True)
    pulumi_home(home).mkdir(parents=True, exist_ok=True)
    try:
        module = importlib.import_module("sandbox.azuread.install")
    except ImportError:
        return
    module.install(pulumi_home(home))


def _await_ready(home: Path, child: subprocess.Popen[bytes], pipe: int) -> Process:
    with os.fdopen(pipe, "rb") as reader:
        readable, _, _ = select.select([reader], [], [], _START_TIMEOUT)
        text = reader.read() if readable else b""
    report = json.loads(text) if text else {"error": _last_words(home, child)}
    if "error" in report:
        raise LifecycleError(f"the sandbox did not start: {report['error']}")
    return Process(**report)


def _last_words(home: Path, child: subprocess.Popen[bytes]) -> str:
    if child.poll() is None:
        child.kill()
        return f"not ready after {_START_TIMEOUT:.0f} s; its log: {home / LOG_FILE}"
    lines = (home / LOG_FILE).read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    return "\n".join([f"its process exited; the last lines of {home / LOG_FILE}:", *lines])


def _ended(pid: int, timeout: float) -> bool:
    """Wait for another process to end: by its descriptor where the system has them, else by polling."""
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False
