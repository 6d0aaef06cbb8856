"""Small worlds for tests of the assessment: both tenants and the last deployment, as plain values.

`World` is what a test changes; `World.assess` gives the assessment of a configuration in it. By default Ada and Grace
are assigned, at Mimecast, in the roll-out group, and sign in through Entra; the console work is done and attested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mimecast_sso.assessment import assessment
from mimecast_sso.assessment.access import AccessSample
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.people import EntraGroup, Person
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource
from mimecast_sso.assessment.snapshot import Directory, LiveGroup, Snapshot
from mimecast_sso.console import attestation
from mimecast_sso.console.form import console_form
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import CLOUDS, ENTERPRISE_TAG, GALLERY_TAG, HIDE_TAG
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import ProfileSlot, Settings, from_values
from providers.entra.applications import (
    Assigned,
    DeletedApplication,
    Holder,
    LiveApplication,
    Policy,
    Registration,
    Role,
)
from providers.entra.claims import claims_definition
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject
from providers.mimecast import DomainStatus
from providers.mimecast.accounts import Account
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import DomainState

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TENANT = "7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01"
CLOUD = CLOUDS["public"]
ADA, GRACE, ALAN, LINUS = (f"{name}@example.com" for name in ("ada", "grace", "alan", "linus"))
OLD, NEW = "A" * 40, "B" * 40
CLIENT = "6c000000-0000-4000-8000-00000000000a"
GROUP = "Mimecast users"
IDENTIFIER = "https://eu-api.mimecast.com/sso/CUK25A118"
REPLY_URL = "https://eu-api.mimecast.com/login/saml"
IDP_REPLY_URL = "https://eu-api.mimecast.com/login/sso/mpp"
UPN_CLAIMS = Policy("policy", "claims", claims_definition().replace('"mail"', '"userprincipalname"'))
"""A claims policy that issues the user principal name."""
UNREAD: Known[Any] = unknown("it was not read")


def account(address: str, **changes: Any) -> Person:
    """An enabled member whose mail address and user principal name are the address."""
    return replace(
        Person(address, f"id of {address}", "", address, address, enabled=True, guest=False), **changes
    )


def certificate(thumbprint: str, label: str = "2026", days: int = 1000) -> SigningCertificate:
    """A signing certificate of a generation, with so many days left."""
    end = NOW + timedelta(days=days)
    return SigningCertificate(thumbprint, subject(label), NOW - timedelta(days=100), end, "key", thumbprint)


def application(**changes: Any) -> LiveApplication:
    """The application as this stack deployed it, Ada and Grace assigned."""
    made = LiveApplication(
        client_id=CLIENT,
        object_id="object",
        principal_id="principal",
        template_id="template",
        display_name="Mimecast Personal Portal",
        identifiers=(IDENTIFIER,),
        reply_urls=(REPLY_URL,),
        default_reply_url="",
        sign_on_url=REPLY_URL,
        mode="saml",
        enabled=True,
        assignment_required=True,
        tags=frozenset({ENTERPRISE_TAG, GALLERY_TAG}),
        notification_emails=(),
        description="",
        notes="",
        relay_state="",
        alternative_names=(),
        roles=(Role("role", "User"),),
        owners=(),
        registration=Registration("object", ()),
        policies=(Policy("policy", "claims", claims_definition()),),
        assigned=tuple(assigned(address) for address in (ADA, GRACE)),
        certificates=PrincipalCertificates((certificate(OLD),), OLD),
    )
    return replace(made, **changes)


def assigned(name: str, kind: str = "User") -> Assigned:
    """An assignment."""
    return Assigned(f"assignment of {name}", f"id of {name}", kind, name, "role")


def values(**changes: Any) -> dict[str, Any]:
    """A configuration, without attestation."""
    found: dict[str, Any] = {
        "region": "eu",
        "accountCode": "CUK25A118",
        "certificates": {
            "generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}],
            "active": "2026",
        },
        "assign": {"users": [ADA, GRACE]},
        "addresses": {"list": [{"address": ADA}, {"address": GRACE}]},
    }
    return found | changes


def attested(document: Mapping[str, Any], thumbprint: str = OLD, days: int = 2) -> dict[str, Any]:
    """The same configuration with its first profile attested, so many days ago."""
    profile = dict(document.get("authenticationProfile") or {})
    settings = from_values(document)
    form = form_of(settings)
    at = NOW - timedelta(days=days)
    confirmed = {
        "fingerprint": attestation.fingerprints(form, thumbprint).critical,
        "by": "administrator@example.com",
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "evidence": "a change",
    }
    return dict(document) | {"authenticationProfile": profile | {"confirmed": confirmed}}


def form_of(settings: Settings, slot: ProfileSlot = ProfileSlot.FIRST) -> dict[str, Any]:
    """The desired form of a slot."""
    return console_form(
        settings,
        slot,
        issuer=CLOUD.issuer(TENANT),
        login_url=CLOUD.login_url(TENANT),
        metadata_url="",
        certificate="",
    )


def deployed(settings: Settings, *, members: frozenset[str] | None = None, thumbprint: str = OLD) -> Record:
    """What a deployment of a configuration records, everything attested."""
    confirmed = settings.authentication_profile.confirmed
    form = form_of(settings)
    prints = attestation.fingerprints(form, thumbprint)
    opens = confirmed is not None and confirmed.fingerprint == prints.critical
    book = [each.address for each in settings.addresses.explicit]
    people = frozenset(settings.roll_out.members(book)) if members is None else members
    outputs: list[tuple[str, str, dict[str, Any]]] = [
        (
            types.STACK,
            "stack",
            {
                "accountCode": "CUK25A118",
                "applicationId": CLIENT,
                "region": "eu",
                "issuer": CLOUD.issuer(TENANT),
            },
        ),
        (
            types.APPLICATION_FROM_TEMPLATE,
            "portal",
            {"applicationObjectId": "object", "displayName": "Mimecast Personal Portal"},
        ),
        (
            types.SERVICE_PRINCIPAL,
            "portal-service-principal",
            {
                "clientId": CLIENT,
                "objectId": "principal",
                "accountEnabled": True,
                "appRoleAssignmentRequired": settings.application.assignment_required,
                "loginUrl": REPLY_URL,
                "featureTags": [{"enterprise": True, "gallery": True}],
                "owners": ["id of the deployer"],
            },
        ),
        (types.APPLICATION_IDENTIFIER, "portal-identifier", {"identifierUri": settings.identifier}),
        (types.APPLICATION_REDIRECT_URIS, "portal-reply-urls", {"redirectUris": [settings.reply_url]}),
        (
            types.CLAIMS_MAPPING_POLICY,
            "claims",
            {
                "id": "/policies/claimsMappingPolicies/policy",
                "displayName": "claims",
                "definitions": [claims_definition()],
            },
        ),
        (types.CLAIMS_MAPPING_POLICY_ASSIGNMENT, "claims", {}),
        (types.SIGNING_CERTIFICATE, "signing-certificate-2026", {"thumbprint": thumbprint}),
        (
            types.ACTIVE_SIGNING_CERTIFICATE,
            "signing-certificate-active",
            {"thumbprint": thumbprint, "replace": opens, "activeThumbprint": thumbprint},
        ),
        (types.GROUP, "mimecast-roll-out", {"description": settings.roll_out.group, "created": True}),
        (
            types.GROUP_MEMBERSHIP,
            "mimecast-roll-out",
            {"group": settings.roll_out.group, "members": sorted(people), "hold": not opens},
        ),
        (
            types.AUTHENTICATION_PROFILE,
            "mimecast-profile",
            {
                "form": form,
                "thumbprint": thumbprint,
                "criticalFingerprint": prints.critical,
                "cosmeticFingerprint": prints.cosmetic,
                "state": "claimed" if opens else "due",
                "confirmed": confirmed.model_dump() if confirmed else None,
            },
        ),
        (
            types.ADDRESS_BOOK,
            "addresses",
            {"addresses": {each: {"name": ""} for each in book}, "created": book, "adopt": []},
        ),
    ]
    outputs += [
        (
            types.APP_ROLE_ASSIGNMENT,
            f"assignment-{name}",
            {
                "id": f"/servicePrincipals/principal/appRoleAssignedTo/assignment of {name}",
                "principalObjectId": f"id of {name}",
                "appRoleId": "role",
            },
        )
        for name in (*settings.assign.users, *settings.assign.groups)
    ]
    return Record(
        tuple(
            RecordedResource(f"urn:pulumi:test::mimecast-sso::{type_}::{name}", type_, found)
            for type_, name, found in outputs
        )
    )


@dataclass
class World:
    """Both tenants and the last deployment. Change what a test is about."""

    application: LiveApplication | None = field(default_factory=application)
    accounts: list[Person] = field(default_factory=lambda: [account(ADA), account(GRACE)])
    groups: dict[str, list[Person]] = field(default_factory=dict)
    """Entra's groups by name, with their direct members."""
    members: set[str] = field(default_factory=lambda: {ADA, GRACE})
    second_members: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    addresses: dict[str, LiveAddress] = field(
        default_factory=lambda: {each: address(each) for each in (ADA, GRACE)}
    )
    deployed: Record = field(default_factory=lambda: deployed(from_values(attested(values()))))
    deleted: tuple[DeletedApplication, ...] = ()
    namesakes: tuple[Holder, ...] = ()
    unread: frozenset[str] = frozenset()
    """Parts of the snapshot that could not be read."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Parts of the snapshot that are otherwise than here."""

    def snapshot(self, settings: Settings) -> Snapshot:
        """The world as it is read."""
        groups = {
            name: EntraGroup(name, f"id of {name}", tuple(members)) for name, members in self.groups.items()
        }
        everybody = {each.object_id: each for each in self.accounts}
        everybody |= {each.object_id: each for members in self.groups.values() for each in members}
        by_name = {each.mail.lower(): each for each in everybody.values()} | {
            (each.user_principal_name or "").lower(): each for each in everybody.values()
        }
        configured = [name for name in settings.assign.groups if name in groups]
        application_ = self.application
        parts: dict[str, Any] = {
            "application": live(application_) if application_ else Known(None, How.LIVE),
            "own": live(application_) if application_ else Known(None, How.LIVE),
            "holders": live((Holder(CLIENT, "object", "portal"),) if application_ else ()),
            "deleted": live(self.deleted),
            "namesakes": live(self.namesakes),
            "directory": Directory(
                users=tuple(
                    replace(by_name[each], address=each) for each in settings.assign.users if each in by_name
                ),
                groups=tuple(groups[name] for name in configured),
                assigned_groups={
                    group.object_id: group for name, group in groups.items() if name not in configured
                },
                accounts=everybody,
            ),
            "account": live(Account("CUK25A118", "eu", "Example")),
            "domains": live({"example.com": DomainStatus("example.com", DomainState.INTERNAL, "", "id")}),
            "addresses": live(self.addresses),
            "groups": {
                ProfileSlot.FIRST: live(
                    LiveGroup(
                        settings.roll_out.group,
                        frozenset(self.members),
                        frozenset(self.left),
                        frozenset(self.joined),
                    )
                )
            },
            "moved": live(0),
            "access": live(AccessSample()),
            "connections": Known(None, How.CONFIGURED, "addresses.source"),
            "integration": Known(None, How.CONFIGURED, "directorySynchronisation"),
            "record": Known(self.deployed, How.RECORDED, "the stack's state"),
        }
        if len(settings.certificates.slots) > 1 or ProfileSlot.SECOND in self.deployed.groups:
            parts["groups"][ProfileSlot.SECOND] = live(
                LiveGroup(settings.roll_out.group_of(ProfileSlot.SECOND), frozenset(self.second_members))
            )
        for name in self.unread:
            parts[name] = dict.fromkeys(parts["groups"], UNREAD) if name == "groups" else UNREAD
        parts |= {"tenant_id": TENANT, "template": "template"}
        return Snapshot(
            cloud=CLOUD,
            deployer="id of the deployer",
            entra_now=NOW,
            mimecast_now=NOW,
            **parts | self.changes,
        )

    def assess(self, document: Mapping[str, Any] | None = None, *, destroys: bool = False) -> Assessment:
        """The assessment of a configuration; of the deployed one when none is given."""
        settings = from_values(document if document is not None else attested(values()))
        return assessment.of(
            settings,
            self.snapshot(settings),
            settings.addresses.explicit,
            stack="prod-eu",
            destroys=destroys,
        )


