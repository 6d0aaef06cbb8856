"""The forecast of one run: who would lose a sign-in, when, and which guard refuses it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import guards, sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.guards.losses import guard_of
from mimecast_sso.assessment.people import Person
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.sign_in_reasons import REASONS, Missing, Reason
from mimecast_sso.provenance import How, live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.applications import Assigned
from providers.entra.signing_certificates import PrincipalCertificates
from tests.assessment.test_guards import rotating, rotation
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    GROUP,
    LINUS,
    NEW,
    OLD,
    UNREAD,
    UPN_CLAIMS,
    World,
    account,
    address,
    application,
    assigned,
    attested,
    certificate,
    deployed,
    form_of,
    values,
    with_certificate,
)


def lost(assessment: Assessment) -> dict[str, tuple[str, Instant, str]]:
    """Who would lose a sign-in: the reason, the instant, the guard of the first loss."""
    return {
        each: (
            str(losses[0].outcome.reason or losses[0].outcome.missing),
            losses[0].instant,
            guard_of(losses[0]),
        )
        for each, losses in assessment.forecast.losses.items()
    }


def changed(**keys: Any) -> dict[str, Any]:
    """The deployed configuration with other keys, its attestation as it was."""
    return attested(values()) | keys


def with_alan() -> World:
    """Alan signs in too, through the group."""
    settings = from_values(attested(_with_alan()))
    return World(
        application=application(assigned=(assigned(ADA), assigned(GRACE), assigned(GROUP, "Group"))),
        groups={GROUP: [account(ALAN)]},
        members={ADA, GRACE, ALAN},
        addresses={each: address(each) for each in (ADA, GRACE, ALAN)},
        deployed=deployed(settings),
    )


def _with_alan(**keys: Any) -> dict[str, Any]:
    people = [{"address": each} for each in (ADA, GRACE, ALAN)]
    return values(assign={"users": [ADA, GRACE], "groups": [GROUP]}, addresses={"list": people}) | keys


def test_without_changes_everybody_signs_in_both_ways() -> None:
    found = World().assess()
    assert lost(found) == {}
    assert found.forecast.through_entra(Instant.AFTERWARDS) == (ADA, GRACE)
    assert [each.account for each in found.forecast.people] == [account(ADA), account(GRACE)]
    for each in found.forecast.people:
        assert {way: [str(one) for one in verdicts.now] for way, verdicts in each.ways.items()} == {
            Way.FROM_MIMECAST: ["signs in through Entra"],
            Way.FROM_MY_APPS: ["signs in through Entra"],
        }


LAST = "last-sign-in-method"


def test_leaving_the_management_of_assignments_and_claims_loses_nobody() -> None:
    assert lost(World().assess(changed(assign={"users": [ADA, GRACE], "mode": "verify"}))) == {}
    assert lost(World().assess(changed(application={"claims": "verify"}))) == {}


def test_a_wrong_reply_url_is_refused_for_everybody() -> None:
    found = World().assess(changed(application={"replyUrl": "https://example.com/acs"}))
    assert lost(found) == dict.fromkeys((ADA, GRACE), ("reply-url", Instant.AFTERWARDS, LAST))


def test_required_assignment_is_refused_for_whoever_is_not_assigned() -> None:
    world = with_alan()
    document = attested(_with_alan(application={"assignmentRequired": False}, assign={"users": [ADA, GRACE]}))
    world.application = application(assignment_required=False)
    world.deployed = deployed(from_values(document))
    found = world.assess(attested(_with_alan(assign={"users": [ADA, GRACE]})))
    assert lost(found) == {ALAN: ("not-assigned", Instant.AFTERWARDS, LAST)}


def test_requested_contexts_are_refused_before_the_console_work() -> None:
    found = World().assess(
        changed(authenticationProfile={"contexts": {"passwordProtected": True}} | _confirmed())
    )
    assert lost(found) == dict.fromkeys((ADA, GRACE), ("requested-context", Instant.EVENTUALLY, LAST))


def _confirmed() -> dict[str, Any]:
    return {"confirmed": attested(values())["authenticationProfile"]["confirmed"]}


def test_an_assignment_and_the_roll_out_in_one_edit_are_refused_until_mimecast_notices() -> None:
    document = changed(assign={"users": [ADA]}, rollOut={"who": "pilot", "pilot": [ADA]})
    found = World().assess(document)
    assert lost(found) == {GRACE: ("not-assigned", Instant.MEANWHILE, LAST)}
    (refusal,) = guards.check(found).refusals
    assert "first change only mimecast-sso:rollOut" in refusal
    # And so is the second of two runs, while the first is younger than Mimecast takes.
    first = changed(rollOut={"who": "pilot", "pilot": [ADA]})
    soon = World(members={ADA}, left={GRACE}, deployed=deployed(from_values(first)))
    assert lost(soon.assess(document)) == {GRACE: ("not-assigned", Instant.AFTERWARDS, LAST)} or lost(
        soon.assess(document)
    ) == {GRACE: ("not-assigned", Instant.MEANWHILE, LAST)}
    later = World(members={ADA}, deployed=deployed(from_values(first)))
    assert lost(later.assess(document)) == {}


def test_an_older_attestation_does_not_tell_what_the_console_holds() -> None:
    world, document = reverted()
    assert lost(world.assess(document)) == dict.fromkeys(
        (ADA, GRACE), ("signature", Instant.AFTERWARDS, "certificate-mismatch")
    )


def test_an_externally_removed_certificate_is_recreated_only_with_refresh() -> None:
    """The engine compares with what it recorded."""
    removed = World(application=application(certificates=PrincipalCertificates((), "")))
    person = removed.assess().forecast.person(ADA)
    assert person is not None
    assert [each.reason for each in person.from_mimecast.afterwards] == [
        Reason.NO_CERTIFICATE,
        Reason.SIGNATURE,
    ]
    # A further generation is made in any case, and the first certificate of an application signs.
    both = {
        "generations": [
            {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
            {"label": "2029", "endDate": "2032-11-01T00:00:00Z"},
        ],
        "active": "2026",
    }
    person = removed.assess(changed(certificates=both)).forecast.person(ADA)
    assert person is not None
    assert [each.reason for each in person.from_mimecast.afterwards] == [Reason.SIGNATURE]


@pytest.mark.parametrize(
    ("edit", "reasons"),
    [
        ({}, [Reason.APPLICATION_DISABLED, None]),
        ({"notificationEmails": ["identity@example.com"]}, [None]),
        ({"hide": True}, [None]),
    ],
)
def test_any_change_of_the_service_principal_writes_all_its_properties(
    edit: dict[str, Any], reasons: list[Reason | None]
) -> None:
    """So that what somebody else changed there is undone without a refresh as well."""
    world = World(application=application(enabled=False, mode="password"))
    person = world.assess(changed(application=edit)).forecast.person(ADA)
    assert person is not None
    assert [each.reason for each in person.from_mimecast.afterwards] == reasons


def test_an_externally_removed_address_is_recreated_only_with_refresh() -> None:
    person = World(addresses={GRACE: address(GRACE)}).assess().forecast.person(ADA)
    assert person is not None
    assert {each.reason for each in person.from_mimecast.afterwards} == {Reason.NOT_AT_MIMECAST, None}


def test_addresses_in_a_domain_that_the_run_registers_are_created_once_it_is_verified() -> None:
    """Which may be in this run, or in a later one."""
    document = values(domains=[{"name": "example.com"}])
    world = World(
        addresses={},
        members=set(),
        deployed=Record(()),
        changes={"domains": live({}), "groups": {ProfileSlot.FIRST: live(LiveGroup())}},
    )
    person = world.assess(document).forecast.person(ADA)
    assert person is not None
    assert [each.reason for each in person.from_mimecast.now] == [Reason.NOT_AT_MIMECAST]
    assert [each.result for each in person.from_mimecast.afterwards] == [Result.REFUSED, Result.PASSWORD]


def _with_both(record: Any) -> Any:
    """The record with both generations' certificates."""
    resources = [each for each in record.resources if not each.urn.endswith("::signing-certificate-2026")]
    (made,) = (each for each in record.resources if each.urn.endswith("::signing-certificate-2026"))
    old = replace(made, outputs={"thumbprint": OLD})
    new = replace(made, urn=made.urn.replace("2026", "2029"), outputs={"thumbprint": NEW})
    return replace(record, resources=(*resources, old, new))


