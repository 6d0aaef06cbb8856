"""Runs mutmut on the sign-in forecast, and reads its results (configuration: ``[tool.mutmut]`` in pyproject.toml).

mutmut changes one detail of the code at a time, in a copy (``mutants/``), and runs the tests that reach it. A mutant
that no test notices survives: a test is missing, the code is redundant, or the mutant is equivalent. Equivalent ones
are listed in ``tests/assessment/survivors.toml`` with the reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.projects import ROOT

FOLDER = ROOT / "mutants"
ACCEPTED = ROOT / "tests" / "assessment" / "survivors.toml"
_NOTICED = ("killed", "timeout")
_PACKAGE = "mimecast_sso.assessment."
_ANY = f"{_PACKAGE}sign_in.*"
"""mutmut generates all mutants, and finds out which tests reach them, when it tests any."""


@dataclass(frozen=True)
class Results:
    """The number of mutants, the number killed, and the survivors, as in `described`."""

    total: int
    noticed: int
    survivors: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of killed mutants, in percent."""
        return 100 * self.noticed / self.total


def run() -> Results:
    """Test every mutant from scratch: mutmut keeps results that new tests would change.

    All are tested in forks of one session; what survives there, mutmut itself tests again (`mutant_forks` says why).
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    _mutmut("run", _ANY)
    _test_in_forks()
    if survivors := list(_survivors()):
        _mutmut("run", *survivors)
    return results()


def _test_in_forks() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    tests = [*configuration["pytest_add_cli_args"], *configuration["pytest_add_cli_args_test_selection"]]
    with tempfile.TemporaryDirectory() as scratch:
        session = [sys.executable, "-m", "pytest", "-p", "tests.support.mutant_forks", "-n", "0", "-q", "-s"]
        session += ["--rootdir=.", "--basetemp", str(Path(scratch) / "pytest"), *tests]
        done = subprocess.run(session, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


def results() -> Results:
    """The results of the last run."""
    _mutmut("export-cicd-stats")
    counts = json.loads((FOLDER / "mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    noticed = sum(counts[each] for each in _NOTICED)
    return Results(counts["total"], noticed, tuple(sorted(map(described, _survivors()))))


def accepted() -> dict[str, str]:
    """The accepted survivors, as in `described`, each with the reason."""
    document = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    return {mutant: each["why"] for each in document["accepted"] for mutant in each["mutants"]}


def described(name: str) -> str:
    """A mutant described by its change, such as ``sign_in._held: if a → if b``: its number changes with the code.

    Args:
        name: mutmut's, such as ``mimecast_sso.assessment.sign_in.xǁEndpointsǁstarts_sign_in__mutmut_3``.
    """
    module, _, mangled = name.removeprefix(_PACKAGE).rpartition(".")
    function = mangled.partition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    changed = _mutmut("show", name).partition("@@")[2].splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in changed if line.startswith(sign)) for sign in ("-", "+")
    )
    return f"{module}.{function}: {was} → {becomes}"


def _survivors() -> Iterator[str]:
    for line in _mutmut("results").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if name and status not in _NOTICED:
            yield name


def _mutmut(*words: str) -> str:
    command = Path(sys.executable).with_name("mutmut")
    done = subprocess.run([command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout
