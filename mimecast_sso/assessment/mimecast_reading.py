"""Mimecast's half of a snapshot: account, domains, addresses, roll-out groups, changes in the console."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import INTEGRATION_ONLY, LiveGroup
from mimecast_sso.console.source import TAKES_EFFECT
from mimecast_sso.facts import resource_types as types
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import AddressSource, DomainMode, ProfileSlot, Settings
from mimecast_sso.text.names import domain_of
from providers.mimecast.accounts import Account, check_account, read_account
from providers.mimecast.address_book import LiveAddress, list_account, list_addresses
from providers.mimecast.audit import AuditLog, GroupChange, GroupLog, group_changes, read_log
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_connection import DirectoryConnection, read_connection
from providers.mimecast.directory_integration import Integration, find_integration
from providers.mimecast.domains import DomainState, DomainStatus, list_domains
from providers.mimecast.errors import (
    AccountMismatch,
    AmbiguousGroup,
    Forbidden,
    MalformedResponse,
    MimecastError,
    NotFound,
)
from providers.mimecast.groups import CloudGroup, find_group, list_members

_MOST_PAGES = 20
"""Pages of the audit log, 100 events each, that are read at most; with more, it is unknown who moved lately."""


@dataclass(slots=True)
class MimecastSide:
    """The parts that were read; the addresses follow once the people are known."""

    account: Known[Account]
    domains: Known[Mapping[str, DomainStatus]]
    groups: Mapping[ProfileSlot, Known[LiveGroup]]
    moved: Known[int]
    """How many memberships changed recently, by the audit log."""
    log: AuditLog | None
    connections: Known[tuple[DirectoryConnection, ...]]
    integration: Known[Integration]
    now: datetime | None = None
    client: MimecastClient | None = field(default=None, repr=False)

    @property
    def people(self) -> frozenset[str]:
        """Addresses in any roll-out group, or that left one so recently that Mimecast may not act on it yet."""
        found = [each.value for each in self.groups.values() if each.value is not None]
        people = frozenset[str]().union(*(group.members | group.left for group in found))
        return frozenset(each for each in people if not each.startswith("@"))

    @property
    def whole_domains(self) -> frozenset[str]:
        """Domains that are members as a whole."""
        found = [each.value for each in self.groups.values() if each.value is not None]
        members = frozenset[str]().union(*(group.members for group in found))
        return frozenset(each[1:] for each in members if each.startswith("@"))


class MimecastReader:
    """Reads one account."""

    def __init__(self, settings: Settings, record: Record, log_since: datetime | None = None) -> None:
        self._settings = settings
        self._record = record
        self._log_since = log_since

    def groups_and_account(self, client: MimecastClient | MimecastError) -> MimecastSide:
        """Everything but the addresses. Of another account than the configured one only the account is read."""
        if isinstance(client, MimecastError):
            return self._nothing(client)
        try:
            account = read_account(client)
            check_account(account, self._settings.account_code, self._settings.region)
        except AccountMismatch as error:
            side = self._nothing(error)
            side.account = live(account)
            return side
        except MimecastError as error:
            return self._nothing(error)
        connections = self._connections(client)
        listed = self._listed_groups(client)
        # After the groups: whoever leaves in between is in the list, and not missing in both.
        log = self._log(client)
        moved = self._moved(client, log)
        return MimecastSide(
            account=live(account),
            domains=self._domains(client),
            groups={
                slot: known.map(lambda group: _with_moves(group, moved.value.changes if moved.value else ()))
                for slot, known in listed.items()
            },
            moved=moved.map(lambda found: len(found.changes)),
            log=log,
            connections=connections,
            integration=self._integration(client, connections),
            now=client.now(),
            client=client,
        )

    def addresses(self, desired: Set[str], side: MimecastSide) -> Known[Mapping[str, LiveAddress]]:
        """The existing ones of the addresses, in the form of `everybody`.

        Of a domain that is a member of a group as a whole, all of them.
        """
        return self.everybody(side).map(lambda found: self._of_interest(found, desired, side))

    def everybody(self, side: MimecastSide) -> Known[Mapping[str, LiveAddress]]:
        """All addresses of internal domains: a call per hundred addresses of the account."""
        if side.client is None or side.domains.value is None:
            return unknown(side.domains.source)
        internal = _internal(side)
        try:
            found = self._listed(side.client, internal)
        except MimecastError as error:
            return unknown(error)
        return live({address: entry for address, entry in found.items() if domain_of(address) in internal})

    def _of_interest(
        self, found: Mapping[str, LiveAddress], desired: Set[str], side: MimecastSide
    ) -> Mapping[str, LiveAddress]:
        whole = side.whole_domains
        return {
            address: entry
            for address, entry in found.items()
            if address in desired or domain_of(address) in whole
        }

    def _listed(self, client: MimecastClient, internal: Collection[str]) -> Mapping[str, LiveAddress]:
        """The account's addresses. The account's list shows who is disabled; a domain's list does not."""
        try:
            return list_account(client)
        except (Forbidden, NotFound, MalformedResponse):
            found: dict[str, LiveAddress] = {}
            for domain in sorted(internal):
                found |= list_addresses(client, domain)
            return found

    # -- Parts --------------------------------------------------------------------------------------------------------

    def _nothing(self, reason: MimecastError) -> MimecastSide:
        return MimecastSide(
            account=unknown(reason),
            domains=unknown(reason),
            groups={slot: unknown(reason) for slot in self._slots},
            moved=unknown(reason),
            log=None,
            connections=unknown(reason),
            integration=unknown(reason),
        )

    @property
    def _slots(self) -> tuple[ProfileSlot, ...]:
        """The slots in use, and those in the state."""
        known = {*self._settings.certificates.slots, *self._record.groups}
        return tuple(slot for slot in ProfileSlot if slot in known)

    def _domains(self, client: MimecastClient) -> Known[Mapping[str, DomainStatus]]:
        try:
            return live(list_domains(client, pending=self._asks_for_pending))
        except MimecastError as error:
            return unknown(error)

    def _asks_for_pending(self, internal: Collection[str]) -> bool:
        """Whether the pending domains matter: not if all that the stack knows of are verified.

        They need a permission to register; where all domains are required, nobody has to grant it.
        """
        registered = {each.name for each in self._settings.domains if each.mode is not DomainMode.REQUIRE}
        # Of addresses that come from Entra, those in any domain of the account are taken.
        anywhere = self._settings.addresses.source is AddressSource.ASSIGNED
        recorded = {each["domain"] for each in self._record.all_outputs_of(types.DOMAIN)}
        return bool(registered) and (anywhere or not {*registered, *recorded}.issubset(internal))

    def _listed_groups(self, client: MimecastClient) -> Mapping[ProfileSlot, Known[LiveGroup]]:
        """The groups and their members, without who moved recently."""
        found: dict[ProfileSlot, Known[LiveGroup]] = {}
        for slot in self._slots:
            try:
                group = self._find(client, slot)
                found[slot] = live(self._listed_group(client, slot, group) if group else LiveGroup())
            except MimecastError as error:
                found[slot] = unknown(error)
        return found

    def _listed_group(self, client: MimecastClient, slot: ProfileSlot, group: CloudGroup) -> LiveGroup:
        members = frozenset(list_members(client, group))
        recorded, membership = self._record.groups.get(slot), self._record.memberships.get(slot)
        if recorded and membership and group.name != recorded.name and not membership.members <= members:
            # Another group has the configured name. Where the recorded one is, and with whom, is unknown.
            return LiveGroup()
        return LiveGroup(
            group.name,
            members,
            child_groups=group.child_count,
            name_taken=self._name_is_taken(client, slot, group),
        )

    def _name_is_taken(self, client: MimecastClient, slot: ProfileSlot, group: CloudGroup) -> bool:
        """Whether a run would rename the group to the name of another one. Costs a call only if it would rename."""
        configured = self._settings.roll_out.group_of(slot)
        if group.name == configured or slot not in self._settings.certificates.slots:
            return False
        try:
            return find_group(client, configured) is not None
        except AmbiguousGroup:
            return True

    def _find(self, client: MimecastClient, slot: ProfileSlot) -> CloudGroup | None:
        """Find the group by its name in the state, since a run renames it in place; else by the configured one."""
        recorded = self._record.groups.get(slot)
        names = [recorded.name] if recorded else []
        for name in dict.fromkeys([*names, self._settings.roll_out.group_of(slot)]):
            group = find_group(client, name)
            if group is not None:
                return group
        return None

    def _connections(self, client: MimecastClient) -> Known[tuple[DirectoryConnection, ...]]:
        synchronised = self._settings.addresses.source is AddressSource.SYNCHRONISED
        if not synchronised and not self._integrations:
            return Known(None, How.CONFIGURED, "addresses.source")
        try:
            return live(read_connection(client), "Mimecast" if synchronised else INTEGRATION_ONLY)
        except MimecastError as error:
            return unknown(error)

    @property
    def _integrations(self) -> list[str]:
        """The possible names of the managed integration: the one in the state, then the configured one."""
        recorded, desired = self._record.integration, self._settings.directory_synchronisation
        names = [*([recorded.description] if recorded else ()), *([desired.description] if desired else ())]
        return list(dict.fromkeys(names))

    def _integration(
        self, client: MimecastClient, connections: Known[tuple[DirectoryConnection, ...]]
    ) -> Known[Integration]:
        if not self._integrations:
            return Known(None, How.CONFIGURED, "directorySynchronisation")
        if connections.value is None:
            return unknown(connections.source)
        try:
            for description in self._integrations:
                found = find_integration(client, description, connections.value)
                if found is not None:
                    return live(found, "Mimecast")
        except MimecastError as error:
            return unknown(error)
        return Known(None, How.LIVE, "Mimecast")

    def _log(self, client: MimecastClient) -> AuditLog | None:
        """The audit log, if more of it is wanted than who moved lately; None also if that much cannot be read."""
        if self._log_since is None:
            return None
        with suppress(MimecastError):
            return read_log(client, min(self._log_since, client.now() - TAKES_EFFECT))
        return None

    def _moved(self, client: MimecastClient, log: AuditLog | None) -> Known[GroupLog]:
        """People who joined or left a group within the time that Mimecast takes to act on it."""
        since = client.now() - TAKES_EFFECT
        try:
            found = (
                log.group_changes(since)
                if log is not None
                else group_changes(client, since, most_pages=_MOST_PAGES)
            )
        except MimecastError as error:
            return unknown(error)
        if found.unread:
            return unknown(
                f"the audit log describes a group change in an unknown form: {found.unread[0].details}"
            )
        return live(found)


def _internal(side: MimecastSide) -> frozenset[str]:
    domains = side.domains.value or {}
    return frozenset(name for name, status in domains.items() if status.state is DomainState.INTERNAL)


def _with_moves(group: LiveGroup, changes: Iterable[GroupChange]) -> LiveGroup:
    # Recent joiners and leavers may be treated either way: each state since then may be the effective one.
    recent = frozenset(change.member for change in changes if change.is_of(group.name))
    return replace(group, left=recent - group.members, joined=recent & group.members)
