"""Compare Mimecast's sign-in request with the configuration.

The request shows Mimecast's entity id, its destination, the assertion consumer service, the requested authentication
contexts, and that the profile enforces SAML. It does not show the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.console.source import TAKES_EFFECT
from mimecast_sso.saml.names import CONTEXT_INTEGRATED, CONTEXT_PASSWORD_PROTECTED
from mimecast_sso.settings import Settings

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.captures import Captured

_CONTEXTS = {
    "passwordProtectedContext": CONTEXT_PASSWORD_PROTECTED,
    "integratedAuthenticationContext": CONTEXT_INTEGRATED,
}
_NOT_SENT = "(not sent)"

Aspect = Literal["issuer", "destination", "replyUrl", "contexts", "enforcement"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One aspect of the request; ``agrees`` is ``None`` if the request leaves it out, which SAML allows."""

    aspect: Aspect
    label: str
    desired: str
    sent: str
    agrees: bool | None


def compare(settings: Settings, profile: RecordedProfile, seen: Captured) -> list[Comparison]:
    """Compare the request's Mimecast values with region and account, and the rest with the form."""
    request = seen.request
    wanted_contexts = tuple(name for key, name in _CONTEXTS.items() if profile.form[key])
    rows = [
        _row("issuer", "issuer", settings.identifier, request.issuer),
        _row("destination", "destination", str(profile.form["loginUrl"]), destination(seen)),
        _row("replyUrl", "reply URL", settings.reply_url, request.assertion_consumer_service_url),
        Comparison(
            "contexts",
            "contexts",
            _listed(wanted_contexts),
            _listed(request.requested_authn_contexts),
            set(wanted_contexts) == set(request.requested_authn_contexts),
        ),
    ]
    if profile.opens and profile.form.get("enforcePersonalPortal") is False:
        rows.append(_not_enforced(profile, request.issue_instant))
    return rows


def _not_enforced(profile: RecordedProfile, sent: datetime) -> Comparison:
    """A request proves that Mimecast enforces SAML; soon after the confirmation it may act on the form before."""
    since = datetime.fromisoformat(str((profile.confirmed or {})["at"]))
    agrees = None if sent - since < TAKES_EFFECT else False
    return Comparison(
        "enforcement", "enforcement", "no request (enforce.personalPortal is false)", "sent", agrees
    )


def _row(aspect: Aspect, label: str, desired: str, sent: str | None) -> Comparison:
    return Comparison(aspect, label, desired, sent or _NOT_SENT, sent == desired if sent else None)


def destination(seen: Captured) -> str | None:
    """The destination stated in the request, else the URL that the browser sent it to."""
    return seen.request.destination or seen.sent_to


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
