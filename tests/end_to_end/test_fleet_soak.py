"""A thousand tenants of twenty people in one run: each has its row, and what it takes goes to build/soak.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.fleet import checked
from tests.support.fleets import fleet

TENANTS = 1000


@pytest.mark.soak
def test_a_thousand_tenants(tmp_path: Path, tally: Callable[[str, int, str], None]) -> None:
    with fleet(tmp_path, [f"t{number:04d}" for number in range(TENANTS)], people=20) as made:
        cost = checked(made)
    tally("fleet_1000_s", round(cost.seconds), "s")
    tally("fleet_1000_rss_mb", round(cost.memory), "MB")
    assert cost.memory < 300
