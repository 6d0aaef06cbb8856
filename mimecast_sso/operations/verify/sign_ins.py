"""Sign-ins that really happened: Entra's log joined with Mimecast's, person by person.

Entra's log says that an assertion was issued, Mimecast's that somebody got in. A person is *proved* when Mimecast let
them in right after the last assertion, and *failing* when it did not: issued, not accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mimecast_sso.facts.entra_sign_ins import CONFIGURATION_ERRORS, LATENCY_MINUTES
from mimecast_sso.operations.verify.checks import Check, Result
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import utc_text
from providers.entra import people, sign_ins
from providers.entra.errors import GraphError
from providers.mimecast.audit import LogOn

if TYPE_CHECKING:
    from mimecast_sso.operations.verify.confirmation import Log
    from providers.entra.graph import GraphClient

_LIVE = "read live: both logs, joined by address and time"
_SKEW = timedelta(minutes=5)
_WINDOW = timedelta(minutes=15)
"""Between the assertion and the log-on: a browser takes seconds, and the clocks of two vendors differ."""
_LATE = timedelta(minutes=LATENCY_MINUTES)


@dataclass(frozen=True, slots=True)
class Person:
    """What became of a person's last sign-in: fine, failing, or too fresh to tell (waiting)."""

    address: str
    at: datetime
    result: Result
    found: str


def check(
    graph: GraphClient, client_id: str, since: datetime, log: Log, members: Iterable[str]
) -> Iterator[Check]:
    """The sign-ins of the application since a moment; ``members`` are the people of the roll-out group."""
    what = f"sign-ins since {utc_text(since)}"
    if log.events is None:
        yield Check(what, Result.UNKNOWN, f"Mimecast's audit log was not read. {log.unread}", "unknown")
        return
    try:
        entra = sign_ins.since(graph, client_id, since)
        addresses = _addresses(graph, entra)
        now = graph.now()
    except GraphError as error:
        yield _unread(what, error)
        return
    found = join(entra, log.events.log_ons, addresses, now)
    yield from _summary(what, found, frozenset(members))
    for person in found:
        if person.result is Result.FAILS:
            yield Check(f"  {person.address}", Result.FAILS, person.found, _LIVE)


def join(
    entra: Sequence[sign_ins.SignIn], mimecast: Sequence[LogOn], addresses: Mapping[str, str], now: datetime
) -> list[Person]:
    """What became of each person's last sign-in. ``addresses``: Entra's object id → address at Mimecast."""
    last: dict[str, sign_ins.SignIn] = {}
    for sign_in in entra:
        # Wrong passwords and prompts come and go; what Entra issued, or refuses by configuration, tells something.
        if not sign_in.error or sign_in.error in CONFIGURATION_ERRORS:
            last[addresses.get(sign_in.user_id) or sign_in.user_principal_name] = sign_in
    return [_person(address, last[address], mimecast, now) for address in sorted(last)]


def _person(address: str, issued: sign_ins.SignIn, mimecast: Sequence[LogOn], now: datetime) -> Person:
    if issued.error:
        why = CONFIGURATION_ERRORS[issued.error]
        found = f"refused by Entra at {utc_text(issued.at)}: AADSTS{issued.error}, {why}"
        return Person(address, issued.at, Result.FAILS, found)
    after = [
        each
        for each in mimecast
        if each.address == address and issued.at - _SKEW <= each.at <= issued.at + _WINDOW
    ]
    if any(each.succeeded for each in after):
        return Person(address, issued.at, Result.FINE, f"issued at {utc_text(issued.at)} and accepted")
    refusal = next((each for each in reversed(after) if not each.succeeded), None)
    found = f"issued by Entra at {utc_text(issued.at)}, not accepted by Mimecast"
    if refusal:
        return Person(address, issued.at, Result.FAILS, f"{found}: {refusal.details}")
    if now < issued.at + _LATE:
        return Person(address, issued.at, Result.WAITING, f"{found} yet, or not logged yet")
    return Person(address, issued.at, Result.FAILS, f"{found}: no log-on followed")


def _summary(what: str, found: Sequence[Person], members: frozenset[str]) -> Iterator[Check]:
    people_by = {
        result: [person.address for person in found if person.result is result]
        for result in (Result.FINE, Result.FAILS, Result.WAITING)
    }
    proved, failing, fresh = people_by.values()
    silent = sorted(members - {person.address for person in found})
    parts = [f"{len(proved)} proved ({enumerate_some(proved)})" if proved else "0 proved"]
    parts += [f"{len(failing)} failing"] if failing else []
    parts += [f"{len(fresh)} too fresh to tell"] if fresh else []
    parts += [f"{len(silent)} no traffic yet ({enumerate_some(silent)})"] if silent else []
    result = Result.FAILS if failing else Result.FINE if proved else Result.WAITING
    yield Check(what, result, ", ".join(parts), _LIVE)


def _addresses(graph: GraphClient, entra: Iterable[sign_ins.SignIn]) -> dict[str, str]:
    """The mail address of each person, which is what Mimecast is told."""
    ids = sorted({sign_in.user_id for sign_in in entra if sign_in.user_id})
    found = people.users_with(graph, "id", ids) if ids else []
    return {user.object_id: user.mail.lower() for user in found if user.mail}


def _unread(what: str, error: GraphError) -> Check:
    reason = sign_ins.unavailable(error)
    if reason:
        return Check(what, Result.NOT_POSSIBLE, f"Entra's sign-in log: {reason}", "unknown")
    return Check(what, Result.UNKNOWN, f"Entra's sign-in log was not read. {error}", "unknown")
