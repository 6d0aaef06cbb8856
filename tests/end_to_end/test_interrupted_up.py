"""Ctrl-C, SIGTERM or a closed terminal during a deployment: the engine stops by itself, and the next one continues."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.forge_steps import PYTHON
from tests.support.projects import ENGINES, Project, project

PARTLY = 3
SLOW_INSTANTIATE = {
    "host": "graph.microsoft.com",
    "method": "POST",
    "path": ".*/instantiate",
    "delay": 6,
    "answer": "own",
}


SENT: dict[str, Callable[[int], None]] = {
    # As a terminal does: to the command, the engine and all between them.
    "Ctrl-C": lambda pid: os.killpg(pid, signal.SIGINT),
    # As timeout and GitLab do.
    "SIGTERM to all": lambda pid: os.killpg(pid, signal.SIGTERM),
    # As a container and GitHub do.
    "SIGTERM to the command": lambda pid: os.kill(pid, signal.SIGTERM),
}


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_records_what_it_does_and_releases_its_lock(
    tmp_path: Path, engine: str, sent: str
) -> None:
    """Before, the command killed it: the lock stayed, and an application that no state knew."""
    with project(tmp_path, engine) as made:
        made.control.faults(SLOW_INSTANTIATE)
        up = made.start("up", "--yes")
        _await(lambda: bool(made.control.status()["faults"]), up)
        SENT[sent](up.pid)
        said, _ = up.communicate(timeout=120)
        assert up.returncode == PARTLY, said
        assert "error: canceled. Finished steps are recorded; the next run continues from there." in said
        # The Pulumi CLI shows where it interrupted the program; no command of this project has a traceback.
        assert "mimecast_sso/operations" not in said
        assert "sandbox/__main__" not in said
        _continues(made)


SILENT = f"""{PYTHON}
import os, signal, sys, time
def told(number, frame):
    print(signal.Signals(number).name, file=sys.stderr)
    with open("told", "a") as log:
        log.write("told ")
    time.sleep(4)
    with open("told", "a") as log:
        log.write("released")
    os._exit(1)
if "version" in sys.argv:
    print("v3.260.0")
elif sys.argv[1] == "up":
    signal.signal(signal.SIGINT, told)
    signal.signal(signal.SIGTERM, told)
    open("told", "w").close()
    while True:
        signal.pause()
else:
    print('{{"version": 3, "deployment": {{}}}}')
"""
"""Stands for a Pulumi CLI under load: it takes seconds to release its lock, and a second signal counts."""


@pytest.mark.parametrize("sent", SENT)
def test_an_engine_is_told_once_and_has_all_the_time_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    """Before, it got a second signal after three seconds, with which the Pulumi CLI ends at once and keeps its lock."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(SILENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "project").mkdir()
    with project(tmp_path / "project", "embedded") as made:
        up = replace(made, engine="pulumi").start("up", "--yes")
        log = made.folder / "told"
        _await(log.exists, up)
        SENT[sent](up.pid)
        said, _ = up.communicate(timeout=120)
        assert log.read_text() == "told released", said
        assert "error: canceled." in said


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("embedded", ["--yes", "--verbose"]),  # The engine writes to the terminal itself.
        pytest.param("pulumi", ["--yes"], marks=pytest.mark.cli),
        pytest.param("pulumi", ["--yes", "--verbose"], marks=[pytest.mark.cli, pytest.mark.soak]),
    ],
)
def test_a_closed_terminal_interrupts_it_too(tmp_path: Path, engine: str, words: list[str]) -> None:
    """Before, SIGHUP killed both, and the lock stayed; output cannot be written any more."""
    with project(tmp_path, engine) as made:
        made.control.faults(SLOW_INSTANTIATE)
        terminal, console = pty.openpty()
        up = made.start("up", *words, terminal=console)
        os.close(console)
        _await(lambda: bool(made.control.status()["faults"]), up)
        os.close(terminal)
        assert up.wait(120) == PARTLY
        _continues(made)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_killed_during_its_first_write_may_have_written_it(
    tmp_path: Path, engine: str
) -> None:
    """Before, the command ended as if nothing had been written."""
    with project(tmp_path, engine) as made:
        made.control.faults(SLOW_INSTANTIATE | {"path": ".*/(instantiate|claimsMappingPolicies)"})
        up = made.start("up", "--yes")
        _await(lambda: bool(made.control.status()["faults"]), up)
        words = {"embedded": "sandbox.engine\0up", "pulumi": "pulumi\0up"}[engine]
        (running,) = (pid for pid in _descendants(up.pid) if words in _command(pid))
        os.kill(running, signal.SIGKILL)
        said, _ = up.communicate(timeout=120)
        assert up.returncode == PARTLY, said


def _descendants(pid: int) -> Iterator[int]:
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield child
        yield from _descendants(child)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _continues(made: Project) -> None:
    """The lock is released, and the next deployment knows what the interrupted one created."""
    assert not list(made.home.glob("state/.pulumi/locks/**/*.json"))
    again = made.up()
    assert again.code == 0, again.text
    names = [application["displayName"] for application in made.control.documents("entra.applications")]
    assert names.count("Mimecast Personal Portal") == 1


def _await(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)
