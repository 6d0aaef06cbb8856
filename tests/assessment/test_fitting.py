"""The configuration that fits two existing tenants: what it names, what it leaves out, and its notes. Pure."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mimecast_sso.assessment.fitting import Fitting, fitting, names_of
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.provenance import How, Verdict
from mimecast_sso.settings import from_values
from providers.entra.applications import DeletedApplication, Holder, Owner
from providers.entra.claims import claims_definition
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast import DomainStatus
from providers.mimecast.domains import DomainState
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    GROUP,
    IDP_REPLY_URL,
    LINUS,
    NEW,
    NOW,
    OLD,
    REPLY_URL,
    TENANT,
    UPN_CLAIMS,
    World,
    account,
    address,
    application,
    assigned,
    certificate,
    values,
)

OWNER = "aaaaaaaa-0000-4000-8000-000000000001"
BARE = {key: each for key, each in values().items() if key in ("region", "accountCode", "certificates")}


def fits(world: World | None = None, keys: dict[str, Any] | None = None, **parts: Any) -> Fitting:
    """The configuration that fits a world, for an account of which only region and code are known."""
    settings = from_values(BARE | (keys or {}))
    found = (world or World()).snapshot(settings)
    return fitting(settings, replace(found, **parts))


def with_application(**changes: Any) -> dict[str, Any]:
    """The key `application` that fits."""
    found: dict[str, Any] = fits(World(application=application(**changes))).values["application"]
    return found


def test_a_fitting_configuration_adopts_existing_objects() -> None:
    found = fits()
    assert dict(found.values) == {
        "region": "eu",
        "accountCode": "CUK25A118",
        "tenantId": TENANT,
        "application": {"displayName": "Mimecast Personal Portal", "adopt": CLIENT},
        "assign": {"users": [ADA, GRACE], "groups": []},
        "domains": [{"name": "example.com", "mode": "require"}],
        "addresses": {"list": []},
        "rollOut": {"group": "Single sign-on", "who": "none"},
        "certificates": {
            "generations": [{"label": "2026", "endDate": "2029-08-18T09:00:00Z"}],
            "active": "2026",
        },
    }
    assert list(found.values)[:4] == ["region", "accountCode", "tenantId", "application"]
    assert (found.owners, found.notes) == ({}, ())
    assert found.people == {f"id of {each}": each for each in (ADA, GRACE)}


def test_given_options_are_kept() -> None:
    keys = {"mimecastClientId": "client", "rollOut": {"group": "Another"}}
    found = fits(keys=keys, tenant_id="no guid").values
    assert found["mimecastClientId"] == "client"
    assert found["rollOut"] == {"group": "Another", "who": "none"}
    assert "tenantId" not in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"display_name": "Old"}, {"displayName": "Old"}),
        ({"assignment_required": False}, {"assignmentRequired": False}),
        ({"tags": frozenset({HIDE_TAG})}, {"hide": True}),
        ({"sign_on_url": "", "reply_urls": (IDP_REPLY_URL,)}, {"signOn": "idp"}),
        ({"sign_on_url": "https://login.mimecast.com/x"}, {"signOnUrl": "https://login.mimecast.com/x"}),
        (
            {"sign_on_url": "https://login.mimecast.com/x", "reply_urls": (IDP_REPLY_URL,)},
            {"signOnUrl": "https://login.mimecast.com/x"},
        ),
        ({"sign_on_url": "https://example.com/"}, {}),
        ({"sign_on_url": "", "reply_urls": (REPLY_URL,)}, {}),
        (
            {
                "notification_emails": (
                    "IT@Example.com",
                    "no address",
                    *(f"{n}@example.com" for n in range(9)),
                )
            },
            {"notificationEmails": ["it@example.com", *(f"{n}@example.com" for n in range(4))]},
        ),
        ({"policies": None}, {"claims": "verify"}),
        ({"policies": ()}, {}),
        ({"policies": (UPN_CLAIMS,)}, {}),
        ({"policies": (replace(UPN_CLAIMS, others=("Payroll",)),)}, {"claims": "verify"}),
        (
            {
                "policies": (
                    replace(
                        UPN_CLAIMS,
                        definition=claims_definition().replace('"ClaimsSchema"', '"X":1,"ClaimsSchema"'),
                    ),
                )
            },
            {"claims": "verify"},
        ),
    ],
)
def test_the_application_is_described_where_it_differs(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    base = {"displayName": "Mimecast Personal Portal", "adopt": CLIENT}
    assert with_application(**changes) == base | expected


def test_an_empty_name_is_not_written() -> None:
    assert with_application(display_name=" ") == {"adopt": CLIENT}


def test_owners_but_the_deploying_principal_are_named() -> None:
    owners = (Owner(OWNER, "alan"), Owner("id of the deployer", "me"), Owner("no guid", "odd"))
    found = fits(World(application=application(owners=owners)))
    assert found.values["application"]["owners"] == [OWNER]
    assert found.owners == {OWNER: "alan"}
    assert fits(World(application=application(owners=(Owner(OWNER, ""),)))).owners == {OWNER: OWNER}
    assert fits(World(application=application(owners=owners)), deployer=OWNER).owners == {}


def test_the_application_that_was_asked_for_comes_first() -> None:
    own = application(client_id="own")
    assert (
        fits(own=replace(World().snapshot(from_values(BARE)).own, value=own)).values["application"]["adopt"]
        == "own"
    )


# -- Certificates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificates", "label", "end"),
    [
        ((certificate(OLD),), "2026", "2029-08-18T09:00:00Z"),
        ((replace(certificate(OLD), display_name="CN=Other"),), "2026", "2029-08-18T09:00:00Z"),
        (
            (replace(certificate(OLD), display_name="CN=Other", not_before=NOW - timedelta(days=800)),),
            "2024",
            "2029-08-18T09:00:00Z",
        ),
        ((certificate(OLD, days=-1),), "2026", "2029-11-01T00:00:00Z"),
        ((), "2026", "2029-11-01T00:00:00Z"),
    ],
)
def test_the_active_certificate_is_the_generation(certificates: Any, label: str, end: str) -> None:
    found = fits(World(application=application(certificates=PrincipalCertificates(certificates, OLD))))
    assert found.values["certificates"] == {
        "generations": [{"label": label, "endDate": end}],
        "active": label,
    }


def test_a_new_certificate_ends_in_utc_wherever_that_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        none = fits(World(application=None)).values["certificates"]["generations"]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert none == [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}]


def test_of_several_certificates_the_one_that_signs_counts() -> None:
    several = PrincipalCertificates((certificate(OLD), certificate(NEW, "2030", 2000)), NEW)
    assert (
        fits(World(application=application(certificates=several))).values["certificates"]["active"] == "2030"
    )


# -- People and domains -----------------------------------------------------------------------------------------------


def test_assigned_people_and_groups_are_named_as_they_are_found_again() -> None:
    world = World(
        accounts=[
            account(ADA, mail=""),
            account(GRACE, mail="G.Hopper@example.com", user_principal_name="grace#EXT#@example.com"),
            account(LINUS, mail="odd address", user_principal_name="also odd"),
        ],
        application=application(
            assigned=(
                *(assigned(each) for each in (GRACE, ADA, LINUS, ALAN)),
                assigned("Zoo", "Group"),
                assigned(GROUP, "Group"),
                assigned("robot", "ServicePrincipal"),
            )
        ),
    )
    found = fits(world)
    assert found.values["assign"] == {"users": [ADA, "g.hopper@example.com"], "groups": [GROUP, "Zoo"]}
    assert found.people == {
        f"id of {ADA}": ADA,
        f"id of {GRACE}": "g.hopper@example.com",
        f"id of {GROUP}": GROUP,
        "id of Zoo": "Zoo",
    }
    (note,) = found.notes
    assert note.text == (
        "2 assigned users are left out of assign.users, because their mail address and user principal name could not "
        f"be read or are ambiguous: {ALAN}, {LINUS}. They stay assigned"
    )
    assert (note.how, note.source, note.verdict) == (How.LIVE, "Microsoft Graph", Verdict.WARNS)


ODD_NAME = "Zoo\n::warning::x\x1b[2J\u202e"
"""Entra takes it; a stack file does not, and neither a terminal nor a CI runner should."""


def test_names_that_a_stack_file_refuses_are_left_out_and_told() -> None:
    certificates = PrincipalCertificates((certificate(OLD, ODD_NAME, 400),), OLD)
    world = World(
        application=application(
            display_name=ODD_NAME,
            certificates=certificates,
            assigned=(assigned(GROUP, "Group"), assigned(ODD_NAME, "Group")),
        )
    )
    found = fits(world)
    settings = from_values(found.values)
    assert settings.assign.groups == (GROUP,)
    assert "displayName" not in found.values["application"]
    (note,) = found.notes
    assert note.text == (
        "1 assigned group is left out of assign.groups, because its name holds invisible characters: Zoo : "
        ":warning::x. Rename in Entra and rerun assess; until then assignments stay"
    )
    several = (assigned(ODD_NAME, "Group"), assigned("A\u202eB", "Group"))
    (note,) = fits(World(application=application(assigned=several))).notes
    assert note.text.startswith(
        "2 assigned groups are left out of assign.groups, because their names hold invisible characters: "
    )


def test_an_address_that_belongs_to_somebody_else_is_left_out() -> None:
    """Both accounts have Ada's mail address, so only the user principal name identifies one."""
    world = World(
        accounts=[account(ADA, user_principal_name=None), account(GRACE, mail=ADA)],
        application=application(assigned=(assigned(ADA), assigned(GRACE))),
    )
    found = fits(world)
    assert found.people == {f"id of {GRACE}": GRACE}
    assert found.notes[0].text.startswith("1 assigned user is left out")
    assert found.notes[0].text.endswith(f"{ADA}. They stay assigned")


