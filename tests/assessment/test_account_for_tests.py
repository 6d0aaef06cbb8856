"""The test account of a stack is no person: it loses nothing, and nobody else can be taken for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment import guards
from mimecast_sso.assessment.planned import planned
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types
from mimecast_sso.settings import ConfigurationError, from_values
from tests.assessment.worlds import (
    ADA,
    GRACE,
    World,
    account,
    address,
    application,
    assigned,
    attested,
    deployed,
    values,
)

ACCOUNT = "sso-test@example.com"
WANTED = {"testAccount": {"address": ACCOUNT}}


def world(*, recorded: bool = True) -> World:
    """Ada and Grace, and the test account, which signs in like them."""
    everybody = {ADA, GRACE, ACCOUNT}
    before = deployed(from_values(attested(values())), members=frozenset(everybody))
    found: list[tuple[str, dict[str, Any]]] = [
        (types.APP_ROLE_ASSIGNMENT, {"principalObjectId": f"id of {ACCOUNT}", "appRoleId": "role"})
    ]
    if recorded:
        found.append((types.USER, {"userPrincipalName": ACCOUNT, "objectId": f"id of {ACCOUNT}"}))
    more = [RecordedResource(f"urn:pulumi:test::mimecast-sso::{kind}::x", kind, each) for kind, each in found]
    return World(
        application=replace(application(), assigned=tuple(map(assigned, (ADA, GRACE, ACCOUNT)))),
        accounts=[account(each) for each in sorted(everybody)],
        members=everybody,
        addresses={each: address(each) for each in everybody},
        deployed=Record((*before.resources, *more)),
    )


@pytest.mark.parametrize("document", [values(**WANTED), values()], ids=["kept", "removed"])
def test_nobody_loses_sign_in_when_it_stays_or_goes(document: dict[str, Any]) -> None:
    assessed = world().assess(attested(document))
    assert guards.findings(assessed) == []
    assert not assessed.forecast.losses
    assert ACCOUNT not in str(guards.check(assessed))


def test_without_a_record_it_is_a_person_like_any_other() -> None:
    assert [each.guard for each in guards.findings(world(recorded=False).assess(attested(values())))]


def test_people_are_judged_as_ever_beside_it() -> None:
    less = attested(values(**WANTED, assign={"users": [ADA]}))
    (finding,) = guards.findings(world().assess(less))
    assert finding.affected == (GRACE,)


def test_an_address_that_somebody_has_is_refused() -> None:
    finding = guards.findings(world(recorded=False).assess(attested(values(**WANTED))))[0]
    assert (finding.guard, finding.final) == ("test-account", True)


def test_what_a_deployment_would_change() -> None:
    anyway = planned(World().assess(attested(values())))
    create = [each for each in planned(World().assess(attested(values(**WANTED)))) if each not in anyway]
    assert [(each.action, each.object, each.name) for each in create] == [("create", "test account", ACCOUNT)]
    assert planned(world().assess(attested(values(**WANTED)))) == anyway
    delete = [each for each in planned(world().assess(attested(values()))) if each not in anyway]
    assert [(each.action, each.object, each.name) for each in delete] == [("delete", "test account", ACCOUNT)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"assign": {"users": [ADA, ACCOUNT]}}, "names the same address for a person"),
        ({"rollOut": {"who": "pilot", "pilot": [ACCOUNT]}}, "names the same address for a person"),
        ({"assign": {"users": [ADA], "mode": "verify"}}, "needs assign.mode: manage"),
        ({"addresses": {"source": "synchronised"}}, "cannot provision it"),
        ({"domains": ["other.example"]}, "none of the configured domains"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        from_values(values(**WANTED, **changes))


@pytest.mark.parametrize(
    ("roll_out", "members"),
    [
        ({"who": "all"}, [ADA, GRACE, ACCOUNT]),
        ({"who": "pilot", "pilot": [ADA]}, [ADA, ACCOUNT]),
        ({"who": "none"}, []),
    ],
)
def test_it_is_in_the_group_unless_nobody_is(roll_out: dict[str, Any], members: list[str]) -> None:
    settings = from_values(values(**WANTED, rollOut=roll_out))
    assert settings.rolled_out([ADA, GRACE]) == members
