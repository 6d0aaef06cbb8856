"""Keeping drift: the change of the stack file that makes a live state the desired one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.drift import Change, Finding, Part, Severity, keeping
from mimecast_sso.assessment.drift.keeping import Edit
from mimecast_sso.assessment.people import EntraGroup
from mimecast_sso.assessment.snapshot import Directory
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import How, Known, live
from mimecast_sso.settings import from_values
from mimecast_sso.settings.drift import ExpectedDrift
from providers.entra.applications import Holder, Owner, Registration
from providers.mimecast.directory_integration import Integration
from tests.assessment.test_drift import (
    PLANTS,
    Plant,
    an_address,
    both,
    changed,
    joined,
    left,
    more,
    quiet,
    read,
    recorded,
)
from tests.assessment.test_synchronisation import LIVE, MANAGED, RECENT, assessed, integration
from tests.assessment.worlds import (
    ADA,
    ALAN,
    GRACE,
    GROUP,
    IDP_REPLY_URL,
    LINUS,
    World,
    account,
    assigned,
    attested,
    deployed,
    values,
)

DEPLOYER = Owner("id of the deployer", "deployer")
THEIR_URL = "https://example.com/acs"


def edits(plant: Plant, **keys: Any) -> list[str]:
    """The edits of everything that differs, as ``section.key = value``, in the order of the findings.

    Each finding counts as harmless: whether somebody cannot sign in with it is another test's.
    """
    world = quiet(**keys)
    plant(world)
    return [f"{each} = {each.document[each.key]!r}" for each in of(world, keys) if each]


def of(world: World, keys: Mapping[str, Any]) -> list[Edit | None]:
    assessment = world.assess(attested(values(**keys)))
    findings = [replace(each, severity=Severity.LOOK) for each in drift.find(assessment)]
    assert findings, "nothing differs"
    return [keeping.edit(each, assessment) for each in findings]


# -- Entra ------------------------------------------------------------------------------------------------------------


def everybody_owns(*owners: Owner) -> Plant:
    return changed(owners=owners, registration=Registration("object", owners))


def own(application: tuple[Owner, ...], principal: tuple[Owner, ...]) -> Plant:
    return changed(owners=principal, registration=Registration("object", application))


def named_owner(plant: Plant) -> Plant:
    """The directory names Ada, who is configured by her address."""
    return both(read(directory=Directory(owners={f"id of {ADA}": ADA})), plant)


def recorded_owners(*ids: str) -> Plant:
    return both(
        recorded(types.SERVICE_PRINCIPAL, owners=list(ids)),
        recorded(types.APPLICATION_OWNER, "owner", ownerObjectId=ids[-1]),
    )


ADA_OWNS = Owner(f"id of {ADA}", ADA)
ANOTHER = "6c000000-0000-4000-8000-0000000000ff"
ANOTHER_OWNS = Owner(ANOTHER, "another")


@pytest.mark.parametrize(
    ("plant", "keys", "kept"),
    [
        pytest.param(
            changed(display_name="Renamed"), {}, ["application.displayName = 'Renamed'"], id="display name"
        ),
        pytest.param(changed(display_name=""), {}, [], id="no display name"),
        pytest.param(
            changed(assignment_required=False),
            {},
            ["application.assignmentRequired = False"],
            id="assignment no longer required",
        ),
        pytest.param(
            both(
                recorded(types.SERVICE_PRINCIPAL, notificationEmailAddresses=[ADA]),
                changed(notification_emails=()),
            ),
            {"application": {"notificationEmails": [ADA]}},
            ["application.notificationEmails = []"],
            id="no notification addresses",
        ),
        pytest.param(
            changed(notification_emails=(GRACE, LINUS)),
            {"application": {"notificationEmails": [ADA]}},
            [f"application.notificationEmails = ['{GRACE}', '{LINUS}']"],
            id="other notification addresses",
        ),
        pytest.param(PLANTS["service-principal/hide/changed"], {}, ["application.hide = True"], id="hidden"),
        pytest.param(
            recorded(types.SERVICE_PRINCIPAL, featureTags=[{"hide": True}]),
            {"application": {"hide": True}},
            ["application.hide = False"],
            id="shown again",
        ),
        pytest.param(
            changed(reply_urls=(THEIR_URL,)),
            {"application": {"replyUrl": "https://eu-api.mimecast.com/login/saml"}},
            [f"application.replyUrl = '{THEIR_URL}'"],
            id="reply URL",
        ),
        pytest.param(changed(reply_urls=()), {}, [], id="no reply URL"),
        pytest.param(changed(reply_urls=(THEIR_URL, IDP_REPLY_URL)), {}, [], id="two reply URLs"),
        pytest.param(
            changed(sign_on_url="https://example.com"),
            {},
            ["application.signOnUrl = 'https://example.com'"],
            id="sign-on URL",
        ),
        pytest.param(changed(sign_on_url=""), {}, [], id="no sign-on URL"),
        pytest.param(
            both(recorded(types.SERVICE_PRINCIPAL, loginUrl=""), changed(sign_on_url="https://example.com")),
            {"application": {"signOn": "idp"}},
            [],
            id="sign-on URL where sign-ins start in My Apps",
        ),
        pytest.param(changed(policies=()), {}, ["application.claims = 'verify'"], id="claims policy"),
        pytest.param(
            PLANTS["claims-policy/definition/changed"],
            {},
            ["application.claims = 'verify'"],
            id="claims policy changed",
        ),
        pytest.param(
            PLANTS["claims-policy/unmanaged/other"],
            {},
            ["application.claims = 'verify'"],
            id="further claims policy",
        ),
        pytest.param(
            PLANTS["claims-policy/definition/changed"],
            {"application": {"claims": "verify"}},
            [],
            id="claims policy of a person already",
        ),
    ],
)
def test_a_property_takes_its_live_value(plant: Plant, keys: dict[str, Any], kept: list[str]) -> None:
    assert edits(plant, **keys) == kept


@pytest.mark.parametrize(
    ("plant", "owners", "kept"),
    [
        pytest.param(
            everybody_owns(DEPLOYER, ADA_OWNS, ANOTHER_OWNS),
            [ADA],
            [f"application.owners = ['{ADA}', '{ANOTHER}']"] * 2,
            id="one more, of both objects",
        ),
        pytest.param(
            own((DEPLOYER, ADA_OWNS, ANOTHER_OWNS), (DEPLOYER, ADA_OWNS)), [ADA], [], id="of one only"
        ),
        pytest.param(
            own((DEPLOYER, ADA_OWNS), (DEPLOYER, ADA_OWNS, ANOTHER_OWNS)), [ADA], [], id="of the other"
        ),
        pytest.param(
            named_owner(everybody_owns(DEPLOYER)),
            [GRACE, ADA],
            [f"application.owners = ['{GRACE}']"] * 2,
            id="one less, named by address",
        ),
        pytest.param(
            both(recorded_owners(DEPLOYER.object_id, ANOTHER), everybody_owns(DEPLOYER)),
            [ANOTHER, GRACE],
            [f"application.owners = ['{GRACE}']"] * 2,
            id="one less, named by id",
        ),
        pytest.param(
            named_owner(own((DEPLOYER,), (DEPLOYER, ADA_OWNS))), [ADA], [], id="still owns the principal"
        ),
        pytest.param(
            named_owner(own((DEPLOYER, ADA_OWNS), (DEPLOYER,))), [ADA], [], id="still owns the application"
        ),
        pytest.param(everybody_owns(DEPLOYER), [GRACE], [], id="not configured"),
    ],
)
def test_an_owner_counts_who_owns_both_objects_or_neither(
    plant: Plant, owners: list[str], kept: list[str]
) -> None:
    assert edits(plant, application={"owners": owners}) == kept


def assigned_more(name: str, kind: str = "User") -> Plant:
    return more("assigned", assigned(name, kind))


def with_account(name: str, **changes: Any) -> Plant:
    def plant(world: World) -> None:
        world.accounts.append(account(name, **changes))

    return plant


def group_of_nobody(world: World) -> None:
    world.groups[GROUP] = []


def nobody_assigned_but(*names: str) -> Plant:
    return changed(assigned=tuple(map(assigned, names)))


@pytest.mark.parametrize(
    ("plant", "keys", "kept"),
    [
        pytest.param(
            both(with_account(LINUS, user_principal_name="Linus@Example.com"), assigned_more(LINUS)),
            {},
            [f"assign.users = ['{ADA}', '{GRACE}', '{LINUS}']"],
            id="user",
        ),
        pytest.param(assigned_more(LINUS), {}, [], id="user without an account that was read"),
        pytest.param(
            both(with_account(LINUS, user_principal_name=None), assigned_more(LINUS)),
            {},
            [],
            id="user without a principal name",
        ),
        pytest.param(
            assigned_more(GROUP, "Group"),
            {"assign": {"users": [ADA, GRACE], "groups": ["Others"]}},
            [f"assign.groups = ['Others', '{GROUP}']"],
            id="group",
        ),
        pytest.param(
            both(with_account(LINUS), assigned_more(ALAN), assigned_more(LINUS)),
            {},
            [f"assign.users = ['{ADA}', '{GRACE}', '{LINUS}']"],
            id="each by itself",
        ),
        pytest.param(nobody_assigned_but(ADA), {}, [f"assign.users = ['{ADA}']"], id="user less"),
        pytest.param(
            group_of_nobody,
            {"assign": {"users": [ADA, GRACE], "groups": [GROUP]}},
            ["assign.groups = []"],
            id="group less",
        ),
    ],
)
def test_assignments_become_the_live_ones(plant: Plant, keys: dict[str, Any], kept: list[str]) -> None:
    if "groups" in keys.get("assign", {}):
        extra = [each for each in keys["assign"]["groups"] if each == GROUP]
        settings = from_values(attested(values(**keys)))
        plant = both(lambda world: setattr(world, "deployed", deployed(settings)) if extra else None, plant)
    assert edits(plant, **keys)[-len(kept) or None :] == kept


def test_whom_the_directory_no_longer_has_is_no_assignment_less() -> None:
    world = quiet()
    recorded(types.APP_ROLE_ASSIGNMENT, "deleted", principalObjectId="id of deleted")(world)
    read(directory=Directory(groups=(EntraGroup(GROUP, f"id of {GROUP}", ()),)))(world)
    assert of(world, {}) == [None]


def test_nothing_of_an_application_that_is_gone_is_kept() -> None:
    gone = quiet()
    PLANTS["application/missing/6c000000-0000-4000-8000-00000000000a"](gone)
    for kind in (
        "application/redirectUris/changed",
        "application/displayName/changed",
        "service-principal/loginUrl/changed",
        "service-principal/owner/unmanaged/guest",
        f"service-principal/owner/missing/id-of-{ADA}",
        f"assignment/unmanaged/id-of-{LINUS}",
    ):
        world = quiet()
        PLANTS[kind](world)
        (finding,) = drift.find(world.assess())
        assert keeping.edit(replace(finding, severity=Severity.LOOK), gone.assess()) is None, kind


def test_an_application_that_replaced_the_recorded_one_is_adopted() -> None:
    """Only if the recorded one is gone, and only the one that has its identifier."""
    other = Holder(ANOTHER, "other object", "Copy")
    world = quiet()
    world.application = None
    world.changes["holders"] = live((other,))
    assessment = world.assess()
    change = Change((), ('"Copy" (other)',))
    finding = Finding(Part.UNMANAGED, "application", "with the same identifier", "Copy", ANOTHER, change)
    edit = keeping.edit(finding, assessment)
    assert edit is not None
    assert (str(edit), edit.document["adopt"]) == ("application.adopt", ANOTHER)
    assert keeping.edit(replace(finding, key="another"), assessment) is None
    assert keeping.edit(finding, quiet().assess()) is None


@pytest.mark.parametrize("severity", [Severity.URGENT, Severity.INFO])
def test_only_what_harms_nobody_is_kept(severity: Severity) -> None:
    world = quiet()
    changed(display_name="Renamed")(world)
    assessment = world.assess()
    (finding,) = drift.find(assessment)
    assert keeping.edit(finding, assessment) == Edit("application", "displayName", {"displayName": "Renamed"})
    assert keeping.edit(replace(finding, severity=severity), assessment) is None


def test_an_edit_is_named_by_its_key_and_keeps_the_rest_of_the_section() -> None:
    keys = {"assignmentRequired": True, "signOn": "sp", "signOnUrl": "https://example.com/start"}
    (edit,) = of(_renamed(), {"application": keys})
    assert edit is not None
    assert str(edit) == "application.displayName"
    assert edit.document == {
        "assignmentRequired": True,
        "signOn": "sp",
        "signOnUrl": "https://example.com/start",
        "displayName": "Renamed",
    }
    assert {type(each) for each in edit.document.values()} == {bool, str}, "as a file has them"


def test_what_has_no_key_is_not_kept() -> None:
    world = quiet()
    changed(display_name="Renamed")(world)
    assessment = world.assess(attested(values()))
    (finding,) = drift.find(assessment)
    assert keeping.edit(replace(finding, severity=Severity.LOOK, aspect="notes"), assessment) is None


def _renamed() -> World:
    world = quiet(application={"assignmentRequired": True, "signOnUrl": "https://example.com/start"})
    recorded(types.SERVICE_PRINCIPAL, loginUrl="https://example.com/start")(world)
    changed(display_name="Renamed", sign_on_url="https://example.com/start")(world)
    return world


# -- Mimecast ---------------------------------------------------------------------------------------------------------


def without_linus(world: World) -> None:
    """Linus has an address, and is in no roll-out."""
    recorded(
        types.ADDRESS_BOOK, addresses={ADA: {"name": ""}, GRACE: {"name": "Grace"}, LINUS: {"name": ""}}
    )(world)


def test_an_address_that_nobody_in_the_roll_out_needs_is_left_out() -> None:
    book = [{"address": ADA}, {"address": GRACE, "name": "Grace"}, {"address": LINUS}]
    keys = {"addresses": {"list": book}, "rollOut": {"who": "pilot", "pilot": [ADA, GRACE]}}
    assert edits(without_linus, **keys) == [f"addresses.list = {book[:2]}"]
    assert edits(PLANTS[f"address/missing/{GRACE}"], **keys) == []


def test_an_address_that_a_file_brings_is_not_left_out() -> None:
    keys = {"addresses": {"list": [{"address": ADA}]}, "rollOut": {"who": "pilot", "pilot": [ADA]}}
    found = edits(PLANTS[f"address/missing/{GRACE}"], **keys)
    assert not [each for each in found if each.startswith("addresses")]


def test_a_name_is_changed_of_an_address_that_has_one() -> None:
    book = [{"address": ADA, "name": "Ada"}, {"address": GRACE, "name": "Grace"}]
    world = quiet(addresses={"list": book})
    recorded(types.ADDRESS_BOOK, addresses={GRACE: {"name": "Grace"}})(world)
    an_address(name="Admiral")(world)
    (edit,) = of(world, {"addresses": {"list": book}})
    assert edit is not None
    assert edit.document["list"] == [book[0], {"address": GRACE, "name": "Admiral"}]
    an_address(name="")(world)
    assert of(world, {"addresses": {"list": book}}) == [None], "the file cannot ask for an empty name"


def test_a_name_that_is_not_configured_stays_so() -> None:
    assert edits(an_address(name="Admiral"), addresses={"list": [{"address": ADA}, {"address": GRACE}]}) == []


@pytest.mark.parametrize(
    ("plant", "choice", "kept"),
    [
        (left, {"who": "pilot", "pilot": [ADA, GRACE]}, [ADA]),
        (joined, {"who": "pilot", "pilot": [ADA, GRACE]}, [ADA, GRACE, LINUS]),
        (left, {"who": "all"}, None),
        (joined, {"who": "all"}, [LINUS]),
        (joined, {"who": "none"}, None),
        (left, {"who": "share", "share": 100, "pilot": [GRACE]}, None),
    ],
)
def test_the_pilot_becomes_who_is_in_the_group(
    plant: Plant, choice: dict[str, Any], kept: list[str] | None
) -> None:
    found = edits(plant, rollOut=choice)
    assert found[-1:] == ([f"rollOut.pilot = {kept}"] if kept else [])


# -- The integration and expected drift -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desired", "live_properties", "kept"),
    [
        ({"enabled": True}, {"enabled": False}, {"enabled": False}),
        ({"domains": ["example.com"]}, {"domains": ["example.net"]}, {"domains": ["example.net"]}),
        ({"enabled": True}, {"deleteUsers": False}, None),
    ],
)
def test_configured_properties_of_the_integration_take_their_live_values(
    desired: dict[str, Any], live_properties: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    assessment = assessed(integration(**live_properties), desired, LIVE | desired)
    (finding,) = (each for each in drift.find(assessment) if each.object == "directory integration")
    edit = keeping.edit(replace(finding, severity=Severity.LOOK), assessment)
    if kept is None:
        assert edit is None
    else:
        assert edit == Edit("directorySynchronisation", next(iter(kept)), MANAGED | desired | kept)


def test_a_renamed_integration_keeps_its_new_name() -> None:
    renamed = live(Integration("Renamed", RECENT, LIVE), "Mimecast")
    assessment = assessed(renamed, {}, LIVE)
    (finding,) = (each for each in drift.find(assessment) if each.object == "directory integration")
    edit = keeping.edit(replace(finding, severity=Severity.LOOK), assessment)
    assert edit == Edit("directorySynchronisation", "description", MANAGED | {"description": "Renamed"})


@pytest.mark.parametrize("missing", ["section", "integration"])
def test_without_a_section_or_an_integration_there_is_nothing_to_keep(missing: str) -> None:
    assessment = assessed(integration(enabled=False), {"enabled": True}, LIVE)
    (finding,) = (each for each in drift.find(assessment) if each.object == "directory integration")
    without = (
        assessed(integration(enabled=False), None, LIVE)
        if missing == "section"
        else assessed(Known(None, How.LIVE), {"enabled": True}, LIVE)
    )
    assert keeping.edit(replace(finding, severity=Severity.LOOK), without) is None


def test_expected_drift_is_written_as_the_file_has_it() -> None:
    entries = [
        ExpectedDrift(path="service-principal.notes", reason="migration", until=date(2026, 12, 31)),
        ExpectedDrift(path="application.*", reason="a second one", until=date(2027, 1, 31)),
    ]
    edit = keeping.expected(entries)
    assert str(edit) == "drift.expected"
    assert edit.document == {
        "expected": [
            {"path": "service-principal.notes", "reason": "migration", "until": "2026-12-31"},
            {"path": "application.*", "reason": "a second one", "until": "2027-01-31"},
        ]
    }
