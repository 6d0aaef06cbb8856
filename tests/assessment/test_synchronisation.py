"""Directory synchronisation: statements about the account's connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import drift, guards, synchronisation
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import Finding, Part
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import INTEGRATION_ONLY
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.settings import from_values
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

RECENT = DirectoryConnection(
    description="Entra",
    kind="azure",
    enabled=True,
    status="ok",
    last_sync=NOW - timedelta(hours=3),
    running=False,
    domains=(),
    disables_accounts=True,
    deletes_users=False,
)

Connections = Known[tuple[DirectoryConnection, ...]]


@pytest.mark.parametrize(
    ("found", "verdicts", "text"),
    [
        # Named in ASCII: pytest escapes other ids once more each time it collects in one process, as mutmut does.
        pytest.param(
            live((RECENT,)),
            (Verdict.FINE, Verdict.NOTE),
            '"Entra": last ran at 2026-11-22 06:00:00Z',
            id="runs and is well",
        ),
        (
            live((replace(RECENT, last_sync=None),)),
            (Verdict.FINE, Verdict.NOTE),
            "Mimecast shows no last run",
        ),
        (
            live((replace(RECENT, enabled=False),)),
            (Verdict.WARNS,) * 2,
            "disabled, so no addresses are added",
        ),
        (live((replace(RECENT, status="auth_failed"),)), (Verdict.WARNS,) * 2, "is auth_failed; last ran at"),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=2)),)),
            (Verdict.WARNS,) * 2,
            "overdue: it last ran at 2026-11-20 09:00:00Z",
        ),
        (live(()), (Verdict.WARNS, Verdict.NOTE), "The account synchronises no directory"),
        (unknown("403"), (Verdict.UNKNOWN, Verdict.NOTE), "Whether the account synchronises a directory"),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=1)),)),
            (Verdict.FINE, Verdict.NOTE),
            "last ran at 2026-11-21 09:00:00Z",
        ),
        (
            live((replace(RECENT, status=""),)),
            (Verdict.FINE, Verdict.NOTE),
            "last ran at 2026-11-22 06:00:00Z",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_of_a_connection(
    found: Connections, verdicts: tuple[Verdict, Verdict], text: str, snapshot: SnapshotAssertion
) -> None:
    for needed, verdict in zip((True, False), verdicts, strict=True):
        (statement,) = synchronisation.statements(found, NOW, needed=needed)
        assert (statement.verdict, text in statement.text) == (verdict, True), statement.text
        assert (statement.subject, str(statement)) == snapshot


def test_a_snapshot_tells_where_the_configuration_takes_its_addresses_from_the_directory() -> None:
    settings = from_values(values())
    assert list(synchronisation.of_snapshot(World().snapshot(settings))) == []
    for found, verdict in (
        (live((RECENT,)), Verdict.FINE),
        (live(()), Verdict.WARNS),
        (unknown("x"), Verdict.UNKNOWN),
    ):
        (said,) = synchronisation.of_snapshot(World(changes={"connections": found}).snapshot(settings))
        assert said.verdict is verdict


def test_connections_that_were_read_for_the_integration_alone_say_nothing_where_there_are_none() -> None:
    world = World(changes={"connections": live((), INTEGRATION_ONLY)})
    assert list(synchronisation.of_snapshot(world.snapshot(from_values(values())))) == []


# -- Addresses ------------------------------------------------------------------------------------------------------

SYNCHRONISED = {"addresses": {"source": "synchronised"}}


def said_of_addresses(connections: Connections, *missing: str, owned: bool = True) -> list[Statement]:
    """What is said where Mimecast has the addresses of everybody else who is assigned."""
    world = World(
        accounts=[account(each) for each in (ADA, GRACE, ALAN)],
        addresses={
            each: address(each, synchronised=owned) for each in (ADA, GRACE, ALAN) if each not in missing
        },
        changes={"connections": connections},
    )
    found = world.assess(values(assign={"users": [ADA, GRACE, ALAN]}, **SYNCHRONISED))
    return list(synchronisation.addresses(found.desired))


@pytest.mark.parametrize(
    ("connections", "verdict", "how", "text"),
    [
        (
            live((RECENT,)),
            Verdict.WAITING,
            How.ASSUMED,
            "the next run of directory synchronisation should bring it",
        ),
        (live(()), Verdict.WARNS, How.LIVE, "does not bring it: the account synchronises no directory"),
        (
            live((replace(RECENT, enabled=False),)),
            Verdict.WARNS,
            How.LIVE,
            'does not bring it: "Entra" is disabled',
        ),
        (
            live(
                (
                    replace(RECENT, enabled=False, domains=("EXAMPLE.com",)),
                    replace(RECENT, description="Second", status="auth_failed"),
                )
            ),
            Verdict.WARNS,
            How.LIVE,
            'does not bring it: "Entra" is disabled, so no addresses are added or changed; "Second" is',
        ),
        (
            live((replace(RECENT, domains=("other.example",)),)),
            Verdict.WARNS,
            How.LIVE,
            "does not bring it: no directory connection covers example.com",
        ),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=2)), replace(RECENT, description="Second"))),
            Verdict.WAITING,
            How.ASSUMED,
            "should bring it (last ran at 2026-11-22 06:00:00Z)",
        ),
        (unknown("403"), Verdict.UNKNOWN, How.UNKNOWN, "whether a directory is synchronised is unknown"),
    ],
)
def test_whether_a_missing_address_will_be_created_follows_from_the_connections(
    connections: Connections, verdict: Verdict, how: How, text: str, snapshot: SnapshotAssertion
) -> None:
    (two,) = said_of_addresses(connections, ADA, GRACE)
    assert (two.subject, str(two)) == snapshot
    (said,) = said_of_addresses(connections, GRACE)
    assert (said.verdict, said.how) == (verdict, how)
    assert said.text.startswith(f"1 person has no address at Mimecast ({GRACE})")
    assert text in said.text


def test_an_address_of_a_domain_that_is_not_internal_is_not_expected() -> None:
    snapshot = World(changes={"connections": live((RECENT,))}).snapshot(from_values(values()))
    found = synchronisation.arrival(snapshot, "someone@other.example")
    assert (found.expected.value, found.why) == (
        False,
        "other.example is not an internal domain of the account",
    )
    unread = World(changes={"connections": unknown("403")}).snapshot(from_values(values()))
    assert synchronisation.arrival(unread, ADA).expected == unknown("403")


def test_the_owner_of_an_address_is_read_live() -> None:
    assert said_of_addresses(live((RECENT,))) == []
    (said,) = said_of_addresses(live((RECENT,)), owned=False)
    assert said == Statement(
        "3 of 3 addresses are not owned by directory synchronisation, so no run changes them: "
        f"{ADA}, {ALAN}, {GRACE}",
        How.LIVE,
        "Mimecast",
        Verdict.NOTE,
        synchronisation.SUBJECT,
    )
    (one, _) = said_of_addresses(live((RECENT,)), ADA, GRACE, owned=False)
    assert one.text.startswith("1 of 1 address is not owned by directory synchronisation")


def test_addresses_that_the_stack_creates_cause_no_statement() -> None:
    world = World(addresses={}, changes={"connections": live((RECENT,), INTEGRATION_ONLY)})
    assert list(synchronisation.addresses(world.assess(values()).desired)) == []


SYNCHRONISED_ADA = address(ADA, synchronised=True)

# -- The integration ------------------------------------------------------------------------------------------------

LIVE = {"tenantDomain": "contoso.example", "enabled": True, "deleteUsers": True, "domains": []}
MANAGED = {"description": "Entra", "tenantDomain": "contoso.example"}


def integration(**properties: Any) -> Known[Integration]:
    return live(Integration("Entra", RECENT, LIVE | properties), "Mimecast")


def recorded(settings: dict[str, Any], desired: dict[str, Any]) -> Record:
    found = deployed(from_values(settings))
    outputs = {"description": "Entra", "mode": "ensure", "properties": desired, "live": LIVE}
    urn = f"urn:pulumi:test::mimecast-sso::{types.DIRECTORY_INTEGRATION}::directory"
    return Record((*found.resources, RecordedResource(urn, types.DIRECTORY_INTEGRATION, outputs)))


def assessed(
    known: Known[Integration], desired: dict[str, Any] | None, was: dict[str, Any] | None = None, **more: Any
) -> Assessment:
    """A world in which everybody's address is synchronised from Entra alone."""
    document = attested(
        values(**({"directorySynchronisation": MANAGED | desired} if desired is not None else {}))
    )
    world = World(
        addresses={each: address(each, synchronised=True) for each in (ADA, GRACE)},
        changes={"connections": live((RECENT,), INTEGRATION_ONLY), "integration": known, **more},
    )
    if was is not None:
        world.deployed = recorded(attested(values()), was)
    return world.assess(document)


