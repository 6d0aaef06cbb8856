"""Fixtures for all test folders."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import soak
from tests.support.deployments import Deployments
from tests.support.fault_table import pytest_terminal_summary  # noqa: F401  (a hook)
from tests.support.sandboxes import RunningSandbox, started

# Copies of the project reach this environment through a link. Byte code beside the modules serves all of them; under a
# prefix, which goes by path, each copy compiles every module again.
os.environ.pop("PYTHONPYCACHEPREFIX", None)

# The duration of an example depends on other processes, so slowness is not a failure.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_FIRST = (
    "end_to_end/test_fleet_up.py",
    "end_to_end/",
    "checkpoints/",
    "packaging/",
    "examples/",
    "operations/",
)
"""Folders and files of long tests, the longest chain first: short tests fill up the workers at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more workers than processors: those that wait for the processes of a deployment leave them idle."""
    return len(os.sched_getaffinity(0)) + 2 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 2


def pytest_configure() -> None:
    """Children notice Ctrl-C and a closed terminal also in runs that a shell started with ``nohup`` or ``&``.

    Such a shell has both ignored, which processes inherit: plugins would not end when their engine asks them to.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort long tests first. Tests that share a module's fixture go to one worker: others would create it again."""
    root = config.rootpath / "tests"

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else ""
        return next((rank for rank, start in enumerate(_FIRST) if path.startswith(start)), len(_FIRST))

    items.sort(key=rank)
    for item in items:
        if isinstance(item, pytest.Function) and not item.get_closest_marker("xdist_group") and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _shares(item: pytest.Function) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(fixture.scope == "module" for found in fixtures for fixture in found)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse versions of pytest and pytest-xdist that ignore groups: each worker would do every deployment."""
    if getattr(session.config.option, "loadgroup", False):
        for item in session.items:
            for group in item.iter_markers("xdist_group"):
                if not item.nodeid.endswith(f"@{group.args[0]}"):
                    raise pytest.UsageError(f"pytest-xdist ignores the group of {item.nodeid}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that run on the Pulumi CLI if it is not installed."""
    if item.get_closest_marker("cli") and shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on the PATH")


@pytest.fixture(scope="session")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Deployments:
    """Projects deployed once per run, shared by its workers: see ``tests.support.deployments``."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return Deployments(shared / "deployments")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A started and seeded sandbox, one per test module: see ``tests.support.sandboxes``."""
    with started(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def on_the_sandbox(sandbox: RunningSandbox) -> Iterator[None]:
    """Let this process's clients reach the module's sandbox."""
    with sandbox.entered():
        yield


@pytest.fixture
def switches(request: pytest.FixtureRequest, sandbox: RunningSandbox) -> Iterator[None]:
    """Reset the settings that a module names in ``SWITCHES`` after each of its tests."""
    yield
    for name in request.module.SWITCHES:
        sandbox.control.set(name, None)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """``tally(name, count, unit)`` adds to a figure in ``build/soak.json``: see ``tests.support.soak``."""
    return soak.tally(request)
