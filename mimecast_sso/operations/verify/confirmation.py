"""Compare an attestation of the console with Mimecast's later sign-in requests and audit log.

The audit log shows that profiles or application settings were changed, but not how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.console import attestation
from mimecast_sso.operations import tenant
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.verify.sign_in_request import Comparison, destination
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import CapturedRequest, Confirmed, ConsoleChange, Evidence, Settings
from mimecast_sso.text.times import utc_text
from providers.mimecast import audit
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.captures import Captured

_ASSUMED = "which events show a change is assumed"
_SUBJECT = "authentication profile"
_MEANS: dict[attestation.State, tuple[Verdict, str]] = {
    "due": (Verdict.WAITING, "nobody has confirmed the configured values"),
    "claimed": (Verdict.FINE, "attested only; capture a sign-in request to prove it"),
    "read": (
        Verdict.FINE,
        "attested, and a copy of the console's forms agrees; capture a sign-in request to prove it",
    ),
    "proved": (Verdict.FINE, "a later sign-in request agrees; it does not show the certificate"),
    "stale": (
        Verdict.FAILS,
        "compare the console with the run sheet, then confirm again; nobody is added until then",
    ),
    "contradicted": (
        Verdict.FAILS,
        "set the console as on the run sheet, then confirm again; nobody is added until then",
    ),
}


@dataclass(frozen=True, slots=True)
class Log:
    """Mimecast's audit log since a confirmation; ``unread`` says why it was not read."""

    events: audit.Events | None
    unread: str = ""


def current(settings: Settings, profile: RecordedProfile) -> Confirmed | None:
    """The confirmation of exactly the configured values; None if there is none."""
    confirmed = settings.authentication_profile.confirmed_of(profile.slot)
    return confirmed if confirmed and confirmed.fingerprint == profile.fingerprints.critical else None


def read_log(
    connected: Callable[[], MimecastClient],
    confirmed: Confirmed,
    group: str,
    known: audit.AuditLog | None = None,
) -> Log:
    """Read Mimecast's audit log since the confirmation; ``group`` is the one that the settings are bound to.

    The part that is ``known`` is not read again; it has no log-ons.
    """
    try:
        since = datetime.fromisoformat(confirmed.at)
        if known is not None and known.since <= since:
            return Log(audit.Events(known.console_changes(since, group), ()))
        return Log(audit.events_since(connected(), since, group))
    except MimecastError as error:
        return Log(None, " ".join(str(error).split()))


def check(log: Log, confirmed: Confirmed) -> list[Statement]:
    """State whether the console was changed since the confirmation."""
    subject = f"console since {confirmed.at}"
    if log.events is None:
        return [Statement("the audit log was not read", How.UNKNOWN, log.unread, Verdict.UNKNOWN, subject)]
    source = f"Mimecast's audit log; confirmed by {confirmed.by}"
    if not log.events.changes:
        text = f"the audit log shows no change of profiles or application settings ({_ASSUMED})"
        return [Statement(text, How.LIVE, source, Verdict.FINE, subject)]
    return [
        Statement(
            f"{utc_text(change.at)} {change.event}, by {change.by}: {change.details}",
            How.LIVE,
            source,
            Verdict.DIFFERS,
            subject,
        )
        for change in log.events.changes
    ]


def judge(
    stack: Stack,
    settings: Settings,
    profile: RecordedProfile,
    log: Log,
    captured: tuple[Captured, Sequence[Comparison]] | None,
    *,
    by: str,
    record: bool = True,
) -> tuple[Statement, ...]:
    """State the profile's state, and record the evidence in the stack file unless ``record`` is false.

    Raises:
        OperationError: The request was sent before the confirmation, so it shows nothing about what was confirmed.
    """
    confirmed = current(settings, profile)
    if confirmed is None:
        return (_state("due", How.CONFIGURED, stack.config_file.name),)
    before = settings.authentication_profile.evidence_of(profile.slot) or Evidence()
    request = _request(captured, confirmed, by) if captured else before.request
    changes = log.events.changes if log.events else ()
    change = _recorded(changes[-1]) if changes else before.change
    evidence = Evidence(request=request, readBack=before.read_back, change=change)
    recorded = record and evidence not in (before, Evidence())
    if recorded:
        stack.record(evidence, profile.slot)
    state = attestation.state(
        profile.form,
        profile.thumbprint,
        confirmed.document(),
        stack.settings().authentication_profile.known(tenant.mimecast_time(stack).at.date(), profile.slot),
    )
    if request and state in ("proved", "contradicted"):
        said = _state(state, How.SEEN, f"a sign-in request of {request.at}, captured by {request.by}")
    else:
        said = _state(state, How.ATTESTED, attestation.attested_by(confirmed.document()))
    return (said, _written(stack)) if recorded else (said,)


def _state(state: attestation.State, how: How, source: str) -> Statement:
    verdict, means = _MEANS[state]
    return Statement(f"{state}: {means}", how, source, verdict, _SUBJECT)


def _written(stack: Stack) -> Statement:
    text = f"recorded with the confirmation. Deploy it: mimecast-sso up --stack {stack.name}"
    return Statement(text, How.CONFIGURED, stack.config_file.name, Verdict.NOTE, "evidence")


def _request(
    captured: tuple[Captured, Sequence[Comparison]], confirmed: Confirmed, by: str
) -> CapturedRequest:
    seen, rows = captured
    at = utc_text(seen.request.issue_instant)
    if at < confirmed.at:
        raise OperationError(
            f"Mimecast sent this request at {at}, before the confirmation at {confirmed.at}, so it does not prove "
            "what was confirmed. Sign in again and capture that request.",
            Exit.REFUSED,
        )
    return CapturedRequest(
        fingerprint=confirmed.fingerprint,
        at=at,
        by=by,
        issuer=seen.request.issuer,
        destination=destination(seen),
        replyUrl=seen.request.assertion_consumer_service_url,
        contexts=seen.request.requested_authn_contexts,
        differs=tuple(row.aspect for row in rows if row.agrees is False),
    )


def _recorded(change: audit.LoggedConsoleChange) -> ConsoleChange:
    return ConsoleChange(at=utc_text(change.at), event=change.event, by=change.by)
