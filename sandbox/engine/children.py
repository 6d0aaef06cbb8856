"""Child processes that end when the engine does, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from mimecast_sso.text.terminals import READ_BY_PROGRAMS

# Reads process groups until the engine's end of the pipe is closed, by the system at the latest.
_WATCH = (
    'while read -r group; do groups="$groups $group"; done; for group in $groups; do kill -9 "-$group"; done'
)


class Children:
    """Starts the children of one run, each in its own process group: only the engine receives Ctrl-C.

    A small shell outlives a killed engine and then kills the groups.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: int
    ) -> subprocess.Popen[bytes]:
        """Start one, with pipes for its output; `stdin` is one of subprocess's constants."""
        child = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**environment, **READ_BY_PROGRAMS},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with self._lock, contextlib.suppress(BrokenPipeError):
            assert self._watcher.stdin is not None  # noqa: S101 (a pipe was asked for)
            self._watcher.stdin.write(b"%d\n" % child.pid)
            self._watcher.stdin.flush()
        return child

    def release(self) -> None:
        """Stop watching: the children have ended, and other processes may get their ids."""
        self._watcher.kill()
        self._watcher.wait()


def kill(child: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Send a signal to a child and all processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
