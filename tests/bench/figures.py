"""A figure, and how it is measured."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; None where this machine lacks what it needs."""

    value: float | None
    unit: str

    def as_dict(self) -> dict[str, float | str | None]:
        """As ``build/bench.json`` holds it."""
        return {"value": self.value, "unit": self.unit}

    def __str__(self) -> str:
        return "not measurable here" if self.value is None else f"{self.value:g} {self.unit}".rstrip()


def seconds(value: float) -> Figure:
    """A time."""
    return Figure(round(value, 3), "s")


def ratio(value: float | None) -> Figure:
    """One measure divided by another."""
    return Figure(None if value is None else round(value, 3), "")


def megabytes(value: float) -> Figure:
    """Memory, in millions of bytes."""
    return Figure(round(value, 1), "MB")


def timed(action: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def median(action: Callable[[], object], runs: int) -> float:
    """The median time of several calls."""
    return statistics.median(timed(action) for _ in range(runs))


def processor_time(words: Sequence[str], environment: Mapping[str, str], runs: int = 5) -> float:
    """The median processor time of a command, its children included."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, env=dict(environment), stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return statistics.median(once() for _ in range(runs))


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Runs a command that must end well; shows what it said when it does not."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}")
