"""The product as a new user sees it: a fresh clone, ``make up``, ``make up`` again, the sandbox alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox import lifecycle
from tests.bench.figures import Figure, median, megabytes, processor_time, run, seconds, timed

ROOT = Path(__file__).resolve().parents[2]


def measure() -> Iterator[tuple[str, Figure]]:
    """``up_fresh_s`` (with a warm package cache), ``up_noop_s``, ``sandbox_ready_s``, ``sandbox_rss_mb``.

    ``help_cpu_s`` and ``completion_cpu_s`` are processor time.
    """
    yield from _command_line()
    environment = {key: value for key, value in os.environ.items() if key != "SANDBOX_HOME"}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], ROOT, environment)
        up = ["make", "up"]
        try:
            yield "up_fresh_s", seconds(timed(lambda: run(up, clone, environment)))
            yield "up_noop_s", seconds(median(lambda: run(up, clone, environment), 5))
        finally:
            subprocess.run(
                [".venv/bin/python", "-m", "sandbox", "stop"], cwd=clone, env=environment, check=False
            )
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        start = [sys.executable, "-m", "sandbox", "start"]
        ready, memory = [], []
        for _ in range(5):
            ready.append(timed(lambda: run(start, ROOT, environment | {"SANDBOX_HOME": folder})))
            memory.append(_resident_megabytes(lifecycle.status(home)["pid"]))
            lifecycle.stop(home)
        yield "sandbox_ready_s", seconds(sorted(ready)[2])
        yield "sandbox_rss_mb", megabytes(max(memory))


def _command_line() -> Iterator[tuple[str, Figure]]:
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    asked = {
        "_MIMECAST_SSO_COMPLETE": "bash_complete",
        "COMP_WORDS": "mimecast-sso up --stack ",
        "COMP_CWORD": "3",
    }
    yield "help_cpu_s", seconds(processor_time([program, "--help"], os.environ))
    yield "completion_cpu_s", seconds(processor_time([program], os.environ | asked))


def _resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("the sandbox's memory cannot be read on this machine")
