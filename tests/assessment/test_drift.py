"""Drift from a snapshot and its record: each kind is found once, by a stable id; an unchanged world has none. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import drift
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.drift import Change, Finding, Part, Severity
from mimecast_sso.assessment.people import EntraGroup
from mimecast_sso.assessment.record import Record, name_of
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import Directory, LiveGroup
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.operations.reports.model import of_finding
from mimecast_sso.provenance import How, Known, Statement, Verdict, live
from mimecast_sso.settings import ProfileSlot, from_values
from providers.entra.applications import (
    Credential,
    FederatedCredential,
    Holder,
    LiveApplication,
    Owner,
    Policy,
    Registration,
    Role,
)
from providers.entra.claims import claims_definition
from providers.entra.conditional_access import AccessPolicy
from providers.entra.signing_certificates import PrincipalCertificates
from providers.mimecast import DomainStatus
from providers.mimecast.domains import DomainState
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    GROUP,
    IDENTIFIER,
    LINUS,
    NEW,
    NOW,
    OLD,
    REPLY_URL,
    UPN_CLAIMS,
    World,
    account,
    address,
    application,
    assigned,
    attested,
    certificate,
    deployed,
    values,
)

OTHER = "https://eu-api.mimecast.com/sso/COTHER"
DOMAIN = "example.com"
Plant = Callable[[World], None]


def live_application(world: World) -> LiveApplication:
    assert world.application is not None
    return world.application


# -- Changes by others ------------------------------------------------------------------------------------------------


def changed(**changes: Any) -> Plant:
    """Changes the application at Entra."""

    def plant(world: World) -> None:
        world.application = replace(live_application(world), **changes)

    return plant


def more(name: str, *extra: Any) -> Plant:
    """Adds to a list of the application."""

    def plant(world: World) -> None:
        before = getattr(live_application(world), name)
        world.application = replace(live_application(world), **{name: (*before, *extra)})

    return plant


def read(**parts: Any) -> Plant:
    """Changes parts of the snapshot."""

    def plant(world: World) -> None:
        world.changes |= parts

    return plant


def credential(holder: str, **changes: Any) -> Credential:
    return replace(Credential(holder, "key", "key-id", "CN=evil", NEW, "2028-01-01T00:00:00Z"), **changes)


def owner_of_application(world: World) -> None:
    owners = live_application(world).registration.owners
    changed(registration=Registration("object", (*owners, Owner("guest", "g"))))(world)


def no_address(world: World) -> None:
    del world.addresses[GRACE]


def an_address(**changes: Any) -> Plant:
    def plant(world: World) -> None:
        world.addresses[GRACE] = replace(address(GRACE), **{"name": "Grace"} | changes)

    return plant


def left(world: World) -> None:
    world.members.discard(GRACE)


def joined(world: World) -> None:
    world.members.add(LINUS)


def gone(world: World) -> None:
    world.application = None


def principal_gone(world: World) -> None:
    world.application = None
    world.changes["holders"] = live((Holder(CLIENT, "object", "portal"),))


def second_holder(world: World) -> None:
    world.changes["holders"] = live(
        (Holder(CLIENT, "object", "portal"), Holder("other", "other object", "Copy"))
    )


def hidden(world: World) -> None:
    changed(tags=live_application(world).tags | {HIDE_TAG})(world)


def access_policy(**changes: Any) -> Plant:
    """A policy that applies to Grace, changed a day after the last deployment; with ``block``, Entra refuses her."""
    made = AccessPolicy(
        "policy-id", "Strict", enforced=True, decided=True, operator="OR", controls=("mfa",), changed_at=NOW
    )
    policy = replace(made, **changes)
    grace = f"id of {GRACE}"

    def plant(world: World) -> None:
        world.deployed = replace(world.deployed, written_at=NOW - timedelta(days=1))
        blocked = {grace: policy.name} if policy.blocks else {}
        world.accounts = [
            replace(each, blocked=policy.blocks) if each.object_id == grace else each
            for each in world.accounts
        ]
        world.changes["access"] = live(AccessSample((grace,), 2, blocked, {grace: (policy,)}))

    return plant


# -- What the last deployment recorded --------------------------------------------------------------------------------


def recorded(type_: str, name: str = "", **outputs: Any) -> Plant:
    """Changes the outputs of a recorded resource (the one of its type, unless named), or records another."""

    def plant(world: World) -> None:
        resources = {each.urn: each for each in world.deployed.resources}
        urn = next(
            (urn for urn, each in resources.items() if each.type == type_ and name in ("", name_of(urn))),
            f"urn:pulumi:test::mimecast-sso::{type_}::{name}",
        )
        before = resources[urn].outputs if urn in resources else {}
        resources[urn] = RecordedResource(urn, type_, {**before, **outputs})
        world.deployed = Record(tuple(resources.values()))

    return plant


def unrecorded(*types_: str) -> Plant:
    """The last deployment did not get as far as resources of these types."""

    def plant(world: World) -> None:
        resources = (each for each in world.deployed.resources if each.type not in types_)
        world.deployed = Record(tuple(resources))

    return plant


def both(*plants: Plant) -> Plant:
    """Causes one after the other."""

    def plant(world: World) -> None:
        for each in plants:
            each(world)

    return plant


def one_domain(**changes: Any) -> Plant:
    """Changes the domain at Mimecast."""
    status = replace(DomainStatus(DOMAIN, DomainState.INTERNAL, "known", "id"), **changes)
    return read(domains=live({DOMAIN: status}))


def role(**changes: Any) -> dict[str, Any]:
    return {
        "id": "role",
        "displayName": "User",
        "enabled": True,
        "allowedMemberTypes": ["User"],
    } | changes


def quiet(**keys: Any) -> World:
    """A world in which nothing differs, with everything recorded that can be compared."""
    settings = from_values(attested(values(**keys)))
    deployer, ada = Owner("id of the deployer", "deployer"), Owner(f"id of {ADA}", ADA)
    world = World(
        application=application(owners=(deployer, ada), registration=Registration("object", (deployer, ada))),
        deployed=deployed(settings),
    )
    an_address()(world)
    for plant in (
        recorded(
            types.SERVICE_PRINCIPAL,
            owners=[deployer.object_id, ada.object_id],
            preferredSingleSignOnMode="saml",
            notificationEmailAddresses=[],
            description=None,
            notes="",
            alternativeNames=[],
            samlSingleSignOn={"relayState": ""},
            appRoles=[role(), role(enabled=False), role(allowedMemberTypes=["Application"], id="machine")],
        ),
        recorded(types.APPLICATION_OWNER, "owner", ownerObjectId=ada.object_id),
        recorded(
            types.DOMAIN,
            DOMAIN,
            domain=DOMAIN,
            state="internal",
            mode="ensure",
            registered=True,
            inboundType="known",
        ),
        recorded(types.ADDRESS_BOOK, addresses={ADA: {"name": ""}, GRACE: {"name": "Grace"}}),
        one_domain(),
    ):
        plant(world)
    return world


PLANTS: dict[str, Plant] = {
    "application/missing/6c000000-0000-4000-8000-00000000000a": gone,
    "service-principal/missing/6c000000-0000-4000-8000-00000000000a": principal_gone,
    f"application/identifier/missing/{IDENTIFIER}": changed(identifiers=()),
    f"application/identifier/unmanaged/{OTHER}": more("identifiers", OTHER),
    "application/redirectUris/changed": changed(reply_urls=("https://example.com/acs",)),
    "application/displayName/changed": changed(display_name="Renamed"),
    "application/url/changed": recorded(types.DEFAULT_REPLY_URL, url=REPLY_URL),
    f"application/owner/missing/id-of-{ADA}": changed(registration=Registration("object", ())),
    "application/owner/unmanaged/guest": owner_of_application,
    f"service-principal/owner/missing/id-of-{ADA}": changed(owners=(Owner("id of the deployer", ""),)),
    "service-principal/owner/unmanaged/guest": more("owners", Owner("guest", "")),
    "application/credential/unmanaged/key-id": more(
        "credentials", credential("application", kind="password", name="", thumbprint="")
    ),
    f"service-principal/credential/unmanaged/{NEW}": more(
        "credentials",
        *(credential("service principal", kind=kind, key_id=kind) for kind in ("key", "key", "password")),
    ),
    "application/with-the-same-identifier/unmanaged/other": second_holder,
    "service-principal/accountEnabled/changed": changed(enabled=False),
    "service-principal/appRoleAssignmentRequired/changed": changed(assignment_required=False),
    "service-principal/loginUrl/changed": changed(sign_on_url="https://example.com"),
    "service-principal/preferredSingleSignOnMode/changed": changed(mode="password"),
    "service-principal/notificationEmailAddresses/changed": changed(notification_emails=("x@example.com",)),
    "service-principal/description/changed": changed(description="theirs"),
    "service-principal/notes/changed": changed(notes="theirs"),
    "service-principal/alternativeNames/changed": changed(alternative_names=("b", "a")),
    "service-principal/samlSingleSignOn/changed": changed(relay_state="https://example.com/"),
    "service-principal/appRoles/changed": changed(roles=(Role("other", "Auditor"),)),
    "service-principal/tokenEncryptionKeyId/unmanaged/key-id": changed(encryption_key="key-id"),
    "service-principal/hide/changed": hidden,
    "service-principal/activeCertificate/changed": changed(
        certificates=PrincipalCertificates((certificate(OLD), certificate(NEW)), NEW)
    ),
    f"signing-certificate/missing/{OLD}": changed(certificates=PrincipalCertificates((), OLD)),
    "claims-policy/missing/claims": changed(policies=()),
    "claims-policy/definition/changed": changed(policies=(Policy("policy", "claims", "{}"),)),
    "claims-policy/displayName/changed": changed(
        policies=(Policy("policy", "Renamed", claims_definition()),)
    ),
    "claims-policy/unmanaged/other": more("policies", Policy("other", "Other", "{}")),
    f"assignment/missing/id-of-{GRACE}": changed(assigned=(assigned(ADA),)),
    f"assignment/unmanaged/id-of-{LINUS}": more("assigned", assigned(LINUS)),
    f"assignment/id/changed/id-of-{GRACE}": changed(
        assigned=(assigned(ADA), replace(assigned(GRACE), assignment_id="another"))
    ),
    "service-principal/id/changed": changed(principal_id="another"),
    "application/federatedIdentityCredential/unmanaged/key-id": changed(
        federated=(FederatedCredential("key-id", "CI", "https://ci.example", "repo:theirs"),)
    ),
    "application/optionalClaims/unmanaged": changed(optional_claims=("saml2Token.groups", "idToken.email")),
    "application/groupMembershipClaims/unmanaged": changed(group_claims=("SecurityGroup",)),
    "Conditional-Access-policy/unmanaged/policy-id": access_policy(),
    f"domain/missing/{DOMAIN}": read(domains=live({})),
    f"domain/state/changed/{DOMAIN}": one_domain(state=DomainState.EXPIRED),
    f"domain/inboundType/changed/{DOMAIN}": one_domain(inbound_type="any"),
    f"address/missing/{GRACE}": no_address,
    f"address/status/changed/{GRACE}": an_address(disabled=True),
    f"address/kind/changed/{GRACE}": an_address(alias=True),
    f"address/name/changed/{GRACE}": an_address(name="Admiral"),
    f"roll-out-group/member/missing/{GRACE}": left,
    f"roll-out-group/member/unmanaged/{LINUS}": joined,
    "roll-out-group/missing/Single-sign-on": read(groups={ProfileSlot.FIRST: live(LiveGroup())}),
}


def found(world: World, document: dict[str, Any] | None = None) -> list[str]:
    """The ids of what differs."""
    return [each.id for each in drift.find(world.assess(document))]


def written(finding: Finding) -> str:
    """A finding as a report takes it apart, for people to compare."""
    change = finding.change
    sides = {"recorded": change.recorded, "live": change.live, "desired": change.desired}
    return "\n".join(
        [
            f"{finding.severity}: {finding.text}",
            f"  expected as: {finding.path}",
            f"  object / property / which one: {finding.object} / {finding.aspect} / {finding.subject} ({finding.key})",
            *(f"  {name}: {', '.join(side) or '(none)'}" for name, side in sides.items() if side is not None),
            f"  {finding.how}: {finding.source}; audit log of: {', '.join(finding.targets) or '(none)'}",
            f"  sign-ins fail for: {', '.join(sorted(finding.reasons)) or '(nothing)'}",
        ]
    )


@pytest.mark.parametrize("name", PLANTS)
def test_each_kind_of_drift_is_found_and_named(name: str, snapshot: SnapshotAssertion) -> None:
    world = quiet()
    PLANTS[name](world)
    (finding,) = drift.find(world.assess())
    assert finding.id == name
    assert written(finding) == snapshot


def test_without_differences_nothing_is_found() -> None:
    assert found(quiet()) == []


NO_DRIFT: dict[str, Plant] = {
    "the identifier that Entra suggests": more("identifiers", f"api://{CLIENT}"),
    "certificates of this stack": more("credentials", credential("service principal", thumbprint=OLD)),
    "policies that could not be read": changed(policies=None),
    "neither a policy recorded nor one live": both(
        unrecorded(types.CLAIMS_MAPPING_POLICY), changed(policies=())
    ),
    "reply URLs that are not deployed": both(
        unrecorded(types.APPLICATION_REDIRECT_URIS), changed(reply_urls=())
    ),
    "a property that earlier releases did not record": both(
        unrecorded(types.APPLICATION_REDIRECT_URIS),
        recorded(types.APPLICATION_REDIRECT_URIS, "reply-urls"),
        changed(reply_urls=()),
    ),
    "an active certificate that is not deployed": both(
        unrecorded(types.ACTIVE_SIGNING_CERTIFICATE),
        changed(certificates=PrincipalCertificates((certificate(OLD), certificate(NEW)), NEW)),
    ),
    "a domain whose verification is awaited": both(
        recorded(types.DOMAIN, state="pending"), one_domain(state=DomainState.PENDING)
    ),
    "the same with a verification that waits": both(
        recorded(types.DOMAIN, state="pending"),
        recorded(types.DOMAIN_VERIFICATION, DOMAIN, domain=DOMAIN, state="pending"),
        one_domain(state=DomainState.PENDING),
    ),
    "the inbound type of a domain that existed": both(
        recorded(types.DOMAIN, registered=False), one_domain(inbound_type="any")
    ),
    "an inbound type that Mimecast does not show": one_domain(inbound_type=""),
    "a name of an address for which any will do": both(
        recorded(types.ADDRESS_BOOK, addresses={GRACE: {"name": ""}}), an_address(name="Admiral")
    ),
    "an address that did not exist at the last deployment either": both(
        recorded(types.ADDRESS_BOOK, checkOnly=True, missing=[GRACE]), no_address
    ),
    "addresses that are not deployed": both(unrecorded(types.ADDRESS_BOOK), no_address),
    "people who wait to be let in": both(recorded(types.GROUP_MEMBERSHIP, hold=True), left),
}


@pytest.mark.parametrize("name", NO_DRIFT)
def test_accepted_differences_are_not_reported(name: str) -> None:
    world = quiet()
    NO_DRIFT[name](world)
    assert found(world) == []


def test_objects_in_verify_mode_are_not_unmanaged() -> None:
    world = quiet()
    more("policies", Policy("other", "Other", "{}"))(world)
    more("assigned", assigned(LINUS))(world)
    more("credentials", credential("service principal"))(world)
    assert found(world) == [
        f"assignment/unmanaged/id-of-{LINUS}",
        "claims-policy/unmanaged/other",
        f"service-principal/credential/unmanaged/{NEW}",
    ]
    themselves = values()
    themselves["application"] = {"claims": "verify"}
    themselves["assign"] |= {"mode": "verify"}
    themselves["certificates"] |= {"retired": [{"label": "2025", "thumbprint": NEW}]}
    assert found(world, attested(themselves)) == []


def test_a_property_that_was_set_and_is_cleared_has_no_live_value() -> None:
    world = quiet()
    recorded(types.SERVICE_PRINCIPAL, notes="ours", featureTags=[{"hide": True}])(world)
    notes, hide = sorted(drift.find(world.assess()), key=lambda each: each.id, reverse=True)
    assert notes.change == Change(("ours",), ())
    assert hide.change == Change(("true",), ("false",), ("false",))


def test_credentials_are_found_on_their_own() -> None:
    world = quiet()
    more("credentials", credential("application"), credential("application", thumbprint=""))(world)
    assert [each.subject for each in drift.find(world.assess())] == [
        f'certificate "CN=evil" {NEW}, valid until 2028-01-01',
        'key "CN=evil" key-id, valid until 2028-01-01',
    ]


def test_an_owner_who_left_is_named_as_configured() -> None:
    world = quiet()
    PLANTS[f"application/owner/missing/id-of-{ADA}"](world)
    read(directory=Directory(owners={f"id of {ADA}": ADA}))(world)
    (finding,) = drift.find(world.assess())
    assert finding.text == f"application owner {ADA} was removed"
    assert finding.change == Change((ADA,), (), (ADA,))


def test_assignments_of_groups_and_of_deleted_people_are_named() -> None:
    world = quiet()
    for name in (GROUP, "deleted"):
        recorded(types.APP_ROLE_ASSIGNMENT, name, principalObjectId=f"id of {name}")(world)
    group = EntraGroup(GROUP, f"id of {GROUP}", ())
    read(directory=Directory(groups=(group,)))(world)
    assert [each.subject for each in drift.find(world.assess())] == [GROUP, "id of deleted"]


def test_a_domain_that_was_verified_after_it_was_recorded_and_is_not_any_more() -> None:
    world = quiet()
    recorded(types.DOMAIN, state="pending")(world)
    recorded(types.DOMAIN_VERIFICATION, DOMAIN, domain=DOMAIN, state="verified")(world)
    assert found(world) == []
    one_domain(state=DomainState.PENDING)(world)
    (finding,) = drift.find(world.assess())
    assert finding.id == f"domain/state/changed/{DOMAIN}"
    assert finding.change == Change(("internal",), ("pending",))


def test_an_inbound_type_that_is_kept_as_configured() -> None:
    world = quiet()
    recorded(types.DOMAIN, registered=False, mode="register")(world)
    one_domain(inbound_type="any")(world)
    assert found(world) == [f"domain/inboundType/changed/{DOMAIN}"]


def test_a_missing_domain_does_not_hide_the_next_one() -> None:
    world = quiet()
    recorded(
        types.DOMAIN,
        "example.net",
        domain="example.net",
        state="internal",
        mode="ensure",
        registered=False,
        inboundType="known",
    )(world)
    read(domains=live({}))(world)
    assert found(world) == [f"domain/missing/{DOMAIN}", "domain/missing/example.net"]


def test_the_desired_value_says_whether_the_file_asks_for_what_others_did() -> None:
    """A renamed identifier or owner may be in the file already; then only a deployment is missing."""

    def desired(plant: Plant, **keys: Any) -> tuple[str, ...] | None:
        world = quiet()
        plant(world)
        (finding,) = (
            each for each in drift.find(world.assess(attested(values(**keys)))) if each.part is Part.UNMANAGED
        )
        return finding.change.desired

    linus = more("assigned", assigned(LINUS))
    known = both(linus, lambda world: world.accounts.append(account(LINUS)))
    assert desired(linus) == ()
    assert desired(known, assign={"users": [ADA, GRACE, LINUS]}) == (LINUS,)
    assert desired(more("identifiers", OTHER)) == ()
    assert desired(more("identifiers", OTHER), application={"identifier": OTHER}) == (OTHER,)
    owner = "6c000000-0000-4000-8000-0000000000ff"
    owns = more("owners", Owner(owner, "another"))
    assert desired(owns) == ()
    named = both(owns, read(directory=Directory(owners={owner: "another"})))
    assert desired(named, application={"owners": [owner]}) == ("another",)
    assert desired(joined) == ()
    invited = attested(values(rollOut={"who": "pilot", "pilot": [ADA, GRACE, LINUS]}))
    assert desired(joined, rollOut=invited["rollOut"]) == (LINUS,)


def test_a_member_or_address_that_left_the_file_is_not_desired() -> None:
    world = quiet()
    left(world)
    pilot = attested(values(rollOut={"who": "pilot", "pilot": [ADA]}))
    (finding,) = (each for each in drift.find(world.assess(pilot)) if each.aspect == "member")
    assert finding.change == Change((GRACE,), (), ())
    world = quiet()
    no_address(world)
    (missing,) = (each for each in drift.find(world.assess()) if each.object == "address")
    assert missing.change == Change((GRACE,), (), (GRACE,))
    left_out = attested(values(addresses={"list": [{"address": ADA}]}, rollOut=pilot["rollOut"]))
    (missing,) = (each for each in drift.find(world.assess(left_out)) if each.object == "address")
    assert missing.change == Change((GRACE,), (), ())


def test_only_the_unassigned_person_makes_a_lost_assignment_urgent() -> None:
    """Somebody else's failing sign-in is not what the assignment is about."""
    world = quiet()
    world.accounts = [account(ADA), account(GRACE), account(ALAN)]
    world.addresses[ALAN] = address(ALAN)
    world.members.add(ALAN)
    changed(assigned=(assigned(ADA), assigned(GRACE)))(world)
    recorded(types.APP_ROLE_ASSIGNMENT, f"assignment-{LINUS}", principalObjectId=f"id of {LINUS}")(world)
    world.accounts.append(account(LINUS))
    found = {each.id: each.severity for each in drift.find(world.assess())}
    assert found[f"assignment/missing/id-of-{LINUS}"] is Severity.LOOK
    assert found[f"roll-out-group/member/unmanaged/{ALAN}"] is Severity.URGENT


