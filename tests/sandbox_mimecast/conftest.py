"""The default API application, signed in once per module."""

from __future__ import annotations

import pytest

from tests.sandbox_mimecast.helpers import Api, default_api
from tests.support.sandboxes import RunningSandbox


@pytest.fixture(scope="module")
def api(sandbox: RunningSandbox) -> Api:
    """An API client of the seeded account."""
    return default_api(sandbox)
