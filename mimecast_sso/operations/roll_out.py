"""The roll-out: its status, widening it, halting it, and rolling everybody back.

The group decides whose sign-in goes through Entra. Its members are read from Mimecast and removed there directly.
The stack file (``rollOut``) says who should be in the group, and the deployment adds them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.console.attestation import attested_by
from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import exit_of
from mimecast_sso.operations.stacks import Stack, Target
from mimecast_sso.operations.tenant import connect
from mimecast_sso.provenance import How, Known, Statement, Verdict, live, unknown
from mimecast_sso.settings import AddressSource, ProfileSlot, RollOut, RotationMode, Settings
from mimecast_sso.text.files import UnreadableTextError, parse_json, read_text
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.times import shown, utc_text
from mimecast_sso.text.wording import count
from providers.mimecast import groups
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError
from providers.mimecast.groups import CloudGroup

_LONGEST_REASON = 300
_REHEARSAL = "rehearsal"
"""Marks the undo record of a rehearsal, which has the stack's own name, account and group."""


# -- Status ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RollOutStatus:
    """The live and the configured members of the group, and the profile that is bound to it.

    Attributes:
        target: The group's account and name.
        live: The live members.
        configured: The configured members.
        profile: The state of the authentication profile.
    """

    target: Target
    live: Known[frozenset[str]]
    configured: Known[frozenset[str]]
    profile: Known[str]

    @property
    def waiting(self) -> frozenset[str]:
        """People who are configured but not in the group."""
        return _beyond(self.configured, self.live)

    @property
    def unmanaged(self) -> frozenset[str]:
        """People who are in the group but not configured."""
        return _beyond(self.live, self.configured)

    @property
    def code(self) -> Exit:
        """2 if the group differs from the configuration, 1 if something was not read, whatever the profile's state."""
        return exit_of(self.statements())

    def statements(self) -> Iterator[Statement]:
        """The group, its differences and the profile, as statements."""
        yield from self._differences()
        state = self.profile.value or "its state"
        yield self.profile.states(state, Verdict.NOTE, "authentication profile")

    def _differences(self) -> Iterator[Statement]:
        group = f"group {quoted(self.target.group)}"
        yield _whom(self.live, group, "who is in it", f"in account {self.target.account_code}")
        yield _whom(self.configured, "configured", "who should be in the group")
        if self.waiting:
            yield _differing("waiting", self.waiting, self.configured)
        if self.unmanaged:
            yield _differing("in the group, not configured", self.unmanaged, self.live)

    def lines(self) -> Iterator[str]:
        """The status as text."""
        yield f"Group {quoted(self.target.group)} of Mimecast account {self.target.account_code} ({self.target.region})"
        yield f"  in the group     {self.live.words(_number)}"
        yield f"  configured       {self.configured.words(_number)}"
        yield f"  profile          {self.profile.words()}"
        for heading, people in (
            ("In the group", self.live.value),
            ("Waiting", self.waiting),
            ("In the group, not configured", self.unmanaged),
        ):
            if people:
                yield f"{heading}: {enumerate_some(sorted(people))}"


def _beyond(some: Known[frozenset[str]], others: Known[frozenset[str]]) -> frozenset[str]:
    """The first set without the second; empty if either is unknown."""
    if some.value is None or others.value is None:
        return frozenset()
    return some.value - others.value


def _number(people: frozenset[str]) -> str:
    return str(len(people))


def _whom(known: Known[frozenset[str]], subject: str, unknown_text: str, where: str = "") -> Statement:
    if known.value is None:
        return known.states(unknown_text, subject=subject)
    names = f": {enumerate_some(sorted(known.value))}" if known.value else ""
    text = " ".join(filter(None, (count(len(known.value), "member"), where)))
    return known.states(f"{text}{names}", Verdict.NOTE, subject)


def _differing(subject: str, people: frozenset[str], known: Known[frozenset[str]]) -> Statement:
    text = f"{count(len(people), 'person')}: {enumerate_some(sorted(people))}"
    return known.states(text, Verdict.DIFFERS, subject)


def status(stack: Stack, settings: Settings, engine: Engine | None, why_no_engine: str = "") -> RollOutStatus:
    """Read group, configuration and state. What cannot be read is unknown, and says why."""
    deployed: list[str] | None = None
    profile: Known[str] = unknown(why_no_engine)
    if engine is not None:
        try:
            deployed, profile = _deployed(engine, settings.certificates.active_generation.profile)
        except OperationError as error:
            profile = unknown(f"the stack's state cannot be read: {_short(error)}")
    return RollOutStatus(stack.target(), _live(stack), _configured(stack, settings, deployed), profile)


