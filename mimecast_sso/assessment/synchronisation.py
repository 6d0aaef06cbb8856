"""Directory synchronisation at Mimecast: its connections, its integration, and the addresses it brings. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.snapshot import INTEGRATION_ONLY, Snapshot
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.settings import AddressSource, DirectorySynchronisation, IntegrationMode
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import domain_of, enumerate_some
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count, people
from providers.mimecast.directory_connection import DirectoryConnection
from providers.mimecast.directory_integration import Integration
from providers.mimecast.directory_integration import shown as value_of

OVERDUE = timedelta(days=1)
"""Mimecast support documents three runs a day (article 34000322855699)."""

SUBJECT = "directory synchronisation"
_SYNCHRONISED = "mimecast-sso:addresses.source is synchronised"
_MIMECAST = "Mimecast"

# -- The account's connections --------------------------------------------------------------------------------------


def statements(
    connections: Known[tuple[DirectoryConnection, ...]], now: datetime, *, needed: bool
) -> Iterator[Statement]:
    """State whether the account synchronises a directory, and the last run.

    Args:
        connections: The account's connections.
        now: Mimecast's time.
        needed: Whether the configuration takes its addresses from it.
    """
    if connections.value is None:
        yield Statement(
            "Whether the account synchronises a directory",
            How.UNKNOWN,
            connections.source,
            Verdict.UNKNOWN if needed else Verdict.NOTE,
            SUBJECT,
        )
    elif not connections.value:
        text = "The account synchronises no directory"
        if needed:
            text += f", but {_SYNCHRONISED}: the addresses have to be created by other means"
        yield connections.states(text, Verdict.WARNS if needed else Verdict.NOTE, SUBJECT)
    else:
        for connection in connections.value:
            problem = problem_of(connection, now)
            text = f"Directory connection {quoted(connection.description)}: {problem or _last(connection)}"
            good = Verdict.FINE if needed else Verdict.NOTE
            yield connections.states(text, Verdict.WARNS if problem else good, SUBJECT)


def of_snapshot(snapshot: Snapshot) -> Iterator[Statement]:
    """The `statements` of a snapshot, if the configuration takes addresses from the directory or manages it."""
    connections = snapshot.connections
    asked = connections.value is not None or not connections.is_known
    if asked and (connections.value != () or connections.source != INTEGRATION_ONLY):
        yield from statements(connections, snapshot.mimecast_now, needed=True)


def of_desired(desired: Desired) -> Iterator[Statement]:
    """All statements: connections, managed integration, and people's addresses."""
    yield from of_snapshot(desired.snapshot)
    yield from integration(desired)
    yield from addresses(desired)


def problem_of(connection: DirectoryConnection, now: datetime) -> str:
    """Why a connection will bring no addresses, as a clause; "" if no problem is known."""
    if connection.enabled is False:
        return "disabled, so no addresses are added or changed"
    if connection.status not in ("", "ok"):
        return f"its status at Mimecast is {connection.status}; {_last(connection)}"
    if connection.last_sync and now - connection.last_sync > OVERDUE:
        return f"overdue: it last ran at {shown(connection.last_sync)}"
    return ""


def _last(connection: DirectoryConnection) -> str:
    if connection.last_sync is None:
        return "Mimecast shows no last run"
    return f"last ran at {shown(connection.last_sync)}"


# -- Addresses ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether directory synchronisation brings an address that Mimecast does not have.

    Attributes:
        expected: Unknown if the connections could not be read. An expectation is only assumed: no API
            shows whom a run will bring.
        why: As a clause.
    """

    expected: Known[bool]
    why: str


def arrival(snapshot: Snapshot, address: str) -> Arrival:
    """Whether the next run brings an address, by what was read of the account's connections."""
    connections = snapshot.connections
    if connections.value is None:
        return Arrival(
            Known(None, How.UNKNOWN, connections.source), "whether a directory is synchronised is unknown"
        )
    if not connections.value:
        return _not_expected("the account synchronises no directory")
    if snapshot.domains.is_known and not snapshot.is_internal(domain_of(address)):
        return _not_expected(f"{domain_of(address)} is not an internal domain of the account")
    covering = [each for each in connections.value if _covers(each.domains, address)]
    if not covering:
        return _not_expected(f"no directory connection covers {domain_of(address)}")
    problems = {each.description: problem_of(each, snapshot.mimecast_now) for each in covering}
    good = [each for each in covering if not problems[each.description]]
    if not good:
        return _not_expected("; ".join(f"{quoted(name)} is {problem}" for name, problem in problems.items()))
    return Arrival(
        Known(True, How.ASSUMED, f"{quoted(good[0].description)}, read at Mimecast"), _last(good[0])
    )