@pytest.mark.parametrize(
    ("known", "desired", "was", "verdict", "text"),
    [
        (
            Known(None, How.LIVE),
            {},
            None,
            Verdict.WARNS,
            "is created at Mimecast: people of contoso.example get",
        ),
        (
            Known(None, How.LIVE),
            {"connectorId": "connector"},
            None,
            Verdict.WARNS,
            "get addresses in the account's internal domains",
        ),
        (
            Known(None, How.LIVE),
            {"mode": "require"},
            None,
            Verdict.WARNS,
            "does not exist, but its mode is require",
        ),
        (
            integration(),
            {"mode": "require", "enabled": False, "deleteUsers": False},
            None,
            Verdict.WARNS,
            "differs, and its mode is require",
        ),
        (integration(), {"maxUnlink": "10"}, None, None, ""),
        (
            integration(),
            {"deleteUsers": False},
            None,
            Verdict.WARNS,
            "changed at Mimecast: deleteUsers from true to false",
        ),
        (
            integration(deleteUsers=False),
            {"deleteUsers": True},
            {"tenantDomain": "contoso.example", "deleteUsers": True},
            Verdict.WARNS,
            "was changed outside this stack; a run that refreshes changes deleteUsers from false to true",
        ),
        (
            integration(),
            {"mode": "require", "enabled": False},
            None,
            Verdict.WARNS,
            "differs, and its mode is require",
        ),
        (
            unknown("403"),
            {},
            None,
            Verdict.UNKNOWN,
            'Whether the directory integration "Entra" is as configured',
        ),
        (integration(), None, LIVE, Verdict.NOTE, "is no longer managed. It stays at Mimecast, unchanged"),
        (Known(None, How.CONFIGURED), None, None, None, ""),
    ],
)
def test_what_a_run_does_about_the_integration(  # noqa: PLR0917  (a row of the table)
    known: Known[Integration],
    desired: dict[str, Any] | None,
    was: dict[str, Any] | None,
    verdict: Verdict | None,
    text: str,
    snapshot: SnapshotAssertion,
) -> None:
    said = list(synchronisation.integration(assessed(known, desired, was).desired))
    assert [(each.subject, str(each)) for each in said] == snapshot
    assert [each.verdict for each in said] == ([verdict] if verdict else [])
    assert all(text in each.text for each in said), said


