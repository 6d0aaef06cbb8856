"""Adopt an existing application: what matches the configuration, what would change, what is kept.

Pure: compares what was read live (`providers.entra.applications`) with the configuration, and names the
objects that the engine imports. Nothing here reads or writes.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mimecast_sso.facts.entra import (
    CUSTOM_TAG,
    DEFAULT_ACCESS_ROLE_ID,
    ENTERPRISE_TAG,
    GALLERY_TAG,
    HIDE_TAG,
    USER_ROLE_NAMES,
)
from mimecast_sso.settings import Generation, Ownership
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import utc_text, utc_time
from providers.entra.applications import Assigned, LiveApplication, Policy
from providers.entra.claims import claims_definition, name_id_problem, same_meaning
from providers.entra.signing_certificates import SigningCertificate

_KNOWN_TAGS = frozenset({ENTERPRISE_TAG, GALLERY_TAG, CUSTOM_TAG, HIDE_TAG})


class Effect(StrEnum):
    """What a run does about a difference."""

    CHANGES = "would change"
    STAYS = "stays as it is"
    REFUSED = "cannot be adopted"


@dataclass(frozen=True, slots=True)
class AdoptionFinding:
    """One difference between the live application and the configuration, by name."""

    effect: Effect
    text: str

    def __str__(self) -> str:
        return f"{self.effect}: {self.text}"


@dataclass(frozen=True, slots=True)
class DesiredApplication:
    """What the configuration says about the application. ``sign_on_url`` is "" for sign-ins that start in My Apps.

    ``owners`` and ``people`` are the configured ones by object id. ``deployer`` is the deploying
    principal's object id, which is always an owner of the service principal.
    """

    display_name: str
    identifier: str
    reply_urls: Sequence[str]
    sign_on_url: str
    assignment_required: bool
    hide: bool
    owners: Mapping[str, str]
    deployer: str
    notification_emails: Sequence[str]
    claims: Ownership
    assign: Ownership
    people: Mapping[str, str]
    generations: Sequence[Generation]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read live around the application.

    ``same_identifier``: client id and name of other applications with the desired identifier. ``nested``: groups inside
    assigned groups, by the group's name. ``guests``: names of assigned guests. ``unread``: what could not be read.
    """

    now: datetime
    same_identifier: Sequence[tuple[str, str]] = ()
    nested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guests: Sequence[str] = ()
    unread: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Adoption:
    """The live objects that the engine imports, by the ids that the azuread provider gives them."""

    live: LiveApplication
    template_id: str = ""
    """Only the id of the application has it."""

    @property
    def application(self) -> str:
        """The application with its service principal."""
        return f"/applicationTemplates/{self.template_id}/instantiate/{self.live.object_id}/{self.live.principal_id}"

    @property
    def service_principal(self) -> str:
        """The service principal."""
        return f"/servicePrincipals/{self.live.principal_id}"

    def identifier(self, uri: str) -> str | None:
        """An identifier that the application has."""
        if uri not in self.live.identifiers:
            return None
        encoded = base64.b64encode(uri.encode()).decode()
        return f"/applications/{self.live.object_id}/identifierUris/{encoded}"

    @property
    def reply_urls(self) -> str | None:
        """The list of reply URLs. An empty list cannot be imported, so it is created."""
        return f"/applications/{self.live.object_id}/redirectUris/Web" if self.live.reply_urls else None

    @property
    def policy(self) -> Policy | None:
        """The assigned claims mapping policy."""
        return next(iter(self.live.policies or ()), None)

    def policy_id(self) -> str | None:
        """The claims mapping policy itself."""
        return f"/policies/claimsMappingPolicies/{self.policy.policy_id}" if self.policy else None

    def policy_assignment(self) -> str | None:
        """The assignment of the claims mapping policy."""
        return (
            f"{self.service_principal}/claimsMappingPolicies/{self.policy.policy_id}" if self.policy else None
        )

    def assignment(self, assigned: Assigned) -> str:
        """An assignment."""
        return f"{self.service_principal}/appRoleAssignedTo/{assigned.assignment_id}"

    def certificate(self, generation: Generation) -> SigningCertificate | None:
        """The certificate of a generation: the one with the same expiry, to the second."""
        return matching(self.live.certificates.certificates, generation)

    def certificate_id(self, certificate: SigningCertificate) -> str:
        """A signing certificate."""
        return f"{self.live.principal_id}/tokenSigningCertificate/{certificate.key_id}"


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """The ids to import parts of a recorded application by that exist and are not recorded themselves."""

    identifier: str | None = None
    reply_urls: str | None = None
    policy_assignment: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedAssignment:
    """An assignment that exists already, which the engine imports: its role, and the id to import it by."""

    role_id: str
    import_id: str


