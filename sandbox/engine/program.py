"""The user's program as a child process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from sandbox.engine.children import Children, kill
from sandbox.engine.config import Project
from sandbox.engine.errors import REFUSAL

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PATIENCE = 5.0  # seconds


class Program:
    """One run of the program; the interpreter starts at once and waits for `run`.

    Args:
        project: The project.
        environment: The process's environment.
        output: Receives each line, and whether it came from the standard error stream.
        children: Starts the process.
    """

    def __init__(
        self,
        project: Project,
        environment: Mapping[str, str],
        output: Callable[[str, bool], None],
        children: Children,
    ) -> None:
        self._project = project
        self._output = output
        self._popen = children.start(
            [project.python(), "-u", "-P", str(_LAUNCHER)],  # -P: this folder must not hide modules
            project.working_folder,
            dict(environment) | {"PYTHONUNBUFFERED": "1"},
            subprocess.PIPE,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, error), daemon=True)
            for stream, error in ((self._popen.stdout, False), (self._popen.stderr, True))
        ]

    def run(self, order: Mapping[str, Any]) -> None:
        """Start the program; `order` is what `launcher.main` reads."""
        for reader in self._readers:
            reader.start()
        assert self._popen.stdin is not None  # noqa: S101 (a pipe was asked for)
        document = dict(order) | {
            "project": self._project.name,
            "program": str(self._project.main),
            "root": str(self._project.folder),
            "refusal": REFUSAL,
        }
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.write(json.dumps(document).encode() + b"\n")
            self._popen.stdin.close()

    def _read(self, stream: IO[bytes], error: bool) -> None:
        for line in stream:
            self._output(line.decode(errors="replace").rstrip("\n"), error)

    def wait(self, stopped: threading.Event) -> int:
        """Wait for the end and return the exit code; after `stopped`, wait only a few more seconds."""
        waited = 0.0
        while True:
            try:
                code = self._popen.wait(0.05 if waited or stopped.is_set() else 0.2)
                break
            except subprocess.TimeoutExpired:
                waited += 0.05 if stopped.is_set() else 0.0
                if waited > _PATIENCE:
                    self.kill()
        for reader in self._readers:
            reader.join(_PATIENCE)
        return code

    def kill(self) -> None:
        """Kill it."""
        if self._popen.poll() is None:
            kill(self._popen)
