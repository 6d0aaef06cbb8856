"""The cost of a drift check of many tenants, in one process and with one sandbox."""

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

    ``fleet_sandbox_rss_mb`` and ``fleet_sandbox_cpu_s`` are of the sandbox beside it. Of twenty people in each tenant,
    all in the roll-out. Calls are counted without tokens.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        fleet(Path(folder), [f"t{number:04d}" for number in range(tenants)], people=20) as made,
    ):
        before = made.project.control.journal()[-1]["number"]
        sandbox = int(made.project.control.status()["pid"])
        spent = _processor_seconds(sandbox)
        cost = checked(made)
        yield "fleet_sandbox_rss_mb", megabytes(_peak(sandbox))
        yield "fleet_sandbox_cpu_s", seconds(_processor_seconds(sandbox) - spent)
        yield f"fleet_{tenants}_s", seconds(cost.seconds)
        yield f"fleet_{tenants}_cpu_s", seconds(cost.processor)
        yield "fleet_rss_mb", megabytes(cost.memory)
        journal = made.project.control.journal(after=before)
        if journal[0]["number"] != before + 1:
            raise SystemExit("the sandbox's journal is too short for so many tenants")
        calls = sum(map(is_call, journal))
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


def _peak(process: int) -> float:
    """The most memory that a running process had, in millions of bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * _KIBIBYTE / 1e6


def _processor_seconds(process: int) -> float:
    """What a running process has used of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
