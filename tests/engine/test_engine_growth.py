"""The cost of a run as the number of resources grows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from sandbox.engine.backend import Backend
from tests.bench.engines import EMBEDDED, bench_stack
from tests.engine import stacks

PARTS = """\
import asyncio
import gc

waits = 0
wait = asyncio.wait

def counted(*args, **kwargs):
    global waits
    waits += 1
    return wait(*args, **kwargs)

asyncio.wait = counted
before = gc.get_stats()[2]["collections"]
parts = [pulumi.ComponentResource("box:index:Part", f"part-{number}") for number in range(1000)]
everything = pulumi.Output.all(*(part.urn for part in parts))
pulumi.export("passes", everything.apply(lambda _: gc.get_stats()[2]["collections"] - before))
pulumi.export("waits", everything.apply(lambda _: waits))
"""


def test_the_program_rarely_scans_all_its_resources(tmp_path: Path) -> None:
    """No full garbage collection, and one SDK wait per group of responses, of at least 12 for 1,000 resources."""
    stack = stacks.Stack(tmp_path, PARTS)
    stack.up()
    outputs = stack.state()["resources"][0]["outputs"]
    assert outputs["passes"] == 0
    assert outputs["waits"] < 80


def test_operations_that_start_together_share_a_write(tmp_path: Path) -> None:
    """Each write contains the whole state. 80 creations, 8 at a time, need 10 writes and a final one."""
    stack = stacks.Stack(tmp_path, 'for number in range(80): Thing(f"t{number}")')
    write, counted = Backend.write, []

    def on_a_slow_disk(*args: Any, **kwargs: Any) -> None:
        counted.append(args)
        time.sleep(0.05)
        write(*args, **kwargs)

    with mock.patch.object(Backend, "write", on_a_slow_disk):
        stack.up("--parallel", "8")
    assert len(counted) < 18


@pytest.mark.soak
def test_four_times_the_resources_cost_about_four_times_as_much() -> None:
    with bench_stack(EMBEDDED, 1000) as small, bench_stack(EMBEDDED, 4000) as large:
        for kind in ("creation", "no change"):
            growth = large.up(EMBEDDED).processor / small.up(EMBEDDED).processor
            assert growth < 6, f"{kind}: {growth:.1f} times the processor time; by the square it would be 16"