def test_the_name_that_is_configured_for_an_address_is_the_desired_one() -> None:
    world = quiet()
    an_address(name="Admiral")(world)
    named = [{"address": ADA}, {"address": GRACE, "name": "Grace Hopper"}]
    (finding,) = drift.find(world.assess(attested(values(addresses={"list": named}))))
    assert finding.change == Change(("Grace",), ("Admiral",), ("Grace Hopper",))


def test_each_roll_out_group_is_compared_with_what_was_recorded_of_it() -> None:
    world = quiet()
    second = "mimecast-roll-out-second"
    recorded(types.GROUP, second, description="Second", created=True)(world)
    recorded(types.GROUP_MEMBERSHIP, second, group="Second", members=[ALAN], hold=False)(world)
    world.second_members = {LINUS}
    assert found(world) == [
        f"roll-out-group/member/missing/{ALAN}",
        f"roll-out-group/member/unmanaged/{LINUS}",
    ]


def test_members_of_a_group_for_which_none_were_recorded_are_unmanaged() -> None:
    world = quiet()
    unrecorded(types.GROUP_MEMBERSHIP)(world)
    assert found(world) == [f"roll-out-group/member/unmanaged/{each}" for each in (ADA, GRACE)]


# -- How urgent -------------------------------------------------------------------------------------------------------


