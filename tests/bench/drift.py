"""The cost of a drift check without an engine, for the deployed and unchanged sandbox stack."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, processor_time, seconds
from tests.support.journal import is_call
from tests.support.projects import project

MOST_CALLS = 11


def measure() -> Iterator[tuple[str, Figure]]:
    """``drift_fast_cpu_s``: processor time of the whole command; ``drift_fast_calls``: without tokens."""
    with tempfile.TemporaryDirectory() as folder, project(Path(folder), "embedded") as made:
        assert made.up().code == 0
        made.do_the_console_work()
        assert made.up().code == 0
        program = str(Path(sys.executable).with_name("mimecast-sso"))
        words = [program, "drift", "--fast", "--stack", "sandbox"]
        before = made.control.journal()[-1]["number"]
        assert made.sso("drift", "--fast").code == 0
        calls = sum(is_call(each) for each in made.control.journal(after=before))
        here = Path.cwd()
        os.chdir(made.folder)
        try:
            taken = processor_time(words, os.environ | made.running.env)
        finally:
            os.chdir(here)
        yield "drift_fast_cpu_s", seconds(taken)
        yield "drift_fast_calls", Figure(calls, "")
        if calls > MOST_CALLS:
            raise SystemExit(f"a drift check takes {calls} calls, and {MOST_CALLS} are its budget")
