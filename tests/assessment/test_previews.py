"""A preview's statements besides the forecast: gallery entry, certificate expiry, addresses left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.assessment import assessment, certificate_expiry, gallery_entry
from mimecast_sso.assessment.assessment import people_at_mimecast, written_addresses
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.provenance import How, Known, Verdict
from mimecast_sso.settings import ConfigurationError, from_values
from providers.entra.signing_certificates import PrincipalCertificates
from tests.assessment.tenants import Entra, Mimecast, user
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    LINUS,
    OLD,
    World,
    account,
    application,
    attested,
    certificate,
    values,
)

NO_TEMPLATE = {"template": ""}

# -- The gallery entry ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "keys", "expected"),
    [
        (World(), {}, "template"),
        (World(changes=NO_TEMPLATE), {"adopt": CLIENT}, ""),
        (World(changes=NO_TEMPLATE), {}, "template"),
        (
            World(changes=NO_TEMPLATE, application=None),
            {"allowNonGallery": True},
            CLOUDS["public"].non_gallery_template,
        ),
        (
            World(changes=NO_TEMPLATE, application=application(template_id="")),
            {"allowNonGallery": True},
            CLOUDS["public"].non_gallery_template,
        ),
    ],
)
def test_an_application_keeps_its_gallery_entry(world: World, keys: dict[str, Any], expected: str) -> None:
    assert gallery_entry.template_id(world.assess(attested(values(application=keys)))) == expected


def test_a_gallery_without_the_entry_is_an_error_with_the_line_to_set() -> None:
    with pytest.raises(ConfigurationError) as failed:
        gallery_entry.template_id(World(changes=NO_TEMPLATE, application=None).assess())
    assert str(failed.value) == (
        "mimecast-sso:application.template: the tenant's gallery has no entry named \"Mimecast Personal "
        'Portal", "Mimecast". Set the name or the id of an existing entry, or allowNonGallery: true to create'
        " a non-gallery application."
    )


def test_a_different_gallery_entry_is_reported_and_not_used() -> None:
    said = gallery_entry.kept(World(changes={"template": "other"}).assess())
    assert said is not None
    assert said.text == (
        f"mimecast-sso:application.template names gallery entry other, but application {CLIENT} was created from "
        "template. An application keeps its entry: nothing changes, and the 2 people in the roll-out are not "
        "affected. Set template: template to name the current entry. A different entry means another application: "
        "empty the roll-out group first (mimecast-sso roll-out back --stack prod-eu), wait 15 minutes until Mimecast "
        "acts on it, then override guard allow-destroy"
    )
    assert (said.how, said.source, said.verdict) == (How.LIVE, "Microsoft Graph", Verdict.WARNS)
    unread = gallery_entry.kept(World(changes={"template": "other"}, unread=frozenset({"groups"})).assess())
    assert unread is not None
    assert "and the people in the roll-out are not affected" in unread.text


@pytest.mark.parametrize(
    "world",
    [
        World(),
        World(changes=NO_TEMPLATE),
        World(application=application(template_id=""), changes={"template": "other"}),
        World(application=None, changes={"template": "other"}),
    ],
)
def test_the_configured_gallery_entry_causes_no_statement(world: World) -> None:
    assert gallery_entry.kept(world.assess()) is None


def test_nothing_is_kept_where_the_application_is_to_be_replaced() -> None:
    override = [{"name": "allow-destroy", "reason": "CHG-1", "until": "2026-11-22"}]
    world = World(changes={"template": "other"})
    document = attested(values()) | {"guards": override}
    assert gallery_entry.kept(world.assess(document)) is None
    assert world.assess(document).desired.replaces_application
    override[0]["until"] = "2026-11-21"
    assert gallery_entry.kept(world.assess(document)) is not None


# -- The end of the certificate ---------------------------------------------------------------------------------------


def ending(days: int) -> World:
    """A world whose certificate has so many days left."""
    return World(
        application=application(certificates=PrincipalCertificates((certificate(OLD, days=days),), OLD))
    )


def test_the_threshold_that_was_reached_is_an_output() -> None:
    settings = from_values(attested(values()))
    snapshot = World().snapshot(settings)
    assert certificate_expiry.threshold(snapshot, "2026-11-29T09:00:00Z") == "7 days or less"
    assert certificate_expiry.threshold(snapshot, "2026-11-22T09:00:00Z") == "expired"
    unread = World(unread=frozenset({"application"})).snapshot(settings)
    assert certificate_expiry.threshold(unread, "2026-11-29T09:00:00Z") == "unknown"


def test_only_a_certificate_near_its_expiry_is_a_warning() -> None:
    settings = from_values(attested(values()))
    assert certificate_expiry.statement(ending(1000).snapshot(settings), {}, "prod-eu") is None
    assert certificate_expiry.statement(World(application=None).snapshot(settings), {}, "prod-eu") is None
    said = certificate_expiry.statement(ending(5).snapshot(settings), {OLD: "attested"}, "prod-eu")
    assert said is not None
    first, second = said.text.split(". ", 1)
    assert (
        first == f"Signing certificate {certificate(OLD, days=5)} expires in 5 days, at 2026-11-27 09:00 UTC"
    )
    assert second[0].isupper()
    assert "mimecast-sso rotate status --stack prod-eu" in second
    assert (said.how, said.source, said.verdict) == (How.LIVE, "Microsoft Graph", Verdict.WARNS)


def test_whether_mimecast_trusts_the_successor_is_part_of_the_warning() -> None:
    settings = from_values(attested(values()))
    both = PrincipalCertificates((certificate(OLD, days=5), certificate("B" * 40, "2029")), OLD)
    snapshot = World(application=application(certificates=both)).snapshot(settings)
    trusted = certificate_expiry.statement(snapshot, {"B" * 40: "attested by Ada"}, "prod-eu")
    unknown = certificate_expiry.statement(snapshot, {}, "prod-eu")
    assert trusted is not None
    assert unknown is not None
    assert trusted.text != unknown.text


def test_the_expiry_of_an_unknown_application_is_unknown() -> None:
    settings = from_values(attested(values()))
    said = certificate_expiry.statement(
        World(unread=frozenset({"application"})).snapshot(settings), {}, "prod-eu"
    )
    assert said is not None
    assert str(said) == "When the signing certificate expires is unknown (unknown: it was not read)"
    assert said.verdict is Verdict.UNKNOWN


# -- Addresses --------------------------------------------------------------------------------------------------------

ASSIGNED = {"addresses": {"source": "assigned"}}


def test_addresses_of_assigned_people_are_their_mail_addresses_and_names() -> None:
    world = World(
        accounts=[
            account(ADA, display_name="Ada Lovelace", mail="Ada@Example.com"),
            account(GRACE, display_name=""),
            account(ALAN, enabled=False),
            account(LINUS, mail=""),
        ]
    )
    found = world.assess(values(assign={"users": [ADA, GRACE, ALAN, LINUS]}, **ASSIGNED))
    assert [(each.address, each.name) for each in found.addresses] == [(ADA, "Ada Lovelace"), (GRACE, None)]
    assert (found.desired.addresses, found.desired.members) == ((ADA, GRACE), (ADA, GRACE))
    assert found.left_out == ()
    synchronised = {"addresses": {"source": "synchronised"}}
    again = world.assess(values(assign={"users": [ADA, GRACE]}, **synchronised))
    assert again.desired.addresses == (ADA, GRACE)


def test_an_address_is_used_once() -> None:
    twice = World(
        accounts=[account(ADA, display_name="First"), account(GRACE, mail=ADA, display_name="Second")]
    )
    found = twice.assess(values(**ASSIGNED))
    assert [(each.address, each.name) for each in found.addresses] == [(ADA, "First")]


def test_whoever_has_no_usable_address_is_left_out_by_name() -> None:
    world = World(accounts=[account(ADA, mail="not an address"), account(GRACE, display_name="G\tH")])
    found = world.assess(values(**ASSIGNED))
    assert [(each.address, each.name) for each in found.addresses] == [(GRACE, None)]
    assert [each.text for each in found.left_out] == [
        f"{ADA} is left out: the mail address in Entra is not an e-mail address such as ada@example.com",
        (
            f"{GRACE} gets no name at Mimecast: the display name in Entra holds control characters, such as a tab or "
            "a line break"
        ),
    ]
    assert {(each.how, each.source, each.verdict) for each in found.left_out} == {
        (How.LIVE, "Microsoft Graph", Verdict.WARNS)
    }


def test_a_string_that_is_not_unicode_is_malformed() -> None:
    world = World(accounts=[account(ADA, display_name="half a pair: \ud800")])
    (said,) = world.assess(values(assign={"users": [ADA]}, **ASSIGNED)).left_out
    assert said.text == f"{ADA} gets no name at Mimecast: the display name in Entra is malformed"


@pytest.mark.parametrize(("guest", "kind"), [(True, "guest"), (False, "assigned person")])
def test_a_guest_of_another_organization_is_left_out_with_a_warning(guest: bool, kind: str) -> None:
    other = account(GRACE, mail="grace@partner.example", guest=guest)
    found = World(accounts=[account(ADA), other]).assess(values(assign={"users": [ADA, GRACE]}, **ASSIGNED))
    assert found.desired.addresses == (ADA,)
    (said,) = found.left_out
    assert (said.how, said.source, said.verdict) == (How.LIVE, "Microsoft Graph, Mimecast", Verdict.WARNS)
    assert said.text == (
        f"grace@partner.example is left out: the mail address of this {kind} is at partner.example, which is not a "
        "domain of the Mimecast account, so they have no Personal Portal there"
    )


def test_with_unknown_domains_nobody_counts_as_another_organizations() -> None:
    other = account(GRACE, mail="grace@partner.example")
    world = World(accounts=[other], unread=frozenset({"domains"}))
    found = world.assess(values(assign={"users": [GRACE]}, **ASSIGNED))
    assert found.desired.addresses == ("grace@partner.example",)


def test_configured_addresses_do_not_depend_on_who_is_assigned() -> None:
    found = World().assess(values(addresses={"list": [{"address": ALAN}]}))
    assert found.desired.addresses == (ALAN,)


def test_addresses_come_from_the_list_or_the_file(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("address,name\nada@example.com,Ada\n")
    from_file = from_values(values(addresses={"source": "csv", "csv": "people.csv"}))
    assert [each.address for each in written_addresses(from_file, tmp_path)] == [ADA]
    assert [each.address for each in written_addresses(from_values(values()), tmp_path)] == [ADA, GRACE]
    assert written_addresses(from_values(values(**ASSIGNED)), tmp_path) == ()


def test_existing_and_future_addresses_count_as_existing() -> None:
    document = values(addresses={"list": [{"address": ALAN}]})
    assert list(people_at_mimecast(World().assess(document))) == [ADA, GRACE, ALAN]
    assert list(people_at_mimecast(World(unread=frozenset({"addresses"})).assess(document))) == [ALAN]
    synchronised = World().assess(values(addresses={"source": "synchronised"}))
    assert list(people_at_mimecast(synchronised)) == [ADA, GRACE]


def test_principals_are_the_configured_users_and_groups() -> None:
    world = World(groups={"Staff": [account(ALAN)], "Other": []})
    found = world.assess(values(assign={"users": [ADA], "groups": ["Staff"]}))
    assert found.desired.principals == {f"id of {ADA}", "id of Staff"}
    assert [each.address for each in found.assigned] == [ADA, ALAN]


# -- The whole of it --------------------------------------------------------------------------------------------------


def test_an_assessment_looks_up_whoever_is_configured_in_the_pilot_or_recorded(tmp_path: Path) -> None:
    kay = "kay@example.com"
    membership = RecordedResource(
        "urn::mimecast-roll-out", types.GROUP_MEMBERSHIP, {"group": "x", "members": [kay, "@example.org"]}
    )
    entra = Entra({"/users": [user(each) for each in (ADA, GRACE, ALAN, LINUS, kay)]})
    (tmp_path / "people.csv").write_text("address\nalan@example.com\n")
    from_file = {"source": "csv", "csv": "people.csv"}
    document = values(assign={}, addresses=from_file, rollOut={"who": "pilot", "pilot": [LINUS]})
    found = assessment.assess(
        from_values(document),
        Known(Record((membership,)), How.RECORDED, "the stack's state"),
        stack="prod-eu",
        cloud=CLOUDS["public"],
        graph=entra,
        mimecast=Mimecast(users=[], groups={}).client(),
        root=tmp_path,
        destroys=True,
    )
    assert {f"id of {each}" for each in (ALAN, LINUS, kay)} <= found.snapshot.directory.accounts.keys()
    assert not any("@example.org" in str(read.query) for read in entra.asked)
    assert found.desired.destroys
    assert found.command("up") == "mimecast-sso up --stack prod-eu"
    assert found.snapshot.record.source == "the stack's state"
    assert [each.address for each in found.addresses] == [ALAN]


@pytest.mark.parametrize(
    ("on_removal", "recorded", "looked_up"),
    [("disable", True, True), ("disable", False, False), ("forget", True, False)],
)
def test_an_assessment_looks_up_whose_address_a_run_would_disable(
    tmp_path: Path, on_removal: str, recorded: bool, looked_up: bool
) -> None:
    book = RecordedResource("urn::addresses", types.ADDRESS_BOOK, {"addresses": {ALAN: {"name": ""}}})
    document = values(addresses={"list": [{"address": LINUS}], "onRemoval": on_removal}, assign={})
    found = assessment.assess(
        from_values(document),
        Known(Record((book,) if recorded else ()), How.RECORDED, "the stack's state"),
        cloud=CLOUDS["public"],
        graph=Entra({"/users": [user(ALAN), user(LINUS)]}),
        mimecast=Mimecast(users=[], groups={}).client(),
        root=tmp_path,
    )
    accounts = found.snapshot.directory.accounts
    assert f"id of {LINUS}" in accounts
    assert (f"id of {ALAN}" in accounts) is looked_up
    assert not found.desired.destroys
    assert found.command("up") == "mimecast-sso up --stack STACK"


def test_a_snapshot_is_assessed_for_a_run_that_deletes_nothing_unless_told() -> None:
    settings = from_values(values())
    found = assessment.of(settings, World().snapshot(settings), settings.addresses.explicit)
    assert not found.desired.destroys
    assert found.command("up") == "mimecast-sso up --stack STACK"


def test_an_assessment_of_a_new_stack_knows_no_record(tmp_path: Path) -> None:
    found = assessment.assess(
        from_values(values()),
        Known(None, How.UNKNOWN, "no engine"),
        stack="prod-eu",
        cloud=CLOUDS["public"],
        graph=Entra(),
        mimecast=Mimecast().client(),
        root=tmp_path,
    )
    assert not found.desired.destroys
    assert found.snapshot.recorded == Record()