def severities(world: World) -> dict[str, Severity]:
    return {each.id: each.severity for each in drift.find(world.assess())}


@pytest.mark.parametrize(
    "lacks",
    [
        {"assigned": ()},
        {"enabled": False},
        {"reply_urls": ("https://example.com/acs",)},
        {"certificates": PrincipalCertificates((certificate(NEW),), NEW)},
        {"policies": (UPN_CLAIMS,)},
    ],
)
def test_drift_is_urgent_if_sign_ins_reach_another_application_and_fail_there(
    lacks: dict[str, Any],
) -> None:
    elsewhere = replace(application(client_id="other", object_id="other object"), **lacks)
    holders = (Holder("other", "other object", "Copy"),)
    for plant, lost in (
        (changed(identifiers=()), f"application/identifier/missing/{IDENTIFIER}"),
        (gone, f"application/missing/{CLIENT}"),
    ):
        world = quiet()
        plant(world)
        world.accounts = [account(each, user_principal_name=f"upn-of-{each}") for each in (ADA, GRACE)]
        read(application=live(elsewhere), own=Known(world.application, How.LIVE), holders=live(holders))(
            world
        )
        assert severities(world) == {
            lost: Severity.URGENT,
            "application/with-the-same-identifier/unmanaged/other": Severity.LOOK,
        }


