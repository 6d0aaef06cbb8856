"""The two plugins under test: the stand-in, and the published one if installed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.azuread.install import EXECUTABLE, find_published
from tests.azuread.driver import Plugin, plugin_environment
from tests.support.sandboxes import RunningSandbox

STAND_IN = [sys.executable, "-m", "sandbox.azuread"]
ROOT = Path(__file__).resolve().parents[2]


def published_command() -> list[str]:
    """The installed published plugin; skips the test if there is none."""
    found = find_published(Path(os.devnull), os.environ)
    if found is None:
        pytest.skip(f"the published plugin ({EXECUTABLE}) is neither on PATH nor in a Pulumi home")
    return [str(found)]


@pytest.fixture(scope="module", params=["stand-in", "published"])
def command(request: pytest.FixtureRequest) -> list[str]:
    """What starts the plugin under test."""
    return STAND_IN if request.param == "stand-in" else published_command()


@pytest.fixture(scope="module")
def plugin(command: list[str], sandbox: RunningSandbox) -> Iterator[Plugin]:
    """A configured plugin against the module's sandbox."""
    with Plugin(command, plugin_environment(sandbox.env), ROOT) as running:
        running.configure({"version": "6.11.1"})
        yield running


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any published plugin: an empty PATH and an empty home, which is returned."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    assert shutil.which(EXECUTABLE) is None
    return tmp_path
