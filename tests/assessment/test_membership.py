"""Mimecast's state during a run: groups, console, addresses. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment.desired import NEW_CERTIFICATE
from mimecast_sso.assessment.effects import Effects
from mimecast_sso.assessment.membership import Members, members_of, profile_of
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.sign_in import AddressState, HeldProfile
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.console.source import ConsoleForm
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast import DomainStatus
from providers.mimecast.domains import DomainState
from tests.assessment.test_forecast import reverted
from tests.assessment.test_guards import rotating, rotation
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLOUD,
    GRACE,
    LINUS,
    NEW,
    OLD,
    TENANT,
    World,
    address,
    application,
    attested,
    certificate,
    deployed,
    form_of,
    values,
)

BOTH, NOBODY = frozenset({ADA, GRACE}), frozenset[str]()
CONFIGURED = attested(values())


def test_a_form_that_is_lost_is_presumed_to_hold_what_entra_signs_with() -> None:
    signing = application(certificates=PrincipalCertificates((certificate(OLD), certificate(NEW)), OLD))
    lost = attested(values(), "C" * 40)
    held = effects(World(application=signing, deployed=Record()), lost).profiles[0][ProfileSlot.FIRST]
    assert held is not None
    assert (held.presumed, held.trusts(OLD), held.trusts(NEW)) == (True, True, False)
    nothing = application(certificates=PrincipalCertificates((), ""))
    held = effects(World(application=nothing, deployed=Record()), lost).profiles[0][ProfileSlot.FIRST]
    assert held is not None
    assert held.is_set_up, "so nobody is said to sign in with a password"


def effects(world: World, document: Any = None, **options: bool) -> Effects:
    """The effects of a run of a configuration; of the deployed one when none is given."""
    return world.assess(document, **options).forecast.effects


def group(
    world: World, document: Any = None, slot: ProfileSlot = ProfileSlot.FIRST, **options: bool
) -> Members:
    """What becomes of a slot's group."""
    found = members_of(world.assess(document, **options).desired, slot)
    assert found is not None
    return found


def to(*people: str) -> dict[str, Any]:
    """The configuration that has these people in the roll-out."""
    return CONFIGURED | {"rollOut": {"who": "pilot", "pilot": list(people)} if people else {"who": "none"}}


# -- Groups -----------------------------------------------------------------------------------------------------------


def test_a_deployed_group_is_unchanged() -> None:
    world = World(left={ALAN}, joined={ADA})
    assert group(world) == Members(BOTH, frozenset({ALAN}), frozenset({ADA}), (BOTH, BOTH), BOTH)


@pytest.mark.parametrize(
    ("found", "document", "kept", "undone"),
    [
        pytest.param({ADA}, CONFIGURED, {ADA}, BOTH, id="somebody left"),
        pytest.param({ADA, GRACE, ALAN}, CONFIGURED, {ADA, GRACE, ALAN}, BOTH, id="somebody joined"),
        pytest.param(BOTH, to(ADA), {ADA}, {ADA}, id="one is to leave"),
        pytest.param(BOTH, to(ADA, GRACE, ALAN), {ADA, GRACE, ALAN}, {ADA, GRACE, ALAN}, id="one is to join"),
        pytest.param(
            {ADA, GRACE, LINUS},
            to(ADA, ALAN),
            {ADA, ALAN, LINUS},
            {ADA, ALAN},
            id="an unmanaged member stays",
        ),
        pytest.param(BOTH, to(), NOBODY, NOBODY, id="roll-back"),
        pytest.param(BOTH, values(), BOTH, BOTH, id="nothing is attested: nobody is removed"),
        pytest.param({ADA}, values(), {ADA}, {ADA}, id="nothing is attested: nobody is added"),
        pytest.param(
            {ADA, LINUS}, values(rollOut={"who": "none"}), {LINUS}, NOBODY, id="roll-back unattested"
        ),
    ],
)
def test_who_is_in_the_group_after_the_run(found: Any, document: Any, kept: Any, undone: Any) -> None:
    assert group(World(members=set(found)), document).after == (kept, undone)


def test_people_who_are_held_back_are_added_once_the_console_work_is_attested() -> None:
    world = World(members=set(), deployed=deployed(from_values(values())))
    assert group(world, values()).after == (NOBODY, NOBODY)
    assert group(world, values()).eventually == BOTH
    assert group(world, CONFIGURED).after == (BOTH, BOTH)


def test_a_group_that_does_not_exist_gets_its_people_once_attested() -> None:
    record = deployed(from_values(CONFIGURED))
    certificate = Record(tuple(each for each in record.resources if each.type == types.SIGNING_CERTIFICATE))
    world = World(members=set(), deployed=certificate, changes={"groups": {}})
    assert group(world, CONFIGURED) == Members(after=(BOTH, BOTH), eventually=BOTH)
    assert group(world, values()) == Members(after=(NOBODY, NOBODY), eventually=BOTH)
    assert group(world, CONFIGURED, ProfileSlot.SECOND) == Members()
    assert group(world, CONFIGURED, destroys=True) == Members()


def test_destroying_a_stack_removes_its_members_and_nobody_else() -> None:
    found = group(World(members={ADA, GRACE, ALAN}), destroys=True)
    unmanaged = frozenset({ALAN})
    assert (found.after, found.eventually) == ((unmanaged, unmanaged), unmanaged)


def test_other_members_stay_eventually_too() -> None:
    assert group(World(members={ADA, LINUS}), to(ADA, ALAN)).eventually == {ADA, ALAN, LINUS}


def test_a_group_that_could_not_be_read_is_unknown() -> None:
    assert members_of(World(unread=frozenset({"groups"})).assess().desired, ProfileSlot.FIRST) is None


def test_recorded_members_who_are_not_configured_leave_a_replaced_slot() -> None:
    """Everybody moved to the second profile; the first one holds back its people, and lets them go."""
    done = rotation("2029", "active")
    world = rotating(rotation("2029", "both"), set(BOTH), set(BOTH), NEW)
    assert group(world, done).after == (NOBODY, NOBODY)
    assert group(world, done, ProfileSlot.SECOND).after == (BOTH, BOTH)
    assert group(world, done).eventually == NOBODY
    unattested = done | {"authenticationProfile": {"confirmed": done["authenticationProfile"]["confirmed"]}}
    assert group(world, unattested).after == (BOTH, BOTH), "the active profile holds nobody yet"
    world.members = {ADA}
    assert group(world, unattested).after == ({ADA}, {ADA}), "and nobody is added"


def test_a_slot_that_is_no_longer_in_use_loses_its_people() -> None:
    world = rotating(rotation("2029", "both"), set(BOTH), set(BOTH), NEW)
    single = {"generations": [{"label": "2029", "endDate": "2032-11-01T00:00:00Z"}], "active": "2029"}
    document = attested(values(certificates=single), NEW)
    assert group(world, document, ProfileSlot.SECOND).after == (NOBODY, NOBODY)
    world.second_members = {ADA, LINUS}
    assert group(world, document, ProfileSlot.SECOND).after == ({LINUS}, {LINUS})
    assert effects(world, document).members.keys() == {ProfileSlot.FIRST, ProfileSlot.SECOND}


def test_only_slots_in_use_or_at_mimecast_are_checked() -> None:
    assert effects(World()).members.keys() == {ProfileSlot.FIRST}
    assert effects(World(changes={"groups": {}})).members.keys() == {ProfileSlot.FIRST}
    found = World(changes={"groups": {ProfileSlot.SECOND: live(LiveGroup("x"))}})
    assert effects(found).members.keys() == {ProfileSlot.FIRST, ProfileSlot.SECOND}


# -- The console ------------------------------------------------------------------------------------------------------

ISSUER, LOGIN = CLOUD.issuer(TENANT), CLOUD.login_url(TENANT)
HELD = HeldProfile(ISSUER, LOGIN, OLD)
FORM = form_of(from_values(values()))


@pytest.mark.parametrize(
    ("changes", "profile"),
    [
        ({}, {}),
        ({"monitorMetadataUrl": True}, {"by_metadata": True}),
        ({"enforcePersonalPortal": False}, {"enforces_portal": False}),
        ({"allowSingleSignOn": False}, {"single_sign_on": False}),
        ({"passwordProtectedContext": True}, {"contexts": True}),
        ({"integratedAuthenticationContext": True}, {"contexts": True}),
    ],
)
def test_a_form_is_a_profile_as_far_as_it_decides(changes: dict[str, Any], profile: dict[str, Any]) -> None:
    assert profile_of(ConsoleForm(FORM | changes, OLD)) == replace(HELD, **profile)
    assert profile_of(None) is None


def test_the_console_holds_what_was_attested() -> None:
    assert effects(World()).profiles == ({ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: None},)
    nothing = World(deployed=deployed(from_values(values())))
    assert effects(nothing, values()).profiles == ({ProfileSlot.FIRST: None, ProfileSlot.SECOND: None},)


def test_former_console_values_may_apply_for_fifteen_minutes() -> None:
    document = values(authenticationProfile={"enforce": {"personalPortal": False}})
    fresh = attested(document, days=0)
    now_, before = effects(World(), fresh).profiles
    assert now_[ProfileSlot.FIRST] == replace(HELD, enforces_portal=False)
    assert before == {ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: None}
    assert len(effects(World(), attested(document, days=1)).profiles) == 1


def test_each_slot_may_still_hold_its_own() -> None:
    document = rotation("2029", "both")
    world = rotating(document, set(BOTH), set(BOTH), NEW)
    profile = document["authenticationProfile"]
    for attestation in (profile["confirmed"], profile["second"]["confirmed"]):
        attestation["at"] = "2026-11-22T08:59:00Z"
    world.deployed = Record(
        tuple(
            replace(each, outputs={**each.outputs, "state": "due", "confirmed": None})
            if each.type == types.AUTHENTICATION_PROFILE
            else each
            for each in world.deployed.resources
        )
    )
    found = effects(world, document).profiles
    second = replace(HELD, thumbprint=NEW)
    assert found == (
        {ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: second},
        {ProfileSlot.FIRST: None, ProfileSlot.SECOND: second},
        {ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: None},
        {ProfileSlot.FIRST: None, ProfileSlot.SECOND: None},
    )


def test_what_is_due_is_what_the_console_holds_eventually() -> None:
    document = CONFIGURED | {
        "authenticationProfile": CONFIGURED["authenticationProfile"] | {"enforce": {"personalPortal": False}}
    }
    found = effects(World(), document)
    assert found.profiles == ({ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: None},)
    assert found.eventual_profiles == {
        ProfileSlot.FIRST: replace(HELD, enforces_portal=False),
        ProfileSlot.SECOND: None,
    }
    assert effects(World(), document, destroys=True).eventual_profiles == {
        ProfileSlot.FIRST: HELD,
        ProfileSlot.SECOND: None,
    }
    assert effects(World()).eventual_profiles == {ProfileSlot.FIRST: HELD, ProfileSlot.SECOND: None}


def test_an_older_attestation_does_not_bring_back_what_the_console_held() -> None:
    world, document = reverted()
    assert world.assess(document).desired.opens(ProfileSlot.FIRST)
    assert effects(world, document).eventual_profiles[ProfileSlot.FIRST] == replace(HELD, thumbprint=NEW)


def test_a_slot_without_a_certificate_keeps_what_it_holds() -> None:
    document = rotation("2029", "active")
    world = rotating(document, set(), set(BOTH), NEW)
    one = document["certificates"] | {"generations": document["certificates"]["generations"][1:]}
    found = effects(world, document | {"certificates": one})
    assert found.eventual_profiles[ProfileSlot.FIRST] == HELD
    assert found.eventual_profiles[ProfileSlot.SECOND] == replace(HELD, thumbprint=NEW)


def test_a_certificate_that_does_not_exist_yet_is_supposed_eventually() -> None:
    found = effects(World(application=None, deployed=Record(), changes={"groups": {}}), values())
    assert found.profiles == ({ProfileSlot.FIRST: None, ProfileSlot.SECOND: None},)
    assert found.eventual_profiles == {
        ProfileSlot.FIRST: replace(HELD, thumbprint=NEW_CERTIFICATE),
        ProfileSlot.SECOND: None,
    }


# -- Addresses --------------------------------------------------------------------------------------------------------


def listed(*people: str, **keys: Any) -> dict[str, Any]:
    """A configuration with these addresses."""
    return attested(values(addresses={"list": [{"address": each} for each in people]} | keys))


def test_absent_addresses_of_internal_domains_are_created() -> None:
    document = listed(ADA, ALAN, "x@elsewhere.example", "y@new.example")
    pending = DomainStatus("new.example", DomainState.PENDING, "", "id")
    world = World()
    domains = {**(world.snapshot(from_values(document)).domains.value or {}), "new.example": pending}
    world.changes = {"domains": live(domains)}
    assert effects(world, document).addresses_after == {ALAN: (AddressState.PRESENT,)}
    assert effects(world, document, destroys=True).addresses_after == {}
    assert effects(World(unread=frozenset({"addresses"})), document).addresses_after == {}
    assert effects(World(unread=frozenset({"domains"})), document).addresses_after == {}
    synchronised = values(addresses={"source": "synchronised"})
    assert effects(World(addresses={}), synchronised).addresses_after == {}


UPDATES = {
    "server": "ns1.example",
    "zone": "example.org",
    "tsig": {"name": "key.", "secret": "c2VjcmV0"},
}


def test_addresses_of_domains_that_are_registered_may_be_created_at_once() -> None:
    """Whether the proof is found at once depends on the name server."""
    domains = [{"name": "new.example"}, {"name": "no.example", "mode": "require"}]
    people = [{"address": each} for each in (ADA, ALAN, "y@new.example", "z@no.example")]
    found = effects(World(), attested(values(addresses={"list": people}, domains=domains)))
    assert found.addresses_after == {
        ALAN: (AddressState.PRESENT,),
        "y@new.example": (AddressState.ABSENT, AddressState.PRESENT),
    }, "nobody can have published a proof that is not known yet"


@pytest.mark.parametrize(
    ("name", "live_domain", "dns"),
    [
        ("new.example.org", "", {"publish": "rfc2136", **UPDATES}),
        ("new.example", "new.example", {}),
        ("sub.example.com", "", {}),
    ],
)
def test_a_domain_whose_proof_may_be_there_is_likely_to_be_verified(
    name: str, live_domain: str, dns: dict[str, Any]
) -> None:
    """By a DNS update, by hand since an earlier run, or because its parent is verified."""
    domains = {"example.com": DomainStatus("example.com", DomainState.INTERNAL, "", "id")}
    if live_domain:
        domains[live_domain] = DomainStatus(live_domain, DomainState.PENDING, "", "id")
    people = {"list": [{"address": f"y@{name}"}]}
    document = attested(values(addresses=people, domains=[{"name": name}], **({"dns": dns} if dns else {})))
    found = effects(World(changes={"domains": live(domains)}), document)
    assert found.addresses_after[f"y@{name}"] == (AddressState.PRESENT, AddressState.ABSENT)


def test_a_missing_recorded_address_is_recreated_only_with_refresh() -> None:
    found = effects(World(addresses={ADA: address(ADA)}), listed(ADA, GRACE))
    assert found.addresses_after == {GRACE: (AddressState.ABSENT, AddressState.PRESENT)}


def book(**outputs: Any) -> Record:
    """What was deployed, with another address book."""
    record = deployed(from_values(CONFIGURED))
    return Record(
        tuple(
            replace(each, outputs={**each.outputs, **outputs}) if each.type == types.ADDRESS_BOOK else each
            for each in record.resources
        )
    )


@pytest.mark.parametrize(
    ("record", "keys", "disabled"),
    [
        (book(), {"onRemoval": "disable"}, {GRACE}),
        (book(), {"onRemoval": "forget"}, set()),
        (book(checkOnly=True), {"onRemoval": "disable"}, set()),
        (book(created=[]), {"onRemoval": "disable"}, set()),
        (book(created=[], adopt=[GRACE, ADA]), {"onRemoval": "disable"}, {GRACE}),
        (book(created=[GRACE, ALAN]), {"onRemoval": "disable"}, {GRACE}),
        (Record(), {"onRemoval": "disable"}, set()),
    ],
)
def test_removed_addresses_of_this_stack_are_disabled_if_configured(
    record: Record, keys: dict[str, Any], disabled: set[str]
) -> None:
    found = effects(World(deployed=record), listed(ADA, **keys)).addresses_after
    assert found == dict.fromkeys(disabled, (AddressState.DISABLED,))


def test_destroying_a_stack_disables_its_addresses_if_configured() -> None:
    found = effects(World(), listed(ADA, GRACE, onRemoval="disable"), destroys=True)
    assert found.addresses_after == dict.fromkeys(BOTH, (AddressState.DISABLED,))
    assert effects(World(), listed(ADA, GRACE, onRemoval="forget"), destroys=True).addresses_after == {}


def test_an_address_may_already_exist() -> None:
    world = World(addresses={each: address(each) for each in (ADA, GRACE, ALAN)})
    assert effects(world, listed(ADA, GRACE, ALAN)).addresses_after == {}
