"""Processes that tests fork (`tests.support.commands`) get the descriptors that they are given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.sandboxes import started

pytestmark = pytest.mark.xdist_group("forks")


def test_children_that_speak_utf_8_are_forks() -> None:
    """As all are that a command starts: of the variables that Python reads at start-up this one changes nothing."""
    environment = {"PYTHONIOENCODING": "utf-8"}
    with commands.Forked([commands.PROGRAM, "--version"], env={**os.environ, **environment}) as process:
        assert process.is_fork
    with commands.Forked(
        [commands.PROGRAM, "--version"],
        env={**os.environ, "PYTHONIOENCODING": "utf-16"},
        stdout=subprocess.DEVNULL,
    ) as process:
        assert not process.is_fork


@pytest.fixture(params=range(198, 206))
def many_open_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in a worker that has started a hundred sandboxes: the next descriptors have these numbers."""
    with ExitStack() as opened:
        while (descriptor := os.open(os.devnull, os.O_RDONLY)) < request.param:
            opened.callback(os.close, descriptor)
        os.close(descriptor)
        yield


@pytest.mark.usefixtures("many_open_files")
def test_a_sandbox_reports_that_it_is_ready_to_a_worker_with_many_open_files(tmp_path: Path) -> None:
    with started(tmp_path / "home") as running:
        assert running.control.status()["pid"]