def test_a_change_that_would_delete_peoples_addresses_is_forecast() -> None:
    narrowed = assessed(integration(), {"domains": ["other.example"]}, LIVE)
    assert narrowed.forecast.losses.keys() == {ADA, GRACE}
    (loss, *_) = narrowed.forecast.losses[ADA]
    assert loss.outcome.reason is Reason.NOT_AT_MIMECAST
    (refusal,) = guards.findings(narrowed)
    assert refusal.remedy == (
        "keep these people's domains in mimecast-sso:directorySynchronisation.domains, and its tenantDomain and "
        "syncGuestUsers as they are, or set its deleteUsers to false"
    )
    alan = "alan@other.example"
    world = World(
        accounts=[account(each) for each in (ADA, GRACE, alan)],
        application=application(assigned=tuple(map(assigned, (ADA, GRACE, alan)))),
        members={ADA, GRACE, alan},
        addresses={each: address(each, synchronised=True) for each in (ADA, GRACE, alan)},
        deployed=recorded(attested(values()), LIVE),
        changes={"connections": live((RECENT,), INTEGRATION_ONLY), "integration": integration()},
    )
    document = attested(values(directorySynchronisation=MANAGED | {"domains": ["other.example"]}))
    contexts = {"authenticationProfile": {"contexts": {"passwordProtected": True}}}
    (both,) = guards.findings(world.assess(document | contexts))
    assert both.affected == (ADA, alan, GRACE)
    assert "turn both authentication contexts off" in both.remedy
    (_, removing) = synchronisation.integration(narrowed.desired)
    assert (removing.verdict, removing.subject) == (Verdict.WARNS, synchronisation.SUBJECT)
    alone = assessed(
        integration(), {"domains": ["other.example"]}, LIVE, addresses=live({ADA: SYNCHRONISED_ADA})
    )
    (_, one) = synchronisation.integration(alone.desired)
    assert one.text.endswith(f"may delete 1 address that it no longer covers: {ADA}")
    wider = assessed(
        integration(domains=["EXAMPLE.com"]), {"domains": ["example.com", "other.example"]}, LIVE
    )
    assert not synchronisation.removed_addresses(wider.desired)
    elsewhere = assessed(integration(domains=["another.example"]), {"domains": ["other.example"]}, LIVE)
    assert not synchronisation.removed_addresses(elsewhere.desired), "the integration never covered them"
    partly = replace(RECENT, description="Second", domains=("another.example",))
    both_ = assessed(integration(), {"domains": ["other.example"]}, LIVE, connections=live((RECENT, partly)))
    assert synchronisation.removed_addresses(both_.desired) == {ADA, GRACE}, "the other covers another domain"
    said = [str(each) for each in synchronisation.integration(narrowed.desired)]
    assert said[-1].endswith(
        f"may delete 2 addresses that it no longer covers: {ADA}, {GRACE} (assumed: deleteUsers deletes what the "
        "integration does not cover)"
    )

    moved = assessed(integration(), {"tenantDomain": "fabrikam.example"}, LIVE)
    assert moved.forecast.losses.keys() == {ADA, GRACE}

    other = replace(RECENT, description="Second")
    for quiet in (
        assessed(integration(), {}, LIVE),
        assessed(integration(), {"syncGuestUsers": False}, LIVE),
        assessed(integration(deleteUsers=False), {"tenantDomain": "fabrikam.example"}, LIVE),
        assessed(integration(deleteUsers=False), {"domains": ["other.example"]}, LIVE),
        assessed(integration(), {"domains": ["other.example"], "enabled": False}, LIVE),
        assessed(integration(), {"domains": ["other.example"], "mode": "require"}, LIVE),
        assessed(integration(), {"domains": ["other.example"]}, LIVE, connections=live((RECENT, other))),
    ):
        assert quiet.forecast.losses == {}


