"""What a run would change, from snapshot and record alone, and the plan's digest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.assessment import assessment, drift, plan_digest
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.planned import console_work, planned, summary
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types
from mimecast_sso.operations import plan
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.provenance import Known, live, unknown
from mimecast_sso.settings import from_values
from providers.entra.applications import Owner, Registration
from providers.mimecast.directory_connection import DirectoryConnection
from providers.mimecast.directory_integration import Integration
from tests.assessment.worlds import (
    ADA,
    ALAN,
    GRACE,
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

QUIET = attested(values())


def texts(world: World, document: dict[str, Any]) -> list[str]:
    return [each.text for each in planned(world.assess(document))]


def world_with_everything_recorded() -> World:
    """The default world, its record with every property that a deployment sets."""
    return World(deployed=_complete(deployed(from_values(QUIET))))


def _complete(record: Record) -> Record:
    active = {"thumbprint": "A" * 40, "replace": True, "activeThumbprint": "A" * 40}
    book = {"addresses": {ADA: {"name": ""}, GRACE: {"name": ""}}, "onRemoval": "forget", "adopt": []}
    better = {types.ACTIVE_SIGNING_CERTIFICATE: active, types.ADDRESS_BOOK: book}
    found = []
    for each in record.resources:
        outputs = dict(each.outputs) | better.get(each.type, {})
        if each.type == types.SERVICE_PRINCIPAL:
            outputs["loginUrl"] = from_values(QUIET).sign_on_url
        found.append(replace(each, outputs=outputs))  # type: ignore[type-var]
    return Record(tuple(found))


@pytest.fixture
def world() -> World:
    return world_with_everything_recorded()


def test_a_deployment_as_configured_plans_nothing(world: World) -> None:
    found = planned(world.assess(QUIET))
    assert found == ()
    assert summary(found) == "\u2013"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"assign": {"users": [ADA]}}, ["delete assignment"]),
        ({"assign": {"users": [ADA, GRACE, ALAN]}}, ["create assignment"]),
        (
            {"rollOut": {"who": "pilot", "pilot": [ADA]}},
            ["update members of the roll-out group: members (+0, \u22121)"],
        ),
        (
            {"addresses": {"list": [{"address": ADA}, {"address": GRACE}, {"address": ALAN}]}},
            [
                "update address book: addresses (+1, \u22120)",
                "update members of the roll-out group: members (+1, \u22120)",
            ],
        ),
        (
            {"addresses": {"list": [{"address": ADA, "name": "Ada L."}, {"address": GRACE}]}},
            ["update address book: names and passwords"],
        ),
        ({"application": {"displayName": "Portal"}}, ["update application: display name"]),
        ({"application": {"hide": True}}, ["update service principal: hidden in My Apps"]),
        (
            {"application": {"notificationEmails": [ADA]}},
            ["update service principal: notification addresses (+1, \u22120)"],
        ),
        ({"domains": [{"name": "example.com"}]}, ["create domain"]),
        (
            {"directorySynchronisation": {"description": "Entra", "mode": "require"}},
            ["create directory integration"],
        ),
        (
            {
                "certificates": {
                    "generations": [
                        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
                        {"label": "2027", "endDate": "2029-12-01T00:00:00Z"},
                    ],
                    "active": "2026",
                }
            },
            ["create signing certificate"],
        ),
    ],
)
def test_each_change_of_the_configuration_is_planned(
    world: World, change: dict[str, Any], expected: list[str]
) -> None:
    world.accounts.append(account(ALAN))
    world.addresses[ALAN] = address(ALAN)
    assert texts(world, attested(values(**change))) == expected


def test_a_new_form_is_work_in_the_console_and_holds_people_back(world: World) -> None:
    document = dict(QUIET)
    document["authenticationProfile"] = dict(QUIET["authenticationProfile"]) | {"allowSingleSignOn": False}
    found = world.assess(document)
    assert console_work(found.desired) == {"first": ("Allow Single Sign On",)}
    changes = [each.text for each in planned(found)]
    assert "update authentication profile: Allow Single Sign On" in changes
    assert "update members of the roll-out group: held back" in changes


def test_the_first_deployment_creates_everything_and_all_fields_are_due() -> None:
    fresh = World(application=None, deployed=Record(), members=set())
    found = fresh.assess(values())
    changes = [each.text for each in planned(found)]
    assert {"create application", "create claims policy", "create signing certificate"} <= set(changes)
    assert "create address book: addresses (+2, \u22120)" in changes
    assert len(console_work(found.desired)["first"]) > 10
    assert summary(planned(found)).endswith(" creates")


def test_a_second_profile_comes_with_its_group_and_goes_with_it(world: World) -> None:
    two = {
        "rotation": "blue-green",
        "generations": [
            {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
            {"label": "2027", "endDate": "2029-12-01T00:00:00Z", "profile": "second"},
        ],
        "active": "2026",
    }
    found = world.assess(attested(values(certificates=two)))
    assert [each.text for each in planned(found)] == [
        "create signing certificate",
        "create second roll-out group",
        "create members of the second roll-out group",
        "create second authentication profile",
    ]
    assert set(console_work(found.desired)) == {"second"}
    group = RecordedResource(
        "urn:pulumi:test::mimecast-sso::x::mimecast-roll-out-second",
        types.GROUP,
        {"description": "Two", "created": True},
    )
    world.deployed = Record((*world.deployed.resources, group))
    assert texts(world, QUIET) == ["delete second roll-out group"]


def test_the_next_generation_becomes_the_active_one(world: World) -> None:
    generations = [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2027", "endDate": "2029-12-01T00:00:00Z"},
    ]
    found = texts(world, attested(values(certificates={"generations": generations, "active": "2027"})))
    assert "create signing certificate" in found
    assert "update active signing certificate: certificate" in found


def test_a_described_change_contains_no_value(world: World) -> None:
    changes = planned(world.assess(attested(values(rollOut={"who": "pilot", "pilot": [ADA]}))))
    assert all("@" not in each.text for each in changes)
    assert GRACE in str([each.document() for each in changes])


# -- The digest -----------------------------------------------------------------------------------------------------

Change = Callable[[World], dict[str, Any] | None]


def _disabled(world: World) -> None:
    world.application = application(enabled=False)


def _unmanaged_member(world: World) -> None:
    world.application = application(assigned=(*application().assigned, assigned(ALAN)))


def _member(world: World) -> None:
    world.members.add(ALAN)


def _another_deployment(world: World) -> None:
    world.deployed = deployed(from_values(QUIET), members=frozenset({ADA}))


def _pilot(_: World) -> dict[str, Any]:
    return attested(values(rollOut={"who": "pilot", "pilot": [ADA]}))


def _account_gone(world: World) -> None:
    world.accounts = [account(ADA), account(GRACE, enabled=False)]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (_disabled, {"tenants", "people"}),
        (_unmanaged_member, {"tenants"}),
        (_member, {"tenants", "people"}),
        (_another_deployment, {"state"}),
        (_pilot, {"settings"}),
        (_account_gone, {"people"}),
    ],
)
def test_the_digest_changes_with_whatever_changes_the_plan(
    world: World, change: Change, parts: set[str]
) -> None:
    before = plan_digest.digest(world.assess(QUIET))
    document = change(world) or QUIET
    after = plan_digest.digest(world.assess(document))
    assert after != before
    assert after.partition("-")[0] != before.partition("-")[0]
    assert parts <= {*plan_digest.different(after, before)}


def test_the_digest_is_the_same_whoever_reads_and_in_whatever_order(world: World) -> None:
    before = plan_digest.digest(world.assess(QUIET))
    assert plan.parse(f" {before.upper()}\n") == before
    made = application()
    world.application = replace(made, assigned=tuple(reversed(made.assigned)))
    world.accounts.reverse()
    settings = from_values(dict(reversed(QUIET.items())))
    read = replace(world.snapshot(settings), deployer="another identity")
    assert plan_digest.digest(assessment.of(settings, read, settings.addresses.explicit)) == before


DEPLOYER, PREVIEW, SUCCESSOR = "id of the deployer", "id of the preview identity", "id of a successor"


def _owned(world: World, *registered: str, recorded: tuple[str, ...], configured: tuple[str, ...]) -> None:
    """An application with these owners, of which some were declared, and the deployer's service principal."""
    people = tuple(Owner(each, each) for each in registered)
    principal = tuple(Owner(each, each) for each in dict.fromkeys((DEPLOYER, *recorded)))
    world.application = application(owners=principal, registration=Registration("object", people))
    resources = []
    for each in world.deployed.resources:
        owners = (
            {"owners": [one.object_id for one in principal]} if each.type == types.SERVICE_PRINCIPAL else {}
        )
        resources.append(RecordedResource(each.urn, each.type, {**each.outputs, **owners}))
    for owner in recorded:
        urn = f"urn:pulumi:test::mimecast-sso::x::owner-{owner}"
        resources.append(RecordedResource(urn, types.APPLICATION_OWNER, {"ownerObjectId": owner}))
    world.deployed = Record(tuple(resources))
    world.changes["directory"] = replace(
        world.snapshot(from_values(QUIET)).directory, owners={each: each for each in configured}
    )


