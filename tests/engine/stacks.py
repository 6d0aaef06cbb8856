"""A throw-away project and stack for tests of the engine, driven through its command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from sandbox.engine.cli import main
from tests.support import commands

COMMON = Path(__file__).with_name("cases") / "common"
EMBEDDED = [sys.executable, "-m", "sandbox.engine"]
PROGRAM = """\
import os

import pulumi
from boxcloud import *
"""


class Stack:
    """A project in a folder, with a simulated cloud in a file next to it.

    Args:
        folder: An empty folder.
        program: The program, after the imports.
    """

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder / "program"
        self.folder.mkdir()
        self.cloud_file = folder / "cloud.json"
        self.calls_file = folder / "calls.jsonl"
        self.backend = folder / "state"
        (self.folder / "Pulumi.yaml").write_text("name: box\nruntime: python\n")
        shutil.copy(COMMON / "boxcloud.py", self.folder)
        self.write(program)
        self.cloud_file.write_text(json.dumps({"objects": {}, "counters": {}, "faults": {}}))
        for name in ("state", "home"):
            (folder / name).mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "SANDBOX_HOME": str(folder / "sandbox"),
            "CASE_CLOUD": str(self.cloud_file),
            "CASE_CALLS": str(self.calls_file),
        }
        self.must("stack", "init", "dev")

    def write(self, program: str) -> None:
        """Replace the program."""
        (self.folder / "__main__.py").write_text(PROGRAM + program)

    @property
    def state_file(self) -> Path:
        """The checkpoint."""
        return self.backend / ".pulumi" / "stacks" / "box" / "dev.json"

    @property
    def locks(self) -> Path:
        """The folder of lock files."""
        return self.backend / ".pulumi" / "locks" / "organization" / "box" / "dev"

    def objects(self) -> dict[str, Any]:
        """The simulated cloud's objects."""
        found: dict[str, Any] = json.loads(self.cloud_file.read_text())["objects"]
        return found

    def faults(self, faults: dict[str, Any]) -> None:
        """Set the faults from now on."""
        cloud = json.loads(self.cloud_file.read_text())
        whole = self.cloud_file.with_suffix(".new")  # a hanging provider rereads the file continuously
        whole.write_text(json.dumps(cloud | {"faults": faults}))
        whole.replace(self.cloud_file)

    def state(self) -> dict[str, Any]:
        """The `latest` part of the checkpoint."""
        latest: dict[str, Any] = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return latest

    def run(
        self, *words: str, cli: list[str] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command: the embedded engine's in this process, another `cli` in a separate one."""
        if cli is None:
            return self._run_here(words, self.environment | environment)
        return subprocess.run(
            [*cli, *words],
            cwd=self.folder,
            env=self.environment | commands.for_the_cli() | environment,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def _run_here(
        self, words: Sequence[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.folder),
            commands.forking(),
        ):
            code = main(words)
        return subprocess.CompletedProcess(list(words), code, out.getvalue(), err.getvalue())

    def must(self, *words: str, **environment: str) -> str:
        """Run a command that must succeed. Returns its output."""
        done = self.run(*words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *words: str, **environment: str) -> str:
        """`up` without a preview."""
        return self.must("up", "--yes", "--skip-preview", "--color", "never", *words, **environment)

    def start(self, *words: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command; ``before`` are words such as ``nohup`` that come before the engine's."""
        return subprocess.Popen(
            [*before, *EMBEDDED, *words],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def began(self, call: str, label: str) -> bool:
        """Whether a provider call was started."""
        if not self.calls_file.exists():
            return False
        desired = f'"at": "begin", "call": "{call}", "label": "{label}"'
        return any(desired in _ordered(line) for line in self.calls_file.read_text().splitlines())


def _ordered(line: str) -> str:
    try:
        document = json.loads(line)
    except ValueError:
        return ""
    return json.dumps({key: document.get(key) for key in ("at", "call", "label")})


def children(pid: int) -> list[int]:
    """The current descendants of a process."""
    found: list[int] = []
    todo = [pid]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                todo += (pids := [int(word) for word in path.read_text().split()])
                found += pids
    return found


def kill_all(process: subprocess.Popen[str], known: Sequence[int] = ()) -> None:
    """Kill a command and all its descendants, as if the machine went down."""
    for pid in [process.pid, *known, *children(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
