"""How Entra changes during a run, step by step. Pure.

The engine writes a property when it differs from what was *recorded*, not from what is live; a run that refreshes first
also undoes external changes. A program cannot tell which kind of run it is in, so if something was changed externally
since the last deployment, both are considered.

The order of a run (docs/architecture.md): properties of the application, then claims and new assignments, then people
join their groups, then the certificate is activated, then people leave, and deletions come last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mimecast_sso.assessment.desired import NEW_CERTIFICATE, Desired
from mimecast_sso.assessment.record import Record, RecordedPrincipal
from mimecast_sso.assessment.sign_in import EntraState
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.settings import Ownership
from providers.entra.applications import LiveApplication
from providers.entra.claims import claims_definition, name_id_source, same_meaning
from providers.entra.signing_certificates import PrincipalCertificates

USER_PRINCIPAL_NAME = "user.userprincipalname"


@dataclass(frozen=True, slots=True)
class Timeline:
    """How Entra changes during a run.

    Attributes:
        early: The states before anybody's membership at Mimecast is written; the one before the run first.
        late: The states from then on: where external changes are kept, and where they are undone. A state that lasts
            only seconds counts as well.
    """

    early: tuple[EntraState, ...]
    late: tuple[tuple[EntraState, ...], tuple[EntraState, ...]]

    @property
    def now(self) -> EntraState:
        """The state before the run."""
        return self.early[0]

    @property
    def after(self) -> tuple[EntraState, EntraState]:
        """The states after the run: with external changes kept, and with them undone."""
        kept, undone = self.late
        return kept[-1], undone[-1]


def state_of(application: LiveApplication | None, snapshot: Snapshot) -> EntraState:
    """The live application, reduced to what decides about sign-ins."""
    nothing = EntraState(snapshot.issuer, snapshot.login_url)
    if application is None:
        return nothing
    state = replace(
        nothing,
        exists=True,
        enabled=application.enabled,
        saml=application.mode == "saml",
        identifiers=application.identifiers,
        reply_urls=application.reply_urls,
        default_reply_url=application.default_reply_url,
        sign_on_url=application.sign_on_url,
        hidden=HIDE_TAG in application.tags,
        assignment_required=application.assignment_required,
        assigned=frozenset(each.principal_id for each in application.assigned),
    )
    return _signed(_named(state, application, snapshot.recorded), application.certificates, snapshot)


def _signed(state: EntraState, certificates: PrincipalCertificates, snapshot: Snapshot) -> EntraState:
    if not certificates.certificates:
        return state
    active = certificates.active(snapshot.entra_now)
    if active is None:
        return replace(state, signing=None)
    return replace(state, signing=active.thumbprint, signing_expired=not active.is_valid(snapshot.entra_now))


def _named(state: EntraState, application: LiveApplication, record: Record) -> EntraState:
    """Add the attribute that becomes the NameID."""
    if application.policies is None:
        definition = record.policy.definition if record.policy else ""
        return replace(
            state, name_id=_source(definition) if definition else None, needs_certificate=bool(definition)
        )
    if not application.policies:
        return replace(state, name_id_assumed=True)
    return replace(state, name_id=_source(application.policies[0].definition), needs_certificate=True)


def _source(definition: str) -> str:
    return name_id_source(definition) or USER_PRINCIPAL_NAME


def entra_timeline(desired: Desired) -> Timeline:
    """The states that Entra goes through. An application that the run does not manage does not change."""
    snapshot = desired.snapshot
    # An application that lost the identifier keeps its tile, and its sign-ins fail.
    now = state_of(snapshot.application.value or snapshot.own.value, snapshot)
    if snapshot.application.value is not None and not desired.works_on_reached:
        return Timeline((now,), ((now,), (now,)))
    if desired.destroys or desired.replaces_application:
        gone = EntraState(snapshot.issuer, snapshot.login_url)
        return Timeline((now,), ((gone,), (gone,)))
    starts = state_of(desired.application, snapshot)
    kept, undone = (_steps(starts, desired, undo=undo) for undo in (False, True))
    return Timeline(
        early=tuple(dict.fromkeys((now, kept[0], undone[0]))),
        late=(tuple(kept[1:]), tuple(undone[1:])),
    )


def _steps(starts: EntraState, desired: Desired, *, undo: bool) -> list[EntraState]:
    """After the application's properties, after claims and assignments, after the activation, after deletions."""
    properties = _with_properties(starts, desired, undo=undo)
    granted = _with_claims(
        replace(properties, assigned=properties.assigned | _newly_assigned(desired, properties, undo=undo)),
        desired,
        undo=undo,
    )
    activated = _activated(granted, desired, undo=undo)
    return [
        properties,
        granted,
        activated,
        replace(activated, assigned=activated.assigned - unassigned(desired)),
    ]


def _with_properties(starts: EntraState, desired: Desired, *, undo: bool) -> EntraState:
    urls, default = _reply_urls(starts, desired, undo=undo)
    identifiers = _identifiers(starts, desired, undo=undo)
    changed = replace(starts, identifiers=identifiers, reply_urls=urls, default_reply_url=default)
    if not (undo or _writes_principal(desired)):
        return changed
    application = desired.settings.application
    return replace(
        changed,
        exists=True,
        enabled=True,
        saml=True,
        assignment_required=application.assignment_required,
        sign_on_url=desired.sign_on_url,
        hidden=application.hide,
    )