def test_a_group_is_known_by_the_state_and_not_by_the_name_in_the_file() -> None:
    found = World().assess(changed(rollOut={"group": "Another name"}, assign={"users": []}))
    assert lost(found) == dict.fromkeys((ADA, GRACE), ("not-assigned", Instant.AFTERWARDS, LAST))


def test_the_console_enforces_until_somebody_attests_otherwise() -> None:
    profile = {"enforce": {"personalPortal": False}} | _confirmed()
    found = World().assess(changed(authenticationProfile=profile, assign={"users": []}))
    assert lost(found) == dict.fromkeys((ADA, GRACE), ("not-assigned", Instant.AFTERWARDS, LAST))


def test_a_sign_in_broken_before_the_run_is_reported_and_not_refused() -> None:
    world = with_alan()
    world.groups = {GROUP: []}
    world.accounts.append(account(ALAN))
    found = world.assess(attested(_with_alan()))
    assert lost(found) == {}
    assert {address_: outcome.reason for address_, outcome in found.forecast.broken.items()} == {
        ALAN: Reason.NOT_ASSIGNED
    }
    disabled = World(application=application(enabled=False)).assess()
    assert {outcome.reason for outcome in disabled.forecast.broken.values()} == {Reason.APPLICATION_DISABLED}


def test_added_people_are_ready_or_refused_with_the_reason() -> None:
    people = [{"address": each} for each in (ADA, GRACE, LINUS)]
    document = attested(values(addresses={"list": people}))
    world = World(addresses={each: address(each) for each in (ADA, GRACE, LINUS)})
    world.accounts.append(account(LINUS, mail="other@example.com"))
    assert (
        lost(world.assess(document)) == {LINUS: ("not-assigned", Instant.AFTERWARDS, "unprepared-people")}
        or lost(world.assess(document))[LINUS][2] == "unprepared-people"
    )
    # Whoever is not at Mimecast could not sign in before either: named, not refused.
    typo = attested(values(rollOut={"who": "all", "pilot": ["nobody@example.com"]}))
    found = World().assess(typo)
    assert lost(found) == {}
    assert "nobody@example.com" in found.forecast.not_ready


