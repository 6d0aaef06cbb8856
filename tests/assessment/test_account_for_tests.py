"""The stack's test account is not a person: it loses no sign-in, and no person can be mistaken for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment import drift, guards
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.account_for_tests import without
from mimecast_sso.assessment.drift import Change, Severity
from mimecast_sso.assessment.planned import planned
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import Directory, LiveGroup
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import How, live
from mimecast_sso.settings import ConfigurationError, from_values
from providers.entra.conditional_access import AccessPolicy
from tests.assessment.worlds import (
    ADA,
    GRACE,
    GROUP,
    NOW,
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
    kept = [each for each in before.resources if each.type != types.ADDRESS_BOOK]
    book = {"addresses": {each: {"name": ""} for each in sorted(everybody)}, "created": sorted(everybody)}
    kept.append(RecordedResource("urn:pulumi:test::mimecast-sso::book::x", types.ADDRESS_BOOK, book))
    return World(
        application=replace(application(), assigned=tuple(map(assigned, (ADA, GRACE, ACCOUNT)))),
        accounts=[account(each) for each in sorted(everybody)],
        members=everybody,
        addresses={each: address(each) for each in everybody},
        deployed=Record((*kept, *more)),
    )


@pytest.mark.parametrize("document", [values(**WANTED), values()], ids=["kept", "removed"])
def test_nobody_loses_sign_in_when_it_stays_or_goes(document: dict[str, Any]) -> None:
    assessed = world().assess(attested(document))
    assert guards.findings(assessed) == []
    assert not assessed.forecast.losses
    assert ACCOUNT not in str(guards.check(assessed))


def test_without_a_record_it_is_a_person_like_any_other() -> None:
    assert [each.guard for each in guards.findings(world(recorded=False).assess(attested(values())))]


def test_other_people_are_judged_as_without_it() -> None:
    less = attested(values(**WANTED, assign={"users": [ADA]}))
    (finding,) = guards.findings(world().assess(less))
    assert finding.affected == (GRACE,)


LIVE = {
    "userPrincipalName": ACCOUNT,
    "objectId": f"id of {ACCOUNT}",
    "mail": ACCOUNT,
    "displayName": "",
    "accountEnabled": True,
}


def found(tenant: World, document: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """What drift finds of the account, each with what it says; nobody fails for it."""
    recorded = RecordedResource(f"urn:pulumi:test::mimecast-sso::{types.USER}::x", types.USER, LIVE)
    kept = tuple(each for each in tenant.deployed.resources if each.type != types.USER)
    tenant = replace(tenant, deployed=Record((*kept, recorded)))
    anyway = drift.find(world().assess(attested(values(**WANTED))))
    findings = [
        each
        for each in drift.find(tenant.assess(attested(document or values(**WANTED))))
        if each not in anyway
    ]
    assert all(each.severity is Severity.LOOK and each.subject == ACCOUNT for each in findings)
    return [(each.id, each.text) for each in findings]


def test_an_unchanged_test_account_is_no_drift() -> None:
    assert found(world()) == []
    assert found(world(), values()) == []


def test_drift_reports_a_deleted_test_account() -> None:
    others = [account(each) for each in (ADA, GRACE)]
    assert found(replace(world(), accounts=others)) == [
        (f"test-account/missing/{ACCOUNT}", f"test account {ACCOUNT} no longer exists")
    ]
    (gone,) = (
        each
        for each in drift.find(replace(world(), accounts=others).assess(attested(values())))
        if each.object == "test account"
    )
    assert gone.change == Change((ACCOUNT,), ())
    assert (gone.source, gone.targets) == ("Microsoft Graph", (f"id of {ACCOUNT}",))
    unread = replace(world(), changes={"directory": Directory(unread="403")})
    assert found(unread) == [], "who could not be looked up is not gone"


@pytest.mark.parametrize(
    ("changes", "aspect", "values_"),
    [
        ({"enabled": False}, "accountEnabled", ("true", "false", "true")),
        ({"mail": "x@example.com"}, "mail", (ACCOUNT, "x@example.com", ACCOUNT)),
        ({"user_principal_name": "x@example.com"}, "userPrincipalName", (ACCOUNT, "x@example.com", ACCOUNT)),
        ({"display_name": "Somebody"}, "displayName", ("", "Somebody", "Single sign-on test account")),
    ],
)
def test_drift_reports_changed_properties_of_the_test_account(
    changes: dict[str, Any], aspect: str, values_: tuple[str, str, str]
) -> None:
    mine = account(ACCOUNT, **changes)
    tenant = replace(world(), accounts=[account(ADA), account(GRACE), mine])
    assert found(tenant) == [
        (f"test-account/{aspect}/changed/{ACCOUNT}", f"test account {aspect} {ACCOUNT} changed")
    ]
    recorded = RecordedResource(f"urn:pulumi:test::mimecast-sso::{types.USER}::x", types.USER, LIVE)
    kept = tuple(each for each in tenant.deployed.resources if each.type != types.USER)
    assessed = replace(tenant, deployed=Record((*kept, recorded))).assess(attested(values(**WANTED)))
    (finding,) = [each for each in drift.find(assessed) if each.object == "test account"]
    change = finding.change
    assert (change.recorded, change.live, change.desired) == tuple((each,) for each in values_)
    assert finding.targets == (f"id of {ACCOUNT}",)
    removed = replace(tenant, deployed=Record((*kept, recorded))).assess(attested(values()))
    (finding,) = [each for each in drift.find(removed) if each.object == "test account"]
    assert finding.change.desired is None, "the file does not ask for the account"


def test_drift_of_its_assignment_is_told_by_its_address_and_stops_nobody() -> None:
    tenant = replace(world(), application=replace(application(), assigned=(assigned(ADA), assigned(GRACE))))
    findings = drift.find(tenant.assess(attested(values(**WANTED))))
    (finding,) = [each for each in findings if each.object == "assignment"]
    assert (finding.subject, finding.reasons) == (ACCOUNT, frozenset())


def test_drift_reports_its_lost_assignment_and_membership() -> None:
    unassigned = replace(application(), assigned=tuple(map(assigned, (ADA, GRACE))))
    assert found(replace(world(), application=unassigned)) == [
        (f"assignment/missing/id-of-{ACCOUNT}", f"assignment {ACCOUNT} no longer exists")
    ]
    assert found(replace(world(), members={ADA, GRACE})) == [
        (f"roll-out-group/member/missing/{ACCOUNT}", f"roll-out group member {ACCOUNT} was removed")
    ]


@pytest.mark.parametrize(
    "other", [{"mail": "somebody@example.com"}, {"user_principal_name": "somebody@example.com"}]
)
def test_an_address_that_somebody_has_is_refused(other: dict[str, Any]) -> None:
    theirs = account(ACCOUNT, **{"display_name": "Sam Test", **other})
    tenant = replace(world(recorded=False), accounts=[account(ADA), account(GRACE), theirs])
    finding = guards.findings(tenant.assess(attested(values(**WANTED))))[0]
    assert (finding.guard, finding.final) == ("test-account", True)
    assert finding.problem == (
        f"mimecast-sso:testAccount.address is {ACCOUNT}, but Entra already has an account with this address "
        '("Sam Test"), which this stack did not create. It would be changed, and deleted with the stack'
    )
    assert [(each.text, each.how, each.source) for each in finding.known] == [
        (f"object id id of {ACCOUNT}", How.LIVE, "Microsoft Graph")
    ]
    assert finding.remedy == (
        "choose an unused address. An account that a run of this stack created and could not record is "
        "imported, if the state still has its password and nobody changed its employee id or user principal name; "
        f"otherwise delete it first: az ad user delete --id id of {ACCOUNT}"
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "Sam Test",
            'if an earlier test account left it behind, set mimecast-sso:testAccount.displayName: "Sam Test"',
        ),
        ("", "choose an unused address"),
        ("Single sign-on test account", None),
    ],
)
def test_an_address_that_somebody_has_at_mimecast_alone_is_refused(name: str, remedy: str | None) -> None:
    """They sign in with a password there, and would be sent to Entra."""
    theirs = {each: address(each) for each in (ADA, GRACE)} | {ACCOUNT: replace(address(ACCOUNT), name=name)}
    tenant = World(addresses=theirs)
    found = guards.findings(tenant.assess(attested(values(**WANTED))))
    refused = [each for each in found if each.guard == "test-account"]
    assert [each.remedy.endswith(remedy or "") for each in refused] == ([] if remedy is None else [True])
    assert all(each.final and each.affected == (ACCOUNT,) for each in refused)


APPLIES = AccessPolicy(
    "policy", "Strict", enforced=True, decided=True, operator="OR", controls=("mfa",), changed_at=NOW
)


def test_the_snapshot_without_it_is_that_of_a_tenant_without_it() -> None:
    settings = from_values(attested(values(**WANTED)))
    everybody = {f"id of {ADA}", f"id of {ACCOUNT}"}
    evaluated = AccessSample(
        (f"id of {ADA}", f"id of {ACCOUNT}"),
        3,
        dict.fromkeys(everybody, "Block"),
        dict.fromkeys(everybody, (APPLIES,)),
    )
    tenant = world()
    tenant.groups = {GROUP: [account(ADA), account(ACCOUNT)]}
    full = tenant.snapshot(settings)
    left = without(replace(full, access=live(evaluated)))
    people = {f"id of {ADA}", f"id of {GRACE}"}
    for one in (left.application.value, left.own.value):
        assert one is not None
        assert {each.principal_id for each in one.assigned} == people
    assert set(left.directory.accounts) == people
    (group,) = left.directory.assigned_groups.values()
    assert (group.name, group.members) == (GROUP, (account(ADA),))
    configured = replace(
        full, directory=replace(full.directory, groups=(*full.directory.assigned_groups.values(),))
    )
    assert without(configured).directory.groups == (group,)
    assert left.access.value == AccessSample(
        (f"id of {ADA}",), 2, {f"id of {ADA}": "Block"}, {f"id of {ADA}": (APPLIES,)}
    )
    (members,) = (each.value for each in left.groups.values())
    assert members == LiveGroup(members.name if members else "", frozenset({ADA, GRACE}))
    moving = live(LiveGroup("Single sign-on", frozenset({ADA}), frozenset({ACCOUNT}), frozenset({ACCOUNT})))
    moved = without(replace(full, groups=dict.fromkeys(full.groups, moving)))
    assert [each.value for each in moved.groups.values()] == [LiveGroup("Single sign-on", frozenset({ADA}))]
    book = left.recorded.outputs_of(types.ADDRESS_BOOK)
    assert book is not None
    assert (book["addresses"].keys(), book["created"]) == ({ADA, GRACE}, [ADA, GRACE])
    assert set(left.addresses.value or ()) == {ADA, GRACE}
    elsewhere = {each: one for each, one in full.directory.accounts.items() if each != f"id of {ACCOUNT}"}
    unseen = replace(full, directory=replace(full.directory, accounts=elsewhere), access=live(evaluated))
    assert without(unseen).access.value == evaluated, "who is not among the accounts was not counted"


def test_an_account_that_a_run_could_not_record_is_imported_and_not_refused() -> None:
    mine = Directory(
        accounts={f"id of {each}": account(each) for each in (ADA, GRACE, ACCOUNT)},
        unrecorded_account=f"id of {ACCOUNT}",
    )
    tenant = replace(world(recorded=False), changes={"directory": mine})
    found = guards.findings(tenant.assess(attested(values(**WANTED))))
    assert "test-account" not in {each.guard for each in found}
    another = replace(tenant, changes={"directory": replace(mine, unrecorded_account="another")})
    (refused,) = [
        each
        for each in guards.findings(another.assess(attested(values(**WANTED))))
        if each.guard == "test-account"
    ]
    assert f"az ad user delete --id id of {ACCOUNT}" in refused.remedy


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
def test_settings_that_exclude_a_test_account_are_refused(changes: dict[str, Any], said: str) -> None:
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
def test_it_is_in_the_group_unless_the_roll_out_is_none(roll_out: dict[str, Any], members: list[str]) -> None:
    settings = from_values(values(**WANTED, rollOut=roll_out))
    assert settings.rolled_out([ADA, GRACE]) == members