def test_an_identifier_that_no_sign_in_uses_is_not_urgent_because_people_fail() -> None:
    world = quiet()
    recorded(types.APPLICATION_IDENTIFIER, "second", identifierUri=OTHER)(world)
    changed(assigned=(assigned(ADA),))(world)
    assert severities(world) == {
        f"assignment/missing/id-of-{GRACE}": Severity.URGENT,
        f"application/identifier/missing/{OTHER}": Severity.LOOK,
    }


def test_a_domain_that_is_lost_is_as_urgent_as_its_addresses() -> None:
    for name in (f"domain/missing/{DOMAIN}", f"domain/state/changed/{DOMAIN}"):
        world = quiet()
        PLANTS[name](world)
        world.addresses.clear()
        assert severities(world) == dict.fromkeys(
            (f"address/missing/{ADA}", f"address/missing/{GRACE}", name), Severity.URGENT
        )


def test_drift_that_people_fail_for_is_urgent_and_comes_first() -> None:
    world = quiet()
    PLANTS["service-principal/accountEnabled/changed"](world)
    PLANTS["application/displayName/changed"](world)
    PLANTS["claims-policy/unmanaged/other"](world)
    assert [(each.severity, each.id) for each in drift.find(world.assess())] == [
        (Severity.URGENT, "service-principal/accountEnabled/changed"),
        (Severity.LOOK, "application/displayName/changed"),
        (Severity.LOOK, "claims-policy/unmanaged/other"),
    ]


