"""The owners of the application object that a run declares. Pure."""

from __future__ import annotations

import pytest

from mimecast_sso.assessment.application_owners import declared
from providers.entra.applications import Owner, Registration

APPLICATION = "66666666-0000-4000-8000-000000000001"
ME, ADA, ALAN = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in range(3))


def live(*owners: str) -> Registration:
    return Registration(APPLICATION, tuple(Owner(owner, "") for owner in owners))


def import_id(owner: str) -> str:
    return f"/applications/{APPLICATION}/owners/{owner}"


@pytest.mark.parametrize(
    ("configured", "found", "recorded", "expected"),
    [
        pytest.param([], live(ADA), set(), {}, id="nobody configured: nobody else is touched"),
        pytest.param([ADA], None, set(), {ADA: None}, id="a new application"),
        pytest.param([ADA], live(ME), set(), {ADA: None}, id="not an owner yet"),
        pytest.param([ADA], live(ME, ADA), set(), {ADA: import_id(ADA)}, id="an owner already"),
        pytest.param([ME], None, set(), {}, id="the deployer of a new application may be one by instantiating"),
        pytest.param([ME], live(ME), set(), {}, id="the deployer is one by instantiating: the next run agrees"),
        pytest.param([ME], live(ADA), set(), {ME: None}, id="the deployer is none"),
        pytest.param([ME], live(ME), {ME}, {ME: import_id(ME)}, id="the deployer was made one"),
        pytest.param([ADA], live(ME, ADA), {ME, ADA}, {ADA: import_id(ADA), ME: import_id(ME)},
                     id="the deployer, no longer configured, stays"),
        pytest.param([ALAN], live(ME, ADA), {ADA}, {ALAN: None}, id="another one, no longer configured, goes"),
        pytest.param([ME], live(ME), None, {ME: import_id(ME)}, id="state unknown: taken over"),
        pytest.param([ME], None, None, {}, id="state unknown, a new application"),
    ],
)  # fmt: skip
def test_configured_owners_are_added_and_others_removed_except_the_deployer(
    configured: list[str],
    found: Registration | None,
    recorded: set[str] | None,
    expected: dict[str, str | None],
) -> None:
    assert declared(configured, ME, found, recorded) == expected
