"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.support import soak
from tests.support.fault_table import pytest_terminal_summary  # noqa: F401  (a hook)
from tests.support.sandboxes import RunningSandbox, started


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What runs on the Pulumi CLI is skipped where there is none."""
    if item.get_closest_marker("cli") and shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on the PATH")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A started and seeded sandbox, one per test module: see ``tests.support.sandboxes``."""
    with started(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def on_the_sandbox(sandbox: RunningSandbox) -> Iterator[None]:
    """This process's clients reach the module's sandbox."""
    with sandbox.entered():
        yield


@pytest.fixture
def switches(request: pytest.FixtureRequest, sandbox: RunningSandbox) -> Iterator[None]:
    """Puts the settings that a module names in ``SWITCHES`` back after each of its tests."""
    yield
    for name in request.module.SWITCHES:
        sandbox.control.set(name, None)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """``tally(name, count, unit)`` adds to a figure in ``build/soak.json``: see ``tests.support.soak``."""
    return soak.tally(request)
