"""The Automation API on the sandbox, with a local and with an inline program. It drives the Pulumi CLI."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.projects import ROOT, Ended, Project, project

pytestmark = pytest.mark.cli
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path, "pulumi") as made:
        shutil.copytree(ROOT / "examples" / "automation", tmp_path / "examples" / "automation")
        yield made


def run(made: Project, script: str, *words: str) -> Ended:
    """An example, with this environment active, started in a folder that is no project."""
    elsewhere = made.folder / "elsewhere"
    elsewhere.mkdir()
    file = str(made.folder / "examples" / "automation" / script)
    return made.sandbox(
        "run", "--", "env", "-C", str(elsewhere), f"PATH={PATH}", sys.executable, file, *words
    )


def test_a_local_program_previews_a_stack_of_the_clone(made: Project) -> None:
    assert made.sso("preview").code == 2
    found = run(made, "local_program.py", "sandbox")
    assert found.code == 2, found.text
    assert "sandbox: 22 to create" in found.text


def test_an_inline_program_deploys_the_component(made: Project) -> None:
    deployed = run(made, "inline_program.py")
    assert deployed.code == 0, deployed.text
    assert "identifier: https://eu-api.mimecast.com/sso/CUK25A118" in deployed.text
