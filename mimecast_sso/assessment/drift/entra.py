"""Drift of the objects at Entra. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.drift import access, credentials
from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.assessment.drift.forms import (
    APPLICATION,
    ASSIGNMENT,
    CERTIFICATE,
    GRAPH,
    ID,
    POLICY,
    PRINCIPAL,
    SAME_IDENTIFIER,
    both,
    changed,
    gone_value,
    missing,
    unmanaged,
)
from mimecast_sso.assessment.record import Record, RecordedApplication, RecordedPrincipal
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.settings import Ownership
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from providers.entra import claims
from providers.entra.applications import Assigned, LiveApplication, Owner


def find(assessment: Assessment, recorded: RecordedApplication) -> Iterator[Finding]:
    """The recorded application and everything that belongs to it."""
    snapshot, record = assessment.snapshot, assessment.desired.record
    principal = record.principal
    if principal is None:
        return  # The last deployment ended before this; `compare.not_looked_at` reports that.
    yield from _namesakes(snapshot, recorded)
    live = snapshot.own.value
    if live is None:
        if snapshot.own.is_known:
            yield _gone(snapshot, recorded, principal)
        return
    if principal.object_id != live.principal_id:
        change = Change((principal.object_id,), (live.principal_id,), (principal.object_id,))
        yield changed(PRINCIPAL, ID, change, live, _ANY)
    yield from _properties(assessment.desired, principal, live)
    if live.encryption_key:
        yield unmanaged(PRINCIPAL, "tokenEncryptionKeyId", live.encryption_key, live.encryption_key, live)
    yield from _identifiers(assessment, recorded, live)
    for holder, expected, owners in (
        (APPLICATION, record.owners, live.registration.owners),
        (PRINCIPAL, principal.owners, live.owners),
    ):
        yield from _owners(holder, expected, owners, assessment, live)
    yield from _policies(assessment, live)
    yield from _assignments(assessment, live)
    yield from _certificates(record, live)
    yield from _unmanaged_claims(live)
    yield from credentials.find(assessment, live)
    yield from access.find(assessment)


def _gone(snapshot: Snapshot, recorded: RecordedApplication, principal: RecordedPrincipal) -> Finding:
    """The application, or only its service principal if the application object still has the identifier."""
    holders = {each.client_id for each in snapshot.holders.value or ()}
    return missing(
        PRINCIPAL if recorded.client_id in holders else APPLICATION,
        recorded.client_id,
        targets=(recorded.object_id, principal.object_id),
        reasons=_unreached(snapshot, recorded),
    )


# -- Why sign-ins fail ----------------------------------------------------------------------------------------------

_REPLIES = frozenset({Reason.REPLY_URL, Reason.NO_REPLY_URL, Reason.REPLY_URL_ELSEWHERE, Reason.UNASKED})
_CLAIMS = frozenset({Reason.NAME_ID_UNKNOWN, Reason.NAME_ID_OTHER, Reason.NO_NAME_ID})
_SIGNING = frozenset({Reason.SIGNATURE, Reason.NO_CERTIFICATE})
_UNASSIGNED = frozenset({Reason.NOT_ASSIGNED})
_UNREACHED = frozenset({Reason.APPLICATION_MISSING, Reason.AUDIENCE})
_SWITCHES = frozenset({Reason.APPLICATION_DISABLED, Reason.NOT_SAML, Reason.SIGN_ON_URL_ELSEWHERE})
_ANY = _REPLIES | _CLAIMS | _SIGNING | _UNASSIGNED | _UNREACHED | _SWITCHES


def _unreached(snapshot: Snapshot, recorded: RecordedApplication) -> frozenset[Reason]:
    """Why sign-ins fail that do not reach this application; the one they reach may lack anything."""
    reached = snapshot.application.value
    return _UNREACHED if reached is None or reached.client_id == recorded.client_id else _ANY


# -- Properties -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Property:
    """A property that the deployment sets, by its name in state."""

    object: str
    name: str
    type: str
    live: Callable[[LiveApplication], JSON]
    desired: Callable[[Desired], JSON] | None = None
    reasons: frozenset[Reason] = frozenset()
    recorded: Callable[[JSON], JSON] = lambda recorded: recorded
    """The value to compare, from the recorded one."""


def _roles_for_people(recorded: Sequence[Mapping[str, JSON]] | None) -> list[str]:
    return [
        _role(str(each["displayName"]), str(each["id"]))
        for each in recorded or ()  # None after a creation that failed
        if each["enabled"] and "User" in each["allowedMemberTypes"]
    ]


def _role(name: str, role_id: str) -> str:
    return f"{name} ({role_id})"


_PROPERTIES = (
    _Property(
        APPLICATION,
        "displayName",
        types.APPLICATION_FROM_TEMPLATE,
        lambda live: live.display_name,
        lambda desired: desired.settings.application.display_name,
    ),
    _Property(
        APPLICATION,
        "redirectUris",
        types.APPLICATION_REDIRECT_URIS,
        lambda live: live.reply_urls,
        lambda desired: desired.reply_urls,
        reasons=_REPLIES,
    ),
    _Property(
        APPLICATION,
        "url",
        types.DEFAULT_REPLY_URL,
        lambda live: live.default_reply_url,
        lambda desired: desired.default_reply_url,
        reasons=frozenset({Reason.REPLY_URL_ELSEWHERE, Reason.UNASKED}),
    ),
    _Property(
        PRINCIPAL,
        "accountEnabled",
        types.SERVICE_PRINCIPAL,
        lambda live: live.enabled,
        lambda _: True,
        reasons=frozenset({Reason.APPLICATION_DISABLED}),
    ),
    _Property(
        PRINCIPAL,
        "appRoleAssignmentRequired",
        types.SERVICE_PRINCIPAL,
        lambda live: live.assignment_required,
        lambda desired: desired.settings.application.assignment_required,
        reasons=_UNASSIGNED,
    ),
    _Property(
        PRINCIPAL,
        "loginUrl",
        types.SERVICE_PRINCIPAL,
        lambda live: live.sign_on_url,
        lambda desired: desired.sign_on_url,
        reasons=frozenset({Reason.SIGN_ON_URL_ELSEWHERE}),
    ),
    _Property(
        PRINCIPAL,
        "preferredSingleSignOnMode",
        types.SERVICE_PRINCIPAL,
        lambda live: live.mode,
        lambda _: "saml",
        reasons=frozenset({Reason.NOT_SAML}),
    ),
    _Property(
        PRINCIPAL,
        "notificationEmailAddresses",
        types.SERVICE_PRINCIPAL,
        lambda live: live.notification_emails,
        lambda desired: desired.settings.application.notification_emails,
    ),
    _Property(PRINCIPAL, "description", types.SERVICE_PRINCIPAL, lambda live: live.description),
    _Property(PRINCIPAL, "notes", types.SERVICE_PRINCIPAL, lambda live: live.notes),
    _Property(PRINCIPAL, "alternativeNames", types.SERVICE_PRINCIPAL, lambda live: live.alternative_names),
    _Property(
        PRINCIPAL,
        "samlSingleSignOn",
        types.SERVICE_PRINCIPAL,
        lambda live: live.relay_state,
        recorded=lambda recorded: (recorded or {}).get("relayState"),
    ),
    _Property(
        PRINCIPAL,
        "appRoles",
        types.SERVICE_PRINCIPAL,
        lambda live: [_role(each.name, each.role_id) for each in live.roles],
        recorded=_roles_for_people,
    ),
)


def _properties(desired: Desired, principal: RecordedPrincipal, live: LiveApplication) -> Iterator[Finding]:
    record = desired.record
    for each in _PROPERTIES:
        outputs = record.outputs_of(each.type)
        if outputs is None or each.name not in outputs:
            continue
        before, now = _values(each.recorded(outputs[each.name])), _values(each.live(live))
        if set(before) != set(now):
            configured = _values(each.desired(desired)) if each.desired else None
            yield changed(each.object, each.name, Change(before, now, configured), live, each.reasons)
    hidden = HIDE_TAG in live.tags
    if hidden != principal.hidden:
        configured = _values(desired.settings.application.hide)
        change = Change(_values(principal.hidden), _values(hidden), configured)
        yield changed(PRINCIPAL, "hide", change, live)


def _values(value: JSON) -> tuple[str, ...]:
    """A property's values: every item of a list, a single value otherwise, none if it is absent."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(sorted(map(str, value)))
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value),) if value not in (None, "") else ()


