"""The embedded engine against the Pulumi CLI, on stacks of dynamic resources and on the product's own stack."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, megabytes, ratio, run, seconds, timed
from tests.support.projects import project

EMBEDDED = [sys.executable, "-m", "sandbox.engine"]
SIZES = (1, 50, 500)
LARGE = (1000, 2000)
RUNS = 3
MOST_BOOK_MEGABYTES = 300

_PROGRAM = """
import os
from pulumi import dynamic
from box import Box

for number in range(int(os.environ["COUNT"])):
    Box(f"box-{number}", {"size": str(number)})
"""
_BOOK = """
import os
from box import Box

Box("book", {"size": "1", "book": {f"person-{n:06d}@example.com": {"name": f"Person {n}"}
                                   for n in range(int(os.environ["COUNT"]))}})
"""
_PROVIDER = """
from pulumi import dynamic

class BoxProvider(dynamic.ResourceProvider):
    serialize_as_secret_always = False
    def create(self, props):
        return dynamic.CreateResult(props["size"], props)
    def update(self, id, olds, news):
        return dynamic.UpdateResult(news)

class Box(dynamic.Resource):
    def __init__(self, name, props, opts=None):
        super().__init__(BoxProvider(), name, props, opts)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What a command took: seconds, processor time of all its processes in seconds, memory of the largest in MB."""

    seconds: float
    processor: float
    memory: float


@dataclass(frozen=True, slots=True)
class BenchStack:
    """A project of boxes with a stack, in a folder."""

    folder: Path
    environment: dict[str, str]

    def up(self, engine: list[str]) -> Used:
        """Deploy it."""
        words = [*engine, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"]
        log = self.folder / "up.log"
        begin = time.perf_counter()
        with log.open("w") as out:
            process = subprocess.Popen(
                words, cwd=self.folder, env=self.environment, stdout=out, stderr=subprocess.STDOUT
            )
            _, status, used = os.wait4(process.pid, 0)  # of this command alone, not of those before it
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{log.read_text()}\n{' '.join(words)} ended with {process.returncode}")
        return Used(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


@contextmanager
def bench_stack(engine: list[str], count: int) -> Iterator[BenchStack]:
    """A new stack of ``count`` boxes; nothing is deployed yet."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (folder / "__main__.py").write_text(_PROGRAM)
        (folder / "box.py").write_text(_PROVIDER)
        environment = os.environ | {
            "COUNT": str(count),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        run([*engine, "stack", "init", "dev", "--non-interactive"], folder, environment)
        yield BenchStack(folder, environment)


def measure() -> Iterator[tuple[str, Figure]]:
    """``engine_create_N_s``, ``engine_noop_N_s`` and their ratios; start, memory, growth; the product's stack.

    ``engine_book_100000_rss_mb``: the engine alone, with one resource that has a map of 100,000 entries.
    """
    pulumi = shutil.which("pulumi")
    for count in SIZES:
        own, other = _pair(EMBEDDED, count), _pair([pulumi], count) if pulumi else None
        for place, kind in enumerate(("create", "noop")):
            yield f"engine_{kind}_{count}_s", seconds(own[place])
            yield f"engine_{kind}_{count}_ratio", ratio(own[place] / other[place] if other else None)
    with bench_stack(EMBEDDED, 500) as stack:
        yield "engine_rss_mb", megabytes(stack.up(EMBEDDED).memory)
    yield "engine_book_100000_rss_mb", megabytes(_book())
    yield from _growth()
    yield "engine_start_s", seconds(statistics.median(_start_to_first_step() for _ in range(RUNS)))
    yield from _product_stack(pulumi is not None)


def _book() -> float:
    """The engine's own memory in a run that changes nothing in a map of 100,000 entries; its children take more."""
    with bench_stack(EMBEDDED, 100_000) as stack:
        (stack.folder / "__main__.py").write_text(_BOOK)
        stack.up(EMBEDDED)
        words = [*EMBEDDED, "up", "--yes", "--skip-preview", "--stack", "dev"]
        with (stack.folder / "up.log").open("w") as out:
            process = subprocess.Popen(
                words, cwd=stack.folder, env=stack.environment, stdout=out, stderr=subprocess.STDOUT
            )
            most = 0.0
            while process.poll() is None:  # What a process took is gone with it; until then it only grows.
                most = max(most, _peak(process.pid))
                time.sleep(0.02)
    if process.returncode or most > MOST_BOOK_MEGABYTES:
        raise SystemExit(f"the engine took {most:.0f} MB, and {MOST_BOOK_MEGABYTES} are its budget")
    return most


def _peak(process: int) -> float:
    """The most memory of a running process so far, in millions of bytes; 0 if it is unknown."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), default=0) * 1024 / 1e6


def _pair(engine: list[str], count: int) -> tuple[float, float]:
    """Median seconds of a first deployment, and of one that changes nothing."""
    creates, noops = [], []
    for _ in range(RUNS):
        with bench_stack(engine, count) as stack:
            creates.append(stack.up(engine).seconds)
            noops.append(stack.up(engine).seconds)
    return statistics.median(creates), statistics.median(noops)


def _growth() -> Iterator[tuple[str, Figure]]:
    """No change and creation with 1,000 and 2,000 resources in turn: seconds, and the second's cost over the first's.

    The ratio is of processor time, which other work on the machine disturbs less; 2 is linear.
    """
    used: dict[tuple[str, int], list[Used]] = {}
    for _ in range(RUNS):
        for count in LARGE:
            with bench_stack(EMBEDDED, count) as stack:
                for kind in ("create", "noop"):
                    used.setdefault((kind, count), []).append(stack.up(EMBEDDED))
    for kind in ("create", "noop"):
        for count in LARGE:
            yield (
                f"engine_{kind}_{count}_s",
                seconds(statistics.median(one.seconds for one in used[kind, count])),
            )
        small, large = (statistics.median(one.processor for one in used[kind, count]) for count in LARGE)
        yield f"engine_{kind}_growth", ratio(large / small)


def _start_to_first_step() -> float:
    with bench_stack(EMBEDDED, 1) as stack:
        words = [*EMBEDDED, "up", "--yes", "--skip-preview", "--stack", "dev"]
        begin = time.perf_counter()
        process = subprocess.Popen(
            words,
            cwd=stack.folder,
            env=stack.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        first = 0.0
        for line in process.stdout:
            if b"pulumi:pulumi:Stack" in line:
                first = first or time.perf_counter() - begin
        process.wait()
        return first


def _product_stack(with_pulumi: bool) -> Iterator[tuple[str, Figure]]:
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, project(Path(folder), "embedded") as made:
        made.up()
        flags = ["up", "--yes", "--skip-preview", "--stack", "sandbox"]
        engines = {"embedded": EMBEDDED} | ({"pulumi": ["pulumi"]} if with_pulumi else {})
        for name, engine in engines.items():
            measured = [timed(lambda: made.sandbox("run", "--", *engine, *flags)) for _ in range(RUNS)]  # noqa: B023
            times[name] = statistics.median(measured)
    yield "engine_stack_noop_s", seconds(times["embedded"])
    yield "engine_stack_noop_ratio", ratio(times["embedded"] / times["pulumi"] if with_pulumi else None)