def _not_expected(why: str) -> Arrival:
    return Arrival(Known(False, How.LIVE, _MIMECAST), why)


def _covers(domains: Iterable[str], address: str) -> bool:
    named = {each.lower() for each in domains}
    return not named or domain_of(address) in named


def addresses(desired: Desired) -> Iterator[Statement]:
    """State who owns the people's addresses, and whether missing ones will be brought.

    Only if the configuration takes the addresses from the directory.
    """
    snapshot = desired.snapshot
    live = snapshot.addresses.value
    if desired.settings.addresses.source is not AddressSource.SYNCHRONISED or live is None:
        return
    present = [each for each in desired.addresses if each in live]
    unowned = sorted(each for each in present if not live[each].synchronised)
    if unowned:
        verb = "is" if len(unowned) == 1 else "are"
        yield Statement(
            f"{len(unowned)} of {count(len(present), 'address')} {verb} not owned by directory "
            f"synchronisation, so no run changes them: {enumerate_some(unowned)}",
            How.LIVE,
            _MIMECAST,
            Verdict.NOTE,
            SUBJECT,
        )
    missing: dict[Arrival, list[str]] = defaultdict(list)
    for address in sorted(set(desired.addresses) - live.keys()):
        missing[arrival(snapshot, address)].append(address)
    for found, who in missing.items():
        yield _arriving(found, who)


def _arriving(found: Arrival, who: list[str]) -> Statement:
    verb, it = ("has", "it") if len(who) == 1 else ("have", "theirs")
    subject = f"{people(len(who))} {verb} no address at Mimecast ({enumerate_some(who)})"
    expected = found.expected
    if expected.value is None:
        text = f"{subject}, and {found.why}"
        return Statement(text, How.UNKNOWN, expected.source, Verdict.UNKNOWN, SUBJECT)
    if expected.value:
        text = f"{subject}; the next run of directory synchronisation should bring {it} ({found.why})"
        return Statement(text, expected.how, expected.source, Verdict.WAITING, SUBJECT)
    text = f"{subject}, and directory synchronisation does not bring {it}: {found.why}"
    return Statement(text, expected.how, expected.source, Verdict.WARNS, SUBJECT)


# -- The integration that is managed --------------------------------------------------------------------------------


def removed_addresses(desired: Desired) -> frozenset[str]:
    """Addresses that the configured integration would delete and the live one does not.

    It deletes what it no longer covers (``deleteUsers``): other domains, another tenant's accounts, or guests that it
    no longer synchronises; where it deleted nothing until now, also what it stopped covering earlier. Addresses that
    another connection covers stay.
    """
    configured, live = desired.settings.directory_synchronisation, desired.snapshot.integration.value
    if (
        configured is None
        or configured.mode is not IntegrationMode.ENSURE
        or live is None
        or desired.destroys
    ):
        return frozenset()
    before, after = live.properties, {**live.properties, **configured.properties}
    if after.get("deleteUsers") is not True or after.get("enabled") is False or before == after:
        return frozenset()
    others = [
        each
        for each in desired.snapshot.connections.value or ()
        if each.description != live.description and each.enabled is not False
    ]
    # Whether both are domains of one tenant is unknown.
    of_another_tenant = before.get("tenantDomain") not in (None, after.get("tenantDomain"))
    deletes_now = before.get("deleteUsers") is True and before.get("enabled") is not False
    had_guests = not deletes_now or before.get("syncGuestUsers") is not False
    without_guests = had_guests and after.get("syncGuestUsers") is False
    guests = _guests(desired.snapshot) if without_guests else frozenset[str]()
    return frozenset(
        address
        for address, found in (desired.snapshot.addresses.value or {}).items()
        if found.synchronised
        and (not deletes_now or _covers(before.get("domains") or (), address))
        and (of_another_tenant or address in guests or not _covers(after.get("domains") or (), address))
        and not any(_covers(each.domains, address) for each in others)
    )


