"""Mimecast's side: the account, permissions of the API application, directory synchronisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from mimecast_sso.assessment import clocks, synchronisation
from mimecast_sso.facts.mimecast_api import (
    ACCOUNT_PAGE,
    CREATE_DOMAIN,
    CREATE_USER,
    FIND_GROUPS,
    GET_ACCOUNT,
    GET_GROUP_MEMBERS,
    GET_INTERNAL_DOMAIN,
    GET_INTERNAL_USERS,
    GET_PENDING_DOMAIN,
    REMOVE_GROUP_MEMBER,
    SINGLE_SIGN_ON_PACKAGE,
)
from mimecast_sso.facts.mimecast_audit import GET_AUDIT_EVENTS
from mimecast_sso.operations import tenant
from mimecast_sso.operations.preflight.purpose import Purpose
from mimecast_sso.operations.preflight.statements import (
    CAN_WRITE,
    fails,
    fine,
    missing,
    note,
    unknown,
    unreachable,
)
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.provenance import unknown as not_read
from mimecast_sso.settings import AddressSource, DirectorySynchronisation, DomainMode, Settings
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import domain_of, enumerate_some
from mimecast_sso.text.wording import count
from providers.mimecast.accounts import Account, AccountMismatch, require
from providers.mimecast.address_book import Listing, LiveAddress
from providers.mimecast.audit import events_since
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_connection import DirectoryConnection, read_connection
from providers.mimecast.directory_integration import Integration, find_integration
from providers.mimecast.domains import DomainStatus, list_domains
from providers.mimecast.errors import Forbidden, MimecastError, RateLimited, TransportError
from providers.mimecast.groups import CloudGroup, find_group, list_members

_ASK = f"Check the console ({ACCOUNT_PAGE}), or ask Mimecast"
_A_MOMENT = timedelta(minutes=1)


def ask(stack: Stack, settings: Settings, purpose: Purpose = Purpose.DEPLOY) -> Iterator[Statement]:
    """All checks that need no write."""
    try:
        client = tenant.account(stack, settings.mimecast_client_id)
        account = require(client, settings.account_code, settings.region)
    except AccountMismatch as error:
        yield missing("account", str(error))
        return
    except Forbidden as error:
        yield fine("credentials", "MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET")
        yield missing("permission", f"{GET_ACCOUNT.permission}: {error}")
        return
    except (TransportError, RateLimited) as error:
        yield unreachable(error)
        return
    except MimecastError as error:
        yield missing("credentials", str(error))
        yield unknown("everything else at Mimecast", "not read without credentials")
        return
    yield fine("credentials and account", f"{account.code} ({account.name}), region {account.region}")
    clock = clocks.difference(datetime.now(UTC), client.now(), "Mimecast")
    if clock:
        yield clock
    yield from _packages(account)
    live = _Live(client, settings)
    if purpose is Purpose.PREVIEW:
        yield from _previewing(live)
    else:
        registers = any(domain.mode is not DomainMode.REQUIRE for domain in settings.domains)
        yield from _reading(live, registers=registers)
        yield from _writing(settings, registers=registers)
    yield from _synchronisation(live)


def _packages(account: Account) -> Iterator[Statement]:
    """The packages of the account. Never missing: no source documents which package includes single sign-on."""
    subject = "single sign-on in the subscription"
    if account.packages is None:
        yield unknown(subject, f"{GET_ACCOUNT.path} does not list the account's packages. {_ASK}")
        return
    named = [each for each in account.packages if SINGLE_SIGN_ON_PACKAGE.search(each)]
    if named:
        yield fine(subject, f"package {enumerate_some(named)}", How.LIVE, "Mimecast's list of packages")
    else:
        yield unknown(
            subject,
            f"no package of the account is named after it, and no source documents which one includes it. {_ASK}",
        )
    yield note(
        "packages",
        enumerate_some(sorted(account.packages)) or "none",
        How.LIVE,
        "Mimecast's list of packages",
    )


class _Live:
    """The data that several checks use; each list is read once."""

    def __init__(self, client: MimecastClient, settings: Settings) -> None:
        self.client = client
        self.settings = settings

    @cached_property
    def domains(self) -> Mapping[str, DomainStatus]:
        """The internal domains by name."""
        return list_domains(self.client, pending=False)

    @cached_property
    def configured(self) -> list[str]:
        """Configured addresses in the account's domains; Mimecast lists no others."""
        settings = self.settings
        named = {address.address for address in settings.addresses.explicit} | set(settings.assign.users)
        return sorted(address for address in named if domain_of(address) in self.domains)

    @cached_property
    def addresses(self) -> Mapping[str, LiveAddress]:
        """The configured addresses that exist."""
        return Listing(self.client).of(self.configured)

    @cached_property
    def group(self) -> CloudGroup | None:
        """The roll-out group."""
        return find_group(self.client, self.settings.roll_out.group)


# -- Permissions ----------------------------------------------------------------------------------------------


