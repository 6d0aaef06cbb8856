"""What a run costs as the number of resources grows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.engines import EMBEDDED, bench_stack

if TYPE_CHECKING:
    from tests.engine import stacks
else:
    _SPEC = importlib.util.spec_from_file_location("engine_stacks", Path(__file__).with_name("stacks.py"))
    stacks = importlib.util.module_from_spec(_SPEC)
    sys.modules[_SPEC.name] = stacks
    _SPEC.loader.exec_module(stacks)

PARTS = """\
import gc

before = gc.get_stats()[2]["collections"]
parts = [pulumi.ComponentResource("box:index:Part", f"part-{number}") for number in range(1000)]
everything = pulumi.Output.all(*(part.urn for part in parts))
pulumi.export("passes", everything.apply(lambda _: gc.get_stats()[2]["collections"] - before))
"""


def test_the_collector_makes_no_pass_over_all_resources(tmp_path: Path) -> None:
    stack = stacks.Stack(tmp_path, PARTS)
    stack.up()
    assert stack.state()["resources"][0]["outputs"]["passes"] == 0


@pytest.mark.soak
def test_four_times_the_resources_cost_about_four_times_as_much() -> None:
    with bench_stack(EMBEDDED, 1000) as small, bench_stack(EMBEDDED, 4000) as large:
        for kind in ("creation", "no change"):
            growth = large.up(EMBEDDED).processor / small.up(EMBEDDED).processor
            assert growth < 8, f"{kind}: {growth:.1f} times the processor time; by the square it would be 16"
