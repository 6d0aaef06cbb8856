"""The hunts: nine questions of a contributor, each answered by at most three files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("house", ROOT / "tools" / "house.py")
assert _SPEC is not None
assert _SPEC.loader is not None
house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(house)


def test_nine_hunts_end_within_three_files_each_of_which_leads_to_the_next() -> None:
    assert len(house.HUNTS) == 9
    assert list(house.problems()) == []


@pytest.mark.parametrize(
    ("stops", "problem"),
    [
        (
            (("mimecast_sso/facts/regions.py", "no_such_name"),),
            "mimecast_sso/facts/regions.py has no no_such_name",
        ),
        (
            (("mimecast_sso/facts/regions.py", "REGIONS"), ("providers/edge.py", "NAMESPACE")),
            "mimecast_sso/facts/regions.py does not lead to providers/edge.py",
        ),
        ((("mimecast_sso/facts/regions.py", "REGIONS"),) * 4, "takes 4 files"),
    ],
)
def test_a_hunt_that_leads_nowhere_or_takes_too_many_files_is_found(
    stops: tuple[tuple[str, str], ...], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "HUNTS", (("Where?", stops),))
    assert f"Where? {problem}" in list(house.problems())


def test_the_architecture_page_has_the_hunts() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert house.table() in page, "copy the table that .venv/bin/python tools/house.py prints"
