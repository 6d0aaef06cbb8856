"""Shared starting points of end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deployments import Deployments
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import prepared, tutorial


@pytest.fixture(scope="session")
def saved_tutorial(
    deployments: Deployments, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SavedProject]:
    """The tutorial, done, with people of every kind; made once for all that go back to it."""
    with prepared(tmp_path_factory.mktemp("tutorial"), tutorial, deployments) as world:
        yield world
