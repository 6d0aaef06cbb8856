"""The distributions, built once for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.environments import build, clone


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: building leaves traces."""
    copy = tmp_path_factory.mktemp("sources")
    return clone(copy / "clone")


@pytest.fixture(scope="session")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sources, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sandbox_wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sources / "sandbox", "wheel", tmp_path_factory.mktemp("sandbox-wheel"))
