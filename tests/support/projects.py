"""A copy of the project for a test to deploy: its own stack files and sandbox, the same code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mimecast_sso.settings import Written
from sandbox import lifecycle, stack_seed
from sandbox.control_client import Control
from sandbox.environment import environment
from tests.support import commands
from tests.support.commands import PROGRAM
from tests.support.sandboxes import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]

ENGINES = ["embedded", pytest.param("pulumi", marks=pytest.mark.cli)]
"""Both engines in every run: for the main paths through the product."""
ENGINES_AT_LENGTH = ["embedded", pytest.param("pulumi", marks=[pytest.mark.cli, pytest.mark.soak])]
"""The Pulumi CLI in ``make soak`` only."""

# The leader of a new session makes its input's terminal the session's, then runs a command.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a command; ``text`` is its whole output."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with a running sandbox, driven by the commands that people type."""

    folder: Path
    home: Path
    engine: str
    control: Control

    def sandbox(self, *words: str) -> Ended:
        """``python -m sandbox …``"""
        return self._run(sys.executable, "-m", "sandbox", *words)

    def sso(self, verb: str, *words: str, engine: str | None = None, **environment: str) -> Ended:
        """``mimecast-sso VERB --stack sandbox …``, with the environment that ``sandbox run`` gives.

        ``verb`` may be a group and its command, such as ``roll-out status``.
        """
        return self.program(*verb.split(), "--stack", "sandbox", *words, engine=engine, **environment)

    def start(self, verb: str, *words: str, terminal: int | None = None) -> subprocess.Popen[str]:
        """Start ``mimecast-sso VERB --stack sandbox …`` in its own process group, while the test continues.

        ``terminal`` is the process's terminal, as a descriptor; by default its output is piped and its input empty.
        """
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        before = [] if terminal is None else [sys.executable, "-c", _TAKE_TERMINAL]
        command = [sys.executable, "-m", "sandbox", "run", "--", PROGRAM, verb, "--stack", "sandbox", *words]
        return subprocess.Popen(
            [*before, *command],
            cwd=self.folder,
            env=self._environment(ENGINE=self.engine),
            text=True,
            start_new_session=True,
            **(piped if terminal is None else dict.fromkeys(piped, terminal)),
        )

    def stack(self, name: str, verb: str, *words: str) -> Ended:
        """``mimecast-sso VERB --stack NAME …``, likewise."""
        return self.program(*verb.split(), "--stack", name, *words)

    def program(self, *words: str, engine: str | None = None, **variables: str) -> Ended:
        """``mimecast-sso …`` without a stack."""
        given = self._environment(**({"ENGINE": engine or self.engine} | variables))
        return Ended(*commands.run(words, self.folder, given | environment(self.home)))

    def up(self, **environment: str) -> Ended:
        """``mimecast-sso up``, without prompts."""
        return self.sso("up", "--yes", **environment)

    def do_the_console_work(self) -> None:
        """The sandbox's administrator works through the run sheet, and it is confirmed."""
        filled = self.sandbox("administrator", str(self.home / "run-sheet/sandbox.html"))
        assert filled.code == 0, filled.text
        confirmed = self.sso("confirm", "--by", "administrator@example.com", "--evidence", "a test")
        assert confirmed.code == 0, confirmed.text

    def configure(self, **changes: Any) -> None:
        """Set keys of the stack file's ``mimecast-sso`` namespace; None removes a key."""
        document = yaml.safe_load(self.stack_file.read_text())
        for key, value in changes.items():
            if value is None:
                document["config"].pop(f"mimecast-sso:{key}", None)
            else:
                document["config"][f"mimecast-sso:{key}"] = value
        self.stack_file.write_text(yaml.safe_dump(document, sort_keys=False))

    @property
    def running(self) -> RunningSandbox:
        """The sandbox, for direct access by tests."""
        return RunningSandbox(self.home, environment(self.home), self.control)

    def configuration(self, key: str) -> Any:
        """A key of the stack file's ``mimecast-sso`` namespace."""
        return yaml.safe_load(self.stack_file.read_text())["config"][f"mimecast-sso:{key}"]

    def in_force(self) -> dict[str, Any]:
        """The ``mimecast-sso`` namespace of the stack file, merged with what commands wrote about the stack."""
        config = yaml.safe_load(self.stack_file.read_text())["config"]
        prefix = "mimecast-sso:"
        return Written(self.written).over(
            {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        )

    def forget(self, key: str) -> None:
        """Remove what commands wrote to that section, as if the stack file had been written by hand."""
        if self.written.is_file():
            entries = json.loads(self.written.read_text())
            self.written.write_text(json.dumps([each for each in entries if each["place"][0] != key]))

    @property
    def written(self) -> Path:
        """The file that commands write about the stack; it may not exist yet."""
        return self.home / "stacks" / "Pulumi.sandbox.written.json"

    @property
    def stack_file(self) -> Path:
        """The stack's tracked file."""
        return self.folder / "stacks" / "Pulumi.sandbox.yaml"

    def _run(self, *words: str, **environment: str) -> Ended:
        return Ended(*commands.call(words, self.folder, self._environment(**environment)))

    def _environment(self, **more: str) -> dict[str, str]:
        forks = commands.for_the_cli() if self.engine == "pulumi" else {}
        return {**os.environ, **forks, "SANDBOX_HOME": str(self.home), "NO_COLOR": "1", **more}


@contextmanager
def project(folder: Path, engine: str) -> Iterator[Project]:
    """A copy of the project in ``folder`` with a started and seeded sandbox, stopped at the end."""
    with unseeded(folder, engine) as made:
        made.control.seed(stack_seed.document("sandbox", made.folder / "stacks"))
        yield made


@contextmanager
def unseeded(folder: Path, engine: str) -> Iterator[Project]:
    """The same with an empty sandbox."""
    bare(folder)
    with running(folder, engine) as made:
        yield made


def bare(folder: Path) -> None:
    """Copy the project to ``folder``."""
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "stacks", folder / "stacks")
    # The Pulumi CLI needs the virtual environment that Pulumi.yaml names; use the current one.
    (folder / ".venv").symlink_to(sys.prefix)


@contextmanager
def running(folder: Path, engine: str) -> Iterator[Project]:
    """The project in ``folder`` with its sandbox started, stopped at the end."""
    home = folder / ".sandbox"
    with commands.forking():
        process, _ = lifecycle.start(home)
    if engine == "pulumi":
        commands.fork_plugin(home)
    try:
        yield Project(folder, home, engine, Control(process.proxy_port, home))
    finally:
        lifecycle.stop(home)
