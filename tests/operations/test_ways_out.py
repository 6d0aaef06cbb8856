"""The commands that a drift report offers for each kind of drift. Pure; end-to-end tests run them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import Change, Finding, Part, Severity, keeping
from mimecast_sso.operations import ways_out
from tests.assessment.test_drift import PLANTS, changed, left, quiet
from tests.assessment.worlds import ADA, GRACE, World, attested, values


def assessed(world: World, document: dict[str, Any] | None = None) -> Assessment:
    return replace(world.assess(document), stack="prod-eu")


def offered(world: World, document: dict[str, Any] | None = None, undo: Path | None = None) -> dict[str, str]:
    """The commands for the only finding."""
    assessment = assessed(world, document)
    (finding,) = drift.find(assessment)
    return dict(ways_out.commands(finding, assessment, undo))


@pytest.mark.parametrize("name", PLANTS)
def test_each_kind_of_drift_has_ways_out(name: str, snapshot: SnapshotAssertion) -> None:
    world = quiet()
    PLANTS[name](world)
    assessment = assessed(world)
    (finding,) = drift.find(assessment)
    edit = keeping.edit(finding, assessment)
    kept = f"{edit} = {edit.document[edit.key]!r}" if edit else "none"
    commands = ways_out.commands(finding, assessment, None)
    assert "\n".join([*(f"{each}: {commands[each]}" for each in commands), f"edit: {kept}"]) == snapshot


def test_nobody_is_kept_out_of_their_portal() -> None:
    world = quiet()
    changed(assignment_required=False, assigned=())(world)
    (required, *others) = sorted(drift.find(assessed(world)), key=lambda each: each.object, reverse=True)
    assert required.aspect == "appRoleAssignmentRequired"
    assert {each.severity for each in others} == {Severity.LOOK}, "nobody needs an assignment"
    world = quiet()
    changed(assigned=())(world)
    assessment = assessed(world)
    for finding in drift.find(assessment):
        assert finding.severity is Severity.URGENT
        assert keeping.edit(finding, assessment) is None
        assert set(ways_out.commands(finding, assessment, None)) == {"restore", "at once"}


def test_a_change_that_the_file_has_already_is_recorded_by_a_deployment() -> None:
    world = quiet()
    changed(display_name="Renamed")(world)
    document = attested(values(application={"displayName": "Renamed"}))
    assert offered(world, document) == {"keep it": "mimecast-sso up --stack prod-eu --refresh"}


def test_after_a_roll_back_no_deployment_restores_anybody() -> None:
    world = quiet()
    left(world)
    document = attested(values(rollOut={"who": "none"}))
    record = "mimecast-sso up --stack prod-eu --refresh"
    assert offered(world, document) == {
        "restore": f"mimecast-sso roll-out widen --stack prod-eu --pilot {GRACE} --apply",
        "keep it": record,
    }
    assert offered(world, document, Path("a record.json")) == {
        "restore": "mimecast-sso roll-out widen --stack prod-eu --undo 'a record.json' --apply",
        "keep it": record,
    }


def test_a_section_that_another_key_implies_is_written_whole() -> None:
    document = attested(values(pilot=[ADA, GRACE]))
    document.pop("rollOut", None)
    document.pop("assign", None)
    world = quiet()
    left(world)
    assessment = assessed(world, document)
    (finding,) = drift.find(assessment)
    edit = keeping.edit(finding, assessment)
    assert edit is not None
    assert edit.document == {"who": "pilot", "pilot": [ADA]}


@pytest.mark.parametrize(
    "live",
    ["", "x" * 91, "two\nlines", "\u202ereversed"],
)
def test_a_name_that_the_file_cannot_hold_is_not_kept(live: str) -> None:
    world = quiet()
    changed(display_name=live)(world)
    assert "keep it" not in offered(world)


@pytest.mark.parametrize("key", ["a'b", "$(reboot)", "`x`", "a;b", "a\u202eb", "a|b", "x ::error::y", "a*b"])
def test_no_command_holds_what_a_shell_or_a_report_could_read_otherwise(key: str) -> None:
    assessment = assessed(quiet())
    finding = Finding(Part.UNMANAGED, "application", "identifier", key, key, Change((), (key,), ()))
    assert ways_out.commands(finding, assessment, None) == {}


def test_expected_drift_is_not_offered_once_more() -> None:
    world = quiet()
    changed(notes="theirs")(world)
    entry = {"path": "service-principal.notes", "reason": "migration", "until": "2099-12-31"}
    document = attested(values()) | {"drift": {"expected": [entry]}}
    assert set(offered(world, document)) == {"restore"}