def address(name: str, **changes: Any) -> LiveAddress:
    """An address at Mimecast."""
    return replace(LiveAddress(name, "", synchronised=False, alias=False), **changes)


def hidden(one: LiveApplication) -> LiveApplication:
    """The application without its tile."""
    return replace(one, tags=one.tags | {HIDE_TAG})


def with_certificate(record: Record, thumbprint: str = NEW, label: str = "2029") -> Record:
    """A record with one more certificate, of another generation."""
    urn = f"urn:pulumi:test::mimecast-sso::{types.SIGNING_CERTIFICATE}::signing-certificate-{label}"
    further = RecordedResource(urn, types.SIGNING_CERTIFICATE, {"thumbprint": thumbprint})
    return replace(record, resources=(*record.resources, further))


def left_to_a_person(record: Record, *people: str) -> Record:
    """A record whose assignments of these people a person manages: `assign.mode` was verify."""
    parent = f"::{types.SERVICE_PRINCIPAL}${types.APP_ROLE_ASSIGNMENT}::"
    return Record(
        tuple(
            replace(each, urn=each.urn.replace(f"::{types.APP_ROLE_ASSIGNMENT}::", parent))
            if each.outputs.get("principalObjectId") in {f"id of {name}" for name in people}
            else each
            for each in record.resources
        )
    )
