"""Processes that tests fork (`tests.support.commands`) get the descriptors that they are given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.sandboxes import started

pytestmark = pytest.mark.xdist_group("forks")


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
