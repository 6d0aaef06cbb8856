"""`assess`: who would sign in if they were in the roll-out, by reason, and what could not be read. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment.candidates import (
    Candidates,
    candidates,
    not_counted,
    problem,
    statements,
    tiles,
    unread,
    way_out,
)
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.sign_in import Outcome, Result
from mimecast_sso.assessment.snapshot import LiveGroup, Snapshot
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.settings import Address, ProfileSlot, Settings, from_values
from tests.assessment.worlds import (
    ADA,
    ALAN,
    GRACE,
    IDP_REPLY_URL,
    LINUS,
    REPLY_URL,
    World,
    account,
    address,
    application,
    assigned,
    values,
)

KAY, ABUSE = "kay@example.com", "abuse@example.com"
SETTINGS = from_values(values(assign={}, addresses={}, rollOut={"who": "none"}))


def world(**changes: Any) -> World:
    """Ada is assigned and in the group, Grace only assigned; Alan only at Mimecast, Linus only an alias there."""
    found = World(
        accounts=[account(each) for each in (ADA, GRACE, ALAN, LINUS)],
        members={ADA},
        addresses={
            ADA: address(ADA),
            GRACE: address(GRACE),
            ALAN: address(ALAN),
            LINUS: address(LINUS, alias=True),
        },
        deployed=Record(),
    )
    return replace(found, **changes)


def of(found: World, *written: str) -> Candidates:
    """Everybody of a world."""
    addresses = [Address(address=each) for each in written]
    return candidates(SETTINGS, found.snapshot(SETTINGS), addresses)


def seen(found: Candidates) -> dict[str, tuple[bool | None, bool | None, bool | None, Reason | None]]:
    """By address: assigned, in the group, would sign in, and the reason why not."""
    return {
        each.forecast.address: (each.assigned, each.in_group, each.would_sign_in, each.outcome.reason)
        for each in found.people
    }


def test_everybody_is_judged_as_if_they_were_in_the_roll_out() -> None:
    assert seen(of(world())) == {
        ADA: (True, True, True, None),
        ALAN: (False, False, False, Reason.NOT_ASSIGNED),
        GRACE: (True, False, True, None),
    }


def test_configured_addresses_count_as_created() -> None:
    found = of(world(), KAY)
    assert seen(found)[KAY] == (False, False, False, Reason.NO_ACCOUNT)


def test_an_application_that_is_created_has_nobody_assigned() -> None:
    found = of(world(application=None))
    assert {each.outcome.reason for each in found.people} == {Reason.NOT_ASSIGNED}
    assert {each.assigned for each in found.people} == {False}


def test_unread_input_leaves_the_verdict_unknown() -> None:
    found = of(world(unread=frozenset({"application", "own", "groups"})))
    assert seen(found)[ADA] == (None, None, None, None)
    assert found.people[0].outcome.missing is Missing.APPLICATION
    assert not of(world(unread=frozenset({"addresses"}))).people[0].would_sign_in
    assert seen(of(world(unread=frozenset({"groups"}))))[ADA] == (True, None, True, None)
    assert of(world()).snapshot == world().snapshot(SETTINGS)


def test_whoever_is_in_the_group_or_the_pilot_is_judged_too() -> None:
    assert seen(of(world(members={ADA, KAY})))[KAY] == (False, True, False, Reason.NO_ACCOUNT)
    pilot = from_values(values(assign={}, addresses={}, rollOut={"who": "pilot", "pilot": [KAY]}))
    assert KAY in seen(candidates(pilot, world().snapshot(pilot)))


def test_a_whole_domain_in_the_group_puts_its_people_in() -> None:
    assert {each.in_group for each in of(world(members={"@example.com"})).people} == {True}


def created_by_mimecast(**changes: Any) -> World:
    domains = {ABUSE: replace(address(ABUSE), name="Domain abuse address"), KAY: address(KAY)}
    return world(**{"addresses": domains, **changes})


@pytest.mark.parametrize("members", [set(), {"@example.com"}])
def test_addresses_that_mimecast_created_are_not_counted_as_people(members: set[str]) -> None:
    """A tenant with 100 domains has 200 of them, and they would hide the people whom Entra lacks."""
    found = of(created_by_mimecast(members=members))
    assert ABUSE not in seen(found)
    assert KAY in seen(found)
    assert list(not_counted(found)) == [
        Statement(
            "1 address that Mimecast created with a domain (abuse@, postmaster@) is not counted: nobody signs in "
            "with it",
            How.LIVE,
            "Mimecast",
            Verdict.NOTE,
        )
    ]
    (two,) = not_counted(replace(found, left_out=frozenset({ABUSE, "postmaster@example.com"})))
    assert two.text.startswith("2 addresses that Mimecast created")
    assert two.text.endswith("are not counted: nobody signs in with them")


PILOT = from_values(values(assign={}, addresses={}, rollOut={"who": "pilot", "pilot": [ABUSE]}))


@pytest.mark.parametrize(
    ("changes", "written", "settings"),
    [
        ({}, (ABUSE,), SETTINGS),
        ({}, (), PILOT),
        ({"members": {ABUSE}}, (), SETTINGS),
        ({"accounts": [account(ABUSE)]}, (), SETTINGS),
        ({"addresses": {ABUSE: replace(address(ABUSE), name="Abe Use")}}, (), SETTINGS),
    ],
    ids=["configured", "in the pilot", "in the group", "in Entra", "with a name of its own"],
)
def test_such_an_address_counts_if_anybody_may_use_it(
    changes: dict[str, Any], written: tuple[str, ...], settings: Settings
) -> None:
    addresses = [Address(address=each) for each in written]
    found = candidates(settings, created_by_mimecast(**changes).snapshot(settings), addresses)
    assert ABUSE in seen(found)
    assert list(not_counted(found)) == []


def test_who_would_sign_in_comes_first_then_the_largest_groups() -> None:
    people = {each: address(each) for each in (ADA, GRACE, ALAN, LINUS, KAY)}
    found = of(world(addresses=people)).by_outcome
    assert [(outcome.reason, [each.forecast.address for each in who]) for outcome, who in found.items()] == [
        (None, [ADA, GRACE]),
        (Reason.NOT_ASSIGNED, [ALAN, LINUS]),
        (Reason.NO_ACCOUNT, [KAY]),
    ]


IDP = application(sign_on_url="", reply_urls=(IDP_REPLY_URL,), assigned=(assigned(ADA), assigned(GRACE)))


def tiles_of(*unassigned: str) -> World:
    """Ada's and Grace's responses go where Mimecast awaits none; the others are not assigned, and need not be."""
    people = (ADA, GRACE, *unassigned)
    return world(
        accounts=[account(each) for each in people],
        addresses={each: address(each) for each in people},
        application=replace(IDP, reply_urls=(REPLY_URL, "https://x"), assignment_required=False),
    )


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(world(), id="two would, one is not assigned"),
        pytest.param(
            world(accounts=[account(ADA), account(GRACE, enabled=None), account(ALAN)]), id="one is unknown"
        ),
        pytest.param(world(application=application(tags=frozenset({"HideApp"}))), id="hidden"),
        pytest.param(
            world(
                application=replace(IDP, reply_urls=("https://eu-api.mimecast.com/login/saml", "https://x"))
            ),
            id="nobody responds to the tile",
        ),
        pytest.param(tiles_of(ALAN), id="two tiles fail in one way, one in another"),
        pytest.param(tiles_of(ALAN, LINUS), id="two tiles fail in one way, two in another"),
        pytest.param(tiles_of(ALAN, LINUS, KAY), id="two tiles fail in one way, three in another"),
        pytest.param(
            world(unread=frozenset({"addresses", "domains"}), addresses={}), id="addresses are unknown"
        ),
    ],
)
def test_assess_states_who_would_not_sign_in_and_why(found: World, snapshot: SnapshotAssertion) -> None:
    judged = of(found)
    assert [f"{each.verdict}: {each}" for each in (*statements(judged), *tiles(judged))] == snapshot


def test_people_with_a_password_are_reported() -> None:
    password = Outcome(Result.PASSWORD, through_entra=False)
    found = of(world(members=set()))
    changed = replace(found, people=tuple(replace(each, outcome=password) for each in found.people[:1]))
    (said,) = statements(changed)
    assert said.text == "1 person would sign in, with a password"


def test_a_problem_is_a_clause_with_a_fix() -> None:
    refused = Outcome(Result.REFUSED, Reason.NOT_ASSIGNED)
    unread_ = Outcome(Result.UNKNOWN, missing=Missing.APPLICATION)
    fine = Outcome(Result.ENTRA)
    assert [problem(each) for each in (refused, unread_, fine)] == [
        REASONS[Reason.NOT_ASSIGNED].problem,
        "unknown: the application in Entra",
        "",
    ]
    broken = with_parts(application=unknown("no permission"), addresses=unknown("time-out"))
    assert [way_out(each, broken) for each in (refused, unread_, fine)] == [
        REASONS[Reason.NOT_ASSIGNED].fix,
        "fix this and rerun assess: no permission; time-out",
        "",
    ]
    assert way_out(unread_, with_parts()) == "", "nothing that was read is missing"


def with_parts(**changes: Any) -> Snapshot:
    """The snapshot of `world` with other parts."""
    return replace(world().snapshot(SETTINGS), **changes)


def test_failures_with_one_cause_are_reported_together() -> None:
    directory = replace(
        with_parts().directory, unread="no permission", unread_groups={"g": "time-out", "h": "x"}
    )
    found = with_parts(
        application=unknown("no permission"),
        directory=directory,
        domains=unknown("time-out"),
        addresses=Known(None, How.UNKNOWN),
        groups={ProfileSlot.FIRST: unknown("time-out"), ProfileSlot.SECOND: live(LiveGroup())},
    )
    assert [(each.text, each.source) for each in unread(found)] == [
        ("the application in Entra, the people in Entra could not be read", "no permission"),
        (
            (
                "the internal domains at Mimecast, the first roll-out group at Mimecast, the members of assigned "
                "groups could not be read"
            ),
            "time-out",
        ),
        ("the addresses at Mimecast could not be read", "it was not read"),
        ("the members of assigned groups could not be read", "x"),
    ]
    assert list(unread(with_parts())) == []
    (policy,) = unread(with_parts(application=live(application(policies=None, policies_unread="time-out"))))
    assert (str(policy), policy.verdict) == (
        "the claims policy in Entra could not be read (unknown: time-out)",
        "UNKNOWN",
    )
