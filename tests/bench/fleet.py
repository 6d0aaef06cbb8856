"""What a drift check of many tenants costs, in one process and beside one sandbox."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.drift import MOST_CALLS, is_call
from tests.bench.figures import Figure, megabytes, seconds
from tests.support.fleets import Fleet, fleet

_TENANTS = 100
_KIBIBYTE = 1024


def measure(tenants: int = _TENANTS) -> Iterator[tuple[str, Figure]]:
    """``fleet_100_s``, ``fleet_100_cpu_s`` and ``fleet_rss_mb`` of the command alone; ``fleet_calls_per_tenant``.

    Of twenty people in each tenant, all in the roll-out. Calls are counted without tokens.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        fleet(Path(folder), [f"t{number:04d}" for number in range(tenants)], people=20) as made,
    ):
        before = made.project.control.journal()[-1]["number"]
        cost = checked(made)
        yield f"fleet_{tenants}_s", seconds(cost.seconds)
        yield f"fleet_{tenants}_cpu_s", seconds(cost.processor)
        yield "fleet_rss_mb", megabytes(cost.memory)
        calls = sum(is_call(each) for each in made.project.control.journal(after=before))
        yield "fleet_calls_per_tenant", Figure(round(calls / tenants, 1), "")
        if calls > MOST_CALLS * tenants:
            raise SystemExit(f"a tenant takes {calls / tenants:g} calls, and {MOST_CALLS} are its budget")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds, those of the processor, and the most memory, in millions of bytes."""

    seconds: float
    processor: float
    memory: float


def checked(made: Fleet) -> Cost:
    """Checks a quiet fleet for drift."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            made.command("fleet", "drift"), cwd=made.project.folder, env=made.environment(), stdout=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        taken = time.perf_counter() - begun
        printed.seek(0)
        if process.returncode:
            raise SystemExit(f"the fleet is not quiet:\n{printed.read()}")
    return Cost(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIBIBYTE / 1e6)