@pytest.mark.parametrize("configured", [(), ("ada",), (DEPLOYER,), (DEPLOYER, "ada"), ("ada", "grace")])
@pytest.mark.parametrize("recorded", [(), ("ada",), (DEPLOYER,), (DEPLOYER, "ada")])
@pytest.mark.parametrize("registered", [(), (DEPLOYER,), (DEPLOYER, "ada"), ("guest", PREVIEW)])
def test_with_owners_the_digest_is_the_same_whoever_runs_it(
    world: World, configured: tuple[str, ...], recorded: tuple[str, ...], registered: tuple[str, ...]
) -> None:
    _owned(world, *registered, recorded=recorded, configured=configured)
    settings = from_values(QUIET)
    snapshot = world.snapshot(settings)
    digests = {
        plan_digest.digest(
            assessment.of(settings, replace(snapshot, deployer=each), settings.addresses.explicit)
        )
        for each in (DEPLOYER, PREVIEW, SUCCESSOR)
    }
    assert len(digests) == 1


def test_another_configured_owner_is_another_plan(world: World) -> None:
    found = set()
    for configured in (("ada",), ("ada", "grace"), ("grace",)):
        fresh = world_with_everything_recorded()
        _owned(fresh, DEPLOYER, "ada", recorded=("ada",), configured=configured)
        found.add(plan_digest.digest(fresh.assess(QUIET)))
    assert len(found) == 3


