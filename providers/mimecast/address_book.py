"""Addresses (users) of internal domains: listed once per domain, compared, and only the difference written.

Mimecast has no call that deletes a user. Addresses that directory synchronisation owns (``source: ldap``) are
never written: the directory would undo it.

A few new addresses are created by single calls, some in parallel; many by files (`user_import`). They are then listed
again, and missing ones are created by single calls, which return the reason of a failure.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    CREATE_USER,
    GET_INTERNAL_USERS,
    READ_USER,
    UPDATE_USER,
    USERS_PATH,
    USERS_PER_UPDATE,
    USERS_PERMISSION,
    Endpoint,
)
from mimecast_sso.facts.mimecast_errors import FORBIDDEN_FOR_ADDRESS
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import domain_of, enumerate_some, same_key
from providers.mimecast.client import MimecastClient
from providers.mimecast.domains import list_domains
from providers.mimecast.errors import (
    AddressesRefused,
    Forbidden,
    MimecastError,
    NotFound,
    PartlyDone,
    Rejected,
    UnclearOutcome,
)
from providers.mimecast.user_import import IMPORT_FROM, files, fits_in_a_file, import_file

_log = logging.getLogger(__name__)

PARALLEL_WRITES = 4
_PAUSES = (0.5, 2.0, 0.0)
"""Seconds after each round: how soon a written address is listed is not documented."""
_ROUNDS = len(_PAUSES)
DISABLED_SAMPLE = 100
"""Maximum number of existing addresses whose disabled state is read: five per call."""
_PAUSES_FOR_LISTING = (2.0, 8.0)
"""Seconds between checks for imported addresses that are not listed yet."""


@dataclass(frozen=True, slots=True)
class DesiredAddress:
    """The desired state of an address. An empty ``name`` allows any name."""

    name: str = ""
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """An address in Mimecast's list; ``synchronised`` ones belong to a directory."""

    address: str
    name: str
    synchronised: bool
    alias: bool
    disabled: bool | None = None
    """Whether the account is disabled; None if the listing does not show it (`list_addresses` does not)."""


@dataclass(frozen=True, slots=True)
class AddressFlags:
    """Whether an address is disabled or locked; either prevents signing in."""

    disabled: bool
    locked: bool


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """The planned writes. ``passwords`` are existing addresses whose password is set.

    ``enable`` are adopted ones: they may have been disabled, which no listing shows.
    """

    create: tuple[str, ...]
    rename: tuple[str, ...]
    passwords: tuple[str, ...]
    enable: tuple[str, ...]
    refused: Mapping[str, str]
    """Address → why it cannot be changed, and what to do."""

    @property
    def update(self) -> tuple[str, ...]:
        """Existing addresses that are written, each once."""
        return tuple(dict.fromkeys((*self.rename, *self.passwords, *self.enable)))