def test_guests_lose_their_addresses_once_they_are_no_longer_synchronised() -> None:
    world = World(
        accounts=[account(ADA), account(GRACE, guest=True)],
        addresses={each: address(each, synchronised=True) for each in (ADA, GRACE)},
        changes={"connections": live((RECENT,), INTEGRATION_ONLY), "integration": integration()},
    )
    world.deployed = recorded(attested(values()), LIVE)

    def losses(**changes: bool) -> set[str]:
        document = values(directorySynchronisation=MANAGED | changes)
        return {*world.assess(attested(document)).forecast.losses}

    assert losses(syncGuestUsers=True) == set()
    assert losses(syncGuestUsers=False) == {GRACE}
    world.changes["integration"] = integration(syncGuestUsers=False)
    assert losses(syncGuestUsers=False) == set()
    assert losses(syncGuestUsers=False, domains=["example.com"]) == set(), (
        "they were deleted before, if at all"
    )


@pytest.mark.parametrize("idle", [{"deleteUsers": False}, {"enabled": False}])
def test_an_integration_that_begins_to_delete_deletes_what_it_stopped_covering_earlier(
    idle: dict[str, bool],
) -> None:
    """Grace is a guest; the integration synchronised guests, or their domain, when it deleted nothing."""
    world = World(
        accounts=[account(ADA), account(GRACE, guest=True)],
        addresses={each: address(each, synchronised=True) for each in (ADA, GRACE)},
    )
    world.deployed = recorded(attested(values()), LIVE)
    begins = dict.fromkeys(idle, True)

    def losses(**properties: Any) -> set[str]:
        found = integration(**properties, **idle)
        world.changes = {"connections": live((RECENT,), INTEGRATION_ONLY), "integration": found}
        document = values(directorySynchronisation=MANAGED | properties | begins)
        return {*world.assess(attested(document)).forecast.losses}

    assert losses() == set()
    assert losses(syncGuestUsers=False) == {GRACE}
    assert losses(domains=["other.example"]) == {ADA, GRACE}