def _configured(stack: Stack, settings: Settings, deployed: Collection[str] | None) -> Known[frozenset[str]]:
    """The configured members; ``deployed`` are the members that the last deployment recorded, if known."""
    choice = settings.roll_out
    where = f"{stack.config_file.name}, {describe(choice)}"
    listed = settings.addresses.source in (AddressSource.EXPLICIT, AddressSource.CSV)
    if listed or choice.who in ("none", "pilot"):
        chosen = settings.rolled_out(_addresses(stack, settings))
        return Known(frozenset(chosen), How.CONFIGURED, where)
    if deployed is not None:
        return Known(frozenset(deployed), How.RECORDED, f"its addresses; {where}")
    return unknown(f"{where}; the addresses come from elsewhere, and the stack's state was not read")


def members(choice: RollOut, addresses: Collection[str]) -> list[str]:
    """The addresses that belong in the group, as the deployment chooses them."""
    return choice.members(addresses)


def describe(choice: RollOut) -> str:
    """A choice of members in words."""
    extra = f" and {count(len(choice.pilot), 'pilot address')}" if choice.pilot else ""
    if choice.who == "pilot":
        return f"rollOut.who pilot, {count(len(choice.pilot), 'address')}"
    if choice.who == "share":
        return f"rollOut.who share, {choice.share} %{extra}"
    return f"rollOut.who {choice.who}{extra if choice.who == 'all' else ''}"


def _addresses(stack: Stack, settings: Settings) -> list[str]:
    book = settings.addresses
    people = book.read_csv(stack.root) if book.source is AddressSource.CSV else book.explicit
    return [person.address for person in people]


def _live(stack: Stack) -> Known[frozenset[str]]:
    try:
        client, target = connect(stack), stack.target()
        present = _groups(client, target)
        if not present:
            return live(frozenset(), "Mimecast: it has no group with this name")
        people = _listed(client, present)
        second = f", including {quoted(target.second_group)}" if len(present) > 1 else ""
        return live(people, f"Mimecast at {shown(_now())}{second}")
    except MimecastError as error:
        return unknown(f"Mimecast was not read: {_short(error)}")


def _listed(client: MimecastClient, present: list[CloudGroup]) -> frozenset[str]:
    return frozenset().union(*(groups.list_members(client, group) for group in present))


def _groups(client: MimecastClient, target: Target) -> list[CloudGroup]:
    """The groups of the two profile slots that exist; most stacks use one slot."""
    found = (groups.find_group(client, name) for name in (target.group, target.second_group))
    return [group for group in found if group is not None]


def _deployed(engine: Engine, slot: ProfileSlot) -> tuple[list[str] | None, Known[str]]:
    record = in_state(engine.resources())
    people = frozenset[str]().union(*(each.members for each in record.memberships.values()))
    return sorted(people) if record.memberships else None, _state(record.profiles.get(slot))


def _state(profile: RecordedProfile | None) -> Known[str]:
    if profile is None:
        return Known("absent", How.RECORDED, "nothing is deployed yet")
    if profile.confirmed and profile.state != "due":
        attested = f"{attested_by(profile.confirmed)}, as last deployed"
        return Known(profile.state, How.ATTESTED, attested)
    return Known(profile.state, How.RECORDED)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON]


# -- Widening and halting -------------------------------------------------------------------------------------


def wider(
    stack: Stack, settings: Settings, *, share: int | None, pilot: tuple[str, ...], everybody: bool
) -> RollOut:
    """A wider choice than the configured one; writes nothing.

    Raises:
        OperationError: The choice is not wider.
    """
    before = settings.roll_out
    after = _wider(before, share, pilot, everybody=everybody)
    addresses = _addresses(stack, settings)
    lost = set(members(before, addresses)) - set(members(after, addresses))
    if lost:
        raise OperationError(
            f"That would remove {enumerate_some(sorted(lost))} from the group, and roll-out widen only adds people. To "
            f"remove people, shorten mimecast-sso:rollOut in {stack.config_file.name} and deploy: "
            f"mimecast-sso up --stack {stack.name}",
            Exit.REFUSED,
        )
    return after


def chosen(stack: Stack, settings: Settings, choice: RollOut) -> list[str]:
    """The members of a choice, as far as the stack's files tell; for other sources, only the pilot."""
    return members(choice, _addresses(stack, settings))