def _writes_principal(desired: Desired) -> bool:
    """Whether the service principal differs from the record in any property; azuread then writes all of them."""
    recorded = desired.record.principal
    if desired.application is None or recorded is None:
        return True
    application, snapshot = desired.settings.application, desired.snapshot
    configured = RecordedPrincipal(
        object_id=recorded.object_id,
        enabled=True,
        assignment_required=application.assignment_required,
        sign_on_url=desired.sign_on_url,
        hidden=application.hide,
        notification_emails=frozenset(application.notification_emails),
        # Of whoever deployed last, not of whoever reads: a reviewer's forecast is that of the deployment.
        owners=desired.record.deployers | frozenset(snapshot.directory.owners),
    )
    return configured != recorded


def _identifiers(starts: EntraState, desired: Desired, *, undo: bool) -> tuple[str, ...]:
    configured, recorded = desired.settings.identifier, desired.record.identifiers
    kept = tuple(each for each in starts.identifiers if each == configured or each not in recorded)
    if configured in kept or (configured in recorded and not undo):
        return kept
    return (*kept, configured)


def _reply_urls(starts: EntraState, desired: Desired, *, undo: bool) -> tuple[tuple[str, ...], str]:
    record, configured = desired.record, desired.reply_urls
    urls = starts.reply_urls
    if set(urls) != set(configured) and (undo or set(record.reply_urls or ()) != set(configured)):
        urls = configured
    default, stated = starts.default_reply_url, desired.default_reply_url
    if default != stated and (record.default_reply_url != stated or (undo and stated)):
        default = stated
    return urls, default


def _newly_assigned(desired: Desired, live: EntraState, *, undo: bool) -> frozenset[str]:
    if desired.settings.assign.mode is not Ownership.MANAGE:
        return frozenset()
    known = desired.record.assignments.keys()
    return frozenset(each for each in desired.principals - live.assigned if undo or each not in known)


def unassigned(desired: Desired) -> frozenset[str]:
    """The assignments that the run deletes: recorded by this stack and no longer configured.

    Without the record, which the engine may still have, any of the live ones may be this stack's.
    """
    if desired.settings.assign.mode is not Ownership.MANAGE:
        return frozenset()
    application = desired.application
    if application is not None and not desired.snapshot.record.is_known:
        return frozenset(each.principal_id for each in application.assigned) - desired.principals
    return desired.record.deletable_assignments - desired.principals


def _with_claims(state: EntraState, desired: Desired, *, undo: bool) -> EntraState:
    if desired.settings.application.claims is not Ownership.MANAGE or desired.foreign_policy:
        return state
    configured = claims_definition()
    recorded = desired.record.policy
    stays = recorded is not None and recorded.assigned and same_meaning(recorded.definition, configured)
    if stays and not undo:
        return state
    return replace(state, name_id=_source(configured), name_id_assumed=False, needs_certificate=True)


def _activated(state: EntraState, desired: Desired, *, undo: bool) -> EntraState:
    """Add the signing certificate after the run's activation step, if it activates one."""
    active = desired.settings.certificates.active_generation
    thumbprint = desired.thumbprint_of(active.label)
    application = desired.application
    if application is None or not application.certificates.certificates:
        # The first certificate of an application is active at once; a recorded one is not created again.
        makes = undo or any(
            each.label not in desired.record.thumbprints or desired.replaces_certificate(each.label)
            for each in desired.settings.certificates.generations
        )
        return replace(state, signing=NEW_CERTIFICATE) if makes else state
    certificates = application.certificates
    if thumbprint is None or certificates.get(thumbprint) is None:
        return state  # A new certificate stays inactive while another one is active.
    trusted = desired.opens(active.profile)
    named = certificates.named()
    stays = not trusted and named is not None and named.thumbprint != thumbprint
    if stays or not (undo or _activates(desired, thumbprint, trusted=trusted)):
        return state
    return _signed(state, replace(certificates, preferred=thumbprint), desired.snapshot)


def _activates(desired: Desired, thumbprint: str, *, trusted: bool) -> bool:
    recorded = desired.record.active
    if not recorded:
        return True
    waited = recorded.get("activeThumbprint") != recorded.get("thumbprint")
    differs = recorded.get("thumbprint") != thumbprint or bool(recorded.get("replace")) != trusted
    return waited or differs


def eventual_entra(desired: Desired, after: EntraState) -> EntraState:
    """Entra once the console work is attested and deployed: the configured certificate signs."""
    thumbprint = desired.thumbprint_of(desired.settings.certificates.active_generation.label)
    if desired.destroys:
        return after
    if thumbprint is None:
        return replace(after, signing=NEW_CERTIFICATE, signing_expired=False)
    application = desired.application
    live = application.certificates.get(thumbprint) if application else None
    if live is not None and not live.is_valid(desired.snapshot.entra_now):
        return after
    return replace(after, signing=thumbprint, signing_expired=False)
