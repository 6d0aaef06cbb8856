"""The life cycle of the deployed resources: the same responses as the published plugin, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.azuread.conftest import ROOT, STAND_IN, published_command
from tests.azuread.driver import Plugin, plugin_environment
from tests.azuread.scenario import comparable, run
from tests.support.sandboxes import RunningSandbox

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "scenario.json").read_text())


def _responses(command: list[str], sandbox: RunningSandbox) -> dict[str, Any]:
    with Plugin(command, plugin_environment(sandbox.env), ROOT) as plugin:
        plugin.configure({"version": "6.11.1"})
        return comparable(run(plugin, sandbox))


@pytest.fixture(scope="module")
def responses(sandbox: RunningSandbox) -> dict[str, Any]:
    """The stand-in's responses."""
    return _responses(STAND_IN, sandbox)


@pytest.mark.parametrize("step", RECORDED)
def test_the_stand_in_responds_as_recorded(step: str, responses: dict[str, Any]) -> None:
    assert responses[step] == RECORDED[step]


def test_no_step_is_omitted_and_no_route_unknown(responses: dict[str, Any], sandbox: RunningSandbox) -> None:
    assert list(responses) == list(RECORDED)
    assert sandbox.control.status()["unknown"] == {}
    assert sandbox.control.status()["refused"] == {}


@pytest.mark.soak  # its waits for replication alone take most of a minute
def test_the_published_plugin_responds_as_recorded(sandbox: RunningSandbox) -> None:
    assert _responses(published_command(), sandbox) == RECORDED