def _identifiers(
    assessment: Assessment, recorded: RecordedApplication, live: LiveApplication
) -> Iterator[Finding]:
    identifiers = assessment.desired.record.identifiers
    for identifier in sorted(identifiers - set(live.identifiers)):
        yield missing(
            APPLICATION,
            identifier,
            "identifier",
            targets=both(live),
            reasons=_unreached(assessment.snapshot, recorded),
            change=gone_value(identifier, desired=identifier == assessment.settings.identifier),
        )
    for identifier in live.identifiers:
        if identifier not in identifiers and identifier != f"api://{live.client_id}":
            configured = identifier == assessment.settings.identifier
            yield unmanaged(APPLICATION, "identifier", identifier, identifier, live, desired=configured)


# -- Owners, policies, assignments ----------------------------------------------------------------------------------


def _owners(
    holder: str,
    recorded: frozenset[str],
    owners: Iterable[Owner],
    assessment: Assessment,
    live: LiveApplication,
) -> Iterator[Finding]:
    """Owners that are missing, and unmanaged ones; whoever deployed may own both objects without being declared."""
    directory, deployers = assessment.snapshot.directory, assessment.desired.record.deployers
    configured = {*directory.owners, assessment.snapshot.deployer}
    names = {owner.object_id: owner.name for owner in owners}
    for object_id in sorted(recorded - names.keys()):
        name = directory.owners.get(object_id) or object_id
        change = gone_value(name, desired=object_id in configured)
        yield missing(holder, object_id, "owner", name, targets=both(live), change=change)
    for object_id, name in sorted(names.items()):
        if object_id not in recorded | deployers:
            is_wanted = object_id in directory.owners
            shown = foreign.name(name) or object_id
            yield unmanaged(holder, "owner", object_id, shown, live, desired=is_wanted)