def unrecorded_assignments(
    live: LiveApplication | None, recorded: Collection[str]
) -> Mapping[str, ImportedAssignment]:
    """The live assignments that a stack did not record, by object id: Entra refuses to create them once more."""
    if live is None:
        return {}
    adoption = Adoption(live)
    return {
        key: ImportedAssignment(each.role_id, adoption.assignment(each))
        for key, each in preferred_assignments(live).items()
        if key not in recorded
    }


def preferred_assignments(live: LiveApplication) -> Mapping[str, Assigned]:
    """The assignment of each person or group, by object id; of several, the one with the best of the roles."""
    order = {role: place for place, role in enumerate(preferred_roles(live))}
    best_last = sorted(
        live.assigned,
        key=lambda item: (order.get(item.role_id, len(order)), item.assignment_id),
        reverse=True,
    )
    return {each.principal_id: each for each in best_last}


def matching(certificates: Iterable[SigningCertificate], generation: Generation) -> SigningCertificate | None:
    """The certificate with the generation's expiry; of several, one that was created for its label comes first."""
    end = utc_time(generation.end_date)
    found = [certificate for certificate in certificates if certificate.not_after == end]
    return min(found, key=lambda each: (each.label != generation.label, each.thumbprint), default=None)


def preferred_roles(live: LiveApplication) -> list[str]:
    """The ids of the roles that people can have, the best first."""
    names = {name: place for place, name in enumerate(USER_ROLE_NAMES)}
    return [role.role_id for role in sorted(live.roles, key=lambda role: names.get(role.name, len(names)))]


def compare(
    live: LiveApplication, desired: DesiredApplication, around: Surroundings
) -> list[AdoptionFinding]:
    """Every difference by name, changes first; empty if the application is as configured."""
    found = [
        *_refusals(live, desired, around),
        *_names(live, desired),
        *_principal(live, desired),
        *_cleared(live),
        *_claims(live, desired),
        *_people(live, desired, around),
        *_certificates(live, desired, around.now),
        *(_stays(f"{what} could not be read (unknown)") for what in around.unread),
    ]
    return sorted(found, key=lambda finding: list(Effect).index(finding.effect))


def _changes(text: str) -> AdoptionFinding:
    return AdoptionFinding(Effect.CHANGES, text)


def _stays(text: str) -> AdoptionFinding:
    return AdoptionFinding(Effect.STAYS, text)


def _refusals(
    live: LiveApplication, desired: DesiredApplication, around: Surroundings
) -> Iterator[AdoptionFinding]:
    for client_id, name in around.same_identifier:
        if client_id != live.client_id:
            yield AdoptionFinding(
                Effect.REFUSED,
                f"application {quoted(name)} (client id {client_id}) also has identifier {desired.identifier}; two "
                "applications of a tenant cannot share it. Adopt that one, or remove the identifier from it",
            )
    policies = live.policies or ()
    if desired.claims is Ownership.MANAGE and live.policies is None:
        yield AdoptionFinding(
            Effect.REFUSED,
            f"its claims mapping policy could not be read ({live.policies_unread}), so it cannot be adopted. Fix that, "
            "or set mimecast-sso:application.claims: verify",
        )
    for policy in policies:
        if desired.claims is Ownership.MANAGE and policy.others:
            yield AdoptionFinding(
                Effect.REFUSED,
                f"claims policy {quoted(policy.name)} is also assigned to {enumerate_some(policy.others)}, whose "
                "sign-in would change too. Remove its assignment from this application, or set "
                "mimecast-sso:application.claims: verify",
            )


