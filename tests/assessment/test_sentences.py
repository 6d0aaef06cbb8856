"""The messages about people's sign-in, word by word: one world per test, with its messages in a snapshot file. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.sign_in import Outcome, Result
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.sign_in_reasons import Missing, Reason
from mimecast_sso.provenance import How, Known, Statement, Verdict, live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.applications import Policy
from providers.entra.claims import claims_definition
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
    form_of,
    left_to_a_person,
    values,
    with_certificate,
)

FOUR = (ADA, ALAN, GRACE, LINUS)


def everybody(*people: str, **world: Any) -> World:
    """People who are in the roll-out group, and at Mimecast, with accounts; assigned is who is named."""
    found = World(
        accounts=[account(each) for each in FOUR],
        addresses={each: address(each) for each in FOUR},
        application=application(assigned=tuple(map(assigned, people))),
        members=set(FOUR),
    )
    return replace(found, **world)


@pytest.mark.parametrize("left", [(ADA, GRACE), (ADA,)])
def test_assignments_that_went_with_their_users_are_said(
    left: tuple[str, ...], snapshot: SnapshotAssertion
) -> None:
    world = World(application=application(assigned=tuple(map(assigned, left[:1]))))
    record = deployed(from_values(attested(values(assign={"users": [ADA, GRACE, ALAN][: len(left) + 1]}))))
    assessment = replace(world, deployed=record).assess(attested(values(assign={"users": [ADA]})))
    (said,) = sentences.gone_assignments(assessment)
    assert (str(said), said.verdict) == snapshot
    assert said in sentences.everything(assessment, Instant.AFTERWARDS)
    assert said not in sentences.everything(assessment, Instant.NOW)


def test_assignments_that_exist_are_not_said() -> None:
    assert list(sentences.gone_assignments(World().assess(attested(values())))) == []


def changed(**keys: Any) -> dict[str, Any]:
    """The deployed configuration with other keys, its attestation as it was."""
    return attested(values()) | keys


def said(statements: Iterable[Statement]) -> list[str]:
    """What is said, with what it means to the reader and how it is known."""
    return [f"{each.verdict}: {each}" for each in statements]


CONTEXTS = {"contexts": {"passwordProtected": True}}
DUE = values(authenticationProfile={"enforce": {"personalPortal": False}, **CONTEXTS})
NOT_DEPLOYED: dict[str, Any] = {"deployed": deployed(from_values(values()))}
METADATA = {
    "certificates": {
        "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
        "active": "2026",
        "rotation": "metadata",
        "metadataObserved": {"by": ADA, "at": "2026-11-01T09:00:00Z", "evidence": "seen"},
    }
}
BOTH = {
    "generations": [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2029", "endDate": "2032-11-01T00:00:00Z"},
    ],
    "active": "2029",
}
NO_GROUP = {"groups": {ProfileSlot.FIRST: live(LiveGroup())}}
WITHOUT_GROUP = Record(
    tuple(
        each
        for each in deployed(from_values(attested(values()))).resources
        if each.type not in (types.GROUP, types.AUTHENTICATION_PROFILE)
    )
)


LOST = attested(values(), "C" * 40)
"""The attestation is for a certificate that neither Entra nor the state has any more."""
NO_TILES = World(
    application=application(sign_on_url="https://example.com/login", assigned=tuple(map(assigned, FOUR))),
    accounts=[account(each) for each in FOUR],
    addresses={each: address(each) for each in FOUR},
    members={ADA, GRACE},
)
"""The tile of four people opens a page that is not Mimecast's; two of them are in the roll-out group."""