def test_a_set_shows_what_was_added_and_removed() -> None:
    world = quiet()
    changed(reply_urls=("https://example.com/b", "https://example.com/a"))(world)
    (finding,) = drift.find(world.assess())
    assert finding.change.added == ("https://example.com/a", "https://example.com/b")
    assert finding.change.removed == ("https://eu-api.mimecast.com/login/saml",)


@pytest.mark.parametrize(
    ("until", "severity", "expected"),
    [
        ("2026-11-22", Severity.INFO, "migration, until 2026-11-22"),
        ("2026-11-21", Severity.LOOK, ""),
    ],
)
def test_expected_drift_is_quiet_until_its_end(until: str, severity: Severity, expected: str) -> None:
    world = quiet()
    PLANTS["application/displayName/changed"](world)
    entry = {"path": "application.displayName", "reason": "migration", "until": until}
    (finding,) = drift.find(world.assess(attested(values()) | {"drift": {"expected": [entry]}}))
    assert (finding.severity, finding.expected) == (severity, expected)


@pytest.mark.parametrize("name", PLANTS)
def test_a_path_as_a_report_prints_it_makes_just_that_expected(name: str) -> None:
    world = quiet()
    PLANTS[name](world)
    if world.application is not None:
        changed(notes="somebody's")(world)
    found = {each.id: each for each in drift.find(world.assess())}
    path = of_finding(found[name], {}).path
    entry = {"path": path, "reason": "migration", "until": "2026-11-22"}
    again = {
        each.id: each
        for each in drift.find(world.assess(attested(values()) | {"drift": {"expected": [entry]}}))
    }
    assert again.keys() == found.keys()
    assert {each for each in again if again[each].expected} == {name}


