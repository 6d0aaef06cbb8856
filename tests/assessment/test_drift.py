"""Drift from a snapshot and its record: each kind is found once, by a stable id, and a quiet world shows none. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.drift import Finding, Part, Severity
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.provenance import live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.applications import Credential, Holder, LiveApplication, Owner, Policy, Registration
from providers.entra.signing_certificates import PrincipalCertificates
from tests.assessment.worlds import (
    ADA,
    ALAN,
    GRACE,
    LINUS,
    NEW,
    OLD,
    World,
    account,
    address,
    application,
    assigned,
    attested,
    certificate,
    deployed,
    values,
)

OTHER = "https://eu-api.mimecast.com/sso/COTHER"
Plant = Callable[[World], None]


def live_application(world: World) -> LiveApplication:
    assert world.application is not None
    return world.application


def changed(**changes: Any) -> Plant:
    """Changes the application at Entra."""

    def plant(world: World) -> None:
        world.application = replace(live_application(world), **changes)

    return plant


def more(name: str, *extra: Any) -> Plant:
    """Adds to a list of the application."""

    def plant(world: World) -> None:
        before = getattr(live_application(world), name)
        world.application = replace(live_application(world), **{name: (*before, *extra)})

    return plant


def password(world: World) -> None:
    more("credentials", Credential("application", "password", "key", "x", "", "2028-01-01T00:00:00Z"))(world)


def certificate_of_others(world: World) -> None:
    three = [
        Credential("service principal", kind, f"{kind}{number}", "CN=evil", NEW, "2028-01-01T00:00:00Z")
        for number, kind in enumerate(("key", "key", "password"))
    ]
    more("credentials", *three)(world)


def no_address(world: World) -> None:
    del world.addresses[GRACE]


def disabled_address(world: World) -> None:
    world.addresses[GRACE] = address(GRACE, disabled=True)


def alias(world: World) -> None:
    world.addresses[GRACE] = address(GRACE, alias=True)


def left(world: World) -> None:
    world.members.discard(GRACE)


def joined(world: World) -> None:
    world.members.add(LINUS)


def no_group(world: World) -> None:
    world.changes["groups"] = {ProfileSlot.FIRST: live(LiveGroup())}


def gone(world: World) -> None:
    world.application = None


def second_holder(world: World) -> None:
    world.changes["holders"] = live((Holder("other", "other object", "Copy"),))


def hidden(world: World) -> None:
    changed(tags=live_application(world).tags | {HIDE_TAG})(world)


PLANTS: dict[str, Plant] = {
    "application/missing/6c000000-0000-4000-8000-00000000000a": gone,
    f"application/identifier/missing/{application().identifiers[0]}": changed(identifiers=()),
    f"application/identifier/unmanaged/{OTHER}": more("identifiers", OTHER),
    "application/redirectUris/changed": changed(reply_urls=("https://example.com/acs",)),
    "application/displayName/changed": changed(display_name="Renamed"),
    "application/owner/unmanaged/guest": changed(registration=Registration("object", (Owner("guest", "g"),))),
    "service-principal/owner/unmanaged/guest": changed(owners=(Owner("guest", "g"),)),
    "application/credential/unmanaged/key": password,
    f"service-principal/credential/unmanaged/{NEW}": certificate_of_others,
    "application/with-the-same-identifier/unmanaged/other": second_holder,
    "service-principal/accountEnabled/changed": changed(enabled=False),
    "service-principal/appRoleAssignmentRequired/changed": changed(assignment_required=False),
    "service-principal/loginUrl/changed": changed(sign_on_url="https://example.com"),
    "service-principal/hide/changed": hidden,
    "service-principal/activeCertificate/changed": changed(
        certificates=PrincipalCertificates((certificate(OLD), certificate(NEW)), NEW)
    ),
    f"signing-certificate/missing/{OLD}": changed(certificates=PrincipalCertificates((), OLD)),
    "claims-policy/missing/claims": changed(policies=()),
    "claims-policy/definition/changed": changed(policies=(Policy("policy", "claims", "{}"),)),
    "claims-policy/unmanaged/other": more("policies", Policy("other", "Other", "{}")),
    f"assignment/missing/id-of-{GRACE}": changed(assigned=(assigned(ADA),)),
    f"assignment/unmanaged/id-of-{LINUS}": more("assigned", assigned(LINUS)),
    f"address/missing/{GRACE}": no_address,
    f"address/status/changed/{GRACE}": disabled_address,
    f"address/kind/changed/{GRACE}": alias,
    f"roll-out-group/member/missing/{GRACE}": left,
    f"roll-out-group/member/unmanaged/{LINUS}": joined,
    "roll-out-group/missing/Single-sign-on": no_group,
}
# A second owner of the service principal goes with the deployer's being missing from the record of this world.
_BESIDE = {"service-principal/owner/missing/id-of-the-deployer"}


def quiet(**keys: Any) -> World:
    """A world in which nothing differs."""
    settings = from_values(attested(values(**keys)))
    owner = Owner("id of the deployer", "deployer")
    return World(
        application=application(owners=(owner,), registration=Registration("object", (owner,))),
        deployed=deployed(settings),
    )


def found(world: World, document: dict[str, Any] | None = None) -> dict[str, Finding]:
    return {each.id: each for each in drift.find(world.assess(document))}


@pytest.mark.parametrize("name", PLANTS)
def test_each_kind_of_drift_is_found_and_named(name: str, snapshot: SnapshotAssertion) -> None:
    world = quiet()
    PLANTS[name](world)
    ids = found(world)
    assert name in ids
    assert ids.keys() - _BESIDE == {name}
    finding = ids[name]
    assert finding.part in Part
    assert finding.text.startswith(finding.object)
    assert finding == snapshot


def test_drift_that_people_fail_for_is_urgent() -> None:
    world = quiet()
    PLANTS["service-principal/accountEnabled/changed"](world)
    PLANTS["application/displayName/changed"](world)
    by_severity = {each.id: each.severity for each in drift.find(world.assess())}
    assert by_severity == {
        "service-principal/accountEnabled/changed": Severity.URGENT,
        "application/displayName/changed": Severity.LOOK,
    }


def test_a_set_shows_what_was_added_and_removed() -> None:
    world = quiet()
    changed(reply_urls=("https://example.com/b", "https://example.com/a"))(world)
    (finding,) = drift.find(world.assess())
    assert finding.change.added == ("https://example.com/a", "https://example.com/b")
    assert finding.change.removed == ("https://eu-api.mimecast.com/login/saml",)


@pytest.mark.parametrize(
    ("until", "severity"), [("2026-11-22", Severity.INFO), ("2026-11-21", Severity.LOOK)]
)
def test_expected_drift_is_quiet_until_its_end(until: str, severity: Severity) -> None:
    world = quiet()
    PLANTS["application/displayName/changed"](world)
    expected = {"path": "application.displayName", "reason": "migration", "until": until}
    (finding,) = drift.find(world.assess(attested(values()) | {"drift": {"expected": [expected]}}))
    assert finding.severity is severity
    assert ("migration, until" in finding.expected) is (severity is Severity.INFO)


def test_what_could_not_be_read_is_said_and_never_missing() -> None:
    for part in ("own", "addresses", "groups", "domains", "holders", "record"):
        world = quiet()
        world.unread = frozenset({part})
        assessment = world.assess()
        assert drift.find(assessment) == ()
        assert [each.text for each in drift.not_looked_at(assessment)] != []
    assert list(drift.not_looked_at(quiet().assess())) == []


def test_before_the_first_deployment_there_is_no_drift() -> None:
    assert (
        drift.find(World(application=None, deployed=deployed(from_values(values())).of("other")).assess())
        == ()
    )


def _mixed(chance: random.Random) -> tuple[World, set[str]]:
    """A world with several drifts that do not hide one another."""
    world, names = quiet(), set[str]()
    apart = [
        name for name in PLANTS if not name.startswith(("application/missing", "roll-out-group/missing"))
    ]
    for name in chance.sample(apart, chance.randint(2, 6)):
        before = found(world).keys()
        attempt = replace(
            world, members=set(world.members), addresses=dict(world.addresses), changes=dict(world.changes)
        )
        PLANTS[name](attempt)
        if found(attempt).keys() > before:
            world = attempt
            names.add(name)
    return world, names


def test_mixed_drift_is_found_whole() -> None:
    planted = 0
    for seed in range(80):
        world, names = _mixed(random.Random(seed))  # noqa: S311  (a seeded choice)
        assert names <= found(world).keys()
        planted += len(names)
    assert planted >= 200


def _runs_quiet(number: int) -> None:
    chance = random.Random(number)  # noqa: S311  (a seeded choice)
    people = sorted(chance.sample([ADA, GRACE, ALAN, LINUS], chance.randint(1, 4)))
    keys: dict[str, Any] = {
        "assign": {"users": people},
        "addresses": {"list": [{"address": each} for each in people]},
        "application": {"assignmentRequired": chance.random() < 0.8},
    }
    settings = from_values(attested(values(**keys)))
    owner = Owner("id of the deployer", "deployer")
    required = settings.application.assignment_required
    world = World(
        application=application(
            owners=(owner,),
            registration=Registration("object", (owner,)),
            assigned=tuple(assigned(each) for each in chance.sample(people, len(people))),
            assignment_required=required,
        ),
        accounts=[account(each) for each in people],
        members=set(people),
        addresses={each: address(each) for each in people},
        deployed=deployed(settings),
    )
    assert drift.find(world.assess(attested(values(**keys)))) == ()


def test_quiet_worlds_show_no_drift() -> None:
    for number in range(100):
        _runs_quiet(number)


@pytest.mark.soak
def test_ten_thousand_quiet_worlds_show_no_drift() -> None:
    for number in range(10_000):
        _runs_quiet(number)