def _reading(live: _Live, *, registers: bool) -> Iterator[Statement]:
    for subject, probe in _probes(registers=registers).items():
        try:
            seen = probe(live)
        except Forbidden as error:
            yield missing(f"permission {subject}", str(error))
        except MimecastError as error:
            yield unknown(f"permission {subject}", error)
        else:
            if seen is None:
                yield unknown(f"permission {subject}", "nothing exists yet to read with it")
            else:
                yield fine(f"permission {subject}", seen)


def _previewing(live: _Live) -> Iterator[Statement]:
    """Check what an identity for previews can read, and what is known about its writes."""
    for each in _reading(live, registers=False):
        # The permission that the catalogue lists here would let the identity write.
        if each.verdict is Verdict.MISSING and FIND_GROUPS.permission in each.text:
            why = "Mimecast's catalogue lists Edit even to find a group, and this role does not have it"
            yield unknown("roll-out group", why)
        elif FIND_GROUPS.permission in each.subject:
            yield replace(each, subject="roll-out group")
            if each.verdict is Verdict.FINE:
                yield unknown(
                    "whether the role can change groups",
                    f"it can find them, which Mimecast's catalogue lists under {FIND_GROUPS.permission}",
                )
        else:
            yield each
    yield _registers(live)
    yield unknown(
        "whether the role can write",
        "no read shows it, only a write would. Check the role of the API application in the console: it should have "
        "Read permissions only",
    )


def _registers(live: _Live) -> Statement:
    """Whether the role may register domains: the only write whose permission a read needs as well."""
    try:
        _pending(live)
    except Forbidden:
        return fine("cannot register domains", f"{GET_PENDING_DOMAIN.permission} is refused")
    except MimecastError as error:
        return unknown("whether the role can register domains", error)
    return fails(
        CAN_WRITE,
        f"its role has {GET_PENDING_DOMAIN.permission}. Remove it from the role of the API application",
        How.LIVE,
        "a call that needs it",
    )


def _pending(live: _Live) -> str:
    return _domains(list_domains(live.client, pending=True))


def _domains(domains: Iterable[str]) -> str:
    found = sorted(domains)
    return f"{count(len(found), 'domain')}{': ' if found else ''}{enumerate_some(found, 5)}"


def _addresses(live: _Live) -> str | None:
    if not live.configured:
        return None
    return f"{len(live.addresses)} of {count(len(live.configured), 'configured address')} found"


def _group(live: _Live) -> str:
    return f"roll-out group {quoted(live.settings.roll_out.group)} {'exists' if live.group else 'does not exist yet'}"


def _members(live: _Live) -> str | None:
    group = live.group
    return (
        f"{quoted(group.name)} has {count(len(list_members(live.client, group)), 'member')}"
        if group
        else None
    )


def _audit(client: MimecastClient) -> str:
    events_since(client, datetime.now(UTC) - _A_MOMENT)
    return "the audit log can be read"


def _probes(*, registers: bool) -> Mapping[str, Callable[[_Live], str | None]]:
    """One call for each read permission."""
    return {
        GET_INTERNAL_DOMAIN.permission: lambda live: _domains(live.domains),
        **({GET_PENDING_DOMAIN.permission: _pending} if registers else {}),
        f"{GET_INTERNAL_USERS.permission} (addresses)": _addresses,
        FIND_GROUPS.permission: _group,
        GET_GROUP_MEMBERS.permission: _members,
        GET_AUDIT_EVENTS.permission: lambda live: _audit(live.client),
    }


def _writing(settings: Settings, *, registers: bool) -> Iterator[Statement]:
    permissions = [CREATE_USER.permission, REMOVE_GROUP_MEMBER.permission]
    permissions += [CREATE_DOMAIN.permission] if registers else []
    if settings.addresses.source is AddressSource.SYNCHRONISED:
        permissions.remove(CREATE_USER.permission)
    for permission in permissions:
        yield unknown(f"permission {permission} (to write)", "no read shows it, only a write would")


# -- Directory synchronisation --------------------------------------------------------------------------------


def _synchronisation(live: _Live) -> Iterator[Statement]:
    needed = live.settings.addresses.source is AddressSource.SYNCHRONISED
    try:
        connections: Known[tuple[DirectoryConnection, ...]] = Known(
            read_connection(live.client), How.LIVE, "Mimecast"
        )
    except MimecastError as error:
        connections = not_read(error)
    yield from synchronisation.statements(connections, live.client.now(), needed=needed)
    desired = live.settings.directory_synchronisation
    if desired is not None:
        yield synchronisation.found_in_advance(desired, _integration(live.client, desired, connections))
    try:
        addresses = live.addresses.values()
    except MimecastError:
        return  # The line of the permission gives the reason.
    owned = sum(address.synchronised for address in addresses)
    if owned:
        yield note(
            "directory synchronisation",
            f"it owns {owned} of {count(len(addresses), 'configured address')} found at Mimecast"
            f"{'' if needed else ', and may change or remove them'}",
        )


def _integration(
    client: MimecastClient,
    desired: DirectorySynchronisation,
    connections: Known[tuple[DirectoryConnection, ...]],
) -> Known[Integration]:
    if connections.value is None:
        return not_read(connections.source)
    try:
        return Known(find_integration(client, desired.description, connections.value), How.LIVE, "Mimecast")
    except MimecastError as error:
        return not_read(error)