def _names(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    if live.display_name != desired.display_name:
        yield _changes(f"display name: {quoted(live.display_name)} becomes {quoted(desired.display_name)}")
    if desired.identifier not in live.identifiers:
        yield _changes(f"identifier: {desired.identifier} is added")
    others = [uri for uri in live.identifiers if uri != desired.identifier]
    if others:
        yield _stays(f"identifiers that are not configured: {enumerate_some(others)}")
    added = [url for url in desired.reply_urls if url not in live.reply_urls]
    removed = [url for url in live.reply_urls if url not in desired.reply_urls]
    if added:
        yield _changes(f"reply URLs added: {enumerate_some(added)}")
    if removed:
        yield _changes(f"reply URLs removed: {enumerate_some(removed)}; sign-ins that use them would fail")
    yield from _default_reply_url(live, desired)


def _default_reply_url(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    """Where Entra sends unsolicited responses; set only for sign-ins that start in My Apps."""
    default = live.default_reply_url
    if not desired.sign_on_url and default != desired.reply_urls[0]:
        yield _changes(f"default reply URL: {_shown(default)} becomes {desired.reply_urls[0]}")
    elif desired.sign_on_url and default and default not in desired.reply_urls:
        yield _stays(
            f"default reply URL: {default} is not configured, and Entra may refuse to remove it; remove it "
            "in the portal"
        )


def _principal(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    if not live.enabled:
        yield _changes("the application is disabled and would be enabled: assigned people can sign in again")
    if live.mode != "saml":
        yield _changes(f'single sign-on mode: {quoted(live.mode)} becomes "saml"')
    if live.sign_on_url != desired.sign_on_url:
        yield _changes(f"sign-on URL: {_shown(live.sign_on_url)} becomes {_shown(desired.sign_on_url)}")
    yield from _assignment_required(live, desired)
    yield from _tags(live, desired)
    yield from _emails(live, desired)
    yield from _owners(live, desired)


def _assignment_required(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    if live.assignment_required == desired.assignment_required:
        return
    yield _changes(
        "assignment becomes required: people who are not assigned can no longer sign in"
        if desired.assignment_required
        else "assignment is no longer required: everybody in the tenant gets an assertion"
    )


def _tags(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    if (HIDE_TAG in live.tags) != desired.hide:
        hidden = (
            "would be hidden from My Apps" if desired.hide else "is hidden and would show in My Apps again"
        )
        yield _changes(f"the tile {hidden}")
    added = sorted(feature_tags(live, hide=False) - live.tags)
    if added:
        yield _changes(
            f"tags added: {', '.join(added)}; the portal uses them to list enterprise applications"
        )
    own = sorted(live.tags - _KNOWN_TAGS)
    # The azuread provider rewrites the tags only when one of those with a meaning changes.
    if own and feature_tags(live, hide=desired.hide) != live.tags & _KNOWN_TAGS:
        yield _changes(f"tags removed: {enumerate_some(own)}; only tags with a meaning to Entra are kept")
    elif own:
        yield _stays(f"tags without a meaning to Entra: {enumerate_some(own)}")


def feature_tags(live: LiveApplication | None, *, hide: bool) -> frozenset[str]:
    """The tags of the service principal. Its origin is kept; a new one comes from the gallery."""
    custom = live is not None and CUSTOM_TAG in live.tags
    kept = {CUSTOM_TAG} | (live.tags & {GALLERY_TAG}) if live is not None and custom else {GALLERY_TAG}
    return frozenset({ENTERPRISE_TAG} | kept | ({HIDE_TAG} if hide else set()))


def _emails(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    before, after = (
        {mail.lower() for mail in mails} for mails in (live.notification_emails, desired.notification_emails)
    )
    if before != after:
        was, becomes = (", ".join(sorted(mails)) or "none" for mails in (before, after))
        yield _changes(f"notification addresses: {was} becomes {becomes}")


def _owners(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    present = {owner.object_id: owner.name for owner in live.owners}
    stated = {desired.deployer: "the deploying principal", **desired.owners}
    for object_id, name in stated.items():
        if object_id not in present:
            yield _changes(f"owners: {name} is added")
    for object_id, name in present.items():
        if object_id not in stated:
            yield _changes(
                f"owners: {name or object_id} is removed; to keep it, add {object_id} to "
                "mimecast-sso:application.owners"
            )
    yield from _application_owners(live, desired)


def _application_owners(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    present = {owner.object_id: owner.name for owner in live.registration.owners}
    for object_id, name in desired.owners.items():
        if object_id not in present:
            yield _changes(f"owners of the application object: {name} is added")
    if desired.deployer not in present and desired.deployer not in desired.owners:
        yield _stays(
            "owners of the application object: the deploying principal is not among them; to change that, add "
            f"{desired.deployer} to mimecast-sso:application.owners"
        )
    stated = {desired.deployer, *desired.owners}
    others = sorted(name or object_id for object_id, name in present.items() if object_id not in stated)
    if others:
        yield _stays(f"owners of the application object that are not configured: {enumerate_some(others)}")


def _cleared(live: LiveApplication) -> Iterator[AdoptionFinding]:
    texts = {"description": live.description, "notes": live.notes, "relay state": live.relay_state}
    for name, text in texts.items():
        if text:
            yield _changes(f"{name}: {quoted(text)} is cleared")
    if live.alternative_names:
        yield _changes(f"alternative names cleared: {enumerate_some(live.alternative_names)}")


def _claims(live: LiveApplication, desired: DesiredApplication) -> Iterator[AdoptionFinding]:
    if live.policies is None:
        yield _stays(f"claims policy: could not be read (unknown: {live.policies_unread})")
        return
    policy = next(iter(live.policies), None)
    problem = name_id_problem(policy.definition if policy else None)
    if desired.claims is Ownership.VERIFY:
        if problem:
            yield _stays(
                f"claims: {problem}; mimecast-sso:application.claims is verify, so nothing is written"
            )
    elif policy is None:
        yield _changes(
            "claims policy: one is created and assigned; the portal's claims editor then shows its values as overridden"
        )
    elif not policy.others and not same_meaning(policy.definition, claims_definition()):
        effect = f"{problem}; it becomes the mail address" if problem else "its other claims are replaced"
        yield _changes(f"claims policy {quoted(policy.name)} is rewritten: {effect}")


def _people(
    live: LiveApplication, desired: DesiredApplication, around: Surroundings
) -> Iterator[AdoptionFinding]:
    if not live.roles:
        yield _stays(
            "no app role for people is enabled (User and msiam_access are missing): people get the default access "
            f"{DEFAULT_ACCESS_ROLE_ID}"
        )
    assigned = {item.principal_id: item for item in live.assigned}
    missing = [name for object_id, name in desired.people.items() if object_id not in assigned]
    if missing and desired.assign is Ownership.MANAGE:
        yield _changes(f"assignments added: {enumerate_some(missing)}")
    elif missing:
        yield _stays(f"not assigned, while mimecast-sso:assign.mode is verify: {enumerate_some(missing)}")
    others = sorted(item.name for item in live.assigned if item.principal_id not in desired.people)
    if others:
        yield _stays(f"assigned, but not configured: {enumerate_some(others)}")
    for group, nested in around.nested.items():
        yield _stays(
            f"group {quoted(group)} contains groups ({enumerate_some(nested)}), and Entra does not assign "
            "the application to members of nested groups"
        )
    if around.guests:
        yield _stays(
            f"guests are assigned: {enumerate_some(around.guests)}; Mimecast has a guest's mail address only if "
            "somebody registered it"
        )


def _certificates(
    live: LiveApplication, desired: DesiredApplication, now: datetime
) -> Iterator[AdoptionFinding]:
    certificates = live.certificates.certificates
    active = live.certificates.active(now)
    taken = [matching(certificates, generation) for generation in desired.generations]
    for generation, certificate in zip(desired.generations, taken, strict=True):
        if certificate is None:
            signs = _who_signs(active, now)
            yield _changes(
                f"signing certificate {generation.label}, valid until {generation.end_date}, is created{signs}"
            )
    for certificate in certificates:
        if not certificate.is_valid(now):
            state = "has expired" if certificate.not_after <= now else "is not valid yet"
            yield _stays(f"signing certificate {certificate} {state}")
        if certificate not in taken:
            yield _stays(
                f"signing certificate {certificate} belongs to no generation"
                f"{', and is the active one' if certificate == active else ''}. To manage it with this project, "
                f'add a generation with its expiry: endDate: "{utc_text(certificate.not_after)}"'
            )


def _who_signs(active: SigningCertificate | None, now: datetime) -> str:
    if active is None:
        return ""
    if active.is_valid(now):
        return f"; {active} continues to sign until Mimecast has the new one"
    return f"; Entra signs with it at once, because {active} is not valid, so Mimecast needs it at once, too"


def _shown(text: str) -> str:
    return text or "none"
