"""Third-party service providers as judges of SAML responses: their questions, and what they do not check.

One process per toolkit judges all cases. It reads ``{"entity_id", "acs", "metadata", "cases": {name: {"response",
"request_id"}}}`` and writes ``{name: {"name_id": …}}`` or ``{name: {"refused": why}}``. Programs: ``python/``,
``node/`` and ``go/``; the toolkits themselves are installed by ``make judges``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
INSTALLED = HERE.parents[1] / ".tools" / "judges"
PYTHON = INSTALLED / "python" / "bin" / "python"
AZ = INSTALLED / "azure-cli" / "bin" / "python"
"""Runs `azure.cli`. The script beside it names its interpreter in its first line, which ends at a blank in the path."""


def needs(*files: Path) -> None:
    """Skip a test whose judge is not installed."""
    for file in files:
        if not file.exists():
            pytest.skip(f"{file.relative_to(INSTALLED.parents[1])} is missing: make judges installs it")


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A service provider of others.

    Attributes:
        name: Its argument.
        leaves: The cases that it leaves to the application, by its documentation or its source.
        sees_through: The cases that it takes for the signed assertion in them, and reads nothing else.
        program: A program that it needs on the PATH.
    """

    name: str
    command: tuple[str, ...]
    files: tuple[Path, ...]
    leaves: frozenset[str] = field(default_factory=frozenset)
    sees_through: frozenset[str] = field(default_factory=frozenset)
    program: str = ""

    def judge(self, question: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Its verdicts by case."""
        needs(*self.files)
        if self.program and shutil.which(self.program) is None:
            pytest.skip(f"{self.name} needs {self.program} on the PATH")
        done = subprocess.run(
            [*self.command, self.name],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        verdicts: dict[str, dict[str, str]] = json.loads(done.stdout)
        return verdicts


_PYTHON = (str(PYTHON), str(HERE / "python" / "service_providers.py"))
_GO = INSTALLED / "go"
_NODE = INSTALLED / "node" / "judge.js"

TOOLKITS = (
    Toolkit("python3-saml", _PYTHON, (PYTHON,)),
    Toolkit("pysaml2", _PYTHON, (PYTHON,), program="xmlsec1"),
    Toolkit("node-saml", ("node", str(_NODE)), (_NODE,), leaves=frozenset({"wrong recipient"})),
    Toolkit(
        "samlify",
        ("node", str(_NODE)),
        (_NODE,),
        leaves=frozenset({"wrong audience", "wrong recipient", "another request"}),
        sees_through=frozenset({"a forged assertion first", "a forged assertion with the signature"}),
    ),
    Toolkit("crewjam", (str(_GO),), (_GO,)),
    Toolkit("gosaml2", (str(_GO),), (_GO,), leaves=frozenset({"another request"})),
)
