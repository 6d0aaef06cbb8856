"""Runs mutmut over the sign-in forecast, and reads what it found (configuration: ``[tool.mutmut]`` in pyproject.toml).

mutmut changes one detail of the code at a time, in a copy (``mutants/``), and runs the tests that reach it. A mutant
that no test notices survives: a test is missing, the code is redundant, or the mutant means the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.projects import ROOT

FOLDER = ROOT / "mutants"
ACCEPTED = ROOT / "tests" / "assessment" / "survivors.toml"
_NOTICED = ("killed", "timeout")
_PACKAGE = "mimecast_sso.assessment."


@dataclass(frozen=True, order=True)
class Mutant:
    """One mutant by what it changes; its number says nothing, because that moves with the code.

    Attributes:
        where: Module and function, such as ``sign_in._held``.
        was: The lines that it replaces, on one line.
        becomes: The lines that replace them.
    """

    where: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.where}: {self.was} → {self.becomes}"


@dataclass(frozen=True)
class Results:
    """How many mutants there were, how many the tests noticed, and the others."""

    total: int
    noticed: int
    survivors: tuple[Mutant, ...]

    @property
    def share(self) -> float:
        """The share of noticed mutants, in percent."""
        return 100 * self.noticed / self.total


def run() -> Results:
    """Tests every mutant, from nothing: mutmut keeps verdicts that new tests would change."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    _mutmut("run", "--max-children", "1")
    return results()


def results() -> Results:
    """The results of the last run."""
    _mutmut("export-cicd-stats")
    counts = json.loads((FOLDER / "mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    return Results(counts["total"], sum(counts[each] for each in _NOTICED), tuple(sorted(_survivors())))


def accepted() -> dict[Mutant, str]:
    """The survivors that are accepted, each with the reason."""
    document = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    return {
        Mutant(where, each["was"], each["becomes"]): each["why"]
        for where, mutants in document.items()
        for each in mutants
    }


def _survivors() -> Iterator[Mutant]:
    for line in _mutmut("results").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if name and status not in _NOTICED:
            yield _mutant(name)


def _mutant(name: str) -> Mutant:
    """A mutant from its name, such as ``mimecast_sso.assessment.sign_in.xǁEndpointsǁstarts_sign_in__mutmut_3``."""
    module, _, mangled = name.removeprefix(_PACKAGE).rpartition(".")
    function = mangled.partition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    changed = _mutmut("show", name).partition("@@")[2].splitlines()
    was, becomes = (
        " ".join(line[1:].strip() for line in changed if line.startswith(sign)) for sign in ("-", "+")
    )
    return Mutant(f"{module}.{function}", was, becomes)


def _mutmut(*words: str) -> str:
    command = Path(sys.executable).with_name("mutmut")
    done = subprocess.run([command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout
