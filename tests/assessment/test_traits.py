"""The people whom a run concerns, and the facts that decide about each: account, NameID, address, groups. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment.effects import Effects
from mimecast_sso.assessment.membership import Members
from mimecast_sso.assessment.people import EntraGroup, Person
from mimecast_sso.assessment.sign_in import AccountState, AddressState, Case, NameIdState, Outcome, Result
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.assessment.traits import TraitsReader, assigned_accounts, places, subjects
from mimecast_sso.facts.sign_in_reasons import Missing, Reason
from mimecast_sso.provenance import live
from mimecast_sso.settings import ProfileSlot, from_values
from tests.assessment.worlds import (
    ADA,
    ALAN,
    GRACE,
    GROUP,
    LINUS,
    UPN_CLAIMS,
    World,
    account,
    address,
    application,
    assigned,
    attested,
    deployed,
    values,
)

FIRST, SECOND = frozenset({ProfileSlot.FIRST}), frozenset({ProfileSlot.SECOND})


GRACE_ONLY = attested(values(assign={"users": [GRACE]}))


def now(world: World, who: str = ADA, document: Any = None) -> Outcome:
    """How a sign-in from Mimecast's page ends now."""
    person = world.assess(document).forecast.person(who)
    assert person is not None
    return person.from_mimecast.now[0]


def by_upn(**changes: Any) -> World:
    """Entra issues the user principal name; Ada's mail address is another one."""
    world = World(application=application(policies=(UPN_CLAIMS,)))
    world.accounts[0] = account(ADA, **{"mail": "lovelace@example.com"} | changes)
    return world


# -- Accounts and NameIDs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome(Result.ENTRA)),
        ({"enabled": False}, Outcome(Result.REFUSED, Reason.ACCOUNT_DISABLED)),
        ({"enabled": None}, Outcome(Result.UNKNOWN, missing=Missing.ACCOUNT)),
        ({"enabled": False, "shared_mailbox": True}, Outcome(Result.REFUSED, Reason.SHARED_MAILBOX)),
        ({"blocked": True}, Outcome(Result.REFUSED, Reason.CONDITIONAL_ACCESS)),
        ({"mail": f" {ADA.upper()} "}, Outcome(Result.ENTRA)),
        ({"mail": ""}, Outcome(Result.REFUSED, Reason.NO_NAME_ID)),
        ({"mail": "nobody@example.com"}, Outcome(Result.REFUSED, Reason.NAME_ID_UNKNOWN)),
        ({"mail": ALAN}, Outcome(Result.REFUSED, Reason.NAME_ID_OTHER)),
        ({"mail": LINUS}, Outcome(Result.REFUSED, Reason.NAME_ID_UNKNOWN)),
    ],
)
def test_an_account_decides_by_its_state_and_its_name_id(changes: dict[str, Any], outcome: Outcome) -> None:
    """Alan has an address at Mimecast, Linus an alias."""
    world = World(accounts=[account(ADA, **changes), account(GRACE)])
    world.addresses |= {ALAN: address(ALAN), LINUS: address(LINUS, alias=True)}
    assert now(world) == outcome


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome(Result.ENTRA)),
        ({"user_principal_name": ADA.upper()}, Outcome(Result.ENTRA)),
        ({"user_principal_name": None, "mail": ADA}, Outcome(Result.UNKNOWN, missing=Missing.NAME_ID)),
    ],
)
def test_a_policy_may_issue_the_user_principal_name(changes: dict[str, Any], outcome: Outcome) -> None:
    assert now(by_upn(**changes)) == outcome


def test_another_attribute_is_unknown() -> None:
    policy = replace(UPN_CLAIMS, definition=UPN_CLAIMS.definition.replace("userprincipalname", "employeeid"))
    assert now(World(application=application(policies=(policy,)))).missing is Missing.NAME_ID


def test_what_the_portals_claims_editor_issues_is_unknown_unless_both_are_the_address() -> None:
    assert now(World(application=application(policies=()))).result is Result.ENTRA
    other = World(application=application(policies=()))
    other.accounts[0] = account(ADA, user_principal_name="lovelace@example.com")
    assert now(other).missing is Missing.NAME_ID


def test_where_addresses_are_unknown_another_name_id_is_too() -> None:
    world = World(unread=frozenset({"addresses"}))
    world.accounts[0] = account(ADA, mail=ALAN, user_principal_name=ADA)
    assert now(world).missing is Missing.NAME_ID


@pytest.mark.parametrize(
    ("present", "reason"),
    [
        (address(ADA), None),
        (address(ADA, alias=True), Reason.ALIAS),
        (address(ADA, disabled=True), Reason.ADDRESS_DISABLED),
        (address(ADA, disabled=False), None),
        (None, Reason.NOT_AT_MIMECAST),
    ],
)
def test_the_address_at_mimecast_decides(present: Any, reason: Reason | None) -> None:
    world = World()
    world.addresses = {each: found for each, found in ((ADA, present), (GRACE, address(GRACE))) if found}
    assert now(world).reason is reason


def test_without_an_account_there_is_no_name_id() -> None:
    reader = TraitsReader(World().assess().forecast.effects)
    nobody = reader.of(ADA, None)
    assert (nobody.account, set(nobody.names), set(nobody.assigned)) == (
        AccountState.NONE,
        {NameIdState.EMPTY},
        {False},
    )


def test_an_account_that_cannot_be_read_may_have_a_name_id() -> None:
    reader = TraitsReader(World().assess().forecast.effects)
    unreadable = account(ADA, mail="", user_principal_name=None, enabled=None)
    assert set(reader.of(ADA, unreadable).names) == {NameIdState.UNKNOWN}


def test_where_entra_could_not_be_read_the_case_says_so() -> None:
    reader = TraitsReader(World(unread=frozenset({"application", "own"})).assess().forecast.effects)
    traits = reader.of(ADA, account(ADA))
    assert reader.case(traits, None, FIRST, AddressState.ALIAS) == Case(
        FIRST, None, AccountState.ENABLED, NameIdState.UNKNOWN, AddressState.ALIAS
    )


def test_an_address_that_the_run_creates_is_there_afterwards() -> None:
    document = attested(values(addresses={"list": [{"address": each} for each in (ADA, GRACE, ALAN)]}))
    reader = TraitsReader(World().assess(document).forecast.effects)
    assert reader.of(ALAN, None).address == (AddressState.ABSENT, (AddressState.PRESENT,))
    assert reader.of(ADA, None).address == (AddressState.PRESENT, (AddressState.PRESENT,))


def test_members_are_assigned_by_any_of_their_groups() -> None:
    """Alan is in two groups; only the second is assigned."""
    world = World(
        application=application(assigned=(assigned(ADA), assigned("Second", "Group"))),
        groups={"First": [account(ALAN)], "Second": [account(ALAN), account(LINUS)]},
        members={ADA, ALAN, LINUS},
        addresses={each: address(each) for each in (ADA, ALAN, LINUS)},
    )
    assert [now(world, each).result for each in (ALAN, LINUS)] == [Result.ENTRA, Result.ENTRA]
    world.application = application(assigned=(assigned(ADA), assigned("First", "Group")))
    assert [now(world, each).result for each in (ALAN, LINUS)] == [Result.ENTRA, Result.REFUSED]


# -- Who is meant -----------------------------------------------------------------------------------------------------


def concerned(world: World, document: Any = None) -> dict[str, Person | None]:
    """Everybody concerned by a run."""
    return dict(subjects(world.assess(document).forecast.effects))


def test_assigned_present_and_future_members_are_concerned() -> None:
    kay, joe, ann, zoe = (f"{name}@example.com" for name in ("kay", "joe", "ann", "zoe"))
    world = World(
        accounts=[account(ADA), account(GRACE), account(zoe, mail="")],
        application=application(assigned=(assigned(ADA), assigned(zoe))),
        members={ALAN, "@whole.example"},
        left={kay},
        addresses={each: address(each) for each in (ADA, GRACE, ALAN, "x@whole.example", "y@other.example")},
    )
    document = attested(values(assign={"users": [ADA]}, addresses={"list": [{"address": joe}]}))
    found = concerned(world, document)
    assert list(found) == sorted([ADA, GRACE, ALAN, kay, joe, zoe, "x@whole.example"]), "and nobody else"
    assert found[zoe] is not None
    assert found[ALAN] is None
    assert ann not in found


def test_nobody_is_concerned_without_an_address() -> None:
    nameless = account("x", mail="", user_principal_name=None)
    world = World(
        accounts=[account(ADA), account(GRACE), nameless], application=application(assigned=(assigned("x"),))
    )
    world.deployed = deployed(from_values(attested(values())), members=frozenset({ADA, "@whole.example"}))
    assert concerned(world).keys() == {ADA, GRACE}, "neither is a domain that was recorded as a member"


def test_recorded_people_are_concerned_even_after_leaving() -> None:
    world = World(members=set())
    assert GRACE in concerned(world, attested(values(rollOut={"who": "none"}, assign={"users": [ADA]})))
    unread = World(unread=frozenset({"groups"}))
    assert GRACE in concerned(unread, attested(values(rollOut={"who": "none"}, assign={"users": [ADA]})))


def test_the_owner_of_a_disabled_address_is_concerned() -> None:
    world = World(members=set(), accounts=[])
    world.deployed = replace(
        world.deployed,
        resources=tuple(each for each in world.deployed.resources if "Membership" not in each.type),
    )
    document = attested(
        values(
            assign={}, addresses={"list": [{"address": ADA}], "onRemoval": "disable"}, rollOut={"who": "none"}
        )
    )
    assert concerned(world, document).keys() == {GRACE}


def test_accounts_are_matched_by_what_becomes_the_name_id() -> None:
    """Ada's mail address is Alan's user principal name."""
    alan = account(ALAN, user_principal_name=ADA, mail=ALAN)
    by_mail = World(accounts=[account(ADA, user_principal_name="al@example.com"), alan, account(GRACE)])
    found = concerned(by_mail)[ADA]
    assert found is not None
    assert found.object_id == f"id of {ADA}"
    by_mail.application = application(policies=(UPN_CLAIMS,))
    found = concerned(by_mail)[ADA]
    assert found is not None
    assert found.object_id == f"id of {ALAN}"


def colleagues(**second: Any) -> World:
    """Two accounts with Ada's mail address, the second of which is as given; neither is assigned."""
    accounts = [account(ADA, object_id=each, user_principal_name=f"{each}@example.com") for each in "ab"]
    accounts[1] = replace(accounts[1], **second)
    return World(accounts=[*accounts, account(GRACE)], application=application(assigned=(assigned(GRACE),)))


@pytest.mark.parametrize(
    ("second", "meant"),
    [
        ({}, "a"),
        ({"user_principal_name": ADA.upper()}, "b"),
        ({"user_principal_name": ADA, "enabled": False}, "a"),
        ({"user_principal_name": None}, "a"),
        ({"user_principal_name": ADA, "guest": True}, "b"),
    ],
)
def test_of_several_accounts_with_a_mail_address_the_likeliest_is_meant(
    second: dict[str, Any], meant: str
) -> None:
    found = concerned(colleagues(**second), GRACE_ONLY)[ADA]
    assert found is not None
    assert found.object_id == meant


def test_a_member_comes_before_a_guest_with_the_same_mail_address() -> None:
    world = colleagues()
    world.accounts[0] = replace(world.accounts[0], guest=True)
    found = concerned(world, GRACE_ONLY)[ADA]
    assert found is not None
    assert found.object_id == "b"


def test_of_several_accounts_with_a_mail_address_the_assigned_one_signs_in_if_that_is_the_name_id() -> None:
    world = colleagues(user_principal_name=ADA)
    assert now(world, document=GRACE_ONLY).reason is Reason.NOT_ASSIGNED
    others = (replace(assigned(ADA), principal_id="a"), assigned(GRACE))
    world.application = application(assigned=others)
    assert now(world, document=GRACE_ONLY).result is Result.ENTRA
    world.application = application(assigned=others, policies=(UPN_CLAIMS,))
    assert now(world, document=GRACE_ONLY).reason is Reason.NOT_ASSIGNED


def test_an_account_is_matched_by_either_name() -> None:
    lovelace = account(ADA, user_principal_name="lovelace@example.com")
    for policies in ((UPN_CLAIMS,), application().policies):
        world = World(
            accounts=[lovelace, account(GRACE)],
            application=application(policies=policies),
            members={ADA, "lovelace@example.com"},
        )
        found = concerned(world)
        assert found[ADA] is lovelace or found[ADA] == replace(lovelace, address=ADA)
        assert found["lovelace@example.com"] is not None


