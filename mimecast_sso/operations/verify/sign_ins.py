"""Real sign-ins: Entra's log joined with Mimecast's, person by person.

Entra's log shows that an assertion was issued, Mimecast's that somebody logged on. A person is *proved* if Mimecast
accepted them right after the last assertion, and *failing* if it did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mimecast_sso.facts.entra_sign_ins import CONFIGURATION_ERRORS, LATENCY_MINUTES, RETENTION_DAYS
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import shown, utc_text
from providers.entra import people, sign_ins
from providers.entra.errors import GraphError
from providers.mimecast.audit import LogOn

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.confirmation import Log
    from providers.entra.graph import GraphClient

_LOGS = "both logs, joined by address and time"
_SKEW = timedelta(minutes=5)
_WINDOW = timedelta(minutes=15)
"""Between the assertion and the log-on: a browser takes seconds, and the vendors' clocks differ."""
_LATE = timedelta(minutes=LATENCY_MINUTES)


@dataclass(frozen=True, slots=True)
class LastSignIn:
    """The result of a person's last sign-in: fine, failing, or too recent to tell (waiting)."""

    address: str
    at: datetime
    verdict: Verdict
    text: str


def check(
    graph: GraphClient, client_id: str, since: datetime, log: Log, members: Iterable[str]
) -> Iterator[Statement]:
    """Check the sign-ins to the application since a moment; ``members`` are the people of the roll-out group."""
    subject = f"sign-ins since {utc_text(since)}"
    if log.events is None:
        text = "Mimecast's audit log was not read"
        yield Statement(text, How.UNKNOWN, log.unread, Verdict.UNKNOWN, subject)
        return
    try:
        entra = sign_ins.since(graph, client_id, since)
        addresses = _addresses(graph, entra)
        now = graph.now()
    except GraphError as error:
        yield _unread(subject, error)
        return
    found = join(entra, log.events.log_ons, addresses, now)
    yield _summary(subject, found, frozenset(members), _covered(entra, since, now))
    for each in found:
        if each.verdict is Verdict.FAILS:
            yield Statement(each.text, How.LIVE, _LOGS, Verdict.FAILS, f"  {each.address}")


def _covered(entra: Sequence[sign_ins.SignIn], since: datetime, now: datetime) -> str:
    """How far back the log goes, in words, where that is less far than ``since``; else ""."""
    if len(entra) >= sign_ins.MOST:
        return f"since {shown(entra[0].at)}; only the newest {sign_ins.MOST:,} entries were read"
    kept = now - timedelta(days=RETENTION_DAYS)
    return f"since {shown(kept)}; Entra keeps its log for {RETENTION_DAYS} days" if since < kept else ""


def join(
    entra: Sequence[sign_ins.SignIn], mimecast: Sequence[LogOn], addresses: Mapping[str, str], now: datetime
) -> list[LastSignIn]:
    """The result of each person's last sign-in. ``addresses``: Entra's object id → address at Mimecast."""
    last: dict[str, sign_ins.SignIn] = {}
    for sign_in in entra:
        # Wrong passwords and prompts say nothing about the setup; assertions and refusals by configuration do.
        if not sign_in.error or sign_in.error in CONFIGURATION_ERRORS:
            last[addresses.get(sign_in.user_id) or sign_in.user_principal_name] = sign_in
    return [_judged(address, last[address], mimecast, now) for address in sorted(last)]


def _judged(address: str, issued: sign_ins.SignIn, mimecast: Sequence[LogOn], now: datetime) -> LastSignIn:
    if issued.error:
        why = CONFIGURATION_ERRORS[issued.error]
        found = f"refused by Entra at {utc_text(issued.at)}: AADSTS{issued.error}, {why}"
        return LastSignIn(address, issued.at, Verdict.FAILS, found)
    after = [
        each
        for each in mimecast
        if each.address == address and issued.at - _SKEW <= each.at <= issued.at + _WINDOW
    ]
    if any(each.succeeded for each in after):
        return LastSignIn(address, issued.at, Verdict.FINE, f"issued at {utc_text(issued.at)} and accepted")
    refusal = next((each for each in reversed(after) if not each.succeeded), None)
    found = f"issued by Entra at {utc_text(issued.at)}, not accepted by Mimecast"
    if refusal:
        return LastSignIn(address, issued.at, Verdict.FAILS, f"{found}: {refusal.details}")
    if now < issued.at + _LATE:
        return LastSignIn(address, issued.at, Verdict.WAITING, f"{found} yet, or not logged yet")
    return LastSignIn(address, issued.at, Verdict.FAILS, f"{found}: no log-on followed")


def _summary(
    subject: str, found: Sequence[LastSignIn], members: frozenset[str], covered: str = ""
) -> Statement:
    proved, failing, fresh = (
        [each.address for each in found if each.verdict is verdict]
        for verdict in (Verdict.FINE, Verdict.FAILS, Verdict.WAITING)
    )
    silent = sorted(members - {each.address for each in found})
    parts = [f"{len(proved)} proved ({enumerate_some(proved)})" if proved else "0 proved"]
    parts += [f"{len(failing)} failing"] if failing else []
    parts += [f"{len(fresh)} too recent to tell"] if fresh else []
    if silent:
        names = enumerate_some(silent)
        parts.append(
            f"{len(silent)} without a sign-in {covered} ({names})"
            if covered
            else f"{len(silent)} without a sign-in yet ({names})"
        )
    verdict = Verdict.FAILS if failing else Verdict.FINE if proved else Verdict.WAITING
    return Statement(", ".join(parts), How.LIVE, _LOGS, verdict, subject)


def _addresses(graph: GraphClient, entra: Iterable[sign_ins.SignIn]) -> dict[str, str]:
    """The mail address of each person, which is what the assertion contains."""
    ids = sorted({sign_in.user_id for sign_in in entra if sign_in.user_id})
    found = people.users_with(graph, "id", ids) if ids else []
    return {user.object_id: user.mail.lower() for user in found if user.mail}


def _unread(subject: str, error: GraphError) -> Statement:
    reason = sign_ins.unavailable(error)
    if reason:
        text = "Entra's sign-in log cannot be read here"
        return Statement(text, How.UNKNOWN, reason, Verdict.NOT_POSSIBLE, subject)
    return Statement("Entra's sign-in log was not read", How.UNKNOWN, str(error), Verdict.UNKNOWN, subject)
