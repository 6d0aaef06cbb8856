"""The people affected by a run, and the facts that decide about each at every instant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product

from mimecast_sso.assessment.effects import Effects
from mimecast_sso.assessment.membership import Members
from mimecast_sso.assessment.people import Person
from mimecast_sso.assessment.sign_in import (
    AccountState,
    AddressState,
    Case,
    EntraState,
    NameIdState,
    Slots,
)
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.names import domain_of, is_among


@dataclass(frozen=True, slots=True)
class Places:
    """The slots whose groups Mimecast may see a person in; of several sets the listed one comes first.

    Attributes:
        now: Before the run.
        late: While it takes effect, once memberships are written: where external changes are kept, and where they
            are undone.
        kept: In the end, with external changes kept; ``undone`` with them undone.
        eventually: Once due console work is done and deployed.
        listed: As read, once recent changes are effective.
    """

    now: tuple[Slots, ...]
    late: tuple[tuple[Slots, ...], tuple[Slots, ...]]
    kept: Slots
    undone: Slots
    eventually: Slots
    listed: Slots


_UNKNOWN_PLACES = Places((None,), ((None,), (None,)), None, None, None, None)


@dataclass(frozen=True, slots=True)
class Traits:
    """The facts that decide about one person. Equal traits have equal verdicts.

    Attributes:
        assigned: By the index of Entra's states, as is ``names``; ``None`` where an assigned group could not be read.
        address: The address at Mimecast now, and what it may be after the run, the most likely first.
    """

    places: Places
    account: AccountState
    assigned: tuple[bool | None, ...]
    names: tuple[NameIdState, ...]
    address: tuple[AddressState, tuple[AddressState, ...]]


class TraitsReader:
    """Reads people's traits from the effects of a run."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        timeline, eventual = effects.timeline, effects.eventual_entra
        found = (*timeline.early, *(each for late in timeline.late for each in late)) if timeline else ()
        self._states = tuple(dict.fromkeys((*found, *((eventual,) if eventual else ()))))
        self._index = {state: index for index, state in enumerate(self._states)}
        self._groups = _groups_by_member(effects)
        self._addresses = effects.desired.snapshot.addresses.value

    def of(self, address: str, account: Person | None) -> Traits:
        """The traits of the person who signs in for an address."""
        holders = {account.object_id, *self._groups.get(account.object_id, ())} if account else set[str]()
        before = self._address(address)
        if account is None and self._unread:
            assigned = tuple(map(self._may_be_assigned, self._states))
        else:
            assigned = tuple(self._is_assigned(holders, state) for state in self._states)
        return Traits(
            places=self._places(address),
            account=self._account_state(account),
            assigned=assigned,
            names=tuple(self._name_id(state, account, address) for state in self._states),
            address=(before, self.effects.addresses_after.get(address, (before,))),
        )

    def _places(self, address: str) -> Places:
        joined = frozenset(slot for slot, who in self.effects.joining_unread.items() if address in who)
        found = places(self.effects.members, address)
        if not joined:
            return found
        return replace(found, late=((None, joined), (None, joined)), kept=joined, undone=joined)

    def case(self, traits: Traits, state: EntraState | None, slots: Slots, address: AddressState) -> Case:
        """The facts at one instant; ``state`` is ``None`` if Entra could not be read."""
        if state is None:
            return Case(slots, None, traits.account, NameIdState.UNKNOWN, address)
        index = self._index[state]
        return Case(slots, traits.assigned[index], traits.account, traits.names[index], address)

    def _account_state(self, account: Person | None) -> AccountState:
        return AccountState.UNKNOWN if account is None and self._unread else _account_state(account)

    @property
    def _unread(self) -> bool:
        """Whether accounts could not be looked up, so that a missing one may exist."""
        return bool(self.effects.desired.snapshot.directory.unread)

    def _is_assigned(self, holders: Set[str], state: EntraState) -> bool | None:
        if not state.assigned.isdisjoint(holders):
            return True
        unread = self.effects.desired.snapshot.directory.unread_groups
        return False if state.assigned.isdisjoint(unread) else None

    def _may_be_assigned(self, state: EntraState) -> bool | None:
        """Whether somebody whose account could not be looked up is assigned: unknown, or not.

        Any user or group may be theirs that is not known to be others'. If one of them is no longer assigned, they may
        have lost their assignment with it.
        """
        # The first state is the one before the run.
        theirs, before = (each.assigned - self._of_others for each in (state, self._states[0]))
        return None if theirs and theirs >= before else False

    @cached_property
    def _of_others(self) -> Set[str]:
        """Object ids of the users and groups that are known to be others': all their addresses were read."""
        directory = self.effects.desired.snapshot.directory
        users = {each.object_id for each in directory.accounts.values() if each.is_readable}
        groups = {each.object_id: each for each in directory.groups} | dict(directory.assigned_groups)
        read = {
            object_id
            for object_id, group in groups.items()
            if object_id not in directory.unread_groups and all(each.is_readable for each in group.members)
        }
        return users | read

    def _address(self, address: str) -> AddressState:
        if self._addresses is None:
            return AddressState.UNKNOWN
        live = self._addresses.get(address)
        if live is None:
            return AddressState.ABSENT
        if live.alias:
            return AddressState.ALIAS
        return AddressState.DISABLED if live.disabled else AddressState.PRESENT

    def _name_id(self, state: EntraState, account: Person | None, address: str) -> NameIdState:
        value = _name_id_value(state.name_id, account)
        if value is None or (account is None and self._unread):
            return NameIdState.UNKNOWN
        if not value:
            return NameIdState.EMPTY
        if value == address:
            return NameIdState.SAME
        if state.name_id_assumed or self._addresses is None:
            return NameIdState.UNKNOWN
        other = self._addresses.get(value)
        return NameIdState.OTHER if other is not None and not other.alias else NameIdState.UNKNOWN_THERE