def test_a_deployer_who_owns_the_application_undeclared_is_neither_a_change_nor_drift(world: World) -> None:
    _owned(world, DEPLOYER, "ada", recorded=("ada",), configured=(DEPLOYER, "ada"))
    settings = from_values(QUIET)
    for reader in (DEPLOYER, PREVIEW):
        read = replace(world.snapshot(settings), deployer=reader)
        found = assessment.of(settings, read, settings.addresses.explicit)
        assert planned(found) == ()
        assert [each for each in drift.find(found) if each.aspect == "owner"] == []


def test_a_program_that_has_secrets_in_clear_has_the_digest_of_the_file(world: World) -> None:
    password = {ADA: {"password": "S3cret-S3cret", "confirmation": "S3cret-S3cret"}}
    dns = {"publish": "rfc2136", "server": "ns.example.com", "zone": "example.com"}
    clear = {"mimecastClientSecret": "S3cret", "mimecastClientId": "id", "addressPasswords": password}
    clear["dns"] = dns | {"tsig": {"name": "key", "secret": "S3cret"}}
    in_file = {
        "mimecastClientSecret": "[secret]",
        "mimecastClientId": "[secret]",
        "addressPasswords": "[secret]",
    }
    in_file["dns"] = dns | {"tsig": {"name": "key", "secret": "[secret]"}}
    program, file = (world.assess(QUIET | each) for each in (clear, in_file))
    assert plan_digest.digest(program) == plan_digest.digest(file)
    assert "S3cret" not in str(plan_digest.contents(program)["settings"]["file"])