@pytest.mark.parametrize(
    ("what", "world", "document"),
    [
        ("roll-back", World(), changed(rollOut={"who": "none"})),
        (
            "roll-back of a broken application",
            World(application=application(enabled=False)),
            changed(rollOut={"who": "none"}),
        ),
        (
            "un-enforcing",
            World(),
            changed(authenticationProfile={"enforce": {"personalPortal": False}} | _confirmed()),
        ),
        (
            "staging around an empty group",
            World(members=set()),
            values(application={"replyUrl": "https://example.com/x"}),
        ),
        ("hiding the tile", World(), changed(application={"hide": True})),
        ("an unmanaged member leaves", World(members={ADA, GRACE, LINUS}), changed()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_runs_that_lock_nobody_out_are_not_refused(what: str, world: World, document: dict[str, Any]) -> None:
    assert lost(world.assess(document)) == {}, what


def test_unknown_refuses_only_what_depends_on_it() -> None:
    everything = frozenset({"application", "own", "holders", "addresses", "groups", "domains"})
    assert lost(World(unread=everything).assess()) == {}
    joining = World(members=set(), unread=frozenset({"application", "own"}))
    found = joining.assess()
    assert {reason for reason, _, _ in lost(found).values()} == {"the application in Entra"}


NO_APPLICATION = frozenset({"application", "own", "holders"})


@pytest.mark.parametrize(
    ("document", "destroys", "people"),
    [
        (None, False, set()),
        (changed(rollOut={"who": "none"}), False, set()),
        (changed(assign={"users": [ADA, GRACE], "mode": "verify"}), False, set()),
        (changed(assign={"users": [ADA]}), False, {GRACE}),
        (changed(application={"replyUrl": "https://example.com/acs"}), False, {ADA, GRACE}),
        (changed(application={"identifier": "https://example.com/other"}), False, {ADA, GRACE}),
        (None, True, {ADA, GRACE}),
    ],
    ids=["nothing", "roll-back", "verify", "assign", "reply URL", "identifier", "down"],
)
def test_an_application_that_could_not_be_read_is_presumed_to_be_as_recorded(
    document: dict[str, Any] | None, destroys: bool, people: set[str]
) -> None:
    found = World(unread=NO_APPLICATION).assess(document, destroys=destroys)
    assert set(lost(found)) == people
    for losses in found.forecast.losses.values():
        assert {(each.outcome.result, each.outcome.missing) for each in losses} == {
            (Result.UNKNOWN, Missing.APPLICATION)
        }
    assert all(each.from_mimecast.now[0].result is Result.UNKNOWN for each in found.forecast.people)


def test_a_recorded_group_that_leaves_assign_is_not_read_with_the_application_and_may_hold_anybody() -> None:
    before = from_values(attested(values(assign={"groups": ["Staff"]})))
    tenant = World(unread=NO_APPLICATION, deployed=deployed(before))
    assert set(lost(tenant.assess(changed(assign={"users": [ADA]})))) == {GRACE}


def test_a_stack_that_recorded_no_application_is_not_presumed_to_have_one() -> None:
    assert not lost(World(unread=NO_APPLICATION, deployed=Record()).assess(changed(rollOut={"who": "none"})))


def test_without_the_record_every_assignment_may_be_this_stacks() -> None:
    unread = World(unread=frozenset({"record"}))
    assert lost(unread.assess()) == {}
    assert set(lost(unread.assess(changed(assign={"users": [ADA]})))) == {GRACE}


def test_hiding_the_tile_is_reported() -> None:
    found = World().assess(changed(application={"hide": True}))
    assert found.forecast.tiles_lost == (ADA, GRACE)


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    "other",
    [
        account(ADA, object_id="a guest", user_principal_name="ada_other#EXT#@example.com", guest=True),
        account(ADA, object_id="a former account", user_principal_name="ada.old@example.com", enabled=False),
        account(ADA, object_id="a second account", user_principal_name="ada.admin@example.com"),
    ],
    ids=lambda each: each.object_id,
)
def test_of_several_accounts_with_one_mail_address_the_one_that_can_sign_in_counts(
    other: Person, first: bool
) -> None:
    people = [other, account(ADA)] if first else [account(ADA), other]
    world = World(accounts=[*people, account(GRACE)])
    found = world.assess()
    person = found.forecast.person(ADA)
    assert person is not None
    assert person.account == account(ADA)
    assert found.forecast.through_entra(Instant.NOW) == (ADA, GRACE)
    assert lost(world.assess(changed(assign={"users": [GRACE]}))).keys() == {ADA}
    # Where the other is the one that is assigned, it is the one that signs in.
    world.application = application(
        assigned=(Assigned("other", other.object_id, "User", "", "role"), assigned(GRACE))
    )
    person = world.assess(changed(assign={"users": [GRACE], "mode": "verify"})).forecast.person(ADA)
    assert person is not None
    assert person.account == (other if other.enabled else account(ADA))


def test_people_are_matched_by_name_id_and_not_by_mail_alone() -> None:
    """Linus's mail is his address, his user principal name another; a policy that issues that one shuts him out."""
    world = World()
    world.accounts[0] = account(ADA, user_principal_name="ada.l@example.com")
    assert world.assess().forecast.person(ADA).from_mimecast.now[0].result is Result.ENTRA  # type: ignore[union-attr]
    upn = application(policies=())
    found = replace_application(world, upn).assess()
    person = found.forecast.person(ADA)
    assert person is not None
    assert person.from_mimecast.now[0].result is Result.UNKNOWN


def replace_application(world: World, made: Any) -> World:
    world.application = made
    return world


def test_a_refusal_names_people_reason_knowledge_and_the_safe_change() -> None:
    (refusal,) = guards.check(World().assess(changed(assign={"users": [ADA]}))).refusals
    assert (
        "Refused by guard last-sign-in-method: 1 person can sign in now and could not afterwards." in refusal
    )
    assert "grace@example.com: refused by Entra: not assigned to the application" in refusal
    assert "(AADSTS50105), afterwards" in refusal
    assert "Affected, 1: grace@example.com" in refusal
    assert '2 people are in the roll-out group "Single sign-on" (read live)' in refusal
    assert "keep them in mimecast-sso:assign" in refusal
    assert "name: last-sign-in-method, reason: …" in refusal


def test_who_could_not_be_looked_up_is_unknown_and_not_missing() -> None:
    world = World(accounts=[account(ADA)])
    snapshot = world.snapshot(from_values(attested(values())))
    read = world.assess().forecast.person(GRACE)
    assert read is not None
    assert read.from_mimecast.now[0].reason is Reason.NO_ACCOUNT
    world.changes = {"directory": replace(snapshot.directory, unread="User.Read.All is missing")}
    person = world.assess().forecast.person(GRACE)
    assert person is not None
    assert person.from_mimecast.now[0].result is Result.UNKNOWN


UNREADABLE = {"enabled": None, "guest": None, "user_principal_name": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"assign": {"users": [GRACE]}},
        {"application": {"assignmentRequired": True}, "assign": {"users": [GRACE]}},
    ],
)
def test_an_assignment_that_goes_is_a_loss_of_whoever_it_is_also_if_the_account_cannot_be_read(
    changes: dict[str, Any],
) -> None:
    world = World(accounts=[account(each, **UNREADABLE) for each in (ADA, GRACE)])
    assert lost(world.assess()) == {}
    assert lost(world.assess(changed(**changes))) == {ADA: ("not-assigned", Instant.AFTERWARDS, LAST)}


def test_a_certificate_that_mimecast_does_not_hold_stops_people_whose_accounts_cannot_be_read() -> None:
    found = World(accounts=[account(each, **UNREADABLE) for each in (ADA, GRACE)])
    found.application = application(
        assignment_required=True, certificates=PrincipalCertificates((certificate(NEW),), NEW)
    )
    outcome = found.assess().forecast.people[0].from_mimecast.now[0]
    assert (outcome.missing, outcome.reason) == (Missing.ACCOUNT, Reason.SIGNATURE)
    assert lost(found.assess(changed(application={"replyUrl": "https://example.com/acs"}))) == {}