def nobody_chosen(stack: Stack, settings: Settings, choice: RollOut) -> Iterator[Statement]:
    """Warn about a choice whose people come from a configuration that names nobody."""
    if settings.addresses.source in (AddressSource.EXPLICIT, AddressSource.CSV):
        yield from sentences.nobody_chosen(choice, _addresses(stack, settings))


def _wider(before: RollOut, share: int | None, pilot: tuple[str, ...], *, everybody: bool) -> RollOut:
    if before.who == "all":
        raise OperationError("rollOut.who is already all: everybody is in the roll-out.", Exit.REFUSED)
    # People of a pilot that was rolled back return only if they are named again.
    known = () if before.who == "none" else before.pilot
    joined = tuple(dict.fromkeys((*known, *pilot)))
    if everybody:
        return before.model_copy(update={"who": "all", "pilot": joined, "share": 0})
    if share is not None:
        if before.who == "share" and share <= before.share:
            raise OperationError(
                f"The share is already {before.share} %. Choose a larger share; {share} % adds nobody.",
                Exit.REFUSED,
            )
        return before.model_copy(update={"who": "share", "pilot": joined, "share": share})
    if joined == known:
        raise OperationError(f"Already in the pilot: {', '.join(pilot)}.", Exit.REFUSED)
    who = "share" if before.who == "share" else "pilot"
    return before.model_copy(update={"who": who, "pilot": joined})


def replaced(stack: Stack, settings: Settings, record: Path) -> RollOut:
    """The choice that a roll-back replaced, from its undo record; writes nothing.

    Raises:
        OperationError: The file is not an undo record of this stack, account and group, or of a rehearsal.
    """
    records = os.path.relpath(stack.undo_records)
    try:
        document = parse_json(read_text(record))
        choice = RollOut.model_validate(document["rollOut"])
        same = (document["stack"], choice.group) == (stack.name, settings.roll_out.group)
        same = same and ("accountCode" not in document or document["accountCode"] == settings.account_code)
    except UnreadableTextError as error:
        raise OperationError(f"{record} {error.why}. The records are in {records}.") from None
    except (ValueError, KeyError, TypeError):
        raise OperationError(
            f"{record} is not an undo record of a roll-back. The records are in {records}."
        ) from None
    if document.get(_REHEARSAL) and not stack.on_sandbox:
        raise OperationError(
            f"{record} is from a rehearsal on the sandbox, so it says nothing about who was in the real group. The "
            f"records of this stack are {records}/{stack.name}-*.json.",
            Exit.REFUSED,
        )
    if not same:
        raise OperationError(
            f"{record} belongs to another stack, account or group. The records of this stack are "
            f"{records}/{stack.name}-*.json.",
            Exit.REFUSED,
        )
    return choice


def last_undo(stack: Stack, settings: Settings) -> Mapping[str, Path]:
    """Whom the last roll-back removed from the group, each with its undo record; nobody without a usable record."""
    mine = re.compile(
        rf"{re.escape(stack.name)}-\d{{8}}T\d{{6}}Z\.json"
    )  # And not those of stack prod-eu for prod.
    records = [each for each in stack.undo_records.glob("*.json") if mine.fullmatch(each.name)]
    record = max(records, key=lambda each: each.name, default=None)
    if record is None:
        return {}
    try:
        replaced(stack, settings, record)
        members = parse_json(read_text(record))["members"]
    except (OperationError, UnreadableTextError, ValueError, KeyError, TypeError):
        return {}
    return {str(each): Path(os.path.relpath(record)) for each in members}


def halt(stack: Stack, settings: Settings) -> tuple[RollOut, list[str]]:
    """Write exactly the live members as the pilot: they stay, and later deployments add nobody.

    Returns:
        The choice, and the members that are whole domains. Those were added outside this stack, and the
        configuration cannot hold them.

    Raises:
        MimecastError: The group cannot be read.
    """
    client = connect(stack)
    target = stack.target()
    present = [groups.require_group(client, target.group), groups.find_group(client, target.second_group)]
    members = {
        member for group in present if group is not None for member in groups.list_members(client, group)
    }
    own = {settings.account_for_tests.address} if settings.account_for_tests else set()
    people = tuple(sorted(member for member in members - own if not member.startswith("@")))
    choice = settings.roll_out.model_copy(
        update={"who": "pilot" if people else "none", "pilot": people, "share": 0}
    )
    stack.set_roll_out(choice)
    return choice, sorted(members - own - set(people))


