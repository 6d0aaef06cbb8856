"""The application's state in Entra during a run, step by step, with external changes kept or undone. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment.desired import NEW_CERTIFICATE
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.sign_in import EntraState
from mimecast_sso.assessment.timeline import Timeline
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.provenance import live
from mimecast_sso.settings import from_values
from providers.entra.applications import LiveApplication, Policy
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLOUD,
    GRACE,
    IDENTIFIER,
    IDP_REPLY_URL,
    NEW,
    OLD,
    REPLY_URL,
    TENANT,
    UPN_CLAIMS,
    World,
    application,
    assigned,
    attested,
    certificate,
    deployed,
    values,
    with_certificate,
)

OTHER = "https://example.com/other"
GONE = EntraState(CLOUD.issuer(TENANT), CLOUD.login_url(TENANT))
DEPLOYED = replace(
    GONE,
    exists=True,
    identifiers=(IDENTIFIER,),
    reply_urls=(REPLY_URL,),
    sign_on_url=REPLY_URL,
    assigned=frozenset({f"id of {ADA}", f"id of {GRACE}"}),
    name_id="user.mail",
    signing=OLD,
    needs_certificate=True,
)
BOTH = {
    "generations": [
        {"label": "2026", "endDate": "2029-11-01T00:00:00Z"},
        {"label": "2029", "endDate": "2032-11-01T00:00:00Z"},
    ],
    "active": "2029",
}


def timeline(world: World, document: Any = None, **options: bool) -> Timeline:
    """How Entra changes during a run of a configuration; of the deployed one when none is given."""
    found = world.assess(document, **options).forecast.effects.timeline
    assert found is not None
    return found


def changed(**keys: Any) -> dict[str, Any]:
    """The deployed configuration with other keys."""
    return attested(values()) | keys


def test_a_deployed_application_stays_as_it_is() -> None:
    assert timeline(World()) == Timeline((DEPLOYED,), ((DEPLOYED,) * 3, (DEPLOYED,) * 3))


# -- As read --------------------------------------------------------------------------------------------------------


def certificates(*found: SigningCertificate, active: str) -> PrincipalCertificates:
    """Certificates of an application."""
    return PrincipalCertificates(found, active)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"enabled": False}, {"enabled": False}),
        ({"mode": "password"}, {"saml": False}),
        ({"identifiers": (OTHER,)}, {"identifiers": (OTHER,)}),
        ({"reply_urls": (OTHER,)}, {"reply_urls": (OTHER,)}),
        ({"default_reply_url": OTHER}, {"default_reply_url": OTHER}),
        ({"sign_on_url": OTHER}, {"sign_on_url": OTHER}),
        ({"tags": frozenset({HIDE_TAG})}, {"hidden": True}),
        ({"assignment_required": False}, {"assignment_required": False}),
        ({"assigned": (assigned(ALAN),)}, {"assigned": frozenset({f"id of {ALAN}"})}),
        ({"policies": (UPN_CLAIMS,)}, {"name_id": "user.userprincipalname"}),
        ({"policies": (Policy("p", "x", "no JSON"),)}, {"name_id": "user.userprincipalname"}),
        (
            {"policies": ()},
            {"name_id": "user.userprincipalname", "name_id_assumed": True, "needs_certificate": False},
        ),
        ({"certificates": certificates(active="")}, {"signing": ""}),
        ({"certificates": certificates(certificate(NEW), active=NEW)}, {"signing": NEW}),
        (
            {"certificates": certificates(certificate(NEW, days=-1), active=NEW)},
            {"signing": NEW, "signing_expired": True},
        ),
        (
            {"certificates": certificates(certificate(NEW, days=-1), certificate(OLD, days=-1), active="C")},
            {"signing": None},
        ),
    ],
)
def test_the_state_before_the_run_is_the_one_that_was_read(
    found: dict[str, Any], state: dict[str, Any]
) -> None:
    world = World(application=application(**found))
    assert timeline(world).now == replace(DEPLOYED, **state)


def test_a_policy_that_cannot_be_read_is_the_recorded_one_or_unknown() -> None:
    unread = World(application=application(policies=None))
    assert timeline(unread).now == DEPLOYED
    unread.deployed = without(types.CLAIMS_MAPPING_POLICY)
    assert timeline(unread).now == replace(DEPLOYED, name_id=None, needs_certificate=False)


def without(*kinds: str) -> Record:
    """What was deployed, but for some types of resources."""
    record = deployed(from_values(attested(values())))
    return Record(tuple(each for each in record.resources if each.type not in kinds))


def with_outputs(kind: str, **outputs: Any) -> Record:
    """What was deployed, with other outputs of one resource."""
    record = deployed(from_values(attested(values())))
    return Record(
        tuple(
            replace(each, outputs={**each.outputs, **outputs}) if each.type == kind else each
            for each in record.resources
        )
    )


# -- What somebody changed outside the stack ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "kept", "undone"),
    [
        ({"enabled": False}, {"enabled": False}, {}),
        ({"assignment_required": False}, {"assignment_required": False}, {}),
        ({"sign_on_url": OTHER}, {"sign_on_url": OTHER}, {}),
        ({"tags": frozenset({HIDE_TAG})}, {"hidden": True}, {}),
        ({"mode": "password"}, {"saml": False}, {}),
        ({"identifiers": ()}, {"identifiers": ()}, {}),
        ({"identifiers": (OTHER,)}, {"identifiers": (OTHER,)}, {"identifiers": (OTHER, IDENTIFIER)}),
        (
            {"identifiers": (OTHER, IDENTIFIER)},
            {"identifiers": (OTHER, IDENTIFIER)},
            {"identifiers": (OTHER, IDENTIFIER)},
        ),
        ({"reply_urls": (OTHER,)}, {"reply_urls": (OTHER,)}, {}),
        ({"reply_urls": ()}, {"reply_urls": ()}, {}),
        ({"default_reply_url": OTHER}, {"default_reply_url": OTHER}, {"default_reply_url": OTHER}),
        ({"assigned": (assigned(ADA),)}, {"assigned": frozenset({f"id of {ADA}"})}, {}),
        (
            {"assigned": tuple(map(assigned, (ADA, GRACE, ALAN)))},
            {"assigned": frozenset(f"id of {each}" for each in (ADA, GRACE, ALAN))},
            {"assigned": frozenset(f"id of {each}" for each in (ADA, GRACE, ALAN))},
        ),
        ({"policies": (UPN_CLAIMS,)}, {"name_id": "user.userprincipalname"}, {}),
        ({"policies": (replace(UPN_CLAIMS, name="renamed"),)}, {"name_id": "user.userprincipalname"}, {}),
        # Entra takes one policy, so none of this stack's can be assigned beside it.
        (
            {"policies": (replace(UPN_CLAIMS, policy_id="other"),)},
            {"name_id": "user.userprincipalname"},
            {"name_id": "user.userprincipalname"},
        ),
        (
            {"policies": ()},
            {"name_id": "user.userprincipalname", "name_id_assumed": True, "needs_certificate": False},
            {},
        ),
        (
            {"certificates": certificates(certificate(OLD), certificate(NEW, "x"), active=NEW)},
            {"signing": NEW},
            {},
        ),
    ],
)
def test_an_external_change_is_kept_or_undone(
    found: dict[str, Any], kept: dict[str, Any], undone: dict[str, Any]
) -> None:
    world = World(application=application(**found))
    assert timeline(world).after == (replace(DEPLOYED, **kept), replace(DEPLOYED, **undone))


# -- What the configuration changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({"application": {"assignmentRequired": False}}, {"assignment_required": False}),
        ({"application": {"hide": True}}, {"hidden": True}),
        ({"application": {"replyUrl": OTHER}}, {"reply_urls": (OTHER,)}),
        ({"application": {"identifier": OTHER}}, {"identifiers": (OTHER,)}),
        (
            {"application": {"signOn": "idp"}},
            {"sign_on_url": "", "reply_urls": (IDP_REPLY_URL, REPLY_URL), "default_reply_url": IDP_REPLY_URL},
        ),
        ({"assign": {"users": [ADA]}}, {"assigned": frozenset({f"id of {ADA}"})}),
        ({"assign": {"users": [ADA], "mode": "verify"}}, {}),
        ({"application": {"claims": "verify"}}, {}),
    ],
)
def test_a_changed_configuration_is_written(keys: dict[str, Any], state: dict[str, Any]) -> None:
    assert timeline(World(), changed(**keys)).after == (replace(DEPLOYED, **state),) * 2


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (with_outputs(types.SERVICE_PRINCIPAL, accountEnabled=False), {"enabled": False}),
        (
            with_outputs(types.SERVICE_PRINCIPAL, appRoleAssignmentRequired=False),
            {"assignment_required": False},
        ),
        (with_outputs(types.SERVICE_PRINCIPAL, loginUrl=OTHER), {"sign_on_url": OTHER}),
        (
            with_outputs(types.SERVICE_PRINCIPAL, featureTags=[{"hide": True}]),
            {"tags": frozenset({HIDE_TAG})},
        ),
        (with_outputs(types.APPLICATION_IDENTIFIER, identifierUri=OTHER), {"identifiers": (OTHER,)}),
        (with_outputs(types.APPLICATION_REDIRECT_URIS, redirectUris=[OTHER]), {"reply_urls": (OTHER,)}),
        (without(types.APPLICATION_REDIRECT_URIS), {"reply_urls": (OTHER,)}),
        (
            with_outputs(types.CLAIMS_MAPPING_POLICY, definitions=[UPN_CLAIMS.definition]),
            {"policies": (UPN_CLAIMS,)},
        ),
        (without(types.CLAIMS_MAPPING_POLICY), {"policies": ()}),
        (without(types.CLAIMS_MAPPING_POLICY_ASSIGNMENT), {"policies": ()}),
        (without(types.APP_ROLE_ASSIGNMENT), {"assigned": ()}),
    ],
)
def test_a_value_that_differs_from_the_record_is_written_whether_live_or_not(
    record: Record, found: dict[str, Any]
) -> None:
    assert timeline(World(application=application(**found), deployed=record)).after == (DEPLOYED, DEPLOYED)


def test_a_default_reply_url_that_is_stated_is_restored_and_one_that_is_not_is_dropped() -> None:
    record = deployed(from_values(attested(values())))
    stated = RecordedResource("urn::default", types.DEFAULT_REPLY_URL, {"url": IDP_REPLY_URL})
    idp = application(sign_on_url="", reply_urls=(IDP_REPLY_URL, REPLY_URL), default_reply_url=IDP_REPLY_URL)
    world = World(application=idp, deployed=Record((*record.resources, stated)))
    assert [each.default_reply_url for each in timeline(world).after] == ["", ""], (
        "the stack states none any more"
    )
    document = changed(application={"signOn": "idp"})
    world.application = replace(idp, default_reply_url="")
    assert [each.default_reply_url for each in timeline(world, document).after] == ["", IDP_REPLY_URL]


def test_unmanaged_assignments_are_not_changed() -> None:
    document = changed(assign={"users": [ADA, GRACE], "mode": "verify"})
    world = World(
        application=application(assigned=(assigned(ALAN),)), deployed=without(types.APP_ROLE_ASSIGNMENT)
    )
    alone = replace(DEPLOYED, assigned=frozenset({f"id of {ALAN}"}))
    assert timeline(world, document).after == (alone, alone)


def test_unmanaged_claims_are_not_changed() -> None:
    world = World(application=application(policies=()), deployed=without(types.CLAIMS_MAPPING_POLICY))
    found = timeline(world, changed(application={"claims": "verify"})).after
    assert {each.name_id_assumed for each in found} == {True}


# -- Steps ----------------------------------------------------------------------------------------------------------


def test_properties_come_first_then_claims_and_assignments_then_the_certificate_then_deletions() -> None:
    world = World(
        application=application(
            certificates=certificates(certificate(OLD), certificate(NEW, "2029"), active=OLD), policies=()
        ),
        deployed=with_certificate(without(types.CLAIMS_MAPPING_POLICY)),
    )
    keys = {"assign": {"users": [ADA, ALAN]}, "application": {"hide": True}, "certificates": BOTH}
    world.accounts.append(
        replace(world.accounts[0], address=ALAN, mail=ALAN, user_principal_name=ALAN, object_id="alan")
    )
    found = timeline(world, attested(values(**keys), NEW))
    assumed = {"name_id": "user.userprincipalname", "name_id_assumed": True, "needs_certificate": False}
    before = replace(DEPLOYED, **assumed)
    properties = replace(before, hidden=True)
    granted = replace(DEPLOYED, hidden=True, assigned=DEPLOYED.assigned | {"alan"})
    activated = replace(granted, signing=NEW)
    deleted = replace(activated, assigned=frozenset({f"id of {ADA}", "alan"}))
    assert found == Timeline((before, properties), ((granted, activated, deleted),) * 2)


def test_a_first_deployment_builds_the_application() -> None:
    world = World(application=None, members=set(), deployed=Record())
    found = timeline(world, values())
    made = replace(DEPLOYED, signing=NEW_CERTIFICATE)
    empty = replace(
        made, assigned=frozenset(), name_id="user.userprincipalname", signing="", needs_certificate=False
    )
    assert found.early == (GONE, empty)
    assert found.after == (made, made)


def test_a_deleted_application_gets_its_properties_again() -> None:
    world = World(application=None)
    assert [each.sign_on_url for each in timeline(world).after] == [REPLY_URL, REPLY_URL]
    end = eventually(world)
    assert end is not None
    assert end.signing == OLD


def test_destroying_a_stack_deletes_the_application() -> None:
    assert timeline(World(), destroys=True) == Timeline((DEPLOYED,), ((GONE,), (GONE,)))


def test_an_application_of_another_entry_is_replaced_only_where_that_is_overridden() -> None:
    world = World(changes={"template": "other"})
    assert timeline(world).after == (DEPLOYED, DEPLOYED)
    override = [{"name": "allow-destroy", "reason": "CHG-1", "until": "2026-11-22"}]
    assert timeline(world, changed(guards=override)) == Timeline((DEPLOYED,), ((GONE,), (GONE,)))


def test_an_application_of_another_stack_is_not_changed() -> None:
    world = World(application=application(enabled=False), deployed=Record())
    assert timeline(world) == Timeline(
        (replace(DEPLOYED, enabled=False),), ((replace(DEPLOYED, enabled=False),),) * 2
    )
    assert timeline(world, destroys=True).after == (replace(DEPLOYED, enabled=False),) * 2


def test_the_application_that_lost_the_identifier_is_the_one_the_run_works_on() -> None:
    lost = application(identifiers=())
    world = World(application=None, changes={"own": live(lost)})
    found = timeline(world)
    assert found.now == replace(DEPLOYED, identifiers=())
    assert found.after[1] == DEPLOYED


# -- Certificates ---------------------------------------------------------------------------------------------------


def rotating(recorded: dict[str, Any] | None, *, active: str = OLD, label: str = "2029") -> World:
    """Two certificates; the record says what the last deployment activated."""
    record = with_certificate(without(types.ACTIVE_SIGNING_CERTIFICATE), label=label)
    if recorded is not None:
        resource = RecordedResource("urn::active", types.ACTIVE_SIGNING_CERTIFICATE, recorded)
        record = Record((*record.resources, resource))
    two = certificates(certificate(OLD), certificate(NEW, label), active=active)
    return World(application=application(certificates=two), deployed=record)


TOLD = attested(values(certificates=BOTH), NEW)
"""The profile holds the new certificate."""
NOT_TOLD = values(certificates=BOTH)


def signing(world: World, document: Any) -> list[str | None]:
    """What signs in the end: where external changes are kept, and where they are undone."""
    return [each.signing for each in timeline(world, document).after]


def recorded(thumbprint: str, *, told: bool = True, active: str | None = None) -> dict[str, Any]:
    """What a deployment that activated a certificate recorded."""
    return {"thumbprint": thumbprint, "replace": told, "activeThumbprint": active or thumbprint}


@pytest.mark.parametrize(
    ("world", "document", "expected"),
    [
        pytest.param(rotating(recorded(OLD)), TOLD, [NEW, NEW], id="Mimecast was told"),
        pytest.param(rotating(recorded(OLD)), NOT_TOLD, [OLD, OLD], id="Mimecast was not told"),
        pytest.param(rotating(None), TOLD, [NEW, NEW], id="never activated"),
        pytest.param(rotating(recorded(NEW)), TOLD, [OLD, NEW], id="somebody activated the old one"),
        pytest.param(rotating(recorded(NEW, active=OLD)), TOLD, [NEW, NEW], id="the last one waited"),
        pytest.param(rotating(recorded(NEW, told=False)), TOLD, [NEW, NEW], id="told since"),
        pytest.param(rotating(recorded(NEW), active=NEW), TOLD, [NEW, NEW], id="nothing changes"),
        pytest.param(rotating(recorded(OLD), active=""), NOT_TOLD, [NEW, NEW], id="none is named"),
    ],
)
def test_the_configured_certificate_is_activated_once_mimecast_was_told(
    world: World, document: Any, expected: list[str]
) -> None:
    assert signing(world, document) == expected


def test_a_certificate_that_does_not_exist_yet_is_created_inactive() -> None:
    world = World()
    assert signing(world, attested(values(certificates=BOTH))) == [OLD, OLD]
    world.application = application(certificates=certificates(active=""))
    assert signing(world, attested(values())) == ["", NEW_CERTIFICATE], "a recorded one is not made again"
    assert signing(world, attested(values(certificates=BOTH))) == [NEW_CERTIFICATE, NEW_CERTIFICATE]
    world.deployed = without(types.SIGNING_CERTIFICATE)
    assert signing(world, attested(values())) == [NEW_CERTIFICATE, NEW_CERTIFICATE]


def test_a_recorded_certificate_that_no_longer_exists_activates_nothing() -> None:
    others = certificates(certificate(NEW, "x", 500), certificate("C" * 40, "y", 2000), active=NEW)
    assert signing(World(application=application(certificates=others)), attested(values())) == [NEW, NEW]


def eventually(world: World, document: Any = None, **options: bool) -> EntraState | None:
    """Entra once the console work is done and deployed."""
    return world.assess(document, **options).forecast.effects.eventual_entra


def test_the_configured_certificate_signs_after_the_run() -> None:
    assert eventually(rotating(recorded(OLD)), NOT_TOLD) == replace(DEPLOYED, signing=NEW)
    assert eventually(World()) == DEPLOYED
    assert eventually(World(), attested(values(certificates=BOTH))) == replace(
        DEPLOYED, signing=NEW_CERTIFICATE
    )
    assert eventually(World(), destroys=True) == GONE
    drifted = World(application=application(enabled=False))
    assert eventually(drifted) == replace(DEPLOYED, enabled=False), "external changes are kept"
    assert eventually(World(unread=frozenset({"application"}))) is None


def test_a_recorded_certificate_that_no_longer_exists_signs_after_the_run() -> None:
    others = application(certificates=certificates(certificate(NEW, "x", -1), active=NEW))
    assert eventually(World(application=others)) == DEPLOYED


def test_a_certificate_to_be_created_is_not_expired_after_the_run() -> None:
    expired = World(application=application(certificates=certificates(certificate(OLD, days=-1), active=OLD)))
    assert timeline(expired).now == replace(DEPLOYED, signing_expired=True)
    assert eventually(expired, attested(values(certificates=BOTH))) == replace(
        DEPLOYED, signing=NEW_CERTIFICATE
    )


def test_an_invalid_certificate_does_not_sign_after_the_run() -> None:
    ended: LiveApplication = application(
        certificates=certificates(certificate(NEW, "x"), certificate(OLD, days=-1), active=NEW)
    )
    assert eventually(World(application=ended)) == replace(DEPLOYED, signing=NEW)