def test_nobody_is_listed_twice() -> None:
    """Linus is assigned, and in the roll-out by his user principal name."""
    linus = account(LINUS, mail="torvalds@example.com")
    world = World(
        accounts=[account(ADA), account(GRACE), linus],
        application=application(assigned=(assigned(ADA), assigned(LINUS))),
        members={ADA, LINUS},
    )
    assert "torvalds@example.com" not in concerned(world)


def test_assigned_accounts_are_users_and_direct_members_once_each() -> None:
    staff = EntraGroup("Staff", "id of Staff", (account(ADA), account(ALAN)))
    other = EntraGroup("Other", "id of Other", (account(LINUS),))
    world = World(application=application(assigned=(assigned(GRACE), assigned("Staff", "Group"))))
    settings = from_values(values(assign={"users": [ADA]}))
    directory = replace(
        world.snapshot(settings).directory,
        assigned_groups={group.object_id: group for group in (staff, other)},
        accounts={f"id of {each}": account(each) for each in (ADA, GRACE, ALAN, LINUS)},
    )
    world.changes = {"directory": directory}
    effects: Effects = world.assess(values(assign={"users": [ADA]})).forecast.effects
    assert [each.address for each in assigned_accounts(effects)] == [ADA, GRACE, ALAN]


def test_a_configured_group_counts_before_it_is_assigned() -> None:
    world = World(groups={GROUP: [account(ALAN)]})
    effects = world.assess(values(assign={"groups": [GROUP]})).forecast.effects
    assert ALAN in [each.address for each in assigned_accounts(effects)]


# -- Places -----------------------------------------------------------------------------------------------------------


def members(**changes: Any) -> Members:
    """A group with Ada in it, all along."""
    everybody = frozenset({ADA})
    found = Members(listed=everybody, after=(everybody, everybody), eventually=everybody)
    return replace(found, **changes)


def test_a_member_is_seen_in_the_group_and_nobody_else_is() -> None:
    found = places({ProfileSlot.FIRST: members(), ProfileSlot.SECOND: members(listed=frozenset())}, ADA)
    assert (found.now, found.listed) == ((FIRST,), FIRST)
    assert (found.kept, found.undone, found.eventually) == (FIRST | SECOND, FIRST | SECOND, FIRST | SECOND)
    assert places({ProfileSlot.FIRST: members()}, GRACE).now == (frozenset(),)


def test_people_who_moved_recently_may_be_in_or_out_with_the_listing_first() -> None:
    nobody = frozenset[str]()
    assert places({ProfileSlot.FIRST: members(joined=frozenset({ADA}))}, ADA).now == (FIRST, nobody)
    left = members(listed=nobody, left=frozenset({ADA}))
    assert places({ProfileSlot.FIRST: left}, ADA).now == (nobody, FIRST)


def test_a_member_stays_one_when_the_whole_domain_joins() -> None:
    joined = frozenset({"@example.com"})
    group = {ProfileSlot.FIRST: members(listed=joined | {ADA}, joined=joined)}
    assert places(group, ADA).now == (FIRST,)
    assert places(group, GRACE).now == (FIRST, frozenset())


def test_while_a_run_takes_effect_the_old_and_the_new_place_may_count() -> None:
    nobody = frozenset[str]()
    found = places({ProfileSlot.FIRST: members(after=(nobody, frozenset({ADA})))}, ADA)
    assert found.late == ((FIRST, nobody), (FIRST,))
    assert (found.kept, found.undone) == (nobody, FIRST)


def test_a_group_that_could_not_be_read_makes_every_place_unknown() -> None:
    found = places({ProfileSlot.FIRST: members(), ProfileSlot.SECOND: None}, ADA)
    assert (found.now, found.late) == ((None,), ((None,), (None,)))
    assert (found.kept, found.undone, found.eventually, found.listed) == (None,) * 4


def test_a_whole_domain_covers_its_addresses() -> None:
    world = World(members={"@example.com"})
    assert now(world).result is Result.ENTRA
    world.changes = {
        "groups": {ProfileSlot.FIRST: live(LiveGroup("Single sign-on", frozenset({"@other.example"})))}
    }
    assert now(world).result is Result.PASSWORD