def _guests(snapshot: Snapshot) -> frozenset[str]:
    """The addresses of guests, and of accounts of which that could not be read."""
    by_mail = snapshot.by_name_id["mail"]
    return frozenset(address for address, account in by_mail.items() if account.guest is not False)


def integration(desired: Desired) -> Iterator[Statement]:
    """State what a run does with the managed integration, and the effect on addresses."""
    configured, recorded = desired.settings.directory_synchronisation, desired.record.integration
    known = desired.snapshot.integration
    if configured is None:
        if recorded is not None and not desired.destroys:
            yield Statement(
                f"The directory integration {quoted(recorded.description)} is no longer managed. It stays at Mimecast, "
                "unchanged",
                How.CONFIGURED,
                "directorySynchronisation",
                Verdict.NOTE,
                SUBJECT,
            )
    elif not known.is_known:
        yield known.states(
            f"Whether the directory integration {quoted(configured.description)} is as configured",
            subject=SUBJECT,
        )
    else:
        yield from _as_configured(configured, known, recorded.properties if recorded else None)
        yield from _removing(sorted(removed_addresses(desired)), configured.description)


_CONNECTOR = ". It runs once an administrator has authorised Mimecast's connector in Entra"


def _removing(gone: list[str], name: str) -> Iterator[Statement]:
    if gone:
        yield Statement(
            f"Once it is changed, the next run of {quoted(name)} may delete "
            f"{count(len(gone), 'address')} that it no longer covers: {enumerate_some(gone)}",
            How.ASSUMED,
            "deleteUsers deletes what the integration does not cover",
            Verdict.WARNS,
            SUBJECT,
        )


def _as_configured(
    configured: DirectorySynchronisation, known: Known[Integration], recorded: Mapping[str, JSON] | None
) -> Iterator[Statement]:
    name, live = f"The directory integration {quoted(configured.description)}", known.value
    required = configured.mode is IntegrationMode.REQUIRE
    if live is None:
        text = (
            f"{name} does not exist, but its mode is require: the run will fail"
            if required
            else f"{name} is created at Mimecast: people of {configured.tenant_domain} get addresses in the account's "
            f"internal domains{'' if configured.connector_id else _CONNECTOR}"
        )
        yield known.states(text, Verdict.WARNS, SUBJECT)
        return
    differing = live.differences(configured.properties)
    if not differing:
        return
    listed = "; ".join(
        f"{key} from {value_of(value)} to {value_of(configured.properties[key])}"
        for key, value in differing.items()
    )
    if required:
        text = f"{name} differs, and its mode is require ({listed})"
    elif recorded == configured.properties:
        text = f"{name} was changed outside this stack; a run that refreshes changes {listed}"
    else:
        text = f"{name} is changed at Mimecast: {listed}"
    yield known.states(text, Verdict.WARNS, SUBJECT)


def found_in_advance(configured: DirectorySynchronisation, known: Known[Integration]) -> Statement:
    """State whether the configured integration exists, before anything is deployed."""
    name = f"directory integration {quoted(configured.description)}"
    if not known.is_known:
        return known.states(f"whether the {name} exists", subject=SUBJECT)
    if known.value is None:
        if configured.mode is IntegrationMode.REQUIRE:
            return known.states(
                f"the {name} does not exist, and its mode is require", Verdict.MISSING, SUBJECT
            )
        return known.states(f"the {name} does not exist yet, and is created", Verdict.NOTE, SUBJECT)
    differing = known.value.differences(configured.properties)
    if not differing:
        return known.states(f"the {name} is as configured", Verdict.FINE, SUBJECT)
    listed = "; ".join(
        f"{key} is {value_of(value)}, configured is {value_of(configured.properties[key])}"
        for key, value in differing.items()
    )
    if configured.mode is IntegrationMode.REQUIRE:
        return known.states(
            f"the {name} differs, and its mode is require: {listed}", Verdict.DIFFERS, SUBJECT
        )
    return known.states(f"the {name} differs and is changed: {listed}", Verdict.NOTE, SUBJECT)
