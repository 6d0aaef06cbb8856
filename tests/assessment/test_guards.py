"""Guards that are not part of the forecast, overrides, and rotations that skip a step. Pure."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import guards, restoring, sentences
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.guards import (
    GuardFinding,
    application_missing,
    certificate_date,
    claims_policy,
)
from mimecast_sso.assessment.guards.finding import expired
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import LiveGroup
from mimecast_sso.console import attestation
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.certificate_life import latest_expiry
from mimecast_sso.facts.graph_permissions import OWNED, WRITE_ALL
from mimecast_sso.provenance import How, Known, Verdict, live
from mimecast_sso.settings import ProfileSlot, from_values
from mimecast_sso.text.times import utc_text
from providers.entra.applications import DeletedApplication, DeletedPrincipal, Holder, LiveApplication, Owner
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast.accounts import Account
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    NEW,
    NOW,
    OLD,
    TENANT,
    UNREAD,
    UPN_CLAIMS,
    World,
    account,
    address,
    application,
    attested,
    certificate,
    deployed,
    form_of,
    values,
)

ELSEWHERE = "6c000000-0000-4000-8000-000000000003"
WORD = {"by": ADA, "at": "2026-11-01T09:00:00Z", "evidence": "signed in with it"}
BOTH_WORDS = [WORD | {"fact": "mimecast-emergency-access"}, WORD | {"fact": "entra-emergency-access"}]
ADMINISTRATORS = {"enforce": {"administrationConsole": True}}
NOBODY_IN: dict[str, Any] = {"members": set()}


def found(world: World, document: dict[str, Any]) -> dict[str, GuardFinding]:
    """What is refused, by guard."""
    return {finding.guard: finding for finding in guards.findings(world.assess(document))}


def joining(**keys: Any) -> dict[str, Any]:
    """Ada and Grace are to join the group; everything is attested."""
    return attested(values(**keys))


RETIRED = {
    "generations": [{"label": "2027", "endDate": "2029-11-15T00:00:00Z"}],
    "active": "2027",
    "retired": [{"label": "2026", "thumbprint": OLD}],
}


OTHER = "6c000000-0000-4000-8000-00000000000b"
OTHER_GONE = DeletedApplication(OTHER, "other", "portal", NOW)
WITHOUT_IDENTIFIER = Record(
    tuple(
        each
        for each in deployed(from_values(attested(values()))).resources
        if each.type != types.APPLICATION_IDENTIFIER
    )
)
"""A first deployment that ended before it added the identifier."""
WITHOUT_PRINCIPAL = Record(
    tuple(each for each in WITHOUT_IDENTIFIER.resources if each.type == types.APPLICATION_FROM_TEMPLATE)
)
"""One that ended right after it created the application."""


@pytest.mark.parametrize(
    ("guard", "world", "document", "said"),
    [
        (
            "administrators",
            World(**NOBODY_IN),
            joining(authenticationProfile=ADMINISTRATORS),
            "not attested",
        ),
        (
            "administrators",
            World(**NOBODY_IN),
            joining(authenticationProfile=ADMINISTRATORS, attested=BOTH_WORDS[:1]),
            "fact: entra-emergency-access",
        ),
        (
            "administrators",
            World(**NOBODY_IN),
            joining(
                authenticationProfile=ADMINISTRATORS,
                attested=[each | {"at": "2025-11-01T09:00:00Z"} for each in BOTH_WORDS],
            ),
            "not attested",
        ),
        ("administrators", World(), values(authenticationProfile=ADMINISTRATORS), "among 2 people"),
        (
            "administrators",
            World(members={ADA, ALAN}),
            values(authenticationProfile=ADMINISTRATORS),
            "among 1 person",
        ),
        (
            "administrators",
            World(unread=frozenset({"groups"})),
            joining(authenticationProfile=ADMINISTRATORS, attested=BOTH_WORDS[1:]),
            "fact: mimecast-emergency-access",
        ),
        (
            "account",
            World(changes={"account": live(Account("CUK99A999", "eu", ""))}),
            joining(),
            "are for account CUK99A999",
        ),
        (
            "account",
            World(changes={"account": live(Account("CUK25A118", "de", ""))}),
            joining(),
            "is in region de",
        ),
        (
            "account",
            World(),
            joining(tenantId="6c000000-0000-4000-8000-000000000002"),
            "are for Entra tenant",
        ),
        (
            "account",
            World(deployed=deployed(from_values(joining()))),
            joining() | {"accountCode": "CUK25A119"},
            "are for account CUK25A118, but mimecast-sso:accountCode is CUK25A119",
        ),
        (
            "account",
            World(changes={"account": live(Account("CUK25A119", "de", ""))}),
            joining() | {"accountCode": "CUK25A119", "region": "de"},
            "region would change from eu to de, accountCode would change from CUK25A118 to CUK25A119",
        ),
        (
            "account",
            World(changes={"account": live(Account("CUK25A118", "eu", "")), "tenant_id": ELSEWHERE}),
            joining(),
            "the Entra tenant (issuer) would change from",
        ),
        (
            "account",
            World(members=set(), unread=frozenset({"groups"}), changes={"tenant_id": ELSEWHERE}),
            joining(),
            "the number is unknown",
        ),
        (
            "account",
            World(
                members=set(),
                unread=frozenset({"record"}),
                changes={"account": live(Account("CUK99A999", "de", ""))},
            ),
            joining(tenantId="6c000000-0000-4000-8000-000000000002"),
            "; The ARM_* credentials",
        ),
        (
            "account",
            World(members=set(), changes={"account": live(Account("CUK25A119", "eu", ""))}),
            joining() | {"accountCode": "CUK25A119"},
            "accountCode would change from CUK25A118 to CUK25A119",
        ),
        (
            "account",
            World(unread=frozenset({"account"}), changes={"tenant_id": ELSEWHERE}),
            joining(),
            "the Mimecast account (unknown: it was not read)",
        ),
        (
            "administrators",
            World(unread=frozenset({"groups"})),
            joining(authenticationProfile=ADMINISTRATORS, rollOut={"who": "none"}),
            "administrators among the people in the roll-out group",
        ),
        (
            "second-stack",
            World(deployed=Record()),
            joining(),
            f"adopt: {CLIENT}",
        ),
        (
            "second-stack",
            World(deployed=Record(), members=set()),
            joining(),
            f"adopt: {CLIENT}",
        ),
        (
            "second-stack",
            World(
                application=None,
                deployed=Record(),
                deleted=(DeletedApplication(CLIENT, "object", "portal", NOW),),
            ),
            joining(),
            "restore it",
        ),
        (
            "second-stack",
            World(
                application=None, deployed=Record(), namesakes=(Holder(CLIENT, "object", "portal", "today"),)
            ),
            joining(),
            "the response was lost",
        ),
        (
            "second-stack",
            World(application=None, deployed=Record(), unread=frozenset({"holders"})),
            joining(),
            "is unknown; a second one would be created",
        ),
        (
            "second-stack",
            World(application=None, deployed=Record(), unread=frozenset({"namesakes"})),
            joining(),
            "rerun once they can be read",
        ),
        (
            "second-stack",
            World(),
            joining(application={"adopt": "6c000000-0000-4000-8000-000000000001"}),
            "adopting another would delete that one",
        ),
        (
            "second-stack",
            World(deployed=WITHOUT_PRINCIPAL),
            joining(application={"adopt": "6c000000-0000-4000-8000-000000000001"}),
            "already has application with object id object;",
        ),
        (
            "second-stack",
            World(deployed=WITHOUT_IDENTIFIER, changes={"holders": live(()), "deleted": live((OTHER_GONE,))}),
            joining(),
            "run mimecast-sso down --stack prod-eu first, then restore it",
        ),
        (
            "second-stack",
            World(
                deployed=WITHOUT_IDENTIFIER,
                changes={"holders": live((Holder(OTHER, "other", "elsewhere", "today"),))},
            ),
            joining(),
            f'application "elsewhere" (client id {OTHER}) has the identifier',
        ),
        (
            "allow-destroy",
            World(),
            joining(certificates=RETIRED),
            "signs and would be removed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_refusal_of_each_guard(
    guard: str, world: World, document: dict[str, Any], said: str, snapshot: SnapshotAssertion
) -> None:
    refusal = found(world, document)[guard].refusal()
    assert said in refusal
    assert refusal == snapshot


@pytest.mark.parametrize(
    ("guard", "world", "document"),
    [
        (
            "administrators",
            World(**NOBODY_IN),
            joining(authenticationProfile=ADMINISTRATORS, attested=BOTH_WORDS),
        ),
        ("administrators", World(), joining(authenticationProfile=ADMINISTRATORS)),
        ("account", World(), joining(tenantId=TENANT)),
        ("account", World(deployed=Record(), application=None, members=set()), values()),
        ("second-stack", World(), joining(application={"adopt": CLIENT})),
        ("second-stack", World(unread=frozenset({"record"})), joining()),
        ("second-stack", World(application=None, deployed=Record()), values()),
        (
            "second-stack",
            World(deployed=WITHOUT_IDENTIFIER, changes={"deleted": live((OTHER_GONE,))}),
            joining(),
        ),
        ("second-stack", World(changes={"holders": live(()), "deleted": live((OTHER_GONE,))}), joining()),
        ("second-stack", World(deployed=WITHOUT_PRINCIPAL), joining()),
        (
            "application-missing",
            World(deployed=WITHOUT_PRINCIPAL, changes={"own": Known(None, How.LIVE)}),
            joining(),
        ),
        (
            "second-stack",
            World(
                application=None,
                deployed=WITHOUT_PRINCIPAL,
                namesakes=(Holder(CLIENT, "object", "portal", "today"),),
            ),
            joining(),
        ),
        (
            "second-stack",
            World(
                deployed=WITHOUT_IDENTIFIER,
                unread=frozenset({"holders"}),
                changes={"deleted": live((OTHER_GONE,))},
            ),
            joining(),
        ),
        ("allow-destroy", World(**NOBODY_IN), joining(certificates=RETIRED)),
        ("administrators", World(unread=frozenset({"groups"})), values(rollOut={"who": "none"})),
    ],
)
def test_each_guard_passes_what_is_safe(guard: str, world: World, document: dict[str, Any]) -> None:
    assert guard not in found(world, document)


def test_no_deletion_of_an_application_with_people_is_ever_proposed() -> None:
    refusal = found(World(deployed=Record()), joining())["second-stack"].refusal()
    assert "Do not delete it: 2 people may sign in through it" in refusal
    assert "az ad app delete" not in refusal


def test_a_refusal_without_a_remedy_can_be_overridden() -> None:
    lines = GuardFinding("last-sign-in-method", "nobody could sign in").refusal().splitlines()
    assert lines[1:] == [
        "  What to do: override it: mimecast-sso:guards: [{name: last-sign-in-method, reason: …, until: YYYY-MM-DD}]"
    ]


# -- Overrides ------------------------------------------------------------------------------------------------------


def overridden(until: str, name: str = "last-sign-in-method") -> dict[str, Any]:
    override = {"name": name, "reason": "change CHG-1042", "until": until}
    return attested(values()) | {"assign": {"users": [ADA]}, "guards": [override]}


def test_an_override_applies_by_name_until_its_date_and_is_reported() -> None:
    judged = guards.check(World().assess(overridden("2026-11-22")))
    assert judged.refusals == ()
    (said,) = judged.warnings
    assert "Guard last-sign-in-method is overridden until 2026-11-22: change CHG-1042" in said
    assert GRACE in said
    expired = guards.check(World().assess(overridden("2026-11-21")))
    assert len(expired.refusals) == 1
    assert "expired on 2026-11-21 and is ignored" in expired.warnings[0]
    assert len(guards.check(World().assess(overridden("2026-11-22", "account"))).refusals) == 1


def test_an_overridden_guard_reports_everything_it_would_have_refused() -> None:
    (override,) = from_values(overridden("2026-11-22")).guards
    finding = GuardFinding(
        "last-sign-in-method", "2 people could not sign in", details=("ada: one", "grace: another")
    )
    assert finding.overridden(override) == (
        "Guard last-sign-in-method is overridden until 2026-11-22: change CHG-1042. It would have refused: 2 people "
        "could not sign in. ada: one. grace: another."
    )
    assert expired(override) == (
        "The override for guard last-sign-in-method expired on 2026-11-22 and is ignored (change CHG-1042). Remove it "
        "from mimecast-sso:guards, or give it a later date."
    )


def test_another_systems_credentials_are_refused_whatever_is_overridden() -> None:
    world = World(changes={"account": live(Account("CUK99A999", "eu", ""))})
    (refusal,) = guards.check(world.assess(overridden("2099-12-31", "account"))).refusals
    assert "Or override it" not in refusal


def test_all_refusals_are_reported_together() -> None:
    people = [{"address": each} for each in (ADA, GRACE, ALAN)]
    document = attested(values(addresses={"list": people})) | {"assign": {"users": [ADA]}}
    world = World(addresses={each: address(each) for each in (ADA, GRACE, ALAN)})
    world.accounts.append(account(ALAN))
    refusals = guards.check(world.assess(document)).refusals
    assert [text.split(":")[0].removeprefix("Refused by guard ") for text in refusals] == [
        "last-sign-in-method",
        "unprepared-people",
    ]


def test_a_run_names_new_people() -> None:
    assert (
        guards.check(
            World(
                members={ADA},
                addresses={ADA: address(ADA), GRACE: address(GRACE)},
                deployed=deployed(from_values(attested(values())), members=frozenset({ADA})),
            ).assess(attested(values()) | {"rollOut": {"who": "pilot", "pilot": [ADA, GRACE]}})
        ).summary
        == f"Guards: all passed; this run sends 1 more person to Entra: {GRACE}."
    )
    assert guards.check(World().assess(overridden("2026-11-22"))).summary == (
        "Guards: see the overrides above; this run sends nobody else to Entra."
    )
    typo = attested(values(rollOut={"who": "all", "pilot": ["nobody@example.com"]}))
    assert guards.check(World().assess(typo)).summary == (
        "Guards: all passed; this run sends 1 more person to Entra: nobody@example.com, who cannot sign in there."
    )
    in_vain = World(accounts=[account(ADA, enabled=None), account(GRACE, enabled=None)], members=set())
    in_vain.deployed = deployed(from_values(attested(values())), members=frozenset())
    assert guards.check(in_vain.assess()).summary == (
        f"Guards: all passed; this run sends 2 more people to Entra: {ADA}, {GRACE}, who may not be able to sign in "
        "there."
    )
    in_vain.accounts = [account(ADA), account(GRACE, enabled=None)]
    assert guards.check(in_vain.assess()).summary == (
        f"Guards: all passed; this run sends 2 more people to Entra: {ADA}, {GRACE}, 1 of whom may not be able to sign "
        f"in there: {GRACE}."
    )
    nobody_yet = deployed(from_values(attested(values())), members=frozenset())
    assert guards.check(World(**NOBODY_IN, deployed=nobody_yet).assess()).summary == (
        f"Guards: all passed; this run sends 2 more people to Entra: {ADA}, {GRACE}."
    )
    assert (
        guards.check(World().assess()).summary == "Guards: all passed; this run sends nobody else to Entra."
    )
    record = deployed(from_values(attested(values())), members=frozenset({ADA, GRACE}))
    emptied = World(**NOBODY_IN, deployed=record)
    assert guards.check(emptied.assess()).summary == (
        "Guards: all passed; this run sends nobody else to Entra."
    ), "only a run that refreshes adds them again"


# -- Blue/green rotation --------------------------------------------------------------------------------------------


def test_a_certificate_is_retired_by_the_run_that_activates_another_one_first() -> None:
    """Both profiles have people, so that either certificate lets them in; one that would still sign stays."""
    document = rotation("2029", "both")
    certificates = dict(document["certificates"])
    certificates["generations"] = [each for each in certificates["generations"] if each["label"] == "2029"]
    certificates["retired"] = [{"label": "2026", "thumbprint": OLD}]
    world = rotating(rotation("2026", "both"), {ADA, GRACE}, {ADA, GRACE}, OLD)
    assert "allow-destroy" not in found(world, document | {"certificates": certificates})
    untold = dict(document["authenticationProfile"]) | {"second": {}}
    refused = document | {"certificates": certificates, "authenticationProfile": untold}
    assert "signs and would be removed" in found(world, refused)["allow-destroy"].problem


# -- Objects that are not as the record has them -----------------------------------------------------------------------


GONE = DeletedApplication(CLIENT, "object", "Mimecast Personal Portal", NOW)


DELETED = {"deleted": live((replace(GONE, client_id="another", object_id="other"), GONE))}


def test_a_recorded_application_that_was_deleted_is_not_written_to() -> None:
    finding = found(World(application=None, changes=DELETED), attested(values()))["application-missing"]
    assert finding.final
    assert finding.problem == (
        f'application "Mimecast Personal Portal" (client id {CLIENT}), which this stack deployed, was deleted in Entra '
        "and still has the identifier"
    )
    assert list(map(str, finding.known)) == ["deleted 2026-11-22 09:00:00Z (read live: Microsoft Graph)"]
    url = "https://graph.microsoft.com/v1.0/directory/deletedItems/object"
    assert finding.remedy == (
        f"restore it by 2026-12-22: az rest --method POST --url {url}/restore && mimecast-sso up --stack prod-eu "
        f"--refresh. To create another one instead, delete it permanently (az rest --method DELETE --url {url}), then "
        "mimecast-sso up --stack prod-eu --refresh"
    )


def test_an_application_that_was_deleted_without_its_identifier_can_be_restored_or_created_again() -> None:
    without_identifier = {"deleted": live((replace(GONE, reserves=False),))}
    world = World(application=None, changes=without_identifier)
    finding = found(world, attested(values()))["application-missing"]
    assert finding.problem == (
        f'application "Mimecast Personal Portal" (client id {CLIENT}), which this stack deployed, was deleted in Entra'
    )
    assert "restore it by 2026-12-22" in finding.remedy
    assert "delete it permanently" not in finding.remedy
    assert finding.remedy.endswith(
        "To create another one instead, with another certificate, only mimecast-sso up --stack prod-eu --refresh, and "
        "save the console form from the new run sheet"
    )
    assert finding.remedy.count("mimecast-sso up --stack prod-eu --refresh") == 2
    assert application_missing.may_be_recreated(world.assess(attested(values())))
    reserved = World(application=None, changes=DELETED)
    assert not application_missing.may_be_recreated(reserved.assess(attested(values())))


def test_an_application_that_was_deleted_permanently_is_created_again() -> None:
    world = World(application=None, changes={"own_is_gone": True})
    more = attested(values(assign={"users": [ADA, GRACE, ALAN]}, rollOut={"who": "pilot", "pilot": [ALAN]}))
    refused = found(world, more)
    assert list(refused) == ["application-missing"], "and for no other reason"
    assert refused["application-missing"].problem.endswith(
        "which this stack deployed, no longer exists in Entra"
    )
    assert refused["application-missing"].remedy == (
        "create another one, with another certificate, and save the console form from the new run sheet: "
        "mimecast-sso up --stack prod-eu --refresh"
    )
    assert list(map(str, refused["application-missing"].known)) == [
        f"no application has client id {CLIENT} (read live: Microsoft Graph)"
    ]
    assert application_missing.may_be_recreated(world.assess(more))
    assert not application_missing.may_be_recreated(World().assess(attested(values())))


@pytest.mark.parametrize(
    "world",
    [
        World(changes=DELETED | {"own_is_gone": False}),
        World(changes=DELETED),
        World(application=None, deployed=Record(), changes=DELETED),
        World(application=None),
        World(unread=frozenset({"application"}), changes=DELETED),
        World(application=None, unread=frozenset({"own"}), changes=DELETED),
        World(application=None, changes=DELETED | {"own": live(application())}),
        World(application=application(client_id=CLIENT.upper()), changes=DELETED),
    ],
)
def test_an_application_that_exists_or_could_not_be_read_was_not_deleted(world: World) -> None:
    assert "application-missing" not in found(world, attested(values()))


OTHER_CLIENT = "6c000000-0000-4000-8000-00000000000b"
PRINCIPAL = live(DeletedPrincipal("principal", NOW))
OTHER = application(principal_id="another", assigned=())


@pytest.mark.parametrize(
    "world",
    [
        World(application=None, changes={"deleted_principal": PRINCIPAL}),
        World(application=OTHER, changes={"deleted_principal": PRINCIPAL}),
        World(
            application=None, changes={"holders": live((Holder(OTHER_CLIENT, "copy", "Copy", "2026-11-21"),))}
        ),
        World(application=OTHER, changes={"deployer_roles": frozenset({OWNED})}),
    ],
    ids=["deleted", "created again", "another application", "not owned"],
)
def test_what_was_deleted_and_what_somebody_created_instead(
    world: World, snapshot: SnapshotAssertion
) -> None:
    finding = found(world, attested(values()))["application-missing"]
    assert finding.final
    assert finding.refusal() == snapshot


@pytest.mark.parametrize(
    "world",
    [
        World(application=application(principal_id="another"), changes={"deleted_principal": PRINCIPAL}),
        World(application=OTHER, changes={"deployer_roles": frozenset({OWNED, WRITE_ALL[0]})}),
        World(application=OTHER, changes={"deployer_roles": frozenset()}),
        World(
            application=replace(OTHER, owners=(Owner("id of the deployer", "me"),)),
            changes={"deployer_roles": frozenset({OWNED})},
        ),
    ],
    ids=["people sign in through another", "may write all", "a person", "owned"],
)
def test_a_service_principal_that_can_be_taken_over_is(world: World) -> None:
    assert "application-missing" not in found(world, attested(values()))


@pytest.mark.parametrize(
    "own", [application(), application(client_id=OTHER_CLIENT)], ids=["exists", "is gone"]
)
def test_another_application_is_adopted_only_by_a_run_that_forgets_the_recorded_one(
    own: LiveApplication, snapshot: SnapshotAssertion
) -> None:
    document = attested(values(application={"adopt": OTHER_CLIENT}))
    finding = found(World(application=own), document)["second-stack"]
    assert finding.final
    assert finding.refusal() == snapshot


def test_another_application_that_is_adopted_is_not_refused() -> None:
    holder = {"holders": live((Holder(OTHER_CLIENT, "copy", "Copy"),))}
    document = attested(values(application={"adopt": OTHER_CLIENT}))
    for changes in (holder, holder | {"own_is_gone": True, "own": live(application(client_id=OTHER_CLIENT))}):
        adopted = World(application=None, changes=changes).assess(document)
        assert [*application_missing.find(adopted)] == []
    # Without its service principal it cannot be read, and cannot be adopted: the deleted one can be restored.
    (finding,) = application_missing.find(World(application=None, changes=holder | DELETED).assess(document))
    assert "restore it by 2026-12-22: az rest --method POST --url https://" in finding.remedy
    assert "/directory/deletedItems/object/restore. To create another" in finding.remedy


@pytest.mark.parametrize(
    "changes", [DELETED, {"holders": live((Holder(OTHER_CLIENT, "copy", "Copy"),))}], ids=["bin", "successor"]
)
def test_a_destroyed_application_may_be_deleted_already(changes: dict[str, Any]) -> None:
    gone = World(application=None, changes=changes).assess(attested(values()), destroys=True)
    assert [*application_missing.find(gone), *application_missing.on_refresh(gone)] == []


def test_a_run_that_refreshes_is_refused_the_same_unless_it_can_create_another_application() -> None:
    reserved = World(application=None, changes=DELETED).assess(attested(values()))
    assert [*application_missing.on_refresh(reserved)] == [*application_missing.find(reserved)] != []
    free = World(application=None, changes={"own_is_gone": True}).assess(attested(values()))
    assert [*application_missing.on_refresh(free)] == []


def test_a_deleted_application_is_named_as_it_was_last() -> None:
    renamed = {"deleted": live((replace(GONE, display_name="Renamed"),))}
    finding = found(World(application=None, changes=renamed), attested(values()))["application-missing"]
    assert finding.problem.startswith('application "Renamed" (client id')


def test_what_restores_an_application_asks_for_no_more_than_is_needed() -> None:
    refresh = "mimecast-sso up --stack prod-eu --refresh"
    owned_only = {"deployer_roles": frozenset({OWNED})}
    copy = {"holders": live((Holder(OTHER_CLIENT, "copy", "Copy"),))}
    in_use = application(principal_id="another", owners=(Owner("id of the deployer", "me"),))
    for world, commands, refused in (
        (World(), "", False),
        (World(changes=owned_only), "", False),
        (World(application=None, changes=copy), "", False),
        (World(application=None, changes=owned_only), refresh, False),
        (World(application=OTHER), refresh, False),
        (World(application=in_use, changes={"deleted_principal": PRINCIPAL} | owned_only), refresh, False),
    ):
        found_in = world.assess(attested(values()))
        assert (restoring.command(found_in), restoring.is_refused(found_in)) == (commands, refused)


@pytest.mark.parametrize(
    ("changes", "successor"),
    [
        ({}, OTHER_CLIENT),
        ({"own": UNREAD}, None),
        ({"own": live(application())}, None),
        ({"holders": live((Holder(OTHER_CLIENT, "copy", "Copy"), Holder(CLIENT, "object", "portal")))}, None),
        ({"holders": live(())}, None),
        ({"record": Known(WITHOUT_PRINCIPAL, How.RECORDED)}, None),
    ],
)
def test_another_application_takes_the_place_of_one_that_no_longer_exists(
    changes: dict[str, Any], successor: str | None
) -> None:
    holder = {"holders": live((Holder(OTHER_CLIENT, "copy", "Copy"),))}
    other = restoring.successor(World(application=None, changes=holder | changes).assess(attested(values())))
    assert (other.client_id if other else None) == successor


FOREIGN = replace(UPN_CLAIMS, name="by hand", policy_id="other")


def unassigned(*kinds: str) -> Record:
    """What was deployed, without resources of these types."""
    record = deployed(from_values(attested(values())))
    return Record(tuple(each for each in record.resources if each.type not in kinds))


@pytest.mark.parametrize(
    "missing", [(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT,), (types.CLAIMS_MAPPING_POLICY,)]
)
def test_a_second_claims_policy_is_not_assigned(missing: tuple[str, ...]) -> None:
    record = unassigned(*missing)
    world = World(application=application(policies=(FOREIGN,)), deployed=record)
    finding = found(world, attested(values()))["claims-policy"]
    assert finding.final
    assert finding.problem == (
        'claims policy "by hand" is assigned to the application, and Entra accepts only one, so this stack\'s cannot '
        "be assigned"
    )
    assert [str(each) for each in finding.known] == [
        f"claims policy other: {FOREIGN.definition} (read live: Microsoft Graph)"
    ]
    assert finding.remedy == (
        f"adopt it (mimecast-sso:application: {{adopt: {CLIENT}}}), leave the claims to it (application.claims: "
        "verify), or remove its assignment (az rest --method DELETE --url 'https://graph.microsoft.com/v1.0/"
        "servicePrincipals/principal/claimsMappingPolicies/other/$ref')"
    )
    for harmless in (
        attested(values(application={"claims": "verify"})),
        attested(values(application=ADOPTS)),
    ):
        assert "claims-policy" not in found(world, harmless)
    destroyed = world.assess(attested(values()), destroys=True)
    assert "claims-policy" not in {each.guard for each in guards.findings(destroyed)}


ADOPTS = {"adopt": CLIENT}


def test_a_recorded_claims_policy_that_was_replaced_is_refused_to_a_run_that_refreshes() -> None:
    world = World(application=application(policies=(FOREIGN,)))
    assessment = world.assess(attested(values()))
    (finding,) = claims_policy.on_refresh(assessment)
    assert finding.guard == "claims-policy"
    (warning,) = sentences.replaced_policy(assessment)
    assert warning.verdict is Verdict.WARNS
    assert warning.text == (
        'Claims policy "by hand" was assigned outside this stack, in place of this stack\'s. Entra accepts only one, '
        f"so a run with --refresh would stop half-way. Before such a run: {finding.remedy}"
    )
    assert warning in sentences.everything(assessment, Instant.AFTERWARDS)
    assert warning not in sentences.everything(assessment, Instant.NOW)


@pytest.mark.parametrize(
    ("world", "application_keys"),
    [
        (World(), {}),
        (World(application=application(policies=())), {}),
        (World(application=None), {}),
        (World(application=application(policies=(FOREIGN,))), {"claims": "verify"}),
        (World(application=application(policies=(FOREIGN,))), ADOPTS),
    ],
)
def test_any_other_claims_policy_may_be_refreshed(world: World, application_keys: dict[str, str]) -> None:
    assessment = world.assess(attested(values(application=application_keys)))
    assert not [*claims_policy.on_refresh(assessment), *sentences.replaced_policy(assessment)]


def test_a_claims_policy_is_not_refused_while_nobody_knows_whose_it_is() -> None:
    assert "claims-policy" not in found(World(unread=frozenset({"record"})), attested(values()))


def test_a_claims_policy_that_the_guard_refuses_is_not_warned_of() -> None:
    record = unassigned(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT)
    world = World(application=application(policies=(FOREIGN,)), deployed=record)
    assert not [*sentences.replaced_policy(world.assess(attested(values())))]


@pytest.mark.parametrize(
    "world",
    [
        World(application=application(policies=(FOREIGN,))),
        World(application=application(policies=()), deployed=unassigned(types.CLAIMS_MAPPING_POLICY)),
        World(
            application=application(policies=None),
            deployed=unassigned(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT),
        ),
        World(deployed=unassigned(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT)),
    ],
)
def test_a_claims_policy_that_the_run_does_not_assign_is_no_conflict(world: World) -> None:
    assert "claims-policy" not in found(world, attested(values()))


def dated(end: str) -> dict[str, Any]:
    return {"generations": [{"label": "2026", "endDate": end}], "active": "2026"}


PAST = "2020-01-01T00:00:00Z"


def expiring(end: str) -> Record:
    """The deployed record, with the expiry of its certificate."""
    record = deployed(from_values(attested(values())))
    return Record(
        tuple(
            replace(each, outputs=each.outputs | {"endDate": end})
            if each.type == types.SIGNING_CERTIFICATE
            else each
            for each in record.resources
        )
    )


@pytest.mark.parametrize(
    "world",
    [
        World(deployed=Record(()), application=None),
        World(deployed=expiring("2029-11-01T00:00:00Z")),
    ],
    ids=["first deployment", "replacement"],
)
def test_no_certificate_is_created_that_has_expired(world: World) -> None:
    document = attested(values(certificates=dated(PAST)))
    finding = found(world, document)["certificate-date"]
    assert finding.final
    assert finding.remedy == "set a later endDate for 2026 in mimecast-sso:certificates"
    assert "certificate-date" in found(world, attested(values(certificates=dated(utc_text(NOW)))))
    assert [*certificate_date.find(world.assess(document, destroys=True))] == []
    assert (
        "generation 2026 would be created with an expiry that has passed (2020-01-01T00:00:00Z)"
        in finding.problem
    )
    assert "certificate-date" not in found(world, attested(values()))


@pytest.mark.parametrize(
    ("end", "refused"),
    [
        (NOW.replace(year=NOW.year + 3), False),
        (NOW.replace(year=NOW.year + 3) + timedelta(seconds=1), True),
        (datetime(9999, 12, 31, tzinfo=UTC), True),
    ],
)
def test_no_certificate_is_created_that_is_valid_longer_than_entra_allows(
    end: datetime, refused: bool
) -> None:
    document = attested(values(certificates=dated(utc_text(end))))
    finding = found(World(deployed=Record(()), application=None), document).get("certificate-date")
    assert (finding is not None) is refused
    if finding:
        assert finding.final
        assert f"an expiry that is more than 3 years away ({utc_text(end)})" in finding.problem
        assert f'set endDate: "{NOW.year + 3}-{NOW:%m-%d}T00:00:00Z", or earlier, for 2026' in finding.remedy
    # An adopted or deployed certificate may be valid longer: a person has imported it.
    assert "certificate-date" not in found(World(deployed=expiring(utc_text(end))), document)


def test_people_are_assigned_before_assignment_becomes_required() -> None:
    """In one run they would be refused for seconds, between the two writes."""
    nobody = World(application=replace(application(), assigned=(), assignment_required=False))
    record = deployed(from_values(attested(values(assign={}, application={"assignmentRequired": False}))))
    finding = found(replace(nobody, deployed=record), attested(values()))["last-sign-in-method"]
    assert finding.affected == (ADA, GRACE)
    assert finding.remedy == (
        "deploy in two runs: first assign them (mimecast-sso:assign) while mimecast-sso:application.assignmentRequired "
        "is false, then set it to true"
    )


def test_whom_this_stack_did_not_add_no_change_of_the_file_removes_from_the_group() -> None:
    """The membership was deleted from the state, or somebody else added Grace."""
    pilot = {"group": "Single sign-on", "who": "pilot", "pilot": [ADA]}
    document = attested(values(assign={"users": [ADA]}, rollOut=pilot))
    settings = from_values(attested(values()))
    by_others = World(deployed=deployed(settings, members=frozenset({ADA})))
    remedy = found(by_others, document)["last-sign-in-method"].remedy
    assert "deploy with mimecast-sso up --stack prod-eu --refresh, and wait 15 minutes" in remedy
    for world in (World(), World(members={ADA}, left={GRACE}, deployed=by_others.deployed)):
        assert "--refresh" not in found(world, document)["last-sign-in-method"].remedy


TWO = {
    "generations": [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2029", "endDate": "2029-11-15T00:00:00Z", "profile": "second"},
    ],
    "active": "2026",
    "rotation": "blue-green",
}


@pytest.mark.parametrize(
    ("slot", "keys", "said"),
    [
        (ProfileSlot.FIRST, {}, "mimecast-sso:rollOut.group would rename"),
        (ProfileSlot.SECOND, {"certificates": TWO}, "mimecast-sso:rollOut.secondGroup would rename"),
    ],
)
def test_no_roll_out_group_is_renamed_to_the_name_of_another(
    slot: ProfileSlot, keys: dict[str, Any], said: str
) -> None:
    document = attested(values(rollOut={"group": "Existing", "secondGroup": "Other"}, **keys))
    members = frozenset({ADA, GRACE})
    groups = {each: live(LiveGroup(f"{each} group", members)) for each in ProfileSlot}
    world = World(changes={"groups": groups})
    assert "group-name" not in found(world, document)
    groups[slot] = live(LiveGroup(f"{slot} group", members, name_taken=True))
    finding = found(world, document)["group-name"]
    assert finding.final
    assert finding.problem.startswith(f'{said} the roll-out group "{slot} group" to "')
    assert (
        f'rollOut.{"group" if slot is ProfileSlot.FIRST else "secondGroup"}: "{slot} group"' in finding.remedy
    )
    assessment = world.assess(document, destroys=True)
    assert "group-name" not in {each.guard for each in guards.findings(assessment)}


def test_three_years_after_a_leap_day_is_the_day_before() -> None:
    assert latest_expiry(datetime(2028, 2, 29, 1, tzinfo=UTC)) == datetime(2031, 2, 28, 1, tzinfo=UTC)


def test_a_certificate_that_expired_meanwhile_is_no_new_one() -> None:
    document = attested(values(certificates=dated(PAST)))
    assert "certificate-date" not in found(World(deployed=expiring(PAST)), document)
    unread = World(application=None, unread=frozenset({"record"}))
    assert [*certificate_date.find(unread.assess(document))] == [], "the state may have it"


def rotation(active: str, cut_over: str, **keys: Any) -> dict[str, Any]:
    """Both profiles are attested, the second one with the certificate of generation 2029."""
    rotating = {
        "generations": [
            {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
            {"label": "2029", "endDate": "2032-11-01T00:00:00Z", "profile": "second"},
        ],
        "active": active,
        "cutOver": cut_over,
        "rotation": "blue-green",
    }
    document = attested(values(certificates=rotating, **keys))
    confirmed = document["authenticationProfile"]["confirmed"]
    form = form_of(from_values(document), ProfileSlot.SECOND)
    second = confirmed | {"fingerprint": attestation.fingerprints(form, NEW).critical}
    document["authenticationProfile"] |= {"second": {"confirmed": second}}
    return document


def rotating(document: dict[str, Any], first: set[str], second: set[str], signs: str) -> World:
    """The state of a stack that has deployed both profiles, its people where they are."""
    settings = from_values(document)
    record = deployed(settings, members=frozenset(first))
    resources = [each for each in record.resources if each.type != types.SIGNING_CERTIFICATE]
    (made,) = (each for each in record.resources if each.type == types.SIGNING_CERTIFICATE)
    resources += [made, replace(made, urn=made.urn.replace("2026", "2029"), outputs={"thumbprint": NEW})]
    for each in record.resources:
        if each.type in (types.GROUP, types.GROUP_MEMBERSHIP, types.AUTHENTICATION_PROFILE):
            resources.append(_second(each, settings, second))
    active = next(each for each in resources if each.type == types.ACTIVE_SIGNING_CERTIFICATE)
    resources.remove(active)
    resources.append(
        replace(active, outputs={"thumbprint": signs, "replace": True, "activeThumbprint": signs})
    )
    certificates = PrincipalCertificates((certificate(OLD), certificate(NEW, "2029", 2000)), signs)
    everybody = first | second
    return World(
        application=application(certificates=certificates),
        members=first,
        second_members=second,
        addresses={each: address(each) for each in {ADA, GRACE, *everybody}},
        deployed=Record(tuple(resources)),
    )


def _second(each: Any, settings: Any, members: set[str]) -> Any:
    outputs = dict(each.outputs)
    group = settings.roll_out.group_of(ProfileSlot.SECOND)
    if each.type == types.GROUP:
        outputs = {"description": group, "created": True}
    elif each.type == types.GROUP_MEMBERSHIP:
        outputs |= {"group": group, "members": sorted(members)}
    else:
        form = form_of(settings, ProfileSlot.SECOND)
        prints = attestation.fingerprints(form, NEW)
        confirmed = settings.authentication_profile.confirmed_of(ProfileSlot.SECOND)
        outputs |= {
            "form": form,
            "thumbprint": NEW,
            "criticalFingerprint": prints.critical,
            "state": "claimed",
            "confirmed": confirmed.model_dump() if confirmed else None,
        }
    return replace(each, urn=f"{each.urn}-second", outputs=outputs)


BOTH = {ADA, GRACE}


def test_people_who_leave_both_groups_leave_one_first() -> None:
    world = rotating(rotation("2026", "both"), BOTH, BOTH, OLD)
    leaves = rotation("2026", "both", rollOut={"who": "pilot", "pilot": [ADA]})
    finding = found(world, leaves)["certificate-mismatch"]
    assert finding.affected == (GRACE,)
    assert finding.remedy == (
        "Mimecast may act on one of the two groups first, and the other's profile holds the certificate that does not "
        "sign: deploy in two runs. First set mimecast-sso:certificates.cutOver to active and deploy, wait 15 minutes "
        "until Mimecast acts on it, then change mimecast-sso:rollOut"
    )
    alone = rotation("2026", "active")
    assert found(world, alone) == {}


@pytest.mark.parametrize(
    ("members", "pilot", "remedy"),
    [
        (
            {ADA},
            [ADA],
            (
                "rerun this 15 minutes after they left the roll-out group, once Mimecast acts on it; nothing else has "
                "to change"
            ),
        ),
        ({ADA, GRACE}, [ADA], "deploy in two runs: first change only mimecast-sso:rollOut"),
        ({ADA}, [ADA, GRACE], "keep them in mimecast-sso:assign, or first remove them"),
    ],
)
def test_people_who_just_left_need_only_time(members: set[str], pilot: list[str], remedy: str) -> None:
    document = attested(values(assign={"users": [ADA]}, rollOut={"who": "pilot", "pilot": pilot}))
    world = World(members=members, left={ADA, GRACE} - members)
    finding = found(world, document)["last-sign-in-method"]
    assert (finding.affected, finding.remedy[: len(remedy)]) == ((GRACE,), remedy)


def test_whoever_would_be_disabled_is_kept_or_forgotten() -> None:
    document = attested(values(addresses={"list": [{"address": ADA}], "onRemoval": "disable"}))
    finding = found(World(), document)["last-sign-in-method"]
    assert finding.remedy.startswith(
        "keep these people in mimecast-sso:addresses, or set its onRemoval to forget"
    )


@pytest.mark.parametrize(
    ("active", "cut_over", "first", "second", "signs", "met"),
    [
        ("2026", "both", BOTH, set(), OLD, True),
        ("2029", "both", BOTH, BOTH, OLD, True),
        ("2029", "active", BOTH, BOTH, NEW, True),
        ("2026", "both", set(), BOTH, NEW, False),
        ("2029", "both", BOTH, {ADA}, OLD, False),
        ("2029", "active", BOTH, set(), OLD, False),
        ("2029", "active", {ALAN}, BOTH, NEW, True),
    ],
)
def test_a_rotation_that_leaves_out_a_step_is_stopped(  # noqa: PLR0917  (a row of the table)
    active: str, cut_over: str, first: set[str], second: set[str], signs: str, met: bool
) -> None:
    document = rotation(active, cut_over)
    refused = found(rotating(document, first, second, signs), document)
    assert ("certificate-mismatch" not in refused) == met
    assert met or "keep mimecast-sso:certificates.active" in refused["certificate-mismatch"].remedy


def test_leaving_blue_green_under_the_old_profile_is_stopped() -> None:
    """Everybody moved; then one generation is left, in the first profile, which holds the old certificate."""
    world = rotating(rotation("2029", "both"), BOTH, BOTH, NEW)
    single = {"generations": [{"label": "2029", "endDate": "2032-11-01T00:00:00Z"}], "active": "2029"}
    refused = found(world, attested(values(certificates=single), NEW, days=10))
    assert refused["certificate-mismatch"].affected == (ADA, GRACE)


def test_administrators_who_join_one_profile_while_the_other_is_due_are_counted() -> None:
    document = rotation("2029", "both", authenticationProfile=ADMINISTRATORS)
    world = rotating(document, {ADA}, set(), OLD)
    del document["authenticationProfile"]["second"]
    assert found(world, document)["administrators"].affected == (ADA, GRACE)


def test_an_object_that_is_recorded_twice_is_not_deleted_with_its_second_record() -> None:
    """As after `pulumi import`: the engine would delete the one that no program declares, and with it the object."""
    type_, outputs = types.SERVICE_PRINCIPAL, {"id": "/servicePrincipals/x"}
    own = f"urn:pulumi:s::p::mimecast-sso:index:PersonalPortalSso${type_}::portal-service-principal"
    imported = f"urn:pulumi:s::p::{type_}::mine"

    def world(*urns: str) -> World:
        more = [RecordedResource(urn, type_, outputs) for urn in urns]
        made = World()
        return World(deployed=replace(made.deployed, resources=(*made.deployed.resources, *more)))

    document = attested(values())
    finding = found(world(imported, own), document)["allow-destroy"]
    kind = type_.rpartition(":")[2]
    assert finding.problem == (
        f"the state records {kind} /servicePrincipals/x twice. A run deletes the one that this project's components do "
        "not declare, and with it the object that both stand for"
    )
    assert (finding.details, finding.final) == ((imported,), False)
    assert list(map(str, finding.known)) == ["both (last deployment: the state)"]
    assert finding.remedy == (
        "remove it from the state, which deletes nothing: "
        f"{shlex.join(['pulumi', 'state', 'delete', '--force', imported, '--stack', 'prod-eu'])}"
    )
    nameless = replace(world(imported, own).assess(document), stack="")
    (unnamed,) = (each for each in guards.findings(nameless) if each.guard == "allow-destroy")
    assert "--stack" not in unnamed.remedy
    destroyed = world(imported, own).assess(document, destroys=True)
    assert not [each for each in guards.findings(destroyed) if "twice" in each.problem]
    for others in ((own,), (imported,), (imported, imported)):
        assert "allow-destroy" not in found(world(*others), attested(values()))