@pytest.mark.parametrize("instant", [Instant.NOW, Instant.AFTERWARDS])
@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(), None, id="two sign in"),
        pytest.param(World(members={ADA}), None, id="one signs in, one joins"),
        pytest.param(World(members=set()), changed(rollOut={"who": "none"}), id="nobody"),
        pytest.param(World(unread=frozenset({"groups"})), None, id="the group is unknown"),
        pytest.param(World(unread=frozenset({"moved"})), None, id="the audit log is unknown"),
        pytest.param(World(joined={GRACE}), None, id="one joined lately"),
        pytest.param(World(), changed(application={"hide": True}), id="tiles go"),
        pytest.param(
            World(members={ADA}),
            changed(application={"hide": True}, rollOut={"who": "pilot", "pilot": [ADA]}),
            id="one tile goes",
        ),
        pytest.param(
            World(), changed(rollOut={"who": "pilot", "pilot": [ADA]}), id="one goes back to a password"
        ),
        pytest.param(World(), changed(rollOut={"who": "none"}), id="two go back to a password"),
        pytest.param(
            World(),
            changed(authenticationProfile={"enforce": {"personalPortal": False}}),
            id="two go back to a password with the console work",
        ),
        pytest.param(everybody(ADA), None, id="three are not assigned"),
        pytest.param(everybody(ADA, ALAN, GRACE), None, id="one is not assigned"),
        pytest.param(
            everybody(
                *FOUR, accounts=[account(ADA), account(GRACE, enabled=None), account(ALAN, enabled=False)]
            ),
            None,
            id="one disabled, one unknown, one without account",
        ),
        pytest.param(
            World(members=set()),
            changed(assign={"users": [ADA]}, authenticationProfile={}),
            id="who is to join later is not ready",
        ),
        pytest.param(
            World(members=set(), changes={"access": Known(None, How.UNKNOWN, "no licence")}),
            values(addresses={"source": "synchronised"}),
            id="Conditional Access is unknown, and nobody is chosen",
        ),
        pytest.param(
            World(members=set(), unread=frozenset({"addresses"})),
            changed(authenticationProfile={}),
            id="who is to join later is unknown",
        ),
        pytest.param(NO_TILES, None, id="tiles fail"),
        pytest.param(
            World(deployed=Record(), accounts=[account(ADA, enabled=False), account(GRACE)]),
            LOST,
            id="the form is lost, and one is disabled",
        ),
        pytest.param(
            World(
                accounts=[account(ADA, enabled=None), account(GRACE)],
                application=application(assigned=(assigned(GRACE),)),
            ),
            None,
            id="one account is unknown, and not assigned",
        ),
    ],
)
def test_each_run_says_who_signs_in_afterwards(
    world: World, document: dict[str, Any] | None, instant: Instant, snapshot: SnapshotAssertion
) -> None:
    assert said(sentences.everything(world.assess(document), instant)) == snapshot


def test_a_tile_that_is_unknown_is_said(snapshot: SnapshotAssertion) -> None:
    """Everybody may sign in, but only assigned people have a tile, and the members of a group could not be read."""
    group = assigned("Staff", "Group")
    world = World(application=application(assignment_required=False, assigned=(assigned(ADA), group)))
    document = changed(application={"assignmentRequired": False}, assign={"users": [ADA], "mode": "verify"})
    directory = world.snapshot(from_values(document)).directory
    world.changes = {"directory": replace(directory, unread_groups={group.principal_id: "time-out"})}
    assert said(sentences.broken(world.assess(document).forecast)) == snapshot


def recreated(**world: Any) -> World:
    """Entra signs with a new certificate, and the console has the former form: the application was recreated."""
    record = deployed(from_values(values()), thumbprint=NEW, members=frozenset({ADA, GRACE}))
    former = {"state": "due", "previousForm": form_of(from_values(values())) | {"certificate": "MIIC"}}
    resources = tuple(
        replace(each, outputs=each.outputs | former) if each.type == types.AUTHENTICATION_PROFILE else each
        for each in record.resources
    )
    signs = PrincipalCertificates((certificate(NEW),), NEW)
    return World(application=application(certificates=signs), deployed=Record(resources), **world)


def test_a_remedy_names_the_stack() -> None:
    (said_of,) = said(sentences.broken(recreated().assess(values()).forecast))
    assert "mimecast-sso rotate status --stack prod-eu" in said_of


