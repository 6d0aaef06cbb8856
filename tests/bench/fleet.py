"""What a drift check of many tenants costs, in one process and beside one sandbox."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.drift import MOST_CALLS, is_call
from tests.bench.figures import Figure, megabytes, seconds, timed
from tests.support.fleets import Fleet, fleet

_TENANTS = 100
_KIBIBYTE = 1024


def measure(tenants: int = _TENANTS) -> Iterator[tuple[str, Figure]]:
    """``fleet_100_s``; ``fleet_rss_mb``: of the command alone; ``fleet_calls_per_tenant``: without tokens.

    Of twenty people in each tenant, all in the roll-out.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        fleet(Path(folder), [f"t{number:04d}" for number in range(tenants)], people=20) as made,
    ):
        before = made.project.control.journal()[-1]["number"]
        yield f"fleet_{tenants}_s", seconds(timed(lambda: _check(made)))
        calls = sum(is_call(each) for each in made.project.control.journal(after=before))
        yield (
            "fleet_rss_mb",
            megabytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIBIBYTE / 1e6),
        )
        yield "fleet_calls_per_tenant", Figure(round(calls / tenants, 1), "")
        if calls > MOST_CALLS * tenants:
            raise SystemExit(f"a tenant takes {calls / tenants:g} calls, and {MOST_CALLS} are its budget")


def _check(made: Fleet) -> None:
    done = subprocess.run(
        made.command("fleet", "drift"),
        cwd=made.project.folder,
        env=os.environ | made.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the fleet is not quiet:\n{done.stdout}")
