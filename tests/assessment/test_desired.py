"""The desired state: certificates and forms of each slot, attestation, whose application it is. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.desired import NEW_CERTIFICATE, Desired
from mimecast_sso.assessment.forecast import Instant
from mimecast_sso.assessment.planned import console_work, planned
from mimecast_sso.assessment.record import Record
from mimecast_sso.console import attestation
from mimecast_sso.console.source import ConsoleForm
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import How
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.signing_certificates import PrincipalCertificates
from tests.assessment.test_guards import rotating, rotation
from tests.assessment.worlds import (
    ADA,
    CLIENT,
    GRACE,
    IDENTIFIER,
    NEW,
    OLD,
    REPLY_URL,
    World,
    application,
    assigned,
    attested,
    certificate,
    deployed,
    form_of,
    left_to_a_person,
    values,
)

ATTESTED = attested(values())
FORM = form_of(from_values(values()))
METADATA = values(
    authenticationProfile={"source": "metadata"},
    certificates=values()["certificates"]
    | {
        "rotation": "metadata",
        "metadataObserved": {"by": ADA, "at": "2026-11-01T09:00:00Z", "evidence": "seen"},
    },
)


def desired(world: World | None = None, document: Any = ATTESTED) -> Desired:
    """What a configuration asks for in a world."""
    return (world or World()).assess(document).desired


def certificates(*found: Any) -> World:
    """A world before the first deployment, but for these certificates of the application."""
    return World(application=application(certificates=PrincipalCertificates(found, OLD)), deployed=Record())


# -- Certificates -----------------------------------------------------------------------------------------------------


def test_a_certificate_is_the_recorded_one() -> None:
    assert desired().thumbprint_of("2026") == OLD
    assert desired(World(application=None)).thumbprint_of("2026") == OLD
    assert desired(World(application=None, deployed=Record())).thumbprint_of("2026") is None


def test_a_certificate_that_is_not_recorded_is_created_even_if_one_of_its_label_is_live() -> None:
    """As after `pulumi state delete`: nobody joins until the console holds the new one."""
    record = deployed(from_values(ATTESTED))
    deleted = World(
        deployed=Record(tuple(each for each in record.resources if each.type != types.SIGNING_CERTIFICATE))
    )
    assert desired(deleted).thumbprint_of("2026") is None
    assert not desired(deleted).opens(ProfileSlot.FIRST)
    assert desired(deleted).eventual_form(ProfileSlot.FIRST) == ConsoleForm(FORM, NEW_CERTIFICATE)
    assert "create signing certificate" in [each.text for each in planned(deleted.assess(ATTESTED))]


def test_a_live_certificate_of_the_label_counts_where_the_record_is_unknown() -> None:
    assert desired(World(unread=frozenset({"record"}))).thumbprint_of("2026") == OLD
    assert desired(World(unread=frozenset({"record"}))).thumbprint_of("2029") is None


def test_an_assignment_that_a_person_manages_is_never_deleted() -> None:
    world, fewer = (
        World(deployed=left_to_a_person(deployed(from_values(values())), GRACE)),
        attested(values(assign={"users": [ADA]})),
    )
    found = world.assess(fewer)
    assert not found.forecast.losses
    assert [each.principal_id for each in found.desired.left_assignments] == [f"id of {GRACE}"]
    assert not [each for each in planned(found) if each.object == "assignment"]
    (said,) = sentences.left_assignments(found)
    assert "1 assignment that mimecast-sso:assign does not name stays in Entra" in said.text
    managed = World().assess(fewer)
    assert GRACE in managed.forecast.losses, "one that this stack manages is deleted"
    assert not managed.desired.left_assignments


def test_a_certificate_with_another_expiry_is_a_new_one() -> None:
    record = deployed(from_values(values()))
    resources = tuple(
        replace(each, outputs=each.outputs | {"endDate": "2029-11-01T00:00:00Z"})
        if each.type == types.SIGNING_CERTIFICATE
        else each
        for each in record.resources
    )
    world = World(deployed=Record(resources))
    assert desired(world).thumbprint_of("2026") == OLD
    generations = [{"label": "2026", "endDate": "2029-10-01T00:00:00Z"}]
    document = attested(values(certificates={"generations": generations, "active": "2026"}))
    found = desired(world, document)
    assert found.thumbprint_of("2026") is None
    assert not found.opens(ProfileSlot.FIRST), "the attested form has the former certificate"
    assert found.eventual_form(ProfileSlot.FIRST) == ConsoleForm(FORM, NEW_CERTIFICATE)
    assessment = world.assess(document)
    assert next(each.text for each in planned(assessment)) == "create signing certificate"
    assert console_work(assessment.desired) == {
        ProfileSlot.FIRST: ("Identity Provider Certificate (Metadata)",)
    }


def test_an_assignment_deleted_with_its_user_no_longer_exists() -> None:
    document = attested(values(assign={"users": [ADA]}))
    without_grace = World(application=application(assigned=(assigned(ADA),)))
    assert desired(without_grace, document).gone_assignments == {f"id of {GRACE}"}
    assert desired(World(), document).gone_assignments == frozenset()
    assert desired(without_grace).gone_assignments == frozenset(), "configured"
    assert desired(World(application=None), document).gone_assignments == frozenset()
    verifies = attested(values(assign={"users": [ADA], "mode": "verify"}))
    assert desired(without_grace, verifies).gone_assignments == frozenset()


def test_certificates_of_an_adopted_application_are_found_by_expiry() -> None:
    foreign = replace(certificate(NEW), display_name="CN=Other", not_after=certificate(OLD).not_after)
    adopts = values(
        application={"adopt": CLIENT},
        certificates={
            "generations": [{"label": "2026", "endDate": "2029-08-18T09:00:00Z"}],
            "active": "2026",
        },
    )
    assert desired(certificates(foreign), adopts).thumbprint_of("2026") == NEW
    assert desired(certificates(foreign, certificate(OLD)), adopts).thumbprint_of("2026") == OLD, (
        "by its label"
    )
    ends_later = values(application={"adopt": CLIENT})
    assert desired(certificates(foreign), ends_later).thumbprint_of("2026") is None
    assert desired(certificates(foreign)).thumbprint_of("2026") is None, "nothing is adopted"


def test_each_slot_has_the_certificate_of_its_generation() -> None:
    found = desired(rotating(rotation("2026", "both"), set(), set(), OLD), rotation("2026", "both"))
    assert (found.thumbprint(ProfileSlot.FIRST), found.thumbprint(ProfileSlot.SECOND)) == (OLD, NEW)
    assert desired().thumbprint(ProfileSlot.SECOND) == ""
    assert desired(document=METADATA).thumbprint(ProfileSlot.FIRST) == "", (
        "Mimecast reads it from the metadata"
    )


# -- Forms ------------------------------------------------------------------------------------------------------------


def test_a_form_waits_for_its_certificate() -> None:
    assert desired().form(ProfileSlot.FIRST) == ConsoleForm(FORM, OLD)
    waiting = desired(World(application=None, deployed=Record()), values())
    assert waiting.form(ProfileSlot.FIRST) is None
    assert waiting.eventual_form(ProfileSlot.FIRST) == ConsoleForm(FORM, NEW_CERTIFICATE)
    assert desired().eventual_form(ProfileSlot.FIRST) == ConsoleForm(FORM, OLD)


def test_the_form_of_a_slot_names_its_group() -> None:
    document = rotation("2026", "both")
    found = desired(rotating(document, set(), set(), OLD), document)
    second = found.form(ProfileSlot.SECOND)
    assert second == ConsoleForm(form_of(from_values(document), ProfileSlot.SECOND), NEW)
    assert second.values["issuerUrl"] == found.snapshot.issuer
    assert second.values["loginUrl"] == found.snapshot.login_url
    assert second.values["certificate"] == second.values["metadataUrl"] == ""


# -- Attestation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "document", "opens"),
    [
        pytest.param(World(), ATTESTED, True, id="attested"),
        pytest.param(World(), values(), False, id="not attested"),
        pytest.param(World(), attested(values(), NEW), False, id="attested with another certificate"),
        pytest.param(
            World(application=None, deployed=Record()),
            ATTESTED,
            False,
            id="the certificate does not exist yet",
        ),
    ],
)
def test_people_are_added_while_exactly_the_desired_form_is_attested(
    world: World, document: Any, opens: bool
) -> None:
    assert desired(world, document).opens(ProfileSlot.FIRST) is opens


def test_with_a_stale_attestation_nobody_is_added() -> None:
    assert not desired(document=attested(values(), days=4000)).opens(ProfileSlot.FIRST)
    document = rotation("2029", "both")
    document["authenticationProfile"]["second"]["confirmed"]["at"] = "2016-11-20T09:00:00Z"
    found = desired(rotating(document, set(), set(), OLD), document)
    assert (found.opens(ProfileSlot.FIRST), found.opens(ProfileSlot.SECOND)) == (True, False)


def test_people_are_added_to_a_slot_by_its_own_attestation() -> None:
    document = rotation("2029", "both")
    found = desired(rotating(document, set(), set(), OLD), document)
    assert (found.opens(ProfileSlot.FIRST), found.opens(ProfileSlot.SECOND)) == (True, True)
    one = document | {"authenticationProfile": {"confirmed": document["authenticationProfile"]["confirmed"]}}
    found = desired(rotating(document, set(), set(), OLD), one)
    assert (found.opens(ProfileSlot.FIRST), found.opens(ProfileSlot.SECOND)) == (True, False)


# -- The console ------------------------------------------------------------------------------------------------------


def test_what_was_attested_last_is_what_the_console_holds() -> None:
    held = desired().console.held(ProfileSlot.FIRST)
    assert held.value == ConsoleForm(FORM, OLD)
    assert (held.how, held.source) == (
        How.ATTESTED,
        "confirmed by administrator@example.com at 2026-11-20T09:00:00Z",
    )
    assert desired().console.held(ProfileSlot.SECOND).value is None


def test_a_recorded_attestation_counts_where_the_stack_file_has_none() -> None:
    held = desired(document=values()).console.held(ProfileSlot.FIRST)
    assert held.value == ConsoleForm(FORM, OLD)
    assert "2026-11-20T09:00:00Z" in held.source


def profile(**outputs: Any) -> Record:
    """What was deployed, with other outputs of the profile."""
    record = deployed(from_values(ATTESTED))
    return Record(
        tuple(
            replace(each, outputs={**each.outputs, **outputs})
            if each.type == types.AUTHENTICATION_PROFILE
            else each
            for each in record.resources
        )
    )


def test_what_was_due_when_it_was_deployed_is_not_what_the_console_holds() -> None:
    world = World(deployed=profile(state="due", confirmed=None))
    assert desired(world, values()).console.held(ProfileSlot.FIRST).value is None
    world.deployed = profile(state="due", confirmed=None, previousForm=FORM | {"description": "before"})
    held = desired(world, values()).console.held(ProfileSlot.FIRST)
    assert held.value is not None
    assert held.value.values["description"] == "before"
    assert held.source == "before the last deployment"


def test_a_slot_that_is_not_in_use_desires_nothing() -> None:
    """The second slot is recorded and due, and the configuration has one profile again."""
    document = rotation("2029", "both")
    world = rotating(document, set(), set(), OLD)
    assert desired(world, document).console.held(ProfileSlot.SECOND).value is not None
    single = attested(values())
    held = desired(world, single).console.held(ProfileSlot.SECOND)
    assert held.value is not None
    assert held.value.thumbprint == NEW


def test_a_newer_attestation_in_the_stack_file_wins() -> None:
    other = values(authenticationProfile={"enforce": {"personalPortal": False}})
    newer = attested(other, days=1)
    held = desired(document=newer).console.held(ProfileSlot.FIRST)
    assert held.value is not None
    assert held.value.values["enforcePersonalPortal"] is False
    fingerprint = attestation.fingerprints(held.value.values, OLD).critical
    assert newer["authenticationProfile"]["confirmed"]["fingerprint"] == fingerprint


ROTATED = values()["certificates"] | {
    "generations": [
        *values()["certificates"]["generations"],
        {"label": "2029", "endDate": "2029-10-01T00:00:00Z"},
    ],
    "active": "2029",
}


def restored(*live_certificates: Any) -> World:
    """A state from before a rotation was restored: it knows neither the new certificate nor its attestation."""
    return World(
        application=application(certificates=PrincipalCertificates(live_certificates, NEW)),
        deployed=deployed(from_values(ATTESTED)),
    )


def test_an_attestation_for_a_certificate_that_the_state_lost_is_what_the_console_holds() -> None:
    world, document = (
        restored(certificate(OLD), certificate(NEW, "2029")),
        attested(values(certificates=ROTATED), NEW, days=1),
    )
    held = desired(world, document).console.held(ProfileSlot.FIRST)
    assert held.value == ConsoleForm(FORM, NEW)
    assert desired(world, document).thumbprint_of("2029") is None, "the run creates another one"
    assert world.assess(document).forecast.through_entra(Instant.NOW) == (ADA, GRACE)
    fewer = attested(values(certificates=ROTATED, assign={"users": [ADA]}), NEW, days=1)
    assert list(world.assess(fewer).forecast.losses) == [GRACE]


def test_a_newer_attestation_of_an_unknown_form_leaves_unknown_what_the_console_holds() -> None:
    world, document = (
        restored(certificate(OLD), certificate("C" * 40, "2029")),
        attested(values(certificates=ROTATED), NEW, days=1),
    )
    held = desired(world, document).console.held(ProfileSlot.FIRST)
    assert (held.value, held.how) == (None, How.UNKNOWN)
    older = attested(values(certificates=ROTATED), NEW, days=3)
    assert desired(world, older).console.held(ProfileSlot.FIRST).value == ConsoleForm(FORM, OLD)


# -- Whose application it is ------------------------------------------------------------------------------------------


def test_an_attestation_without_a_certificate_is_known_without_a_state() -> None:
    document = attested(METADATA, "")
    held = desired(World(deployed=Record()), document).console.held(ProfileSlot.FIRST)
    assert (held.value, held.how) == (ConsoleForm(form_of(from_values(METADATA)), ""), How.ATTESTED)


def test_an_attestation_for_the_certificate_of_a_slot_without_a_generation_is_known_without_a_state() -> None:
    """The second generation is retired, and an older state was restored."""
    document = rotation("2026", "active")
    document["certificates"]["generations"].pop()
    both = PrincipalCertificates((certificate(OLD), certificate(NEW, "2029")), OLD)
    held = desired(World(application=application(certificates=both)), document).console.held(
        ProfileSlot.SECOND
    )
    assert held.value is not None
    assert held.value.thumbprint == NEW


def test_people_whom_this_stack_added_to_the_group_of_an_adopted_application_are_not_taken_over() -> None:
    document = values(application={"adopt": CLIENT})
    added = deployed(from_values(attested(document)))
    resources = [each for each in added.resources if each.type != types.AUTHENTICATION_PROFILE]
    for record, how in ((Record(tuple(resources)), How.ATTESTED), (Record(), How.UNKNOWN)):
        held = desired(World(deployed=record), document).console.held(ProfileSlot.FIRST)
        assert (held.value, held.how) == (None, how)


@pytest.mark.parametrize(
    ("world", "document", "works"),
    [
        (World(), values(), True),
        (World(application=application(client_id=CLIENT.upper())), values(), True),
        (World(application=application(client_id="other")), values(), False),
        (World(deployed=Record()), values(), False),
        (World(deployed=Record()), values(application={"adopt": CLIENT}), True),
        (World(application=None), values(), False),
    ],
)
def test_the_run_works_on_the_recorded_or_adopted_application(
    world: World, document: Any, works: bool
) -> None:
    assert desired(world, document).works_on_reached is works


def test_the_url_that_the_tile_opens_decides_where_responses_go() -> None:
    found = desired()
    assert (found.reply_urls, found.sign_on_url, found.default_reply_url) == ((REPLY_URL,), REPLY_URL, "")
    assert found.endpoints.identifier == IDENTIFIER
