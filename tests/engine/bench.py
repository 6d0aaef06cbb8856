"""Figures of the embedded engine, and of the Pulumi CLI beside it where that is on PATH.

    python tests/engine/bench.py            prints {"name": {"value": number or null, "unit": "..."}}

Each figure is the best of three runs; ratios are embedded over real, from the same session.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EMBEDDED = [sys.executable, "-m", "sandbox.engine"]
RUNS = 3
PROVIDER = """\
from pulumi import dynamic


class Provider(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return dynamic.CreateResult("id", props)


class Thing(dynamic.Resource):
    def __init__(self, name):
        super().__init__(Provider(), name, {"value": "v"})
"""
PROGRAM = """\
import os

from provider import Thing

for index in range(int(os.environ["COUNT"])):
    Thing("t%04d" % index)
"""


class Bench:
    """A project with nothing but dynamic resources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "program"
        self.folder.mkdir()
        (self.folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (self.folder / "provider.py").write_text(PROVIDER)
        (self.folder / "__main__.py").write_text(PROGRAM)
        (folder / "state").mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "SANDBOX_HOME": str(folder / "sandbox"),
        }

    def run(self, cli: list[str], *words: str, count: int = 0) -> float:
        """Seconds that a command takes."""
        start = time.monotonic()
        subprocess.run(
            [*cli, *words],
            cwd=self.folder,
            env=self.environment | {"COUNT": str(count)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.monotonic() - start

    def figures(self, cli: list[str], count: int) -> tuple[float, float]:
        """Seconds for creating `count` resources, and for finding nothing to do."""
        creates, noops = [], []
        for _ in range(RUNS):
            self.run(cli, "stack", "init", "dev", "--non-interactive")
            creates.append(self.run(cli, *_up(), count=count))
            noops.append(self.run(cli, *_up(), count=count))
            self.run(cli, "stack", "rm", "dev", "--yes", "--force")
        return min(creates), min(noops)

    def memory(self, count: int) -> float:
        """Megabytes that the engine takes at most while it creates `count` resources."""
        self.run(EMBEDDED, "stack", "init", "memory")
        process = subprocess.Popen(
            [*EMBEDDED, *_up("memory")],
            cwd=self.folder,
            env=self.environment | {"COUNT": str(count)},
            stdout=subprocess.DEVNULL,
        )
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        return used.ru_maxrss / 1024

    def first_step(self) -> float:
        """Seconds from the start of a command to its first step."""
        self.run(EMBEDDED, "stack", "init", "first")
        log = self.folder / "events.jsonl"
        words = [*EMBEDDED, *_up("first"), "--event-log", str(log)]
        start = time.time()
        process = subprocess.Popen(
            words, cwd=self.folder, env=self.environment | {"COUNT": "1"}, stdout=subprocess.DEVNULL
        )
        while not (log.exists() and "resourcePreEvent" in log.read_text()) and process.poll() is None:
            time.sleep(0.01)
        seconds = time.time() - start
        process.wait()
        return seconds


def _up(stack: str = "dev") -> list[str]:
    return ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack]


def figures() -> dict[str, dict[str, float | str | None]]:
    """All figures; null where the Pulumi CLI is needed and not there."""
    pulumi = shutil.which("pulumi")
    out: dict[str, dict[str, float | str | None]] = {}

    def put(name: str, value: float | None, unit: str) -> None:
        out[name] = {"value": None if value is None else round(value, 3), "unit": unit}

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        put("engine_start_s", bench.first_step(), "s")
        for count in (1, 50, 500):
            own = bench.figures(EMBEDDED, count)
            real = bench.figures([pulumi], count) if pulumi else (None, None)
            for verb, seconds, other in zip(("create", "noop"), own, real, strict=True):
                put(f"engine_{verb}_{count}_s", seconds, "s")
                put(f"engine_{verb}_{count}_ratio", seconds / other if other else None, "embedded/real")
        put("engine_rss_mb", bench.memory(500), "MB")
        bench.run(EMBEDDED, "stack", "init", "large")
        bench.run(EMBEDDED, *_up("large"), count=2000)
        put("engine_noop_2000_s", bench.run(EMBEDDED, *_up("large"), count=2000), "s")
    return out


if __name__ == "__main__":
    print(json.dumps(figures(), indent=1))