class Listing:
    """The live addresses by domain, each domain listed once until something is written. Thread-safe."""

    def __init__(self, client: MimecastClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._domains: dict[str, dict[str, LiveAddress]] = {}
        self._listed_twice: set[str] = set()

    def of(self, addresses: Iterable[str], *, absent_for_sure: bool = False) -> dict[str, LiveAddress]:
        """The existing ones of ``addresses``.

        With ``absent_for_sure``, a domain with missing addresses is listed a second time, and both lists count:
        if objects change while pages are read, a row may move to a page that was already read.
        """
        by_domain: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            by_domain[domain_of(address)].append(address)
        found: dict[str, LiveAddress] = {}
        for domain, desired in sorted(by_domain.items()):
            live = self._domain(domain)
            if absent_for_sure and any(address not in live for address in desired):
                live = self._domain(domain, again=True)
            found.update((address, live[address]) for address in desired if address in live)
        return found

    def domain(self, domain: str) -> dict[str, LiveAddress]:
        """All addresses of an internal domain."""
        return dict(self._domain(domain))

    def forget(self, domains: Iterable[str]) -> None:
        """Drop the cached lists of ``domains``; to be called around every write."""
        with self._lock:
            for domain in domains:
                self._domains.pop(domain, None)
                self._listed_twice.discard(domain)

    def _domain(self, domain: str, *, again: bool = False) -> dict[str, LiveAddress]:
        with self._lock:
            if domain not in self._domains:
                self._domains[domain] = list_addresses(self._client, domain)
            elif again and domain not in self._listed_twice:
                self._listed_twice.add(domain)
                self._domains[domain] |= list_addresses(self._client, domain)
            return self._domains[domain]


def list_addresses(client: MimecastClient, domain: str) -> dict[str, LiveAddress]:
    """All addresses of one internal domain; none if the account does not have the domain."""
    try:
        return client.legacy_list(GET_INTERNAL_USERS, {"domain": domain}, "users", _live)
    except Rejected as refusal:
        if refusal.code == FORBIDDEN_FOR_ADDRESS:
            return {}
        raise


def list_account(client: MimecastClient) -> dict[str, LiveAddress]:
    """Return all internal addresses of the account, in every domain, with ``disabled``; 100 per call.

    Source: ``GET /user/cloud-gateway/v1/users`` of Mimecast's API 2.0 catalogue, with the fields that a public client
    reads. Raises any `MimecastError`.
    """
    rows = client.v2_rows(USERS_PATH, "users", permission=USERS_PERMISSION)
    return dict(_live_of_account(row) for row in rows if row.get("internal") is not False)


def disabled_states(client: MimecastClient, addresses: Iterable[str]) -> dict[str, AddressFlags]:
    """Return the state of ``addresses``, five per call; the result omits absent addresses and aliases.

    Use it for a few addresses: `list_account` needs fewer calls for many, but does not show locked ones. Needs the
    permission Directories | Internal | Edit, although it changes nothing. Raises any `MimecastError`.
    """
    asked = sorted(set(addresses))
    states: dict[str, AddressFlags] = {}
    for start in range(0, len(asked), USERS_PER_UPDATE):
        items = [{"emailAddress": address} for address in asked[start : start + USERS_PER_UPDATE]]
        response = client.legacy(READ_USER, *items)
        for failure in response.failures:
            if failure.code != FORBIDDEN_FOR_ADDRESS:
                raise response.rejection(failure, "read whether addresses are disabled")
        for row in response.data:
            states[same_key(str(row.get("emailAddress") or ""))] = AddressFlags(
                row.get("accountDisabled") is True, row.get("accountLocked") is True
            )
    return states


def plan(
    desired: Mapping[str, DesiredAddress],
    live: Mapping[str, LiveAddress],
    *,
    managed: Collection[str],
    adopt: Collection[str],
    set_password: Collection[str],
) -> AddressPlan:
    """Plan the writes that make ``live`` equal to ``desired``.

    ``managed`` are the book's previous addresses, ``adopt`` others that it may change, ``set_password`` those with a
    new password version. The password of an address that existed before the book is set only if it is adopted.
    """
    adopt, set_password = frozenset(adopt), frozenset(set_password)  # Lists of any length are looked up in.
    create, rename, passwords, enable = [], [], [], []
    refused: dict[str, str] = {}
    for address, entry in sorted(desired.items()):
        existing = live.get(address)
        if existing is None:
            create.append(address)
            continue
        differs = bool(entry.name) and entry.name != existing.name
        ours = address in managed or address in adopt
        new_password = address in set_password and ours
        reason = _refusal(existing, entry, differs=differs, ours=ours, new_password=new_password)
        if reason:
            refused[address] = reason
        elif differs:
            rename.append(address)
        if new_password and not reason:
            passwords.append(address)
        if address in adopt and address not in managed and not existing.synchronised and not reason:
            enable.append(address)
    return AddressPlan(tuple(create), tuple(rename), tuple(passwords), tuple(enable), refused)


def converge(
    client: MimecastClient,
    listing: Listing,
    desired: Mapping[str, DesiredAddress],
    *,
    managed: Collection[str] = (),
    adopt: Collection[str] = (),
    set_password: Collection[str] = (),
    pause: Callable[[float], None] = time.sleep,
    import_from: int = IMPORT_FROM,
) -> tuple[str, ...]:
    """Write the ``desired`` state; return the addresses that this call created, sorted.

    After a lost response the addresses are listed again and only the rest is written, so nothing is written twice.
    ``import_from`` or more new addresses are imported from files.

    Raises:
        AddressesRefused: before any write, if an address must not be changed.
        PartlyDone: some writes failed; the others are done, and the next call does only the rest.
    """
    done = _Rounds()
    writer = _Writer(client, listing, desired, pause, import_from)
    listing.forget(map(domain_of, desired))
    for number in range(_ROUNDS):
        rest = {address: entry for address, entry in desired.items() if address not in done.settled}
        live = listing.of(rest)
        # An address created by a lost call of an earlier round is this book's, and that call contained the password.
        step = plan(
            rest,
            live,
            managed={*managed, *done.created},
            adopt=adopt,
            set_password=set(set_password) - done.created,
        )
        if number == 0:
            _refuse(step)
            _warn(client, desired, live, step, set_password=set_password, ours={*managed, *adopt})
        if not step.create and not step.update:
            done.problems = {}
            break
        done.note(step, writer.write(step))
        if not done.is_doubtful:
            break
        pause(_PAUSES[number])
    if done.problems:
        raise _partly_done(done.problems, len(done.settled))
    return tuple(sorted(done.created))


@dataclass(slots=True)
class _Rounds:
    """The result of the rounds so far; ``lost`` are the addresses whose response was lost in any of them."""

    created: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    problems: dict[str, MimecastError] = field(default_factory=dict)

    def note(self, step: AddressPlan, problems: dict[str, MimecastError]) -> None:
        """Add the outcome of one round."""
        self.problems = problems
        self.settled |= {*step.create, *step.update} - problems.keys()
        self.created |= {address for address in step.create if _may_have_happened(problems.get(address))}
        self.lost |= {address for address, problem in problems.items() if isinstance(problem, UnclearOutcome)}

    @property
    def is_doubtful(self) -> bool:
        """A refusal after a lost response may mean that it was already done: only the list shows it."""
        return bool(self.lost & self.problems.keys())


def missing_from(live: Mapping[str, LiveAddress], desired: Iterable[str]) -> tuple[str, ...]:
    """The addresses that nobody can sign in with, sorted: missing at Mimecast, or only an alias there."""
    return tuple(sorted(address for address in desired if address not in live or live[address].alias))


def disable(client: MimecastClient, listing: Listing, addresses: Iterable[str]) -> None:
    """Disable addresses, except absent and synchronised ones. Repeatable. Raises PartlyDone."""
    live = listing.of(addresses)
    owned = sorted(address for address, entry in live.items() if not entry.synchronised)
    synchronised = sorted(live.keys() - set(owned))
    if synchronised:
        _log.warning(
            "Not disabled, because directory synchronisation owns them: %s", enumerate_some(synchronised)
        )
    problems = _in_parallel(
        lambda address: _call(client, UPDATE_USER, f"disable {address}", address, accountDisabled=True),
        owned,
    )
    listing.forget({domain_of(address) for address in owned})
    if problems:
        raise _partly_done(problems, len(owned) - len(problems))


# -- Inside ---------------------------------------------------------------------------------------------------


def _refusal(
    existing: LiveAddress, entry: DesiredAddress, *, differs: bool, ours: bool, new_password: bool
) -> str:
    if existing.alias:
        return "is an alias of another address; remove it from the configuration"
    if existing.synchronised and (differs or new_password):
        return (
            f"belongs to directory synchronisation and has the name {quoted(existing.name)} there; change it in the "
            "directory, or remove its name and password from the configuration"
        )
    if differs and not ours:
        return (
            f"exists as {quoted(existing.name)}, not {quoted(entry.name)}; list it under "
            "mimecast-sso:addresses.adopt to change it, or configure the existing name"
        )
    return ""


def _refuse(step: AddressPlan) -> None:
    if step.refused:
        reasons = [f"{address} {reason}" for address, reason in sorted(step.refused.items())]
        raise AddressesRefused(f"Nothing was written. {enumerate_some(reasons, 5)}")


def _warn(
    client: MimecastClient,
    desired: Mapping[str, DesiredAddress],
    live: Mapping[str, LiveAddress],
    step: AddressPlan,
    *,
    set_password: Collection[str],
    ours: Collection[str],
) -> None:
    """Log what people may not expect of a plan. ``ours`` are the addresses that the book manages or may change."""
    _say_kept_passwords(desired, step, set_password, ours)
    _say_set_passwords(step)
    _say_disabled(client, _taken_over(desired, live, ours))


def _say_kept_passwords(
    desired: Mapping[str, DesiredAddress],
    step: AddressPlan,
    set_password: Collection[str],
    ours: Collection[str],
) -> None:
    kept = sorted(set(set_password) & desired.keys() - {*step.create, *ours})
    if kept:
        _log.warning(
            "These addresses already exist, so their passwords are not changed: %s. Change their "
            "passwordVersion to set them; that revokes the people's application tokens",
            enumerate_some(kept),
        )


def _say_set_passwords(step: AddressPlan) -> None:
    if step.passwords:
        _log.warning(
            "The cloud password of these existing addresses is set, which revokes the people's application tokens: %s",
            enumerate_some(list(step.passwords)),
        )


def _taken_over(desired: Iterable[str], live: Mapping[str, LiveAddress], ours: Collection[str]) -> list[str]:
    return sorted(a for a in desired if a in live and a not in ours and not live[a].synchronised)


def _say_disabled(client: MimecastClient, taken_over: list[str]) -> None:
    """Warn about existing addresses that are disabled; only the first ones are read."""
    asked = taken_over[:DISABLED_SAMPLE]
    disabled: list[str] = []
    try:
        states = disabled_states(client, asked)
        disabled = [address for address, state in states.items() if state.disabled]
    except MimecastError as error:
        _log.warning("Whether existing addresses are disabled is unknown: %s", error)
    if disabled:
        _log.warning(
            "Disabled at Mimecast, so these people cannot sign in: %s. The addresses already existed; list them under "
            "mimecast-sso:addresses.adopt to enable them",
            enumerate_some(sorted(disabled)),
        )
    if len(asked) < len(taken_over):
        _log.warning(
            "%d of %d existing addresses were not read: whether they are disabled is unknown",
            len(taken_over) - len(asked),
            len(taken_over),
        )


class _LeftOut(UnclearOutcome):
    """An address was in a file whose import ended, and is not listed."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} was in an imported file, but Mimecast does not list it")


@dataclass(frozen=True, slots=True)
class _Writer:
    client: MimecastClient
    listing: Listing
    desired: Mapping[str, DesiredAddress]
    pause: Callable[[float], None]
    import_from: int
    left_out: set[str] = field(default_factory=set)
    """Addresses that an import did not create; a separate call returns the reason."""

    def write(self, step: AddressPlan) -> dict[str, MimecastError]:
        """Carry out the plan; return the failures."""
        domains = {domain_of(address) for address in (*step.create, *step.update)}
        self.listing.forget(domains)
        try:
            bulk = self._bulk(step.create)
            problems = self._import(bulk) if bulk else {}
            self.left_out.update(a for a, problem in problems.items() if isinstance(problem, _LeftOut))
            single = [address for address in step.create if address not in bulk]
            problems |= _in_parallel(self._create, single)
            return problems | _in_parallel(lambda address: self._update(address, step), step.update)
        finally:
            self.listing.forget(domains)

    def _create(self, address: str) -> None:
        entry = self.desired[address]
        _call(
            self.client,
            CREATE_USER,
            f"create {address}",
            address,
            name=entry.name or None,
            password=entry.password,
        )

    def _update(self, address: str, step: AddressPlan) -> None:
        entry = self.desired[address]
        _call(
            self.client,
            UPDATE_USER,
            f"change {address}",
            address,
            name=entry.name if address in step.rename else None,
            password=entry.password if address in step.passwords else None,
            accountDisabled=False if address in step.enable else None,
        )

    def _bulk(self, addresses: Collection[str]) -> dict[str, str]:
        """The new addresses that are imported from files, with their names; none if they are too few."""
        rows = {
            address: self.desired[address].name
            for address in addresses
            if self.desired[address].password is None
            and address not in self.left_out
            and fits_in_a_file(address, self.desired[address].name)
        }
        return rows if len(rows) >= self.import_from else {}

    def _import(self, rows: Mapping[str, str]) -> dict[str, MimecastError]:
        outside = self._outside(rows)
        inside = [address for address in rows if address not in outside]
        problems: dict[str, MimecastError] = {}
        for part in files(inside):
            try:
                import_file(self.client, {address: rows[address] for address in part}, self.pause)
            except (Forbidden, NotFound, Rejected) as refusal:
                _log.warning("Addresses are created one by one, because the file import failed: %s", refusal)
                problems |= _in_parallel(self._create, part)
            except MimecastError as error:
                problems |= dict.fromkeys(part, error)
        missing = self._not_listed(inside, problems)
        return outside | {address: problems.get(address) or _LeftOut(address) for address in missing}

    def _not_listed(self, addresses: Collection[str], expected: Collection[str]) -> list[str]:
        """The missing addresses; unexpectedly missing ones are waited for."""
        domains = set(map(domain_of, addresses))
        for seconds in (*_PAUSES_FOR_LISTING, 0.0):
            self.listing.forget(domains)
            live = self.listing.of(addresses)
            missing = [address for address in addresses if address not in live]
            if not set(missing) - set(expected) or not seconds:
                break
            self.pause(seconds)
        return missing

    def _outside(self, rows: Mapping[str, str]) -> dict[str, MimecastError]:
        """The addresses of domains that the account does not have: an import would omit them silently."""
        internal = list_domains(self.client, pending=False)
        return {
            address: Rejected(
                f"{domain_of(address)} is not an internal domain of this account; remove the address, or "
                "add the domain to mimecast-sso:domains if it is your organisation's"
            )
            for address in rows
            if domain_of(address) not in internal
        }


def _call(client: MimecastClient, endpoint: Endpoint, what: str, address: str, **fields: Any) -> None:
    client.legacy(endpoint, {"emailAddress": address, **fields}).accepted(what)


def _in_parallel(write: Callable[[str], None], addresses: Collection[str]) -> dict[str, MimecastError]:
    """Call ``write`` for each address, a few at a time; return the failures."""

    def attempt(address: str) -> MimecastError | None:
        try:
            write(address)
        except MimecastError as error:
            return error
        return None

    if not addresses:
        return {}
    with ThreadPoolExecutor(PARALLEL_WRITES) as pool:
        results = zip(addresses, pool.map(attempt, addresses), strict=True)
        return {address: error for address, error in results if error is not None}


def _may_have_happened(problem: MimecastError | None) -> bool:
    return problem is None or isinstance(problem, UnclearOutcome)


def _partly_done(problems: Mapping[str, MimecastError], done: int) -> PartlyDone:
    first = next(iter(sorted(problems.items())))[1]
    return PartlyDone(
        f"{len(problems)} of {len(problems) + done} addresses could not be written: "
        f"{enumerate_some(sorted(problems))}. The first: {first}. Rerun to write the rest"
    )


def _live(row: Mapping[str, JSON]) -> tuple[str, LiveAddress]:
    address = same_key(str(row.get("emailAddress") or ""))
    return address, LiveAddress(
        address=address,
        name=sys.intern(str(row.get("name") or "")),  # The same as in the configuration, and in the state.
        synchronised=row.get("source") == "ldap",
        alias=row.get("alias") is True,
    )


def _live_of_account(row: Mapping[str, JSON]) -> tuple[str, LiveAddress]:
    # The two families name the alias flag differently.
    address, live = _live({**row, "alias": row.get("isAlias")})
    disabled = row.get("disabled")
    return address, replace(live, disabled=disabled if isinstance(disabled, bool) else None)
