"""docs/fidelity.md: every test that it names exists."""

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


_KNOWN = (
    "documented",
    "seen in public traffic (",
    "seen in public reports (",
    "seen in published ",
    "dated by a real tenant (2",
    "assumed",
    "choice of the sandbox",
    "RFC ",
)


def test_every_row_says_how_it_is_known() -> None:
    page = (ROOT / "docs" / "fidelity.md").read_text()
    tables = [part for part in page.split("\n\n") if part.startswith("| behaviour ")]
    assert len(tables) == 3
    for table in tables:
        head, _, *rows = (line.strip("| ").split(" | ") for line in table.splitlines())
        column = head.index("known")
        assert rows
        for row in rows:
            assert len(row) == len(head), row
            assert row[column].startswith(_KNOWN), row
