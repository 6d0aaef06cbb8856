"""Mutants tested in forks of one session get the results that mutmut's own runs would give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.mutant_forks import KILLED, NO_TEST, SURVIVED, TIMEOUT
from tests.support.projects import ROOT

TESTS = """
import os

MUTANT = lambda: os.environ.get("MUTANT_UNDER_TEST", "").rpartition("_")[2]

def test_that_notices_the_first():
    assert MUTANT() != "1"

def test_that_the_third_ends():
    if MUTANT() == "3":
        os.kill(os.getpid(), 24)

def test_that_the_fourth_leaves():
    if MUTANT() == "4":
        os._exit(5)
"""
REACHING = [
    f"test_them.py::test_that_{each}" for each in ("notices_the_first", "the_third_ends", "the_fourth_leaves")
]


def test_mutants_are_tested_in_forks(tmp_path: Path) -> None:
    function, another = "package.module.x_reached", "package.module.x_not_reached"
    mutants = [*(f"{function}__mutmut_{number}" for number in range(1, 5)), f"{another}__mutmut_1"]
    meta = tmp_path / "package" / "module.py.meta"
    meta.parent.mkdir()
    meta.write_text(json.dumps({"exit_code_by_key": dict.fromkeys(mutants), "hash": 1}), encoding="utf-8")
    stats = {
        "tests_by_mangled_function_name": {function: [*REACHING, "test_them.py::test_that_is_gone"]},
        "duration_by_test": dict.fromkeys(REACHING, 0.01),
    }
    (tmp_path / "mutmut-stats.json").write_text(json.dumps(stats), encoding="utf-8")
    (tmp_path / "test_them.py").write_text(TESTS, encoding="utf-8")
    session = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.support.mutant_forks",
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
    ]
    ended = subprocess.run(
        [*session, "--rootdir=.", "test_them.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(meta.read_text(encoding="utf-8"))
    assert found == {
        "exit_code_by_key": dict(zip(mutants, (KILLED, SURVIVED, TIMEOUT, 5, NO_TEST), strict=True)),
        "hash": 1,
    }