def recorded(*pilot: str) -> Record:
    """What was deployed with these people in the roll-out."""
    choice = {"who": "pilot", "pilot": list(pilot)} if pilot else {"who": "none"}
    return deployed(from_values(attested(values(rollOut=choice))))


@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(), None, id="two continue"),
        pytest.param(recreated(), values(), id="save restores two"),
        pytest.param(recreated(members={ADA}), values(), id="save restores one"),
        pytest.param(World(members={ADA}), None, id="one continues"),
        pytest.param(World(**NOT_DEPLOYED), values(), id="save sends two to Entra"),
        pytest.param(World(members={ADA}, **NOT_DEPLOYED), values(), id="save sends one to Entra"),
        pytest.param(World(members=set()), None, id="nobody is in the group"),
        pytest.param(World(), changed(authenticationProfile=CONTEXTS), id="save stops two"),
        pytest.param(
            World(),
            changed(authenticationProfile={"enforce": {"personalPortal": False}}),
            id="save leaves two with a password",
        ),
        pytest.param(
            World(unread=frozenset({"addresses"}), **NOT_DEPLOYED),
            values(),
            id="what save does to two is unknown",
        ),
        pytest.param(
            World(accounts=[account(ADA, enabled=None), account(GRACE)], **NOT_DEPLOYED),
            values(),
            id="save sends one to Entra, and another whose account is unknown",
        ),
        pytest.param(World(unread=frozenset({"groups"})), None, id="the group is unknown"),
        pytest.param(World(unread=frozenset({"application"})), None, id="the application is unknown"),
    ],
)
def test_the_run_sheet_says_what_save_does_to_people(
    world: World, document: dict[str, Any] | None, snapshot: SnapshotAssertion
) -> None:
    assert said(sentences.on_save(world.assess(document))) == snapshot


@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(), None, id="two continue"),
        pytest.param(
            World(), changed(rollOut={"who": "pilot", "pilot": [ADA]}), id="one continues, one leaves"
        ),
        pytest.param(World(), changed(rollOut={"who": "none"}), id="two leave"),
        pytest.param(World(members={ADA}, deployed=recorded(ADA)), None, id="one continues, one joins"),
        pytest.param(World(members={ADA}), None, id="one continues, one joins on a refresh"),
        pytest.param(
            World(members=set(), deployed=recorded(GRACE)), None, id="one joins, one joins on a refresh"
        ),
        pytest.param(World(members=set()), changed(rollOut={"who": "none"}), id="nobody's changes"),
        pytest.param(World(members=set(), deployed=recorded()), None, id="two join"),
        pytest.param(World(members=set()), None, id="two join on a refresh"),
        pytest.param(World(unread=frozenset({"groups"})), None, id="the group is unknown"),
        pytest.param(World(), changed(assign={"users": [ADA]}), id="one continues, one loses it"),
        pytest.param(World(), changed(assign={"users": [ALAN]}), id="two lose it"),
        pytest.param(
            World(
                members=set(),
                accounts=[account(ADA), account(GRACE, enabled=False)],
                deployed=recorded(),
            ),
            None,
            id="one joins, one would join and fail",
        ),
        pytest.param(
            World(
                members=set(),
                accounts=[account(ADA), account(GRACE, enabled=None)],
                deployed=recorded(),
            ),
            None,
            id="one joins, one would join and may fail",
        ),
        pytest.param(
            everybody(*FOUR, members={ADA, GRACE}, addresses={each: address(each) for each in (ADA, GRACE)}),
            changed(addresses={"list": [{"address": each} for each in (ADA, GRACE, ALAN)]}),
            id="one joins who has no address yet",
        ),
        pytest.param(
            everybody(*FOUR, members={ADA, GRACE}, addresses={each: address(each) for each in (ADA, GRACE)}),
            changed(addresses={"list": [{"address": each} for each in FOUR]}),
            id="two join who have no address yet",
        ),
    ],
)
def test_what_a_deployment_does(
    world: World, document: dict[str, Any] | None, snapshot: SnapshotAssertion
) -> None:
    assert said(sentences.on_deploy(world.assess(document))) == snapshot