def test_whoever_could_not_be_looked_up_may_be_anybody_whose_assignment_goes() -> None:
    """Without User.Read.All, members of a group have no names: nobody can tell whose address is whose."""
    world = with_alan()
    world.groups = {GROUP: [account("", object_id="someone", mail="", **UNREADABLE)]}
    world.accounts = [account(ADA), account(GRACE)]

    def lost_with(**assign: Any) -> dict[str, tuple[str, Instant, str]]:
        document = attested(_with_alan()) | {"assign": assign}
        world.changes = {}
        directory = world.snapshot(from_values(document)).directory
        world.changes = {"directory": replace(directory, unread="User.Read.All is missing")}
        return lost(world.assess(document))

    assert lost_with(users=[ADA, GRACE], groups=[GROUP]) == {}
    assert lost_with(users=[ADA, GRACE]) == {ALAN: ("not-assigned", Instant.AFTERWARDS, LAST)}
    # Ada's account was read, so her assignment is not Alan's.
    assert lost_with(users=[GRACE], groups=[GROUP]).keys() == {ADA}
    # One of two groups goes, and he may have been in that one only.
    world.groups["Second"] = [account("", object_id="another", mail="", **UNREADABLE)]
    assert world.application is not None
    both = (*world.application.assigned, assigned("Second", "Group"))
    world.application = replace(world.application, assigned=both)
    with_both = from_values(
        attested(_with_alan()) | {"assign": {"users": [ADA, GRACE], "groups": [GROUP, "Second"]}}
    )
    world.deployed = deployed(with_both)
    assert lost_with(users=[ADA, GRACE], groups=[GROUP, "Second"]) == {}
    assert lost_with(users=[ADA, GRACE], groups=[GROUP]).keys() == {ALAN}


def test_whoever_could_not_be_looked_up_is_not_assigned_if_everybody_assigned_is_somebody_else() -> None:
    world = World(members={ALAN}, addresses={ALAN: address(ALAN)})
    directory = world.snapshot(from_values(attested(values()))).directory
    world.changes = {"directory": replace(directory, unread="User.Read.All is missing")}
    person = world.assess().forecast.person(ALAN)
    assert person is not None
    assert person.from_mimecast.now == (Outcome(Result.UNKNOWN, Reason.NOT_ASSIGNED, Missing.ACCOUNT),)


def test_a_member_of_a_group_that_could_not_be_read_may_be_assigned() -> None:
    group = assigned(GROUP, "Group")
    world = World(application=application(assigned=(assigned(ADA), group)))
    document = changed(assign={"users": [ADA], "mode": "verify"})
    directory = world.snapshot(from_values(document)).directory
    no_groups: dict[str, str] = {}
    for unread, result in (
        (no_groups, Result.REFUSED),
        ({group.principal_id: "a fault"}, Result.UNKNOWN),
    ):
        world.changes = {"directory": replace(directory, unread_groups=unread)}
        person = world.assess(document).forecast.person(GRACE)
        assert person is not None
        assert person.from_mimecast.now[0].result is result


def test_a_first_deployment_takes_a_sign_in_from_nobody() -> None:
    """Nothing exists yet: no application, no group, no addresses."""
    world = World(application=None, members=set(), addresses={}, deployed=Record())
    world.changes = {"groups": {ProfileSlot.FIRST: live(LiveGroup())}}
    assert lost(world.assess(values())) == {}


def test_who_left_unseen_keeps_the_assignment() -> None:
    """The audit log cannot be read: Grace may have left the roll-out a minute ago, and Mimecast still sends her."""
    pilot = {"who": "pilot", "pilot": [ADA]}
    settings = from_values(attested(values(rollOut=pilot)))
    world = World(members={ADA}, deployed=deployed(settings))
    document = attested(values(rollOut=pilot)) | {"assign": {"users": [ADA]}}
    assert lost(world.assess(document)) == {}
    world.unread = frozenset({"moved"})
    assert lost(world.assess(document)) == {GRACE: ("not-assigned", Instant.MEANWHILE, LAST)}
    assert lost(world.assess(attested(values(rollOut=pilot)))) == {}, "nothing is taken from her"


def test_external_changes_are_kept_or_undone_on_both_sides() -> None:
    """Somebody emptied the group and disabled the application. A refresh undoes both; without one both stay."""
    found = World(application=application(enabled=False), members=set()).assess()
    assert lost(found) == {}


def test_whoever_would_be_refused_anyway_loses_nothing() -> None:
    """The application was disabled right after Grace joined: some of her sign-ins may not go to Entra yet."""
    world = World(application=application(enabled=False), joined={GRACE})
    document = changed(assign={"users": []}, rollOut={"who": "none"})
    assert lost(world.assess(document)) == {}


def test_console_work_that_would_stop_people_is_refused_also_right_after_they_joined() -> None:
    contexts = values(authenticationProfile={"contexts": {"passwordProtected": True}})
    document = contexts | {
        "authenticationProfile": attested(values())["authenticationProfile"]
        | contexts["authenticationProfile"]
    }
    for world in (World(), World(joined={ADA, GRACE})):
        assert lost(world.assess(document)) == dict.fromkeys(
            (ADA, GRACE), ("requested-context", Instant.EVENTUALLY, LAST)
        )


def test_an_address_that_is_removed_and_disabled_ends_the_password_only() -> None:
    """Whoever signs in through Entra is refused to be disabled; the configuration asks for the end of a password."""
    document = attested(values(addresses={"list": [{"address": ADA}], "onRemoval": "disable"}))
    assert GRACE in lost(World().assess(document))
    assert lost(World(members=set()).assess(document)) == {}


