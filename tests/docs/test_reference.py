"""The reference pages match the code."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from mimecast_sso.facts.outputs import OUTPUTS
from mimecast_sso.operations.exit_codes import Exit

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
assert _SPEC is not None
assert _SPEC.loader is not None
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)
CHECKPOINTS = sorted((ROOT / "tests" / "checkpoints").rglob("checkpoint.json"))


@pytest.mark.parametrize("page", ["configuration.md", "commands.md", "exit-codes.md", "outputs.md"])
def test_the_page_is_current(page: str) -> None:
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == reference.pages()[page], "run .venv/bin/python tools/reference.py"


def test_every_key_is_described() -> None:
    rows = [line for line in reference.pages()["configuration.md"].splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert [row for row in rows if row.split("|")[2].strip() == ""] == []


def test_every_exit_code_is_described() -> None:
    page = reference.pages()["exit-codes.md"]
    assert [code for code in Exit if f"| {int(code)} |" not in page] == []


def test_every_output_of_a_deployed_stack_is_described() -> None:
    found: set[str] = set()
    for file in CHECKPOINTS:
        resources = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["latest"]["resources"]
        found |= {
            key for each in resources if each["type"] == "pulumi:pulumi:Stack" for key in each["outputs"]
        }
    assert found == set(OUTPUTS)