@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(), None, id="nobody's changes"),
        pytest.param(
            World(), changed(rollOut={"who": "pilot", "pilot": [ADA]}), id="one goes back to a password"
        ),
        pytest.param(World(), changed(assign={"users": [ADA]}), id="one would lose it"),
        pytest.param(World(), changed(application={"hide": True}), id="tiles go"),
        pytest.param(World(), changed(authenticationProfile=CONTEXTS), id="console work stops two"),
        pytest.param(everybody(ADA), None, id="three fail before and after"),
        pytest.param(
            World(members={ADA}, left={GRACE}, deployed=recorded(ADA)),
            changed(assign={"users": [ADA]}, rollOut={"who": "pilot", "pilot": [ADA]}),
            id="one left lately and would fail for minutes",
        ),
        pytest.param(recreated(), values(), id="two fail until the console work is done"),
    ],
)
def test_whose_sign_in_changes_by_name(
    world: World, document: dict[str, Any] | None, snapshot: SnapshotAssertion
) -> None:
    assert [
        f"{each.subject}: {each.verdict}: {each}" for each in sentences.of_each(world.assess(document))
    ] == snapshot


def without_certificate() -> Record:
    """What was deployed, but for the certificate in the form."""
    record = deployed(from_values(attested(values())))
    return Record(
        tuple(
            replace(each, outputs={**each.outputs, "thumbprint": ""})
            if each.type == types.AUTHENTICATION_PROFILE
            else each
            for each in record.resources
        )
    )


@pytest.mark.parametrize(
    ("roll_out", "addresses", "expected"),
    [
        (
            {"who": "all"},
            (),
            "rollOut.who is all, but mimecast-sso:addresses names nobody, so the roll-out covers nobody.",
        ),
        (
            {"who": "share", "share": 10, "pilot": [ADA]},
            (),
            (
                "rollOut.who is share, but mimecast-sso:addresses names nobody, so the roll-out covers only the pilot"
                " (1 person)."
            ),
        ),
        ({"who": "all"}, (ADA,), None),
        ({"who": "none"}, (), None),
        ({"who": "pilot", "pilot": [ADA]}, (), None),
    ],
)
def test_a_roll_out_of_nobody_is_a_warning(
    roll_out: dict[str, Any], addresses: tuple[str, ...], expected: str | None
) -> None:
    choice = from_values(values(rollOut=roll_out)).roll_out
    found = list(sentences.nobody_chosen(choice, addresses))
    assert {each.verdict for each in found} <= {Verdict.WARNS}
    said = [str(each) for each in found]
    way_out = " Set addresses.source to assigned or synchronised, or list the addresses"
    assert said == ([f"{expected}{way_out} (stack file: rollOut, addresses)"] if expected else [])


# -- What a verdict rests on ----------------------------------------------------------------------------------------

NOT_ASSIGNED = Outcome(Result.REFUSED, Reason.NOT_ASSIGNED)
SIGNATURE = Outcome(Result.REFUSED, Reason.SIGNATURE)
CONTEXT = Outcome(Result.REFUSED, Reason.CONTEXT)
NO_ACCOUNT = Outcome(Result.REFUSED, Reason.NO_ACCOUNT)
UNKNOWN = Outcome(Result.UNKNOWN, missing=Missing.GROUP)


def basis(assessment: Assessment, *outcomes: Outcome) -> list[str]:
    """The facts of an assessment that decide about outcomes."""
    return said(sentences.basis(assessment, outcomes))


@pytest.mark.parametrize(
    "outcome",
    [NOT_ASSIGNED, SIGNATURE, CONTEXT, NO_ACCOUNT, UNKNOWN],
    ids=lambda outcome: outcome.reason or "unknown",
)
def test_only_the_facts_that_decide_about_an_outcome_are_told(
    outcome: Outcome, snapshot: SnapshotAssertion
) -> None:
    told = basis(World().assess(), outcome)
    assert told == snapshot
    assert basis(World().assess(), NO_ACCOUNT, outcome) == told