# -- What could not be looked at --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "subject"),
    [
        ("record", "what this stack deployed"),
        ("own", "the application of this stack in Entra"),
        ("holders", "other applications with the identifier in Entra"),
        ("domains", "the internal domains at Mimecast"),
        ("addresses", "the addresses at Mimecast"),
        ("groups", "the first roll-out group at Mimecast"),
        ("integration", "the directory integration at Mimecast"),
    ],
)
def test_what_could_not_be_read_is_said_and_never_missing(part: str, subject: str) -> None:
    world = quiet()
    world.unread, world.changes = frozenset({part}), {}
    assessment = world.assess()
    assert drift.find(assessment) == ()
    assert list(drift.not_looked_at(assessment)) == [
        Statement(f"{subject} could not be read", How.UNKNOWN, "it was not read", Verdict.UNKNOWN)
    ]


def test_policies_that_need_a_permission_are_reported_as_not_checked() -> None:
    world = quiet()
    why = "the permission Policy.Read.All is missing"
    changed(policies=None, policies_unread=why)(world)
    assert list(drift.not_looked_at(world.assess())) == [
        Statement("the claims policy in Entra could not be read", How.UNKNOWN, why, Verdict.UNKNOWN)
    ]


def test_federated_credentials_that_could_not_be_read_are_reported_as_not_checked() -> None:
    world = quiet()
    changed(federated=None, federated_unread="refused")(world)
    (unread,) = drift.not_looked_at(world.assess())
    assert unread.text == "the application's federated credentials in Entra could not be read"
    assert (unread.verdict, unread.source) == (Verdict.UNKNOWN, "refused")


def test_claims_that_only_the_portal_shows_are_never_passed_over_in_silence() -> None:
    """And where they decide who can sign in, the report counts them as not checked."""
    world = quiet()
    why = (
        "only the beta version of Microsoft Graph shows them, which Microsoft does not support for production"
    )
    (ignored,) = drift.not_readable(world.assess())
    assert ignored.text == "not compared; Entra ignores them while a claims policy is assigned"
    assert (ignored.verdict, ignored.how, ignored.source) == (Verdict.NOTE, How.UNKNOWN, why)
    assert ignored.subject
    changed(policies=())(world)
    (deciding,) = drift.not_readable(world.assess())
    assert deciding.text == "not compared, and they decide the NameID while no claims policy is assigned"
    assert (deciding.verdict, deciding.how, deciding.source) == (Verdict.NOT_POSSIBLE, How.UNKNOWN, why)
    assert deciding.subject == ignored.subject
    changed(policies=None)(world)
    assert not list(drift.not_readable(world.assess())), "the report says that the policy is unread"


