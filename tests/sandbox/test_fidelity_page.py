"""docs/fidelity.md: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_the_page_names_exists() -> None:
    modules = {path.stem: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    functions = {
        name for text in modules.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs" / "fidelity.md").read_text()))
    assert named - functions - modules.keys() == set()


def test_every_row_of_the_mimecast_tables_says_how_it_is_known() -> None:
    page = (ROOT / "docs" / "fidelity.md").read_text()
    part = page.partition("## Mimecast")[2].partition("## Name server")[0]
    rows = [
        line for line in part.splitlines() if line.startswith("| ") and not line.startswith("| behaviour")
    ]
    for row in rows:
        if "not simulated" in row or row.startswith(("| kind", "| `")):
            continue
        assert re.search(r"documented|observed|assumed|unknown", row), row
