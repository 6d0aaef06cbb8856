"""What a person said of the console, against what Mimecast sent and logged since.

The audit log shows that somebody changed profiles or application settings, not what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mimecast_sso.console import attestation
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.profiles import Profile
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.verify.checks import Check, Result
from mimecast_sso.operations.verify.sign_in_request import Comparison, destination
from mimecast_sso.settings import CapturedRequest, Confirmed, ConsoleChange, Evidence, Settings
from mimecast_sso.text.times import utc_text
from providers.mimecast import audit
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.captures import Captured

_ASSUMED = "which events would show one is assumed"
_BASIS = {
    "due": "nobody confirmed the wanted values; nothing is recorded",
    "claimed": "a person's word; capture a sign-in request to prove it",
    "proved": "a sign-in request sent after the confirmation agrees; it does not show the certificate",
    "stale": "compare the console with the run sheet, then confirm again; nobody is added until then",
    "contradicted": "set the console as the run sheet says, then confirm again; nobody is added until then",
}


@dataclass(frozen=True, slots=True)
class Log:
    """Mimecast's audit log since a confirmation; ``unread`` says why it was not read."""

    events: audit.Events | None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The profile's state after everything that was seen."""

    state: attestation.State
    recorded: bool
    """Whether something new was written beside the confirmation."""

    def lines(self) -> Iterator[str]:
        """As text."""
        yield f"Authentication profile: {self.state} ({_BASIS[self.state]})"
        if self.recorded:
            yield "Recorded beside the confirmation in the stack's file. Deploy it: up"

    @property
    def code(self) -> Exit:
        """2 where the confirmation does not hold any more."""
        return Exit.CHANGES if self.state in ("contradicted", "stale") else Exit.FINE


def current(settings: Settings, profile: Profile) -> Confirmed | None:
    """The confirmation of exactly the wanted values; None when there is none."""
    confirmed = settings.authentication_profile.confirmed_of(profile.lane)
    return confirmed if confirmed and confirmed.fingerprint == profile.fingerprints.critical else None


def read_log(connected: Callable[[], MimecastClient], confirmed: Confirmed) -> Log:
    """What Mimecast's audit log has since the confirmation."""
    try:
        return Log(audit.events_since(connected(), datetime.fromisoformat(confirmed.at)))
    except MimecastError as error:
        return Log(None, " ".join(str(error).split()))


def check(log: Log, confirmed: Confirmed) -> list[Check]:
    """Whether somebody changed the console since."""
    what = f"console since {confirmed.at}"
    known = f"read live: Mimecast's audit log; confirmed by {confirmed.by}"
    if log.events is None:
        found = f"unknown, the audit log was not read. {log.unread}"
        return [Check(what, Result.UNKNOWN, found, "unknown")]
    if not log.events.changes:
        found = f"the audit log shows no change of profiles or application settings ({_ASSUMED})"
        return [Check(what, Result.FINE, found, known)]
    return [
        Check(
            what,
            Result.DIFFERS,
            f"{utc_text(change.at)} {change.event}, by {change.by}: {change.details}",
            known,
        )
        for change in log.events.changes
    ]


def judge(
    stack: Stack,
    settings: Settings,
    profile: Profile,
    log: Log,
    captured: tuple[Captured, Sequence[Comparison]] | None,
    *,
    by: str,
) -> Judgement:
    """The state of the profile, with what was seen recorded in the stack's file.

    Raises OperationError for a request from before the confirmation: it shows nothing about what was confirmed.
    """
    confirmed = current(settings, profile)
    if confirmed is None:
        return Judgement("due", recorded=False)
    before = settings.authentication_profile.evidence_of(profile.lane) or Evidence()
    request = _request(captured, confirmed, by) if captured else before.request
    changes = log.events.changes if log.events else ()
    evidence = Evidence(request=request, change=_recorded(changes[-1]) if changes else before.change)
    recorded = evidence not in (before, Evidence())
    if recorded:
        stack.record(evidence, profile.lane)
    state = attestation.state(
        profile.form,
        profile.thumbprint,
        confirmed.model_dump(),
        stack.settings().authentication_profile.known(datetime.now(UTC).date(), profile.lane),
    )
    return Judgement(state, recorded)


def lines(log: Log, confirmed: Confirmed) -> Iterator[str]:
    """What the log has of the console, as text."""
    since = f"since the confirmation by {confirmed.by} of {confirmed.at}"
    if log.events is None:
        yield f"Console {since}: unknown, the audit log was not read. {log.unread}"
    elif not log.events.changes:
        yield f"Console {since}: the audit log shows no change of profiles or application settings ({_ASSUMED})."
    else:
        yield f"Console {since}: {len(log.events.changes)} changes of profiles or application settings"
        yield from (
            f"  {utc_text(change.at)}  {change.event}, by {change.by}: {change.details}"
            for change in log.events.changes
        )


def _request(
    captured: tuple[Captured, Sequence[Comparison]], confirmed: Confirmed, by: str
) -> CapturedRequest:
    seen, rows = captured
    at = utc_text(seen.request.issue_instant)
    if at < confirmed.at:
        raise OperationError(
            f"Mimecast sent this request at {at}, before the confirmation of {confirmed.at}, so it shows nothing "
            "about what was confirmed. Sign in anew, and capture that.",
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


def _recorded(change: audit.ConsoleChange) -> ConsoleChange:
    return ConsoleChange(at=utc_text(change.at), event=change.event, by=change.by)