def reverted() -> tuple[World, dict[str, Any]]:
    """A single rotation is done; then the stack file is reverted."""
    both = {
        "generations": [
            {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
            {"label": "2029", "endDate": "2032-11-01T00:00:00Z"},
        ],
        "active": "2029",
    }
    record = deployed(from_values(attested(values(certificates=both), NEW, days=1)), thumbprint=NEW)
    certificates = PrincipalCertificates((certificate(OLD), certificate(NEW, "2029", 2000)), NEW)
    world = World(application=application(certificates=certificates), deployed=_with_both(record))
    return world, attested(values(certificates=both | {"active": "2026"}), OLD, days=30)


def _with_linus(**world: Any) -> World:
    """Linus is at Mimecast as well, and has an account."""
    found = World(addresses={each: address(each) for each in (ADA, GRACE, LINUS)}, **world)
    found.accounts.append(account(LINUS))
    return found


def _two_losses() -> tuple[World, dict[str, Any]]:
    """Entra issued the user principal name until now; Ada's mail address is another one."""
    record = deployed(from_values(attested(values())))
    upn = Record(
        tuple(
            replace(each, outputs={**each.outputs, "definitions": [UPN_CLAIMS.definition]})
            if each.type == types.CLAIMS_MAPPING_POLICY
            else each
            for each in record.resources
        )
    )
    world = World(
        application=application(policies=(UPN_CLAIMS,)),
        accounts=[account(ADA, mail="lovelace@example.com"), account(GRACE)],
        deployed=upn,
    )
    return world, changed(assign={"users": [ADA]})


JOINS = attested(values(addresses={"list": [{"address": each} for each in (ADA, GRACE, LINUS)]}))


@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(), changed(assign={"users": []}), id="two are no longer assigned"),
        pytest.param(
            World(),
            changed(assign={"users": [ADA]}, rollOut={"who": "pilot", "pilot": [ADA]}),
            id="one leaves the roll-out and the assignments at once",
        ),
        pytest.param(*reverted(), id="the certificate that the console holds is another generation's"),
        pytest.param(
            World(),
            changed(application={"identifier": "https://example.com/other"}),
            id="the application loses the identifier",
        ),
        pytest.param(
            World(), changed(application={"replyUrl": "https://example.com/acs"}), id="another reply URL"
        ),
        pytest.param(
            World(), changed(authenticationProfile={"contexts": {"passwordProtected": True}}), id="contexts"
        ),
        pytest.param(
            *_two_losses(), id="one is no longer assigned, and another's mail address is not at Mimecast"
        ),
        pytest.param(_with_linus(), JOINS, id="one joins and is not assigned"),
        pytest.param(
            _with_linus(unread=frozenset({"application", "own"})), JOINS, id="one joins, and it is unknown"
        ),
        pytest.param(
            World(unread=NO_APPLICATION),
            changed(assign={"users": [ADA]}),
            id="one is no longer assigned, and it is unread",
        ),
        pytest.param(
            World(unread=frozenset({"moved"}), members={ADA}),
            changed(assign={"users": [ADA]}, rollOut={"who": "pilot", "pilot": [ADA]}),
            id="whoever left unseen is no longer assigned",
        ),
        pytest.param(
            World(),
            changed(
                application={"assignmentRequired": True},
                addresses={"list": [{"address": ADA}], "onRemoval": "disable"},
                authenticationProfile={"contexts": {"passwordProtected": True}},
            ),
            id="contexts, and one address is disabled",
        ),
        pytest.param(
            replace(
                rotating(rotation("2026", "both"), set(), {ADA, GRACE}, NEW), unread=frozenset({"record"})
            ),
            rotation("2026", "both"),
            id="the certificate that the console holds is of an unknown generation",
        ),
        pytest.param(
            reverted()[0],
            reverted()[1] | {"rollOut": {"who": "none"}},
            id="two leave while another certificate is activated",
        ),
        pytest.param(
            World(
                members=set(),
                deployed=deployed(from_values(attested(values())), members=frozenset()),
                application=application(
                    certificates=PrincipalCertificates((certificate(OLD), certificate(NEW, "other")), NEW)
                ),
            ),
            attested(values()),
            id="two join, and somebody activated another certificate",
        ),
        pytest.param(
            World(left={GRACE}, members={ADA}),
            changed(assign={"users": []}, rollOut={"who": "pilot", "pilot": [ADA]}),
            id="one fails afterwards, one who left only meanwhile",
        ),
    ],
)
def test_refusals_to_the_word(world: World, document: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    assert guards.check(world.assess(document)).refusals == snapshot


# -- Instants -------------------------------------------------------------------------------------------------------

UNENFORCED = values(authenticationProfile={"enforce": {"personalPortal": False}})


def results(assessment: Assessment, instant: Instant, who: str = GRACE) -> list[Result]:
    """How somebody's sign-ins from Mimecast's page may end at an instant, the likely one first."""
    person = assessment.forecast.person(who)
    assert person is not None
    return [outcome.result for outcome in person.from_mimecast.at(instant)]


def test_values_that_the_run_writes_do_not_apply_before_it() -> None:
    found = World().assess(changed(application={"replyUrl": "https://example.com/acs"}))
    assert results(found, Instant.NOW) == [Result.ENTRA]
    assert results(found, Instant.SAVED) == [Result.ENTRA]
    assert results(found, Instant.MEANWHILE) == [Result.ENTRA, Result.REFUSED]
    assert results(found, Instant.AFTERWARDS) == [Result.REFUSED]


def test_a_recent_console_change_may_be_in_effect_now_and_is_afterwards() -> None:
    found = World().assess(attested(UNENFORCED, days=0))
    assert results(found, Instant.NOW) == [Result.PASSWORD, Result.ENTRA]
    assert results(found, Instant.AFTERWARDS) == [Result.PASSWORD]


def test_assignment_that_becomes_required_before_somebody_is_assigned_is_refused() -> None:
    """Properties are written before assignments."""
    before = attested(values(assign={"users": [ADA]}, application={"assignmentRequired": False}))
    world = World(
        application=application(assigned=(assigned(ADA),), assignment_required=False),
        deployed=deployed(from_values(before)),
    )
    assert lost(world.assess()) == {GRACE: ("not-assigned", Instant.MEANWHILE, LAST)}


def test_a_change_that_only_a_refresh_would_make_safe_is_refused() -> None:
    """Grace's assignment was removed by hand, which did not matter as long as assignment was not required."""
    before = attested(values(application={"assignmentRequired": False}))
    world = World(
        application=application(assigned=(assigned(ADA),), assignment_required=False),
        deployed=deployed(from_values(before)),
    )
    assert lost(world.assess()) == {GRACE: ("not-assigned", Instant.AFTERWARDS, LAST)}


def may_have_left(world: World, document: dict[str, Any]) -> bool:
    """Whether Grace would lose her sign-in if she had left the roll-out a minute ago, unseen."""
    world.unread = frozenset({"moved"})
    person = world.assess(document).forecast.person(GRACE)
    assert person is not None
    assert not person.ways[Way.FROM_MY_APPS].lost_if_inside
    lost = person.from_mimecast.lost_if_inside
    assert lost is None or (lost.result, lost.missing) == (Result.UNKNOWN, Missing.WHO_LEFT)
    return lost is not None


def test_whoever_may_have_left_unseen_is_judged_by_what_holds_now_and_what_the_run_makes_of_it() -> None:
    pilot = {"rollOut": {"who": "pilot", "pilot": [ADA]}}
    unassigned = changed(assign={"users": [ADA]}, **pilot)
    assert may_have_left(World(members={ADA}), unassigned)
    assert not may_have_left(World(members={ADA}), changed(**pilot))
    assert not may_have_left(World(), unassigned), "she is in the group"
    assert may_have_left(
        World(members={ADA}), changed(application={"replyUrl": "https://example.com/acs"}, **pilot)
    )
    not_assigned = application(assigned=(assigned(ADA),))
    assert not may_have_left(World(members={ADA}, application=not_assigned), unassigned), "it fails already"
    fresh = attested(values(), days=0) | {"assign": {"users": [ADA]}, **pilot}
    unenforced = deployed(from_values(attested(UNENFORCED)))
    assert may_have_left(World(members={ADA}, deployed=unenforced), fresh), "by the form that was saved last"


UNASSIGNED = changed(assign={"users": [ADA]})


@pytest.mark.parametrize("unread", [("groups",), ("groups", "moved"), ("groups", "addresses")])
def test_whoever_may_be_in_a_group_that_could_not_be_read_is_judged_as_if_they_were(
    unread: tuple[str, ...],
) -> None:
    world = World(unread=frozenset(unread))
    for members in (["ada", "grace"], ["ada"]):
        pilot = {"who": "pilot", "pilot": [f"{each}@example.com" for each in members]}
        found = world.assess(changed(assign={"users": [ADA]}, rollOut=pilot))
        (loss,) = found.forecast.losses[GRACE]
        assert loss.outcome == Outcome(Result.UNKNOWN, Reason.NOT_ASSIGNED, Missing.GROUP)
        assert ADA not in found.forecast.losses
        (finding,) = guards.findings(found)
        assert finding.guard == LAST
        assert finding.problem == (
            "1 person may be sent to Entra now, and could not sign in while the change takes effect"
        )
        assert finding.remedy == "rerun this once it is known who is in the roll-out group"


@pytest.mark.parametrize(
    ("world", "document"),
    [
        (World(), None),
        (World(), changed(rollOut={"who": "none"})),
        (World(application=application(assigned=(assigned(ADA),))), UNASSIGNED),
        (
            World(deployed=deployed(from_values(attested(UNENFORCED)))),
            attested(UNENFORCED | {"assign": {"users": [ADA]}}),
        ),
    ],
)
def test_no_run_is_refused_that_takes_nothing_from_a_group_that_could_not_be_read(
    world: World, document: dict[str, Any] | None
) -> None:
    world.unread = frozenset({"groups"})
    assert guards.check(world.assess(document)).refusals == ()


def test_a_recorded_group_that_is_gone_may_have_been_renamed_with_everybody_in_it() -> None:
    world = World(changes={"groups": {ProfileSlot.FIRST: live(LiveGroup())}})
    found = world.assess(UNASSIGNED)
    assert not found.snapshot.groups_known
    assert [each.guard for each in guards.findings(found)] == [LAST]
    assert guards.check(world.assess()).refusals == ()
    who = sentences.who_signs_in(found.forecast, Instant.NOW)
    assert who.source.startswith(
        'Mimecast has no group "Single sign-on", which this stack deployed. If it was'
    )
    record = deployed(from_values(attested(values())))
    forgotten = Record(tuple(each for each in record.resources if each.type != types.GROUP))
    world.deployed = forgotten
    assert not world.assess(UNASSIGNED).snapshot.groups_known, "a refresh forgot it, but not the profile"
    world.deployed = Record(
        tuple(each for each in forgotten.resources if each.type != types.AUTHENTICATION_PROFILE)
    )
    assert world.assess(UNASSIGNED).snapshot.groups_known, "it was not deployed yet"


def _changed(record: Record, type_: str, **outputs: Any) -> Record:
    """The record with other outputs of one resource."""
    return Record(
        tuple(
            replace(each, outputs={**each.outputs, **outputs}) if each.type == type_ else each
            for each in record.resources
        )
    )


def test_a_group_that_was_created_after_the_confirmation_is_another_one() -> None:
    """Somebody renamed the group, and a run created one in its place: the profile stays bound to the renamed one."""
    record = deployed(from_values(attested(values())))
    confirmed = record.profiles[ProfileSlot.FIRST].confirmed or {}
    later = {"createdAt": "2026-11-21T09:00:00Z"}
    assert later["createdAt"] > confirmed["at"]
    world = World(deployed=_changed(record, types.GROUP, **later))
    found = world.assess(UNASSIGNED)
    assert not found.snapshot.groups_known
    assert [each.guard for each in guards.findings(found)] == [LAST]
    assert (found.desired.evidence(ProfileSlot.FIRST) or {})["expired"] == confirmed["at"][:10]
    assert not found.desired.opens(ProfileSlot.FIRST)
    source = sentences.who_signs_in(world.assess().forecast, Instant.NOW).source
    assert (
        'the roll-out group "Single sign-on" was created at 2026-11-21T09:00:00Z, and its profile' in source
    )

    document = attested(values())
    document["authenticationProfile"]["confirmed"]["at"] = "2026-11-22T08:00:00Z"
    again = world.assess(document)
    assert again.desired.opens(ProfileSlot.FIRST)
    assert again.forecast.through_entra(Instant.NOW) == (ADA, GRACE)


@pytest.mark.parametrize("previous", [None, {"group": "Single sign-on", "certificate": ""}])
def test_a_confirmation_of_an_earlier_use_of_a_slot_says_nothing_about_its_new_group(previous: Any) -> None:
    """In a second blue/green rotation the stack file still has the attestation of the first one."""
    due = _changed(deployed(from_values(values())), types.GROUP, createdAt="2026-11-21T09:00:00Z")
    due = _changed(due, types.AUTHENTICATION_PROFILE, state="due", previousForm=previous)
    assert World(deployed=due).assess().snapshot.groups_known is (previous is None)


def test_a_run_that_creates_the_group_again_adds_nobody_before_the_next_confirmation() -> None:
    record = deployed(from_values(attested(values())))
    gone = Record(tuple(each for each in record.resources if each.type != types.GROUP))
    found = World(deployed=gone, changes={"groups": {ProfileSlot.FIRST: live(LiveGroup())}}).assess()
    assert not found.desired.opens(ProfileSlot.FIRST)


@pytest.mark.parametrize("deployed_too", [True, False])
def test_whoever_could_not_sign_in_if_the_due_form_was_saved_is_said(deployed_too: bool) -> None:
    """No API shows whether an administrator saved the form, so sign-ins now may be other than attested."""
    before = attested(values())
    document = before | {
        "authenticationProfile": before["authenticationProfile"] | {"contexts": {"passwordProtected": True}}
    }
    form = form_of(from_values(before))
    due = _changed(
        deployed(from_values(document if deployed_too else before)),
        types.AUTHENTICATION_PROFILE,
        **({"state": "due", "previousForm": form} if deployed_too else {}),
    )
    found = World(deployed=due).assess(document)
    said = list(sentences.perhaps_saved(found))
    assert len(said) == deployed_too
    for each in said:
        assert each.text.startswith(
            f"2 people cannot sign in if the console form that is due was saved already: {ADA}, {GRACE}"
        )
        assert each.how is How.UNKNOWN
    assert not list(sentences.perhaps_saved(World().assess()))


def test_whose_sign_in_a_deployment_restores_is_said() -> None:
    """The form with the next certificate is saved and confirmed; the deployment lets Entra sign with it."""
    both = [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2029", "endDate": "2029-11-15T00:00:00Z"},
    ]
    document = attested(values(certificates={"generations": both, "active": "2029"}), NEW)
    certificates = PrincipalCertificates((certificate(OLD), certificate(NEW, "2029")), OLD)
    world = World(
        application=application(certificates=certificates),
        deployed=with_certificate(deployed(from_values(attested(values())))),
    )
    found = world.assess(document)
    assert found.forecast.restored == (ADA, GRACE)
    assert [each.text for each in sentences.on_deploy(found)] == [
        f"2 people who cannot sign in now sign in through Entra afterwards: {ADA}, {GRACE}"
    ]


def test_whose_sign_in_a_refresh_restores_is_said() -> None:
    """Somebody deleted the assignments; the state has them, so only a run with --refresh creates them again."""
    found = World(application=application(assigned=())).assess().forecast
    assert found.restored_on_refresh == (ADA, GRACE)
    said = sentences.who_signs_in(found, Instant.AFTERWARDS).text
    assert said == f"Nobody signs in through Entra afterwards. With --refresh also: {ADA}, {GRACE}"
    assert "--refresh" not in sentences.who_signs_in(found, Instant.NOW).text
    assert World().assess().forecast.restored_on_refresh == ()


def _alan_joins(**keys: Any) -> dict[str, Any]:
    return attested(values(addresses={"list": [{"address": each} for each in (ADA, GRACE, ALAN)]}) | keys)


def test_nobody_unprepared_is_added_to_a_group_that_could_not_be_read() -> None:
    everybody = (ADA, GRACE, ALAN)
    world = World(
        accounts=[account(each) for each in everybody],
        addresses={each: address(each) for each in everybody},
        unread=frozenset({"groups"}),
    )
    found = world.assess(_alan_joins())
    assert lost(found) == {ALAN: ("not-assigned", Instant.AFTERWARDS, "unprepared-people")}
    ready = world.assess(_alan_joins(assign={"users": list(everybody)}))
    assert lost(ready) == {}
    assert ready.forecast.joining == (ALAN,)
    person = ready.forecast.person(ALAN)
    assert person is not None
    assert person.from_mimecast.afterwards == (Outcome(Result.ENTRA),), (
        "whether external changes are kept or not"
    )
    assert "sends 1 more person to Entra: alan@example.com" in guards.check(ready).summary
    # Who is recorded as added before is not added again, and what keeps them out is not this run's doing.
    world.application = application(assigned=(assigned(ADA),))
    document = attested(values(assign={"users": [ADA]}))
    world.deployed = deployed(from_values(document))
    assert lost(world.assess(document)) == {}
    assert lost(world.assess(_alan_joins(assign={"users": [ADA]}))).keys() == {ALAN}
    # Nobody is added while the form is not attested.
    unattested = values(addresses={"list": [{"address": each} for each in everybody]})
    assert lost(world.assess(unattested | {"assign": {"users": [ADA]}})) == {}


def test_whoever_is_added_to_a_group_that_could_not_be_read_may_fail_until_the_certificate_is_activated() -> (
    None
):
    """People join before the certificate that Mimecast trusts is activated."""
    both = PrincipalCertificates((certificate(OLD), certificate(NEW, "2029")), OLD)
    everybody = (ADA, GRACE, ALAN)
    world = World(
        application=application(assigned=tuple(map(assigned, everybody)), certificates=both),
        accounts=[account(each) for each in everybody],
        addresses={each: address(each) for each in everybody},
        deployed=with_certificate(deployed(from_values(attested(values())))),
        unread=frozenset({"groups"}),
    )
    generations = [{"label": each, "endDate": f"{each[:3]}9-11-01T00:00:00Z"} for each in ("2026", "2029")]
    document = _alan_joins(
        assign={"users": [*everybody]}, certificates={"generations": generations, "active": "2029"}
    )
    found = world.assess(attested(document, NEW))
    assert lost(found)[ALAN][1] is Instant.MEANWHILE


def test_the_form_before_the_one_just_saved_counts_for_whoever_may_be_in_a_group() -> None:
    """The new form sends nobody to Entra, and Mimecast may act on the old one for 15 minutes."""
    document = attested(UNENFORCED, days=0) | {"assign": {"users": [ADA]}}
    for unread in ((), ("groups",)):
        found = World(unread=frozenset(unread)).assess(document)
        assert lost(found) == {GRACE: ("not-assigned", Instant.MEANWHILE, LAST)}
        settled = attested(UNENFORCED) | {"assign": {"users": [ADA]}}
        settled_world = World(unread=frozenset(unread), deployed=deployed(from_values(attested(UNENFORCED))))
        assert lost(settled_world.assess(settled)) == {}


def test_a_form_that_was_fixed_just_now_hides_no_loss_of_whoever_may_be_in_a_group() -> None:
    """The form before asked for an authentication context, which Entra refuses: nobody could sign in with it."""
    before = values(authenticationProfile={"contexts": {"passwordProtected": True}})
    world = World(unread=frozenset({"groups"}), deployed=deployed(from_values(attested(before))))
    fixed = attested(values(), days=0)
    assert lost(world.assess(fixed)) == {}, "whom Entra refuses for minutes yet, it refuses without a run too"
    assert lost(world.assess(fixed | {"assign": {"users": [ADA]}})) == {
        GRACE: ("not-assigned", Instant.MEANWHILE, LAST)
    }


def test_once_everything_is_done_a_registered_domain_is_verified() -> None:
    someone = "someone@new.example"
    world = World(accounts=[account(ADA), account(GRACE), account(someone)])
    document = changed(
        domains=[{"name": "new.example"}],
        addresses={"list": [{"address": each} for each in (ADA, GRACE, someone)]},
        assign={"users": [ADA, GRACE, someone]},
    )
    person = world.assess(document).forecast.person(someone)
    assert person is not None
    assert [each.result for each in person.from_mimecast.afterwards] == [Result.REFUSED, Result.ENTRA]
    assert person.from_mimecast.eventually == (Outcome(Result.ENTRA),)


def test_only_whoever_joined_lately_is_said_to_have_joined_lately() -> None:
    """Alan was added by somebody else long ago, and a refresh removes him; the form was saved just now."""
    everybody = (ADA, GRACE, ALAN)
    world = World(
        application=application(assigned=tuple(map(assigned, everybody))),
        accounts=[account(each) for each in everybody],
        addresses={each: address(each) for each in everybody},
        members={*everybody},
        joined={GRACE},
    )
    assert world.assess().forecast.unsettled == (GRACE,)
    world.deployed = deployed(from_values(values()))
    found = world.assess(attested(values(), days=0)).forecast
    assert found.unsettled == (GRACE,)
    world.joined = set()
    found = world.assess(attested(values(), days=0)).forecast
    assert (len(found.through_entra(Instant.NOW)), found.unsettled) == (3, ())
    assert "less than 15 minutes" not in sentences.who_signs_in(found, Instant.AFTERWARDS).text


def test_whoever_is_in_one_group_and_joined_the_other_lately_signs_in_already() -> None:
    ada = frozenset({ADA})
    groups = {
        ProfileSlot.FIRST: live(LiveGroup("x", ada)),
        ProfileSlot.SECOND: live(LiveGroup("y", ada, joined=ada)),
    }
    document = rotation("2026", "both")
    world = rotating(document, {ADA}, {ADA}, OLD)
    world.changes = {"groups": groups}
    found = world.assess(document).forecast
    assert (found.through_entra(Instant.NOW), found.unsettled) == ((ADA,), ())


def test_without_the_record_everybody_may_be_added_to_a_group_that_could_not_be_read() -> None:
    world = World(unread=frozenset({"groups", "record"}))
    assert lost(world.assess()) == {}
    world.accounts = [account(ADA), account(GRACE, enabled=False)]
    assert lost(world.assess()).keys() == {GRACE}


def test_where_one_group_is_unknown_whoever_leaves_entra_may_be_in_it() -> None:
    groups = {ProfileSlot.FIRST: live(LiveGroup("x", frozenset({ADA}))), ProfileSlot.SECOND: UNREAD}
    world = World(members={ADA}, changes={"groups": groups})
    found = world.assess(UNASSIGNED | {"rollOut": {"who": "pilot", "pilot": [ADA]}})
    assert [each.outcome.missing for each in found.forecast.losses[GRACE]] == [Missing.GROUP]


# -- A state that lost something --------------------------------------------------------------------------------------


def without(*lost_types: str) -> World:
    """The deployed world, and a state from which somebody deleted resources."""
    record = deployed(from_values(attested(values())))
    return World(deployed=Record(tuple(each for each in record.resources if each.type not in lost_types)))


def attested_otherwise(**changes: Any) -> dict[str, Any]:
    """A configuration whose attestation is of a form that nothing knows any more."""
    document = attested(values(**changes))
    document["authenticationProfile"]["confirmed"]["fingerprint"] = f"v1:{'0' * 32}"
    return document


def test_a_lost_attested_form_is_unknown_and_not_unset() -> None:
    found = without(types.AUTHENTICATION_PROFILE).assess(attested_otherwise())
    assert {each.from_mimecast.now for each in found.forecast.people} == {
        (Outcome(Result.UNKNOWN, missing=Missing.CONSOLE),)
    }
    assert guards.check(found).refusals == ()
    said = [str(each) for each in sentences.everything(found, Instant.AFTERWARDS)]
    assert said[0].startswith("Nobody is known to sign in through Entra afterwards")
    assert "2 people are not known to be able to sign in now" in said[1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"application": {"replyUrl": "https://example.com/x"}}, "AADSTS50011"),
        ({"assign": {"users": [ADA]}}, "AADSTS50105"),
    ],
)
def test_people_are_protected_even_if_the_attested_form_is_lost(changes: dict[str, Any], code: str) -> None:
    found = without(types.AUTHENTICATION_PROFILE).assess(attested_otherwise(**changes))
    (refusal,) = guards.check(found).refusals
    assert "unknown: what the console holds; refused otherwise: " in refusal
    assert code in refusal