def test_internal_domains_are_required() -> None:
    domains = {
        name: DomainStatus(name, state, "", "id")
        for name, state in (
            ("z.example", DomainState.INTERNAL),
            ("a.example", DomainState.INTERNAL),
            ("new.example", DomainState.PENDING),
        )
    }
    found = fits(
        World(changes={"domains": replace(World().snapshot(from_values(BARE)).domains, value=domains)})
    )
    assert found.values["domains"] == [
        {"name": "a.example", "mode": "require"},
        {"name": "z.example", "mode": "require"},
    ]
    assert fits(World(unread=frozenset({"domains"}))).values["domains"] == []


def test_an_address_book_writes_nothing() -> None:
    synchronised = World(addresses={ADA: address(ADA), GRACE: address(GRACE, synchronised=True)})
    assert fits(synchronised).values["addresses"] == {"source": "synchronised"}
    assert fits(World(unread=frozenset({"addresses"}))).values["addresses"] == {"list": []}


# -- Without an application -------------------------------------------------------------------------------------------


def test_without_an_application_nothing_is_adopted_and_what_to_know_is_said() -> None:
    world = World(
        application=None,
        deleted=(DeletedApplication(CLIENT, "object", "Portal", NOW),),
        namesakes=(Holder("other", "object", "Portal"),),
    )
    found = fits(world, template="")
    assert "application" not in found.values
    assert found.values["assign"] == {"users": [], "groups": []}
    assert [each.text for each in found.notes] == [
        (
            f'A deleted application "Portal" (client id {CLIENT}) has the identifier. Restore it before 2026-12-22 '
            "and rerun assess, or delete it permanently"
        ),
        (
            'An application "Portal" (client id other) has no identifier yet. To adopt it, rerun assess with '
            "--client-id other"
        ),
        (
            "Entra's gallery has no entry named in mimecast-sso:application.template. Correct the name, or set "
            "mimecast-sso:application.allowNonGallery: true"
        ),
    ]
    assert fits(replace(world, application=application()), template="").notes == ()
    assert fits(World(application=None, unread=frozenset({"deleted", "namesakes"}))).notes == ()


def test_a_configuration_names_people_and_owners_as_a_fitting_one_would() -> None:
    world = World(groups={GROUP: [account(ALAN)]})
    settings = from_values(BARE | {"assign": {"users": [ADA], "groups": [GROUP]}})
    directory = replace(world.snapshot(settings).directory, owners={OWNER: "alan"})
    world.changes = {"directory": directory}
    desired = world.assess(BARE | {"assign": {"users": [ADA], "groups": [GROUP]}}).desired
    assert names_of(desired) == ({OWNER: "alan"}, {f"id of {ADA}": ADA, f"id of {GROUP}": GROUP})
