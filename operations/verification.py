"""Whether what Mimecast sends and logs agrees with what a person confirmed.

Two things are looked at. A *sign-in request* (SAML AuthnRequest) shows what Mimecast calls itself, where it sends
people, where it wants the answer, and which authentication contexts it asks for; it does not show the certificate.
The *audit log* shows that somebody changed profiles or application settings afterwards, not what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from components.settings import CapturedRequest, Confirmed, ConsoleChange, Evidence, Settings
from operations.exit_codes import Exit, OperationError
from operations.profiles import Profile
from operations.stacks import Stack
from operations.tenant import connect
from providers.mimecast import audit, authentication_profile
from providers.mimecast.errors import MimecastError
from saml import authn_request
from saml.authn_request import AuthnRequest, Binding
from saml.errors import MalformedRequest
from saml.names import CONTEXT_INTEGRATED, CONTEXT_PASSWORD_PROTECTED

_FIELD = "SAMLRequest"
_SIZE_LIMIT = 256 * 1024 * 1024
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_CONTEXTS = {
    "passwordProtectedContext": CONTEXT_PASSWORD_PROTECTED,
    "integratedAuthenticationContext": CONTEXT_INTEGRATED,
}
_NOT_SENT = "(not sent)"

Aspect = Literal["issuer", "destination", "replyUrl", "contexts"]


# -- Finding the request --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Captured:
    """A sign-in request, and the address that the browser took it to, when that is known."""

    request: AuthnRequest
    sent_to: str | None


def captured(given: str) -> Captured:
    """The sign-in request in a redirect URL, a HAR file, a form's text, or its base64 value (or a file of these).

    Of a HAR file the last sign-in request is taken. Nothing else of it is kept: no cookie, no assertion.

    Raises OperationError when there is no readable request; the text shows nothing of what was given.
    """
    text = _content(given.strip())
    if text.startswith(("https://", "http://")):
        return _of_url(text)
    if text.startswith("{"):
        return _of_har(text)
    if f"{_FIELD}=" in text:
        values = parse_qs(text).get(_FIELD)
        return Captured(_parsed(values[0] if values else "", "post", "redirect"), None)
    return Captured(_parsed(unquote(text) if "%" in text else text, "post", "redirect"), None)


def _content(given: str) -> str:
    path = Path(given)
    try:
        if not path.is_file():
            return given
        if path.stat().st_size > _SIZE_LIMIT:
            raise OperationError(f"{path} is longer than {_SIZE_LIMIT // 1024 // 1024} MB.")
        return path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        raise OperationError(f"{path} is no text.") from None
    except OSError:
        return given  # Too long for the name of a file, for one.


def _of_url(url: str) -> Captured:
    values = parse_qs(urlsplit(url).query).get(_FIELD)
    if not values:
        raise OperationError(
            f"The URL has no {_FIELD} parameter. Capture the redirect to the identity provider."
        )
    return Captured(_parsed(values[0], "redirect", "post"), _without_query(url))


def _of_har(text: str) -> Captured:
    try:
        entries = json.loads(text)["log"]["entries"]
        requests = [entry["request"] for entry in entries]
        found = [
            (value, binding, str(request["url"]))
            for request in requests
            for value, binding in _values(request)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError("The file is no HAR file (HTTP Archive) of a browser.") from None
    if not found:
        raise OperationError(f"None of the {len(requests)} requests of the HAR file has a {_FIELD}.")
    value, binding, url = found[-1]
    return Captured(_parsed(value, binding), _without_query(url))


def _values(request: dict[str, Any]) -> Iterator[tuple[str, Binding]]:
    for value in parse_qs(urlsplit(str(request["url"])).query).get(_FIELD, []):
        yield value, "redirect"
    posted = request.get("postData") or {}
    values = [str(each["value"]) for each in posted.get("params") or () if each.get("name") == _FIELD]
    for value in values or parse_qs(str(posted.get("text") or "")).get(_FIELD, []):
        yield (unquote(value) if "%" in value else value), "post"


def _parsed(value: str, *bindings: Binding) -> AuthnRequest:
    problem = ""
    for binding in bindings:
        # A plus sign is a blank in a form's text that was pasted without its percent signs.
        try:
            return authn_request.parse(value.replace(" ", "+"), binding=binding)
        except MalformedRequest as error:
            problem = problem or str(error)
    raise OperationError(f"That is no SAML sign-in request: {problem.splitlines()[0]}")


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


# -- Comparing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """One aspect of the request; ``agrees`` is ``None`` where the request leaves it open, which SAML allows."""

    aspect: Aspect
    label: str
    wanted: str
    sent: str
    agrees: bool | None


def compare(settings: Settings, profile: Profile, seen: Captured) -> list[Comparison]:
    """The request against the wanted values: region and account for Mimecast's own, the form for the rest."""
    request = seen.request
    wanted_contexts = tuple(name for key, name in _CONTEXTS.items() if profile.form[key])
    return [
        _row("issuer", "Issuer (Mimecast's entity id)", settings.identifier, request.issuer),
        _row("destination", "Destination (Login URL)", str(profile.form["loginUrl"]), _destination(seen)),
        _row("replyUrl", "Reply URL", settings.reply_url, request.assertion_consumer_service_url),
        Comparison(
            "contexts",
            "Requested authentication contexts",
            _listed(wanted_contexts),
            _listed(request.requested_authn_contexts),
            set(wanted_contexts) == set(request.requested_authn_contexts),
        ),
    ]