def test_a_principal_that_left_the_state_is_known_by_the_outputs() -> None:
    world = without(types.SERVICE_PRINCIPAL)
    (stack,) = (each for each in world.deployed.resources if each.type == types.STACK)
    assert stack.outputs["applicationId"] == CLIENT
    document = attested(values(application={"replyUrl": "https://example.com/x"}))
    (refusal,) = guards.check(world.assess(document)).refusals
    assert "AADSTS50011" in refusal


# -- Taking over what people sign in through --------------------------------------------------------------------------


def taken_over(**changes: Any) -> Assessment:
    """A first deployment that adopts an application, while people are in the roll-out group."""
    document = values(application={"adopt": CLIENT} | changes.pop("application", {}), **changes)
    by_hand = application(assignment_required=False, assigned=(assigned(ADA),))
    return World(deployed=Record(), application=by_hand).assess(document)


def test_adopting_a_matching_application_is_allowed_and_names_unknowns() -> None:
    found = taken_over(application={"assignmentRequired": False})
    assert guards.check(found).refusals == ()
    (unknown,) = sentences.broken(found.forecast)
    assert "2 people are not known to be able to sign in now" in unknown.text


def test_adopting_takes_a_sign_in_from_nobody_who_is_in_the_group() -> None:
    (refusal,) = guards.check(taken_over(assign={"users": [ADA]})).refusals
    assert "Refused by guard last-sign-in-method: 1 person can sign in now; whether" in refusal
    assert GRACE in refusal
    assert "AADSTS50105" in refusal


def test_a_form_that_would_stop_people_of_an_adopted_application_is_reported_before_save() -> None:
    contexts = {"contexts": {"passwordProtected": True}}
    found = taken_over(application={"assignmentRequired": False}, authenticationProfile=contexts)
    assert set(found.forecast.stopped_by_save) == {ADA, GRACE}


@pytest.mark.parametrize("reason", Reason)
def test_a_remedy_names_the_stack_in_its_commands(reason: Reason) -> None:
    assert "STACK" not in REASONS[reason].fix_for("prod-eu")
    assert REASONS[reason].fix_for("") == REASONS[reason].fix
