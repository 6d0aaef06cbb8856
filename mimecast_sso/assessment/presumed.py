"""The recorded application in place of one that Entra does not show. Pure.

What a run deletes or changes is known from the record. Whether somebody depends on it is unknown without the live
application, so the forecast presumes that it is as the last deployment left it, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Directory, Snapshot
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.provenance import How, Known
from providers.entra.applications import Assigned, LiveApplication, Policy, Registration
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject

_SOURCE = "the last deployment"


def as_recorded(snapshot: Snapshot) -> Snapshot | None:
    """The snapshot with the recorded application in place of one that could not be read; ``None`` if there is none."""
    if snapshot.application.is_known:
        return None
    if snapshot.own.is_known:
        return replace(snapshot, application=snapshot.own) if snapshot.own.value is not None else None
    application = _application(snapshot)
    if application is None:
        return None
    known = Known(application, How.RECORDED, _SOURCE)
    return replace(
        snapshot,
        application=known,
        own=known,
        directory=_with_recorded_groups(snapshot.directory, snapshot.recorded),
    )


def _application(snapshot: Snapshot) -> LiveApplication | None:
    record = snapshot.recorded
    application, principal = record.application, record.principal
    if application is None or principal is None:
        return None
    policy = record.policy
    return LiveApplication(
        client_id=application.client_id,
        object_id=application.object_id,
        principal_id=principal.object_id,
        template_id="",
        display_name=application.display_name,
        identifiers=tuple(sorted(record.identifiers)),
        reply_urls=record.reply_urls or (),
        default_reply_url=record.default_reply_url,
        sign_on_url=principal.sign_on_url,
        mode="saml",
        enabled=principal.enabled,
        assignment_required=principal.assignment_required,
        tags=frozenset({HIDE_TAG} if principal.hidden else ()),
        notification_emails=tuple(sorted(principal.notification_emails)),
        description="",
        notes="",
        relay_state="",
        alternative_names=(),
        roles=(),
        owners=(),
        registration=Registration(application.object_id, ()),
        # Without a recorded one, who decides about the claims is unknown.
        policies=(Policy("", policy.name, policy.definition),) if policy and policy.assigned else None,
        assigned=tuple(Assigned("", each, "", "", "") for each in _assigned(snapshot)),
        certificates=_certificates(snapshot),
        federated=None,
    )


def _assigned(snapshot: Snapshot) -> tuple[str, ...]:
    """Object ids of the recorded users and groups; everybody's if this stack assigns nobody and so removes nobody."""
    return tuple(snapshot.recorded.assignments) or tuple(snapshot.directory.accounts)


def _certificates(snapshot: Snapshot) -> PrincipalCertificates:
    record, now = snapshot.recorded, snapshot.entra_now
    valid = now + timedelta(days=1)  # Releases that recorded no expiry: not known to have expired.
    found = (
        SigningCertificate(thumbprint, subject(label), now, record.expiries.get(label, valid), "", "")
        for label, thumbprint in record.thumbprints.items()
    )
    active = record.active.get("activeThumbprint") or record.active.get("thumbprint") or ""
    return PrincipalCertificates(tuple(found), str(active))


def _with_recorded_groups(directory: Directory, record: Record) -> Directory:
    """Members of recorded groups that are no longer configured are read with the application: unread here."""
    known = {*directory.accounts, *directory.assigned_groups, *(each.object_id for each in directory.groups)}
    unread = {each: _SOURCE for each in record.assignments if each not in known}
    return replace(directory, unread_groups={**directory.unread_groups, **unread})