@pytest.mark.parametrize(
    ("world", "document"),
    [
        pytest.param(World(members={ADA}, left={GRACE}), None, id="one left lately"),
        pytest.param(World(changes=NO_GROUP, deployed=WITHOUT_GROUP), None, id="no group"),
        pytest.param(World(changes=NO_GROUP), None, id="a group that is gone"),
        pytest.param(
            World(unread=frozenset({"groups", "application", "record"})), None, id="nothing is known"
        ),
        pytest.param(World(unread=frozenset({"moved"})), None, id="the audit log is unknown"),
        pytest.param(World(application=None), None, id="no application"),
        pytest.param(
            World(application=application(enabled=False, assigned=(assigned(ADA),))),
            None,
            id="disabled, one assigned",
        ),
        pytest.param(
            World(
                application=application(
                    certificates=PrincipalCertificates(
                        (certificate(OLD, days=-1), certificate(NEW, days=-1)), "C" * 40
                    )
                )
            ),
            None,
            id="no such certificate",
        ),
        pytest.param(
            World(
                application=application(
                    certificates=PrincipalCertificates((certificate(OLD), certificate(NEW, "other")), NEW)
                )
            ),
            None,
            id="somebody activated another certificate",
        ),
        pytest.param(World(deployed=without_certificate()), values(), id="a profile without a certificate"),
        pytest.param(
            World(
                application=application(
                    certificates=PrincipalCertificates((certificate(OLD), certificate(NEW, "2029")), OLD)
                ),
                deployed=with_certificate(deployed(from_values(attested(values())))),
            ),
            attested(values(certificates=BOTH), NEW),
            id="the run activates another certificate",
        ),
        pytest.param(World(), values(authenticationProfile={"source": "metadata"}) | METADATA, id="metadata"),
        pytest.param(World(**NOT_DEPLOYED), values(), id="nothing attested"),
        pytest.param(World(deployed=Record()), LOST, id="the attested form is lost"),
    ],
)
def test_each_fact_is_told_with_how_it_is_known(
    world: World, document: dict[str, Any] | None, snapshot: SnapshotAssertion
) -> None:
    assert basis(world.assess(document), UNKNOWN) == snapshot


@pytest.mark.parametrize("reason", Reason)
def test_directory_synchronisation_is_told_where_it_decides(reason: Reason) -> None:
    document = attested(values(addresses={"source": "synchronised"}))
    world = World(changes={"connections": Known((), How.LIVE, "Mimecast")})
    told = basis(world.assess(document), Outcome(Result.REFUSED, reason))
    decides = any("The account synchronises no directory" in each for each in told)
    assert decides == (reason in (Reason.NOT_AT_MIMECAST, Reason.NAME_ID_UNKNOWN))


def test_two_slots_are_told_apart() -> None:
    found = World().assess()
    both = {
        ProfileSlot.FIRST: live(LiveGroup("Old", frozenset({ADA}))),
        ProfileSlot.SECOND: Known(None, How.UNKNOWN, "time-out"),
    }
    assert said(sentences.groups(replace(found.snapshot, groups=both))) == [
        'note: 1 person is in the roll-out group "Old" (read live)',
        "UNKNOWN: who is in the second roll-out group (unknown: time-out)",
    ]


def test_the_first_group_that_could_not_be_read_tells_why() -> None:
    groups = {
        ProfileSlot.FIRST: live(LiveGroup("Old")),
        ProfileSlot.SECOND: Known(None, How.UNKNOWN, "time-out"),
    }
    found = World(changes={"groups": groups}).assess()
    assert sentences.who_signs_in(found.forecast, Instant.NOW).source == "time-out"
    for said_of in (sentences.on_save, sentences.on_deploy):
        (only,) = said_of(found)
        assert only.source == "time-out"


def test_a_certificate_that_ends_is_told_as_it_signs_now() -> None:
    ended = application(certificates=PrincipalCertificates((certificate(OLD, days=-1),), OLD))
    found = World(application=ended).assess()
    assert found.snapshot.entra_now - timedelta(days=1) == ended.certificates.certificates[0].not_after
    assert basis(found, SIGNATURE)[2].startswith(f"note: Entra signs with {OLD} ")


