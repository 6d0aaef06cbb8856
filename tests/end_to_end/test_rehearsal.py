"""A production stack, rehearsed on the sandbox with its configuration unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.projects import ENGINES_AT_LENGTH, ROOT


@pytest.mark.parametrize("engine", ENGINES_AT_LENGTH)
@pytest.mark.parametrize("stack", ["prod-eu", pytest.param("prod-us", marks=pytest.mark.soak)])
def test_a_rehearsal_leaves_the_tracked_file_alone(tmp_path: Path, engine: str, stack: str) -> None:
    for name in ("Pulumi.yaml", "__main__.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "stacks").mkdir()
    tracked = tmp_path / "stacks" / f"Pulumi.{stack}.yaml"
    tracked.write_bytes((ROOT / "stacks" / tracked.name).read_bytes())
    (tmp_path / ".venv").symlink_to(sys.prefix)
    before = tracked.read_text()
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path / "home"), "ENGINE": engine}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("start")
    try:
        run("seed", "--stack", stack)
        sso = ["run", "--", str(Path(sys.executable).with_name("mimecast-sso"))]
        assert "Console work is due" in run(*sso, "up", "--stack", stack, "--yes")
        assert tracked.read_text() == before
        assert "unchanged" in run(*sso, "preview", "--stack", stack)
        assert tracked.read_text() == before
    finally:
        run("stop")
