"""The record of a deployment, read from its outputs: a contract with every release in use. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mimecast_sso.assessment.record import (
    Record,
    RecordedApplication,
    RecordedAssignment,
    RecordedBook,
    RecordedGroup,
    RecordedMembership,
    RecordedPolicy,
    RecordedPrincipal,
    RecordedProfile,
)
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.console.attestation import Fingerprints
from mimecast_sso.facts import resource_types as types
from mimecast_sso.settings import ProfileSlot
from providers.entra.applications import Policy
from tests.assessment.worlds import ADA, GRACE, OLD

FORM = {"certificate": "MII", "monitorMetadataUrl": False}
PROFILE = {
    "form": FORM,
    "thumbprint": OLD,
    "criticalFingerprint": "v1:critical",
    "cosmeticFingerprint": "v1:cosmetic",
    "state": "proved",
    "previousForm": {"certificate": ""},
    "confirmed": {"by": ADA},
    "evidence": {"seen": True},
}


def record(*resources: tuple[str, str, dict[str, Any]]) -> Record:
    """A record of resources: type, name, outputs."""
    return Record(
        tuple(
            RecordedResource(f"urn:pulumi:s::p::{type_}::{name}", type_, outputs)
            for type_, name, outputs in resources
        )
    )


def test_before_the_first_deployment_nothing_is_recorded() -> None:
    nothing = Record()
    assert (nothing.application, nothing.principal, nothing.policy, nothing.book) == (None,) * 4
    assert (nothing.reply_urls, nothing.default_reply_url, nothing.activated_at) == (None, "", None)
    assert (nothing.account_code, nothing.region, nothing.issuer) == ("", "", "")
    for each in (
        nothing.outputs,
        nothing.identifiers,
        nothing.assignments,
        nothing.owners,
        nothing.thumbprints,
    ):
        assert not each
    for each in (nothing.active, nothing.profiles, nothing.groups, nothing.memberships):
        assert not each


@pytest.mark.parametrize(
    ("recorded", "live", "same"),
    [
        (("claims", "id"), ("renamed", "ID"), True),
        (("claims", "id"), ("claims", "other"), False),
        (("claims", ""), ("claims", "id"), True),
        (("claims", ""), ("other", "id"), False),
        (("claims", "id"), ("claims", ""), True),
    ],
)
def test_a_live_claims_policy_is_the_recorded_one_by_id_else_by_name(
    recorded: tuple[str, str], live: tuple[str, str], same: bool
) -> None:
    policy = RecordedPolicy(recorded[0], "{}", policy_id=recorded[1])
    assert policy.is_live(Policy(live[1], live[0], "{}")) is same


def test_a_certificate_has_the_label_of_its_generation_whatever_the_component_is_called() -> None:
    name = "signing-certificate-team-signing-certificate-2026"
    assert record((types.SIGNING_CERTIFICATE, name, {"thumbprint": OLD})).thumbprints == {"2026": OLD}


def test_entras_objects_are_read_from_their_outputs() -> None:
    found = record(
        (types.STACK, "stack", {"accountCode": "C", "region": "eu", "issuer": "https://i"}),
        (
            types.APPLICATION_FROM_TEMPLATE,
            "portal",
            {"applicationObjectId": "object", "displayName": "Portal"},
        ),
        (
            types.SERVICE_PRINCIPAL,
            "principal",
            {
                "clientId": "client",
                "objectId": "principal",
                "appRoleAssignmentRequired": True,
                "loginUrl": "https://l",
                "notificationEmailAddresses": [ADA],
                "owners": ["owner"],
                "featureTags": [{"hide": True}],
            },
        ),
        (types.APPLICATION_IDENTIFIER, "identifier", {"identifierUri": "https://e"}),
        (types.APPLICATION_REDIRECT_URIS, "urls", {"redirectUris": ["https://a", "https://b"]}),
        (types.DEFAULT_REPLY_URL, "default", {"url": "https://a"}),
        (types.CLAIMS_MAPPING_POLICY, "claims", {"displayName": "claims", "definitions": ["{}"]}),
        (types.APP_ROLE_ASSIGNMENT, "ada", {"principalObjectId": "ada", "appRoleId": "role"}),
        (types.APPLICATION_OWNER, "owner", {"ownerObjectId": "owner"}),
        (types.SIGNING_CERTIFICATE, "signing-certificate-2026", {"thumbprint": OLD}),
        (
            types.ACTIVE_SIGNING_CERTIFICATE,
            "active",
            {"thumbprint": OLD, "activatedAt": "2026-11-22T09:00:00+00:00"},
        ),
    )
    assert (found.account_code, found.region, found.issuer) == ("C", "eu", "https://i")
    assert found.application == RecordedApplication("client", "object", "Portal")
    assert found.principal == RecordedPrincipal(
        "principal",
        enabled=True,
        assignment_required=True,
        sign_on_url="https://l",
        hidden=True,
        notification_emails=frozenset({ADA}),
        owners=frozenset({"owner"}),
    )
    assert found.identifiers == {"https://e"}
    assert (found.reply_urls, found.default_reply_url) == (("https://a", "https://b"), "https://a")
    assert found.policy == RecordedPolicy("claims", "{}", assigned=False)
    assert found.assignments == {"ada": RecordedAssignment("ada", "role")}
    assert found.owners == {"owner"}
    assert found.thumbprints == {"2026": OLD}
    assert found.activated_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_the_assignment_of_the_claims_policy_is_recorded_with_it() -> None:
    policy = (types.CLAIMS_MAPPING_POLICY, "claims", {"displayName": "claims"})
    assigned = (types.CLAIMS_MAPPING_POLICY_ASSIGNMENT, "claims", {})
    assert record(policy, assigned).policy == RecordedPolicy("claims", "", assigned=True)


def test_a_certificate_is_kept_while_its_expiry_is() -> None:
    end = datetime(2029, 11, 1, tzinfo=UTC)

    def keeps(**outputs: str) -> bool:
        made = record((types.SIGNING_CERTIFICATE, "signing-certificate-2026", {"thumbprint": OLD, **outputs}))
        return made.keeps_certificate("2026", end)

    assert keeps(endDate="2029-11-01T00:00:00Z")
    assert not keeps(endDate="2029-11-02T00:00:00Z")
    assert keeps(), "of a state without it nothing else is known"
    assert Record().keeps_certificate("2026", end)


def test_mimecasts_objects_are_read_by_slot() -> None:
    second = PROFILE | {"form": {"certificate": "", "monitorMetadataUrl": False}, "state": "due"}
    for name in ("previousForm", "confirmed", "evidence"):
        del second[name]
    found = record(
        (types.AUTHENTICATION_PROFILE, "profile", PROFILE),
        (types.AUTHENTICATION_PROFILE, "profile-second", second),
        (types.GROUP, "group", {"description": "Single sign-on", "created": True}),
        (types.GROUP, "group-second", {"description": "Second"}),
        (
            types.GROUP_MEMBERSHIP,
            "group",
            {
                "group": "Single sign-on",
                "members": [ADA],
                "hold": True,
                "changedAt": "2026-11-22T09:00:00+00:00",
            },
        ),
        (types.GROUP_MEMBERSHIP, "group-second", {"group": "Second", "members": []}),
        (
            types.ADDRESS_BOOK,
            "book",
            {
                "addresses": {ADA: {"name": "Ada"}},
                "created": [ADA],
                "adopt": [GRACE],
                "checkOnly": True,
                "missing": [ADA],
                "onRemoval": "disable",
            },
        ),
    )
    fingerprints = Fingerprints("v1:critical", "v1:cosmetic")
    first = RecordedProfile(
        ProfileSlot.FIRST, FORM, OLD, fingerprints, "proved", {"certificate": ""}, {"by": ADA}, {"seen": True}
    )
    waiting = RecordedProfile(ProfileSlot.SECOND, second["form"], OLD, fingerprints, "due", None, None, None)
    assert found.profiles == {ProfileSlot.FIRST: first, ProfileSlot.SECOND: waiting}
    assert (first.idle, first.opens, waiting.idle, waiting.opens) == (False, True, True, False)
    assert not replace(waiting, form=waiting.form | {"monitorMetadataUrl": True}).idle  # type: ignore[operator]
    assert found.groups == {
        ProfileSlot.FIRST: RecordedGroup("Single sign-on", True),
        ProfileSlot.SECOND: RecordedGroup("Second", False),
    }
    moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert found.memberships == {
        ProfileSlot.FIRST: RecordedMembership("Single sign-on", frozenset({ADA}), True, moment),
        ProfileSlot.SECOND: RecordedMembership("Second", frozenset(), False, None),
    }
    assert found.book == RecordedBook(
        {ADA: {"name": "Ada"}},
        frozenset({ADA}),
        frozenset({GRACE}),
        check_only=True,
        on_removal="disable",
        missing=frozenset({ADA}),
    )


@pytest.mark.parametrize(("hold", "added"), [(False, {ADA, GRACE}), (True, set())])
def test_a_membership_that_is_held_back_added_nobody_and_manages_the_same_people(
    hold: bool, added: set[str]
) -> None:
    membership = RecordedMembership("Single sign-on", frozenset({ADA, GRACE}), hold)
    assert membership.added == added
    assert membership.unmanaged(frozenset({GRACE, "eve@example.com"})) == {"eve@example.com"}


def test_a_group_that_was_not_deployed_manages_nobody() -> None:
    nothing = Record().membership(ProfileSlot.FIRST)
    assert (nothing.members, nothing.added) == (frozenset(), frozenset())
    assert nothing.unmanaged(frozenset({ADA})) == {ADA}


# -- A program with several components --------------------------------------------------------------------------------

STACK = (types.STACK, "stack", {"accountCode": "stack's"})


def component(name: str) -> tuple[str, str, dict[str, Any]]:
    """A component with its outputs."""
    return types.PERSONAL_PORTAL_SSO, name, {"accountCode": name}


def identifier(name: str) -> tuple[str, str, dict[str, Any]]:
    """A part of a component."""
    return types.APPLICATION_IDENTIFIER, name, {"identifierUri": name}


def test_each_component_has_its_own_part_of_the_record() -> None:
    both = record(
        STACK,
        component("eu"),
        component("eu-second"),
        identifier("eu-identifier"),
        identifier("eu-second-identifier"),
        identifier("euro"),
        identifier("unrelated"),
    )
    assert both.of("eu").identifiers == {"eu-identifier"}
    assert both.of("eu-second").identifiers == {"eu-second-identifier"}, "the longest name counts"
    assert [both.of(each).account_code for each in ("eu", "eu-second")] == ["eu", "eu-second"]
    assert both.of("eu").stack_outputs == {"accountCode": "stack's"}
    assert both.account_code == "stack's"


def test_a_component_that_was_not_deployed_yet_has_nothing_but_the_stack() -> None:
    new = record(STACK, component("eu"), identifier("eu-identifier")).of("us")
    assert (new.component, new.identifiers, new.account_code) == ("us", frozenset(), "")
    assert new.stack_outputs == {"accountCode": "stack's"}


def test_the_one_component_of_the_first_release_owns_everything() -> None:
    only = record(STACK, component("portal"), identifier("identifier")).of("portal")
    assert (only.component, only.identifiers) == ("portal", frozenset({"identifier"}))