def _row(aspect: Aspect, label: str, wanted: str, sent: str | None) -> Comparison:
    return Comparison(aspect, label, wanted, sent or _NOT_SENT, sent == wanted if sent else None)


def _destination(seen: Captured) -> str | None:
    return seen.request.destination or seen.sent_to


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


# -- Judging --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: the rows of a comparison, the console's changes, and the state that follows."""

    rows: list[Comparison]
    changes: list[audit.ConsoleChange] | None
    """Since the confirmation; ``None`` when the audit log was not read."""
    unread: str
    """Why it was not read; empty when it was, or when there is no confirmation to compare with."""
    state: authentication_profile.State
    confirmed: Confirmed | None
    recorded: bool

    @property
    def code(self) -> Exit:
        """2 where something differs or is stale; 1 where the audit log is unknown; else fine."""
        if any(row.agrees is False for row in self.rows) or self.state in ("contradicted", "stale"):
            return Exit.CHANGES
        return Exit.ERROR if self.unread else Exit.FINE

    def lines(self) -> Iterator[str]:
        """The findings as text."""
        if self.rows:
            yield "The sign-in request that Mimecast sent:"
        for row in self.rows:
            mark = {True: "agrees ", False: "DIFFERS", None: "open   "}[row.agrees]
            yield f"  {mark}  {row.label}: {row.sent}"
            if row.agrees is False:
                yield f"           wanted: {row.wanted}"
        yield from console_lines(self.changes, self.unread, self.confirmed)
        yield f"Authentication profile: {self.state} ({_basis(self)})"
        if self.recorded:
            yield "Recorded beside the confirmation in the stack's file. Deploy it: up"


def verify(stack: Stack, settings: Settings, profile: Profile, seen: Captured | None, *, by: str) -> Verdict:
    """Compares, and records what was found beside the confirmation in the stack's file.

    Raises OperationError for a request from before the confirmation: it shows nothing about what was confirmed.
    """
    rows = compare(settings, profile, seen) if seen else []
    confirmed = settings.authentication_profile.confirmed
    critical = profile.fingerprints.critical
    if confirmed is None or confirmed.fingerprint != critical:
        return Verdict(rows, None, "", "due", None, recorded=False)
    before = settings.authentication_profile.evidence or Evidence()
    request = _request(seen, rows, critical, by) if seen else before.request
    if seen and request and request.at < confirmed.at:
        raise OperationError(
            f"Mimecast sent this request at {request.at}, before the confirmation of {confirmed.at}, so it shows "
            "nothing about what was confirmed. Sign in anew, and capture that.",
            Exit.REFUSED,
        )
    changes, unread = console_changes(stack, confirmed)
    change = _last(changes) if changes else before.change
    evidence = Evidence(request=request, change=change)
    if evidence not in (before, Evidence()):
        stack.record(evidence)
    state = authentication_profile.state(
        profile.form,
        profile.thumbprint,
        confirmed.model_dump(),
        stack.settings().authentication_profile.known(datetime.now(UTC).date()),
    )
    return Verdict(rows, changes, unread, state, confirmed, recorded=evidence not in (before, Evidence()))


def console_changes(stack: Stack, confirmed: Confirmed) -> tuple[list[audit.ConsoleChange] | None, str]:
    """What the audit log shows since the confirmation; ``None`` and why when it cannot be read."""
    since = datetime.fromisoformat(confirmed.at)
    try:
        return audit.changes_since(connect(stack), since), ""
    except MimecastError as error:
        return None, " ".join(str(error).split())


def console_lines(
    changes: list[audit.ConsoleChange] | None, unread: str, confirmed: Confirmed | None
) -> Iterator[str]:
    """The console's changes as text; nothing where nothing was confirmed."""
    if confirmed is None:
        return
    since = f"since the confirmation by {confirmed.by} of {confirmed.at}"
    if changes is None:
        yield f"Console {since}: unknown, the audit log was not read. {unread}"
    elif not changes:
        yield (
            f"Console {since}: the audit log shows no change of profiles or application settings (which events "
            "would show one is assumed)."
        )
    else:
        yield f"Console {since}: {len(changes)} changes of profiles or application settings"
        yield from (
            f"  {change.at:{_TIME}}  {change.event}, by {change.by}: {change.details}" for change in changes
        )


def _request(seen: Captured, rows: list[Comparison], critical: str, by: str) -> CapturedRequest:
    return CapturedRequest(
        fingerprint=critical,
        at=seen.request.issue_instant.astimezone(UTC).strftime(_TIME),
        by=by,
        issuer=seen.request.issuer,
        destination=_destination(seen),
        replyUrl=seen.request.assertion_consumer_service_url,
        contexts=seen.request.requested_authn_contexts,
        differs=tuple(row.aspect for row in rows if row.agrees is False),
    )


def _last(changes: list[audit.ConsoleChange]) -> ConsoleChange:
    last = changes[-1]
    return ConsoleChange(at=last.at.astimezone(UTC).strftime(_TIME), event=last.event, by=last.by)


def _basis(verdict: Verdict) -> str:
    return {
        "due": "nobody confirmed the wanted values; nothing is recorded",
        "claimed": "a person's word; capture a sign-in request to prove it",
        "proved": "a sign-in request sent after the confirmation agrees; it does not show the certificate",
        "stale": "compare the console with the run sheet, then confirm again; nobody is added until then",
        "contradicted": "set the console as the run sheet says, then confirm again; nobody is added until then",
    }[verdict.state]