# -- Roll-back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The result of a roll-back. ``left`` are members that Mimecast still lists."""

    target: Target
    removed: tuple[str, ...]
    left: tuple[str, ...]
    record: Path | None
    """The undo record; ``None`` when nobody was in the group."""
    missing: str = ""
    """The name of a group that Mimecast does not have; it may have been renamed, with people in it."""

    def lines(self) -> Iterator[str]:
        """The result and its consequences, as text."""
        group = f"the group {quoted(self.target.group)} of Mimecast account {self.target.account_code}"
        if self.removed:
            yield f"Removed {count(len(self.removed), 'member')} from {group}: {', '.join(self.removed)}"
        elif not self.missing:
            yield f"Nobody was in {group}."
        if self.left:
            yield f"Mimecast still lists {', '.join(self.left)}. Rerun this, and check the group in the console."
        if self.record:
            yield f"Undo record: {os.path.relpath(self.record)}"
        if self.removed:
            yield (
                f"Mimecast asks them for a password again within {PROPAGATION_MINUTES} minutes (by its documentation). "
                "They need a cloud password or a directory password then; people with neither cannot sign in until an "
                "administrator sets one."
            )


def back(stack: Stack) -> RolledBack:
    """Empty the group at Mimecast at once, and set ``rollOut.who`` to none. Needs neither Entra nor an engine.

    The undo record is written before anybody is removed. The stack file is changed even if Mimecast fails, so that
    no deployment adds these people again.

    Raises:
        MimecastError: The group cannot be read or emptied.
    """
    before = _choice(stack)
    try:
        return emptied(stack, before)
    finally:
        stack.set_roll_out(RollOut(group=stack.target().group, who="none"))


def gone(name: str, account_code: str) -> str:
    """What it means that Mimecast has no group of that name."""
    return (
        f"Mimecast account {account_code} has no cloud group called {quoted(name)}. If it was renamed, people in it "
        "are still sent to Entra: remove them in the Administration Console (Directories > Profile Groups), or restore "
        "its name and rerun this. If it was deleted, nobody is."
    )


def _required_groups(stack: Stack, target: Target) -> tuple[str, ...]:
    """The groups that people may be in; of a stack file that may be broken elsewhere."""
    certificates = stack.values().get("certificates")
    rotates = isinstance(certificates, Mapping) and certificates.get("rotation") == RotationMode.BLUE_GREEN
    return (target.group, target.second_group) if rotates else (target.group,)


def members_by_group(client: MimecastClient, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Read who is in these groups; a group that does not exist is left out. Raises MimecastError."""
    found = {name: groups.find_group(client, name) for name in names}
    return {name: frozenset(groups.list_members(client, group)) for name, group in found.items() if group}


def emptied(
    stack: Stack, before: RollOut | None, *, only: Mapping[str, Collection[str]] | None = None
) -> RolledBack:
    """Remove everybody, or ``only`` these members by group, and keep their names in an undo record.

    Raises:
        MimecastError: A group cannot be read or changed.
    """
    target, client = stack.target(), connect(stack)
    names = (target.group, target.second_group) if only is None else tuple(only)
    present = [group for name in names if (group := groups.find_group(client, name)) is not None]
    found = {group.name for group in present}
    required = _required_groups(stack, target) if only is None else names
    missing = next((name for name in required if name not in found), "")
    members = {
        group.name: sorted(groups.list_members(client, group) if only is None else only[group.name])
        for group in present
    }
    people = sorted({member for each in members.values() for member in each})
    if not people:
        return RolledBack(target, (), (), None, missing)
    record = _write_record(stack, target, people, before)
    for group in present:
        groups.change_members(client, group, add=(), remove=members[group.name])
    left = {member for group in present for member in groups.list_members(client, group)} & set(people)
    removed = tuple(member for member in people if member not in left)
    return RolledBack(target, removed, tuple(sorted(left)), record, missing)


def _choice(stack: Stack) -> RollOut | None:
    """The configured choice; None if it is invalid."""
    try:
        return RollOut.model_validate(stack.values().get("rollOut") or {})
    except ValueError:
        return None


def _write_record(stack: Stack, target: Target, members: list[str], before: RollOut | None) -> Path:
    now = _now()
    record = stack.undo_records / f"{stack.name}-{now:%Y%m%dT%H%M%SZ}.json"
    content = {
        "stack": stack.name,
        "accountCode": target.account_code,
        "group": target.group,
        "at": utc_text(now),
        "members": members,
        "rollOut": before.model_dump(by_alias=True, exclude_none=True) if before else None,
    } | ({_REHEARSAL: True} if stack.on_sandbox else {})
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(f"{json.dumps(content, indent=2)}\n", encoding="utf-8")
    return record


def _now() -> datetime:
    return datetime.now(UTC)