def _policies(assessment: Assessment, live: LiveApplication) -> Iterator[Finding]:
    recorded = assessment.desired.record.policy
    if live.policies is None:
        return
    managed = assessment.settings.application.claims is Ownership.MANAGE
    if recorded is not None and not any(map(recorded.is_live, live.policies)):
        change = gone_value(recorded.name, desired=managed)
        yield missing(POLICY, recorded.name, targets=both(live), reasons=_CLAIMS, change=change)
    for policy in live.policies:
        if recorded is not None and recorded.is_live(policy):
            if policy.name != recorded.name:
                change = Change((recorded.name,), (policy.name,), (recorded.name,))
                yield changed(POLICY, "displayName", change, live)
            if not claims.same_meaning(policy.definition, recorded.definition):
                before, now = claims.shown(recorded.definition), claims.shown(policy.definition)
                change = Change(before, now, before if managed else now)
                yield changed(POLICY, "definition", change, live, _CLAIMS)
        elif managed:
            yield unmanaged(POLICY, "", policy.policy_id, foreign.name(policy.name) or policy.policy_id, live)


def _assignments(assessment: Assessment, live: LiveApplication) -> Iterator[Finding]:
    recorded = assessment.desired.record.assignments
    if assessment.settings.assign.mode is not Ownership.MANAGE:
        return
    assigned = {each.principal_id: each for each in live.assigned}
    names, configured = _names(assessment), assessment.desired.principals
    for each in assessment.desired.recreated_assignments:
        before = recorded[each.principal_id].assignment_id
        yield _recreated(each, before, live, desired=each.principal_id in configured)
    for principal_id in sorted(recorded.keys() - assigned.keys()):
        name = names.get(principal_id) or principal_id
        yield missing(
            ASSIGNMENT,
            principal_id,
            subject=name,
            targets=(live.principal_id,),
            reasons=_UNASSIGNED,
            change=gone_value(name, desired=principal_id in configured),
        )
    for principal_id, each in sorted(assigned.items()):
        if principal_id not in recorded:
            is_wanted = principal_id in configured
            shown = foreign.name(each.name) or principal_id
            yield unmanaged(ASSIGNMENT, "", principal_id, shown, live, desired=is_wanted)


def _recreated(now: Assigned, before: str, live: LiveApplication, *, desired: bool) -> Finding:
    """Somebody deleted the recorded assignment and created another one, which an engine does not know."""
    change = Change((before,), (now.assignment_id,), (now.assignment_id,) if desired else ())
    found = changed(ASSIGNMENT, ID, change, live)
    subject = foreign.name(now.name) or now.principal_id
    return replace(found, subject=subject, key=now.principal_id, targets=(live.principal_id,))


def _unmanaged_claims(live: LiveApplication) -> Iterator[Finding]:
    """Claims that no deployment sets, so that the state has no value to compare them with."""
    for name, values in (
        ("optionalClaims", live.optional_claims),
        ("groupMembershipClaims", live.group_claims),
    ):
        if values:
            found = unmanaged(APPLICATION, name, "", "", live)
            yield replace(found, change=Change((), tuple(sorted(values)), ()))


def _names(assessment: Assessment) -> Mapping[str, str]:
    directory = assessment.snapshot.directory
    names = {each.object_id: each.address for each in directory.accounts.values()}
    return names | {each.object_id: each.name for each in directory.groups}


# -- Certificates ---------------------------------------------------------------------------------------------------


def _certificates(record: Record, live: LiveApplication) -> Iterator[Finding]:
    for label, thumbprint in sorted(record.thumbprints.items()):
        if thumbprint not in live.certificates.thumbprints:
            yield missing(
                CERTIFICATE,
                thumbprint,
                subject=f"{label} ({thumbprint})",
                targets=both(live),
                reasons=_SIGNING,
                change=Change((thumbprint,), ()),
            )
    active, preferred = _values(record.active.get("activeThumbprint")), _values(live.certificates.preferred)
    if active and active != preferred:
        yield changed(PRINCIPAL, "activeCertificate", Change(active, preferred), live, _SIGNING)


# -- Other applications ---------------------------------------------------------------------------------------------


def _namesakes(snapshot: Snapshot, recorded: RecordedApplication) -> Iterator[Finding]:
    for holder in snapshot.holders.value or ():
        if holder.client_id != recorded.client_id:
            yield Finding(
                Part.UNMANAGED,
                APPLICATION,
                SAME_IDENTIFIER,
                f"{quoted(holder.name)} ({holder.client_id})",
                holder.client_id,
                Change((), (holder.client_id,)),
                source=GRAPH,
                targets=(holder.object_id,),
            )