def test_a_policy_that_blocks_somebody_in_the_group_is_urgent_however_old_it_is() -> None:
    world = quiet()
    access_policy(controls=("block",), changed_at=None)(world)
    assert severities(world) == {"Conditional-Access-policy/unmanaged/policy-id": Severity.URGENT}
    world.members.discard(GRACE)
    assert severities(world)["Conditional-Access-policy/unmanaged/policy-id"] is Severity.LOOK


@pytest.mark.parametrize(
    "changes",
    [
        {"enforced": False},
        {"changed_at": None},
        {"changed_at": NOW - timedelta(days=2)},
    ],
    ids=["in report-only mode", "without a time", "older than the last deployment"],
)
def test_policies_that_applied_at_the_last_deployment_are_no_drift(changes: dict[str, Any]) -> None:
    world = quiet()
    access_policy(**changes)(world)
    assert drift.find(world.assess()) == ()


def test_a_policy_changed_in_the_second_of_the_deployment_is_no_drift() -> None:
    world = quiet()
    access_policy(changed_at=NOW - timedelta(days=1))(world)
    assert drift.find(world.assess()) == ()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"controls": ("block",)}, "access is blocked"),
        ({"controls": ("mfa", "compliantDevice")}, "required: mfa or compliantDevice"),
        ({"controls": ()}, "session controls only"),
        (
            {"decided": False},
            "required: mfa; whether it applies depends on device, location or risk",
        ),
    ],
)
def test_what_a_conditional_access_policy_requires_is_shown(changes: dict[str, Any], shown: str) -> None:
    world = quiet()
    access_policy(**changes)(world)
    (finding,) = drift.find(world.assess())
    assert finding.change.live == (shown,)


def test_without_a_sample_no_policy_is_compared() -> None:
    world = quiet()
    PLANTS["application/displayName/changed"](world)
    read(access=Known(None, How.UNKNOWN, "no permission"))(world)
    assert found(world) == ["application/displayName/changed"]


def test_a_policy_without_a_known_deployment_is_no_drift_unless_it_blocks() -> None:
    world = quiet()
    access_policy()(world)
    world.deployed = replace(world.deployed, written_at=None)
    assert drift.find(world.assess()) == ()


def test_a_claims_policy_of_the_same_name_is_another_one() -> None:
    world = quiet()
    changed(policies=(Policy("other", "claims", claims_definition()),))(world)
    assert set(found(world)) == {"claims-policy/missing/claims", "claims-policy/unmanaged/other"}
    assert world.assess().desired.foreign_policy is not None, "a run that refreshes would stop half-way"


def test_a_renamed_claims_policy_is_still_this_stacks() -> None:
    world = quiet()
    changed(policies=(Policy("policy", "Renamed", claims_definition()),))(world)
    assert world.assess().desired.foreign_policy is None


def test_everything_was_checked() -> None:
    assert list(drift.not_looked_at(quiet().assess())) == []
    assert list(drift.not_looked_at(World(application=None, deployed=Record()).assess())) == []


def test_before_the_first_deployment_there_is_no_drift() -> None:
    world = World(application=None, deployed=deployed(from_values(values())).of("other"))
    assert drift.find(world.assess()) == ()


def test_a_first_deployment_that_did_not_get_far_is_not_called_a_loss() -> None:
    world = quiet()
    unrecorded(types.SERVICE_PRINCIPAL)(world)
    read(own=Known(None, How.LIVE))(
        world
    )  # It is looked up by the client id that the service principal records.
    left(world)
    assessment = world.assess()
    assert [each.id for each in drift.find(assessment)] == [f"roll-out-group/member/missing/{GRACE}"]
    why = "the last deployment did not get as far as its service principal"
    assert list(drift.not_looked_at(assessment)) == [
        Statement("the application could not be compared", How.UNKNOWN, why, Verdict.UNKNOWN)
    ]


# -- Many at once -----------------------------------------------------------------------------------------------------


def _mixed(chance: random.Random) -> tuple[World, set[str]]:
    """A world with several drifts that do not hide one another."""
    world, names = quiet(), set[str]()
    whole = ("application/missing", "service-principal/missing", "roll-out-group/missing")
    apart = [name for name in PLANTS if not name.startswith(whole)]
    for name in chance.sample(apart, chance.randint(2, 6)):
        before = set(found(world))
        attempt = replace(
            world, members=set(world.members), addresses=dict(world.addresses), changes=dict(world.changes)
        )
        PLANTS[name](attempt)
        if set(found(attempt)) > before:
            world = attempt
            names.add(name)
    return world, names


def test_mixed_drift_is_found_completely() -> None:
    planted = 0
    for seed in range(25):
        world, names = _mixed(random.Random(seed))  # noqa: S311  (a seeded choice)
        assert names <= set(found(world))
        planted += len(names)
    assert planted >= 60


