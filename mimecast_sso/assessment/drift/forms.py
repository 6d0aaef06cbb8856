"""The forms of findings about objects at Entra. Pure."""

from __future__ import annotations

from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.facts.sign_in_reasons import Reason
from providers.entra.applications import LiveApplication

GRAPH = "Microsoft Graph"
APPLICATION = "application"
PRINCIPAL = "service principal"
POLICY = "claims policy"
ASSIGNMENT = "assignment"
CERTIFICATE = "signing certificate"
CREDENTIAL = "credential"
FEDERATED = "federatedIdentityCredential"
SAME_IDENTIFIER = "with the same identifier"
ID = "id"
"""The aspect of an object that was deleted and created again: the same for people, another one for an engine."""


def both(live: LiveApplication) -> tuple[str, ...]:
    """Object ids of the application and of its service principal, one of which the audit log names."""
    return (live.object_id, live.principal_id)


def missing(
    object_: str,
    key: str,
    aspect: str = "",
    subject: str | None = "",
    *,
    targets: tuple[str, ...],
    reasons: frozenset[Reason] = frozenset(),
    change: Change | None = None,
) -> Finding:
    """Something that is recorded and does not exist."""
    return Finding(
        Part.MISSING,
        object_,
        aspect,
        subject or key,
        key,
        change or Change((subject or key,), ()),
        source=GRAPH,
        targets=targets,
        reasons=reasons,
    )


def changed(
    object_: str,
    aspect: str,
    change: Change,
    live: LiveApplication,
    reasons: frozenset[Reason] = frozenset(),
) -> Finding:
    """A property of a single object that differs from the recorded value."""
    return Finding(
        Part.CHANGED,
        object_,
        aspect,
        "",
        "",
        change,
        source=GRAPH,
        targets=both(live),
        reasons=reasons,
    )


def gone_value(value: str, *, desired: bool) -> Change:
    """A recorded value that does not exist."""
    return Change((value,), (), (value,) if desired else ())


def unmanaged(
    object_: str, aspect: str, key: str, subject: str, live: LiveApplication, *, desired: bool = False
) -> Finding:
    """Something that exists and is not recorded."""
    change = Change((), (subject,), (subject,) if desired else ())
    return Finding(Part.UNMANAGED, object_, aspect, subject, key, change, source=GRAPH, targets=both(live))