def test_the_digest_covers_an_unmanaged_integration_but_not_its_last_run(
    world: World,
) -> None:
    document = QUIET | {"directorySynchronisation": {"description": "Entra", "mode": "require"}}

    def digest(last_sync: datetime, **properties: Any) -> str:
        connection = DirectoryConnection("Entra", "", True, "ok", last_sync, False, (), True, False)
        world.changes["integration"] = live(Integration("Entra", connection, properties))
        return plan_digest.digest(world.assess(document))

    before = digest(NOW, enabled=True)
    assert digest(NOW - timedelta(hours=8), enabled=True) == before
    assert digest(NOW, enabled=False) != before


def test_the_digest_does_not_cover_secrets(world: World) -> None:
    one, other = (
        plan_digest.contents(world.assess(QUIET | {"mimecastClientSecret": "[secret]"})) for _ in range(2)
    )
    assert one == other
    assert "[secret]" in str(one["settings"])


@pytest.mark.parametrize("text", ["", "foo", "a" * 26, f"{'a' * 26}-{'1' * 12}"])
def test_an_invalid_digest_is_a_usage_error(text: str) -> None:
    with pytest.raises(OperationError, match="--expect takes the digest") as raised:
        plan.parse(text)
    assert raised.value.code is Exit.USAGE


# -- Expecting one --------------------------------------------------------------------------------------------------


class _Stack:
    name = "prod-eu"

    def settings(self) -> None: ...


def _assessed(monkeypatch: pytest.MonkeyPatch, found: Known[Assessment]) -> None:
    monkeypatch.setattr(plan.assessing, "try_to_assess", lambda *_: found)


def test_a_different_plan_is_refused_with_the_differences(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = plan_digest.digest(world.assess(QUIET))
    _assessed(monkeypatch, Known(world.assess(QUIET), plan.assessing.How.LIVE))
    plan.require(_Stack(), None, expected)  # type: ignore[arg-type]
    _unmanaged_member(world)
    _assessed(monkeypatch, Known(world.assess(QUIET), plan.assessing.How.LIVE))
    with pytest.raises(OperationError) as raised:
        plan.require(_Stack(), None, expected)  # type: ignore[arg-type]
    assert raised.value.code is Exit.REFUSED
    said = str(raised.value)
    assert said.startswith("Refused: the plan of stack prod-eu is not the one that was reviewed; the tenants")
    assert f"differs from the state: assignment {ALAN} is not managed by this stack" in said
    assert "mimecast-sso preview --stack prod-eu" in said


def test_a_state_that_cannot_be_read_deploys_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = plan_digest.digest(world.assess(QUIET))
    world.unread = frozenset({"record"})
    _assessed(monkeypatch, Known(world.assess(QUIET), plan.assessing.How.LIVE))
    with pytest.raises(OperationError, match="unknown: it was not read"):
        plan.require(_Stack(), None, expected)  # type: ignore[arg-type]


def test_a_plan_that_cannot_be_known_deploys_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _assessed(monkeypatch, unknown("Entra refused the credentials"))
    with pytest.raises(OperationError, match="unknown: Entra refused") as raised:
        plan.require(_Stack(), None, f"{'a' * 26}-{'a' * 12}")  # type: ignore[arg-type]
    assert raised.value.code is Exit.ERROR


def test_each_of_many_addresses_costs_the_same() -> None:
    """Comparing every recorded address with every configured one takes minutes of 100,000."""
    people = [f"person{number:05d}@example.com" for number in range(40_000)]
    document = attested(
        values(
            addresses={"list": [{"address": each} for each in people]},
            rollOut={"who": "pilot", "pilot": [ADA]},
        )
    )
    world = World(
        deployed=deployed(from_values(document)), addresses={each: address(each) for each in people}
    )
    assessed = world.assess(document)
    begin = time.process_time()
    assert plan_digest.DIGEST.fullmatch(plan_digest.digest(assessed))
    assert time.process_time() - begin < 15