def _runs_quiet(number: int) -> None:
    chance = random.Random(number)  # noqa: S311  (a seeded choice)
    people = sorted(chance.sample([ADA, GRACE, ALAN, LINUS], chance.randint(1, 4)))
    keys: dict[str, Any] = {
        "assign": {"users": people},
        "addresses": {"list": [{"address": each} for each in people]},
        "application": {"assignmentRequired": chance.random() < 0.8},
    }
    settings = from_values(attested(values(**keys)))
    owner = Owner("id of the deployer", "deployer")
    required = settings.application.assignment_required
    world = World(
        application=application(
            owners=(owner,),
            registration=Registration("object", (owner,)),
            assigned=tuple(assigned(each) for each in chance.sample(people, len(people))),
            assignment_required=required,
        ),
        accounts=[account(each) for each in people],
        members=set(people),
        addresses={each: address(each) for each in people},
        deployed=deployed(settings),
    )
    assert drift.find(world.assess(attested(values(**keys)))) == ()


def test_quiet_worlds_show_no_drift() -> None:
    for number in range(100):
        _runs_quiet(number)


@pytest.mark.soak
def test_ten_thousand_quiet_worlds_show_no_drift() -> None:
    for number in range(10_000):
        _runs_quiet(number)


def test_a_person_who_was_put_into_the_group_and_fails_is_urgent_and_others_are_not() -> None:
    world = quiet()
    joined(world)
    world.members.add(ALAN)
    world.accounts.append(account(ALAN))
    world.addresses[ALAN] = address(ALAN)
    more("assigned", assigned(ALAN))(world)
    assert severities(world) == {
        f"assignment/unmanaged/id-of-{ALAN}": Severity.LOOK,
        f"roll-out-group/member/unmanaged/{ALAN}": Severity.LOOK,
        f"roll-out-group/member/unmanaged/{LINUS}": Severity.URGENT,
    }


def test_a_whole_domain_in_the_group_is_as_urgent_as_its_people() -> None:
    for address_, severity in ((ADA, Severity.URGENT), ("ada@example.net", Severity.LOOK)):
        world = quiet()
        world.members.add("@example.com" if address_ == ADA else "@example.net")
        changed(assigned=(assigned(GRACE),))(world)
        found = severities(world)
        assert next(found[each] for each in found if "unmanaged" in each) is severity


def test_an_address_of_somebody_else_is_not_urgent_because_another_fails() -> None:
    world = quiet()
    world.members.discard(ADA)
    world.addresses[ADA] = replace(address(ADA), disabled=True)
    an_address(disabled=True)(world)
    found = severities(world)
    assert found[f"address/status/changed/{GRACE}"] is Severity.URGENT
    assert found[f"address/status/changed/{ADA}"] is Severity.LOOK


def test_names_from_the_directory_are_cut() -> None:
    world = quiet()
    long = "x" * 400
    more("assigned", replace(assigned(LINUS), name=long))(world)
    more("owners", Owner("guest", long))(world)
    assert all(len(each.text) < 140 for each in drift.find(world.assess()))


def test_what_others_did_and_the_file_asks_for_is_not_unmanaged() -> None:
    """Linus was added to the roll-out group; then somebody configured him."""
    world = quiet()
    joined(world)
    (linus,) = drift.unmanaged(world.assess(attested(values())))
    assert (linus.key, linus.group) == (LINUS, "Single sign-on")
    pilot = {"who": "pilot", "pilot": [ADA, GRACE, LINUS]}
    assert drift.unmanaged(world.assess(attested(values(rollOut=pilot)))) == ()
    left(world)
    missing = [each for each in drift.find(world.assess(attested(values()))) if each.part is Part.MISSING]
    assert [(each.key, each.group) for each in missing] == [(GRACE, "Single sign-on")]


@pytest.mark.parametrize("claims", ["manage", "verify"])
def test_claims_that_a_person_manages_are_desired_as_they_are(claims: str) -> None:
    world = quiet(application={"claims": claims})
    PLANTS["claims-policy/definition/changed"](world)
    (finding,) = drift.find(world.assess(attested(values(application={"claims": claims}))))
    change = finding.change
    assert change.desired == (change.recorded if claims == "manage" else change.live)


def test_an_assignment_that_was_created_again_is_desired_if_it_is_configured() -> None:
    again = tuple(replace(assigned(each), assignment_id=f"another of {each}") for each in (ADA, GRACE))
    world = quiet()
    changed(assigned=again)(world)
    found = drift.find(world.assess(attested(values(assign={"users": [ADA]}))))
    desired = {each.subject: each.change.desired for each in found if each.object == "assignment"}
    assert desired == {ADA: (f"another of {ADA}",), GRACE: ()}


def test_a_federated_credential_that_does_not_say_whose_tokens_it_takes_is_named_so() -> None:
    world = quiet()
    changed(federated=(FederatedCredential("key-id", "CI", "", ""),))(world)
    (finding,) = drift.find(world.assess(attested(values())))
    assert finding.subject == '"CI", for tokens of ? with subject ?'
