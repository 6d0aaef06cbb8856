"""Checks, diffs, previews and configuration: the same responses as the published plugin, case by case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.azuread.driver import Plugin
from tests.azuread.offline_cases import Case, cases, outcome

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "offline.json").read_text())
CASES = cases()


def test_every_case_is_recorded() -> None:
    assert sorted(CASES) == sorted(RECORDED)


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES.keys())
def test_responses_are_as_recorded(name: str, case: Case, plugin: Plugin) -> None:
    assert outcome(case, plugin) == RECORDED[name]