def drifted(found: Assessment) -> list[Finding]:
    return [each for each in drift.find(found) if each.object == "directory integration"]


def test_drift_of_the_integration() -> None:
    assert drifted(assessed(integration(), {}, LIVE)) == []
    (found,) = drifted(assessed(integration(deleteUsers=False), {"deleteUsers": True}, LIVE))
    assert (found.part, found.id) == (Part.CHANGED, "directory-integration/deleteUsers/changed/Entra")
    assert (found.change.recorded, found.change.live, found.change.desired) == (
        ("true",),
        ("false",),
        ("true",),
    )
    (gone,) = drifted(assessed(Known(None, How.LIVE), {}, LIVE))
    assert (gone.part, gone.id) == (Part.MISSING, "directory-integration/missing/Entra")
    assert gone.aspect == ""
    renamed = live(Integration("Renamed", RECENT, LIVE), "Mimecast")
    (other,) = drifted(assessed(renamed, {}, LIVE))
    assert (other.part, other.id) == (Part.CHANGED, "directory-integration/description/changed/Entra")
    assert (other.change.recorded, other.change.live) == (("Entra",), ("Renamed",))
    (unasked,) = drifted(assessed(integration(deleteUsers=False), {"enabled": True}, LIVE))
    assert unasked.change.desired is None, "the file does not ask for the property"
    (alone,) = drifted(assessed(integration(deleteUsers=False), None, LIVE))
    assert alone.change.desired is None, "nor for the integration"
    unread = assessed(unknown("403"), {}, LIVE)
    assert drifted(unread) == []
    assert "the directory integration at Mimecast could not be read" in [
        each.text for each in drift.not_looked_at(unread)
    ]


@pytest.mark.parametrize(
    ("known", "desired", "verdict", "text"),
    [
        (unknown("403"), {}, Verdict.UNKNOWN, "whether {} exists"),
        (
            Known(None, How.LIVE),
            {"mode": "require"},
            Verdict.MISSING,
            "{} does not exist, and its mode is require",
        ),
        (Known(None, How.LIVE), {}, Verdict.NOTE, "{} does not exist yet, and is created"),
        (integration(), {}, Verdict.FINE, "{} is as configured"),
        (
            integration(),
            {"mode": "require", "enabled": False, "deleteUsers": False},
            Verdict.DIFFERS,
            (
                "{} differs, and its mode is require: enabled is true, configured is false; deleteUsers is true, "
                "configured is false"
            ),
        ),
        (
            integration(),
            {"enabled": False},
            Verdict.NOTE,
            "{} differs and is changed: enabled is true, configured is false",
        ),
    ],
    ids=["unread", "required", "created", "as configured", "required and differs", "changed"],
)
def test_the_integration_is_looked_at_before_the_first_deployment(
    known: Known[Integration], desired: dict[str, Any], verdict: Verdict, text: str
) -> None:
    settings = from_values(values(directorySynchronisation=MANAGED | desired)).directory_synchronisation
    assert settings is not None
    said = synchronisation.found_in_advance(settings, known)
    assert (said.verdict, said.subject) == (verdict, synchronisation.SUBJECT)
    assert said.text == text.format('the directory integration "Entra"')