def test_whom_conditional_access_blocks_is_named_by_address() -> None:
    sample = AccessSample((f"id of {ADA}",), 2, {f"id of {ADA}": "Block all"})
    found = World(changes={"access": live(sample)}).assess()
    (only,) = said(sentences.conditional_access(found.snapshot))
    assert only == (
        "warns: Conditional Access was evaluated for 1 of 2 people, and blocks 1: "
        "ada@example.com (Block all). Whether it blocks the other person is unknown (read live)"
    )


@pytest.mark.parametrize("number", [1, 2])
def test_the_members_of_child_groups_are_unknown(number: int, snapshot: SnapshotAssertion) -> None:
    world = World()
    assert [*sentences.lately(world.assess().snapshot)] == []
    settings = from_values(attested(values()))
    group = world.snapshot(settings).groups[ProfileSlot.FIRST].value
    assert group is not None
    world.changes = {"groups": {ProfileSlot.FIRST: live(replace(group, child_groups=number))}}
    found = [*sentences.lately(world.assess().snapshot)]
    assert said(found) == snapshot
    assert found[0] in sentences.everything(world.assess(), Instant.NOW)


def test_who_left_is_unknown_without_the_audit_log(snapshot: SnapshotAssertion) -> None:
    assert said(sentences.lately(World(unread=frozenset({"moved"})).assess().snapshot)) == snapshot


@pytest.mark.parametrize("number", [1, 2])
def test_assignments_that_stay_are_said_with_who_has_them(number: int, snapshot: SnapshotAssertion) -> None:
    nameless = replace(assigned(ALAN), name="")
    world = World(
        application=application(assigned=(assigned(ADA), assigned(GRACE), nameless)[: number + 1]),
        deployed=left_to_a_person(
            deployed(from_values(attested(values(assign={"users": [ADA, GRACE, ALAN]})))), GRACE, ALAN
        ),
    )
    found = world.assess(attested(values(assign={"users": [ADA]})))
    assert said(sentences.left_assignments(found)) == snapshot
    (text,) = sentences.left_assignments(found)
    assert text in sentences.everything(found, Instant.AFTERWARDS)
    assert text not in sentences.everything(found, Instant.NOW)


@pytest.mark.parametrize("added", [(LINUS,), (LINUS, ALAN)], ids=len)
def test_what_others_added_is_counted_and_named(added: tuple[str, ...], snapshot: SnapshotAssertion) -> None:
    people = map(assigned, (ADA, GRACE, *added))
    found = World(application=application(assigned=tuple(people))).assess()
    assert said(sentences.unmanaged(found)) == snapshot


def test_a_claims_policy_in_place_of_this_stacks_is_said(snapshot: SnapshotAssertion) -> None:
    replaced = application(policies=(Policy("other", 'By "hand"', claims_definition()),))
    found = World(application=replaced).assess(attested(values()))
    assert said(sentences.replaced_policy(found)) == snapshot
    without = Record(
        tuple(each for each in World().deployed.resources if each.type != types.CLAIMS_MAPPING_POLICY)
    )
    found = World(application=replaced, deployed=without).assess(attested(values()))
    assert [*sentences.replaced_policy(found)] == [], "guard claims-policy refuses the run"


@pytest.mark.parametrize(
    ("unread", "missing"),
    [
        (("application", "own", "holders"), Missing.APPLICATION),
        (("addresses",), Missing.ADDRESSES),
    ],
)
def test_nobody_is_said_to_keep_a_sign_in_that_could_not_be_judged(
    unread: tuple[str, ...], missing: Missing
) -> None:
    said = [*sentences.on_deploy(World(unread=frozenset(unread)).assess())]
    text = "2 people are not known to be able to sign in, before this or after it: ada@example.com, grace@example.com"
    assert [each.text for each in said] == [text]
    assert [(each.how, each.source, each.verdict) for each in said] == [
        (How.UNKNOWN, str(missing), Verdict.UNKNOWN)
    ]
