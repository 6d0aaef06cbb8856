"""The recorded application in place of one that could not be read: as the last deployment left it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mimecast_sso.assessment.presumed import as_recorded
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import from_values
from providers.entra.applications import Assigned, LiveApplication, Policy, Registration
from providers.entra.claims import claims_definition
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    IDENTIFIER,
    LINUS,
    NOW,
    OLD,
    REPLY_URL,
    World,
    application,
    attested,
    deployed,
    values,
)

UNREAD = frozenset({"application", "own"})
SETTINGS = from_values(attested(values()))


def changed(record: Record, type_: str, **outputs: Any) -> Record:
    """The record with other outputs of a resource."""
    return Record(
        tuple(
            RecordedResource(each.urn, each.type, {**each.outputs, **outputs}) if each.type == type_ else each
            for each in record.resources
        )
    )


def without(record: Record, *types_: str) -> Record:
    return Record(tuple(each for each in record.resources if each.type not in types_))


def snapshot(record: Record | None = None, unread: frozenset[str] = UNREAD, **changes: Any) -> Snapshot:
    world = World(deployed=record or deployed(SETTINGS), unread=unread, changes=changes)
    return world.snapshot(SETTINGS)


def presumed(record: Record | None = None, **changes: Any) -> LiveApplication:
    found = as_recorded(snapshot(record, **changes))
    assert found is not None
    assert found.application.value is not None
    return found.application.value


def test_what_the_last_deployment_left_is_presumed() -> None:
    assert presumed() == LiveApplication(
        client_id=CLIENT,
        object_id="object",
        principal_id="principal",
        template_id="",
        display_name="Mimecast Personal Portal",
        identifiers=(IDENTIFIER,),
        reply_urls=(REPLY_URL,),
        default_reply_url="",
        sign_on_url=REPLY_URL,
        mode="saml",
        enabled=True,
        assignment_required=True,
        tags=frozenset(),
        notification_emails=(),
        description="",
        notes="",
        relay_state="",
        alternative_names=(),
        roles=(),
        owners=(),
        registration=Registration("object", ()),
        policies=(Policy("", "claims", claims_definition()),),
        assigned=tuple(Assigned("", f"id of {each}", "", "", "") for each in (ADA, GRACE)),
        certificates=PrincipalCertificates(
            (SigningCertificate(OLD, subject("2026"), NOW, NOW + timedelta(days=1), "", ""),), OLD
        ),
        federated=None,
    )


def test_it_is_said_to_be_recorded() -> None:
    found = as_recorded(snapshot())
    assert found is not None
    for known in (found.application, found.own):
        assert (known.how, known.source) == (How.RECORDED, "the last deployment")
    assert found.application.value == found.own.value


def test_properties_are_those_of_the_recorded_principal() -> None:
    record = changed(
        deployed(SETTINGS),
        types.SERVICE_PRINCIPAL,
        accountEnabled=False,
        appRoleAssignmentRequired=False,
        loginUrl="https://example.com/start",
        featureTags=[{"enterprise": True, "hide": True}],
        notificationEmailAddresses=[GRACE, ADA],
    )
    found = presumed(record)
    assert (found.enabled, found.assignment_required) == (False, False)
    assert found.sign_on_url == "https://example.com/start"
    assert found.tags == {HIDE_TAG}
    assert found.notification_emails == (ADA, GRACE)


def test_a_recorded_expiry_and_active_certificate_are_taken() -> None:
    end = NOW + timedelta(days=40)
    record = changed(
        changed(deployed(SETTINGS), types.SIGNING_CERTIFICATE, endDate=f"{end:%Y-%m-%dT%H:%M:%SZ}"),
        types.ACTIVE_SIGNING_CERTIFICATE,
        activeThumbprint="",
        thumbprint=OLD,
    )
    found = presumed(record).certificates
    assert found.preferred == OLD
    assert [(each.thumbprint, each.not_after) for each in found.certificates] == [(OLD, end)]
    waits = changed(record, types.ACTIVE_SIGNING_CERTIFICATE, activeThumbprint=OLD, thumbprint="B" * 40)
    assert presumed(waits).certificates.preferred == OLD, "the new one waits until it is trusted"
    nothing = changed(record, types.ACTIVE_SIGNING_CERTIFICATE, activeThumbprint=None, thumbprint=None)
    assert presumed(nothing).certificates.preferred == ""


def test_without_a_recorded_policy_who_decides_about_the_claims_is_unknown() -> None:
    for unrecorded in (types.CLAIMS_MAPPING_POLICY, types.CLAIMS_MAPPING_POLICY_ASSIGNMENT):
        assert presumed(without(deployed(SETTINGS), unrecorded)).policies is None


def test_where_the_stack_assigns_nobody_everybody_may_be_assigned() -> None:
    found = presumed(without(deployed(SETTINGS), types.APP_ROLE_ASSIGNMENT))
    assert {each.principal_id for each in found.assigned} == {f"id of {ADA}", f"id of {GRACE}"}


def test_recorded_groups_that_are_no_longer_configured_are_unread() -> None:
    record = deployed(from_values(attested(values(assign={"users": [ADA, LINUS], "groups": ["Gone"]}))))
    found = as_recorded(snapshot(record))
    assert found is not None
    assert found.directory.unread_groups == dict.fromkeys(
        (f"id of {LINUS}", "id of Gone"), "the last deployment"
    )
    before = replace(snapshot(record).directory, unread_groups={f"id of {ALAN}": "403"})
    more = as_recorded(snapshot(record, directory=before))
    assert more is not None
    assert more.directory.unread_groups[f"id of {ALAN}"] == "403"


@pytest.mark.parametrize(
    "found",
    [
        snapshot(unread=frozenset()),
        snapshot(unread=frozenset(), application=Known(None, How.LIVE), own=Known(None, How.LIVE)),
        snapshot(unread=frozenset(), application=unknown("403"), own=Known(None, How.LIVE)),
        snapshot(without(deployed(SETTINGS), types.SERVICE_PRINCIPAL)),
        snapshot(without(deployed(SETTINGS), types.APPLICATION_FROM_TEMPLATE)),
    ],
    ids=[
        "it was read",
        "there is none",
        "the recorded one is gone",
        "no principal",
        "no application recorded",
    ],
)
def test_nothing_is_presumed_where_enough_is_known_or_nothing_is_recorded(found: Snapshot) -> None:
    assert as_recorded(found) is None


def test_the_recorded_application_counts_if_it_was_read_and_the_identifiers_holder_was_not() -> None:
    mine = live(application(display_name="Renamed"))
    found = as_recorded(snapshot(unread=frozenset(), application=unknown("403"), own=mine))
    assert found is not None
    assert found.application is mine