def places(members: Mapping[ProfileSlot, Members | None], address: str) -> Places:
    """The groups that Mimecast may see an address in; unknown if any group could not be read."""
    if any(group is None for group in members.values()):
        return _UNKNOWN_PLACES
    groups = {slot: group for slot, group in members.items() if group is not None}
    covers = partial(is_among, address)

    def options(group: Members) -> list[bool]:
        # Whoever was a member already is one, also if their whole domain joined lately.
        joined = covers(group.joined) and not covers(group.listed - group.joined)
        recent = ([True] if covers(group.left) else []) + ([False] if joined else [])
        return [covers(group.listed), *recent]

    now = {slot: options(group) for slot, group in groups.items()}
    late = [
        {slot: [*now[slot], covers(group.after[variant])] for slot, group in groups.items()}
        for variant in (0, 1)
    ]
    return Places(
        now=_sets(now),
        late=(_sets(late[0]), _sets(late[1])),
        kept=frozenset(slot for slot, group in groups.items() if covers(group.after[0])),
        undone=frozenset(slot for slot, group in groups.items() if covers(group.after[1])),
        eventually=frozenset(slot for slot, group in groups.items() if covers(group.eventually)),
        listed=frozenset(slot for slot, group in groups.items() if covers(group.listed)),
    )


def _sets(options: Mapping[ProfileSlot, list[bool]]) -> tuple[Slots, ...]:
    chosen = product(*(dict.fromkeys(each) for each in options.values()))
    return tuple(
        frozenset(slot for slot, inside in zip(options, each, strict=True) if inside) for each in chosen
    )


def _groups_by_member(effects: Effects) -> Mapping[str, frozenset[str]]:
    """Object ids of the groups that hold an account directly, by the account's object id."""
    directory = effects.desired.snapshot.directory
    groups = {group.object_id: group for group in directory.groups} | dict(directory.assigned_groups)
    found: dict[str, set[str]] = {}
    for group in groups.values():
        for member in group.members:
            found.setdefault(member.object_id, set()).add(group.object_id)
    return {member: frozenset(ids) for member, ids in found.items()}


def _account_state(account: Person | None) -> AccountState:
    if account is None:
        return AccountState.NONE
    if account.blocked:
        return AccountState.BLOCKED
    if account.shared_mailbox:
        return AccountState.SHARED
    if account.enabled is None:
        return AccountState.UNKNOWN
    return AccountState.ENABLED if account.enabled else AccountState.DISABLED


def _name_id_value(source: str | None, account: Person | None) -> str | None:
    """The NameID in lower case; ``None`` if unknown."""
    if source is None:
        return None
    if account is None:
        return ""
    if source == "user.mail":
        return account.mail.strip().lower() if account.mail or account.is_readable else None
    if source == "user.userprincipalname":
        name = account.user_principal_name
        return None if name is None else name.strip().lower()
    return None


def subjects(effects: Effects) -> Iterator[tuple[str, Person | None]]:
    """Everybody affected, each address once: in a group, to be in one, recorded in one, or assigned."""
    desired = effects.desired
    addresses: set[str] = set(desired.members)
    domains: set[str] = set()
    for group in effects.members.values():
        for people in (group.listed, group.left, *group.after) if group else ():
            addresses |= {each for each in people if not each.startswith("@")}
            domains |= {each[1:] for each in people if each.startswith("@")}
    for recorded in desired.record.memberships.values():
        addresses |= {each for each in recorded.members if not each.startswith("@")}
    live = desired.snapshot.addresses.value or {}
    addresses |= {each for each in live if domain_of(each) in domains}
    addresses |= {each for each, state in effects.addresses_after.items() if AddressState.DISABLED in state}
    accounts = dict(_accounts_of(effects, addresses))
    claimed = {account.object_id for account in accounts.values() if account}
    for account in assigned_accounts(effects):
        address = (account.mail or account.user_principal_name or "").lower()
        if account.object_id not in claimed and address and address not in accounts:
            accounts[address] = account
    yield from sorted(accounts.items())


def _accounts_of(effects: Effects, addresses: Iterable[str]) -> Iterator[tuple[str, Person | None]]:
    """The account that signs in for an address: by its current NameID, else mail address, else user principal name."""
    snapshot = effects.desired.snapshot
    by_mail, by_upn = snapshot.by_name_id["mail"], snapshot.by_name_id["upn"]
    first = (
        by_upn if effects.timeline and effects.timeline.now.name_id == "user.userprincipalname" else by_mail
    )
    second = by_mail if first is by_upn else by_upn
    assigned = {each.object_id for each in assigned_accounts(effects)}
    for address in addresses:
        found = first.get(address) or second.get(address)
        if first is by_mail:
            # Each with this mail address has this NameID; of those that Entra lets in, any signs in for the address.
            several = snapshot.by_mail.get(address, ())
            found = next((each for each in several if each.enabled and each.object_id in assigned), found)
        yield address, found


def assigned_accounts(effects: Effects) -> Iterator[Person]:
    """Everybody who is assigned now or configured to be, each once: users, and direct members of groups."""
    snapshot = effects.desired.snapshot
    directory = snapshot.directory
    application = snapshot.application.value
    assigned = {each.principal_id for each in application.assigned} if application else set[str]()
    ids = {*assigned, *effects.desired.principals}
    seen: set[str] = set()
    groups = (*directory.groups, *directory.assigned_groups.values())
    members = (member for group in groups if group.object_id in ids for member in group.members)
    users = (account for object_id, account in directory.accounts.items() if object_id in ids)
    for account in (*directory.users, *users, *members):
        if account.object_id not in seen:
            seen.add(account.object_id)
            yield account
