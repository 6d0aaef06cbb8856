"""Stores the counts of long runs in ``build/soak.json``: ``{name: {"value": count, "unit": …, "run": …}}``."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "build" / "soak.json"


def tally(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """A function that adds to a figure of this run: ``(name, count, unit)``. Only tests marked ``soak`` are stored.

    Tests of one run add up over pytest-xdist's workers; the first one of a new run begins at nothing.
    """
    soak = request.node.get_closest_marker("soak") is not None
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))

    def add(name: str, count: int, unit: str) -> None:
        if not soak:
            return
        SOAK.parent.mkdir(exist_ok=True)
        with SOAK.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            figures = json.loads(SOAK.read_text(encoding="utf-8")) if SOAK.exists() else {}
            figure = figures.get(name, {})
            before = figure["value"] if figure.get("run") == run else 0
            figures[name] = {"value": before + count, "unit": unit, "run": run}
            # Written atomically: a process killed while writing leaves the figures unchanged.
            fresh = SOAK.with_suffix(".new")
            fresh.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            fresh.replace(SOAK)

    return add
