"""In-memory Entra, Mimecast and stack state as left by deployments of a blue/green rotation.

`deploy` does what the program's resources do, in their order, and can be killed after any operation; it may lose its
record, like an engine that is killed before it writes its state. Changes at Mimecast, and of the certificate that
Entra signs with, take effect at an unknown moment within fifteen minutes, and people in both groups sign in by either
profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Generic, TypeVar

from mimecast_sso.operations import rotation
from mimecast_sso.operations.rotation import (
    NewGeneration,
    RotationPlan,
    RotationSnapshot,
    SlotGroup,
    SlotProfile,
)
from mimecast_sso.settings import Certificates, ProfileSlot, RotationMode
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate, subject

T = TypeVar("T")

PEOPLE = frozenset({"ada@example.com", "grace@example.com"})
STARTS = datetime(2026, 11, 1, tzinfo=UTC)
WAIT = timedelta(minutes=15)
NEW = NewGeneration("next", "2029-12-01T00:00:00Z")
FIRST = {"label": "2026", "endDate": "2029-07-28T00:00:00Z"}
FOLLOWS = "follows the metadata"
"""The value in a profile's form instead of a certificate."""


class Died(Exception):  # noqa: N818  (says what happened)
    """The deployment was killed."""


@dataclass
class Timeline(Generic[T]):
    """A value with its former ones; any value of the last fifteen minutes may be in effect."""

    values: list[tuple[datetime, T]]

    @property
    def value(self) -> T:
        return self.values[-1][1]

    def set(self, now: datetime, value: T) -> None:
        if value != self.value:
            self.values.append((now, value))

    def possible(self, now: datetime) -> frozenset[T]:
        older = [value for at, value in self.values if at <= now - WAIT]
        return frozenset(value for at, value in self.values if at > now - WAIT) | frozenset(older[-1:])


def in_group(person: str, slot: ProfileSlot) -> tuple[str, ProfileSlot]:
    return person, slot


@dataclass
class State:
    """The stack's state."""

    thumbprints: dict[str, str] = field(default_factory=dict)
    activated: str = ""
    activated_at: datetime | None = None
    forms: dict[ProfileSlot, str] = field(default_factory=dict)
    confirmed: dict[ProfileSlot, str] = field(default_factory=dict)
    members: dict[ProfileSlot, frozenset[str]] = field(default_factory=dict)
    held: dict[ProfileSlot, bool] = field(default_factory=dict)
    changed_at: dict[ProfileSlot, datetime] = field(default_factory=dict)


class World:
    """Both sides, the configuration, and the state."""

    def __init__(self, configured: Certificates) -> None:
        self.now = STARTS
        self.configured = configured
        self.entra: list[SigningCertificate] = []
        self.signing = Timeline([(datetime.min.replace(tzinfo=UTC), "")])
        self.members = {
            in_group(person, slot): Timeline([(datetime.min.replace(tzinfo=UTC), False)])
            for person, slot in product(PEOPLE, ProfileSlot)
        }
        self.console = {slot: Timeline([(datetime.min.replace(tzinfo=UTC), "")]) for slot in ProfileSlot}
        self.confirmed: dict[ProfileSlot, str] = {}
        self.state = State()
        self._made = 0
        self._deeds_left: int | None = None

    @property
    def preferred(self) -> str:
        """The certificate that Entra is set to sign with."""
        return self.signing.value

    @preferred.setter
    def preferred(self, thumbprint: str) -> None:
        self.signing.set(self.now, thumbprint)

    # Reading

    def snapshot(self) -> RotationSnapshot:
        state = self.state
        return RotationSnapshot(
            stack="sandbox",
            configured=self.configured,
            entra=PrincipalCertificates(tuple(self.entra), self.preferred),
            now=self.now,
            thumbprints=dict(state.thumbprints),
            activated=state.activated,
            activated_at=state.activated_at,
            profiles={slot: self._profile(slot) for slot in state.forms},
            groups={
                slot: SlotGroup(slot, self.live(slot), members, state.changed_at.get(slot), state.held[slot])
                for slot, members in state.members.items()
            },
        )

    def _profile(self, slot: ProfileSlot) -> SlotProfile:
        form = self.state.forms[slot]
        opens = bool(form) and self.state.confirmed.get(slot) == form
        written = bool(form) and self.confirmed.get(slot) == form
        return SlotProfile(
            state="claimed" if opens else "due",
            thumbprint="" if form == FOLLOWS else form,
            idle=not form,
            confirmed_since=written and not opens,
        )

    def live(self, slot: ProfileSlot) -> frozenset[str]:
        return frozenset(person for person in PEOPLE if self.members[in_group(person, slot)].value)

    def thumbprint(self, label: str) -> str:
        return self.state.thumbprints.get(label, "")

    # Whether people can sign in

    def locked_out(self) -> list[str]:
        """People who might not be able to sign in now: in no group, or with a profile that may lack the certificate."""
        return [person for person in PEOPLE if not all(self._get_in(slots) for slots in self._slots(person))]

    def _slots(self, person: str) -> Iterator[frozenset[ProfileSlot]]:
        possible = [self.members[in_group(person, slot)].possible(self.now) for slot in ProfileSlot]
        for values in product(*possible):
            yield frozenset(slot for slot, value in zip(ProfileSlot, values, strict=True) if value)

    def _get_in(self, slots: frozenset[ProfileSlot]) -> bool:
        return all(
            any(self._accepts(slot, signs) for slot in slots) for signs in self.signing.possible(self.now)
        )

    def _accepts(self, slot: ProfileSlot, thumbprint: str) -> bool:
        held = self.console[slot].possible(self.now)
        return held == {thumbprint} or (held == {FOLLOWS} and thumbprint in self._listed)

    @property
    def _listed(self) -> frozenset[str]:
        """The certificates in the metadata."""
        return frozenset(each.thumbprint for each in self.entra)

    # People and time

    def pass_time(self, duration: timedelta) -> None:
        self.now += duration

    def work_at_the_console(self, slot: ProfileSlot) -> None:
        """An administrator works from the run sheet of a profile that is due, and confirms it."""
        form = self.state.forms.get(slot, "")
        if form and self.state.confirmed.get(slot) != form:
            self.console[slot].set(self.now, form)
            self.confirmed[slot] = form

    def make_certificate(self, name: str) -> SigningCertificate:
        self._made += 1
        thumbprint = f"{self._made:040X}"
        made = SigningCertificate(
            thumbprint,
            name,
            STARTS - timedelta(days=1),
            STARTS + timedelta(days=1000),
            thumbprint,
            thumbprint,
        )
        self.entra.append(made)
        if not self.preferred:
            self.preferred = thumbprint
        return made

    # Deploying

    def deploy(self, *, refresh: bool = True, dies_after: int | None = None) -> bool:
        """Run a deployment. Returns whether it completed."""
        self._deeds_left = dies_after
        try:
            if refresh:
                self._refresh()
            self._deploy()
        except Died:
            return False
        finally:
            self._deeds_left = None
        return True

    def _deed(self) -> None:
        if self._deeds_left is not None:
            if self._deeds_left == 0:
                raise Died
            self._deeds_left -= 1

    def _refresh(self) -> None:
        state = self.state
        for slot, recorded in state.members.items():
            found = self.live(slot) | recorded if state.held[slot] else self.live(slot)
            if found != recorded:
                state.members[slot], state.changed_at[slot] = found, self.now
        if state.activated not in ("", self.preferred):
            state.activated, state.activated_at = self.preferred, self.now
        state.thumbprints = {label: each for label, each in state.thumbprints.items() if each in self._listed}

    def _deploy(self) -> None:
        configured, state = self.configured, self.state
        for generation in configured.generations:
            if generation.label not in state.thumbprints:
                self._deed()
                made = self.make_certificate(subject(generation.label))
                self._deed()
                state.thumbprints[generation.label] = made.thumbprint
        for slot in configured.slots:
            mine = configured.of_slot(slot)
            self._deed()
            if configured.rotation is RotationMode.METADATA:
                state.forms[slot] = FOLLOWS
            else:
                state.forms[slot] = state.thumbprints[mine.label] if mine else ""
            state.confirmed[slot] = self.confirmed.get(slot, "")
        active = configured.active_generation.profile
        for slot in sorted(configured.populated, key=lambda slot: slot is not active):
            self._change(slot, PEOPLE, hold=self._held(slot))
        self._activate()
        for slot in configured.slots:
            if slot not in configured.populated:
                self._change(slot, PEOPLE if self._held(active) else frozenset(), hold=True)
        for entry in configured.retired:
            self._retire(entry.thumbprint)
        for label in set(state.thumbprints) - {generation.label for generation in configured.generations}:
            self._deed()
            del state.thumbprints[label]

    def _held(self, slot: ProfileSlot) -> bool:
        form = self.state.forms.get(slot, "")
        return not form or self.state.confirmed.get(slot) != form

    def _change(self, slot: ProfileSlot, members: frozenset[str], *, hold: bool) -> None:
        state, before = self.state, self.state.members.get(slot, frozenset())
        if slot in state.members and (before, state.held[slot]) == (members, hold):
            return
        for person in sorted(PEOPLE):
            member = self.members[in_group(person, slot)]
            if person in members and not hold and not member.value:
                self._deed()
                member.set(self.now, True)
            elif person in before - members and member.value:
                self._deed()
                member.set(self.now, False)
        self._deed()
        state.members[slot], state.held[slot], state.changed_at[slot] = members, hold, self.now

    def _activate(self) -> None:
        state, configured = self.state, self.configured
        thumbprint = state.thumbprints[configured.active]
        trusted = not self._held(configured.active_generation.profile)
        if state.activated == thumbprint:
            return
        if self.preferred != thumbprint and trusted:
            self._deed()
            self.preferred = thumbprint
        self._deed()
        if state.activated != self.preferred:
            state.activated, state.activated_at = self.preferred, self.now

    def _retire(self, thumbprint: str) -> None:
        if thumbprint == self.preferred:
            raise Died  # Our handler refuses, and the deployment fails.
        if any(each.thumbprint == thumbprint for each in self.entra):
            self._deed()
            self.entra = [each for each in self.entra if each.thumbprint != thumbprint]


# A rotation in such a world


def certificates(**changes: Any) -> Certificates:
    """The section of a stack with one generation, by default in blue/green."""
    values = {"generations": [FIRST], "active": "2026", "rotation": "blue-green", "soakDays": 1}
    return Certificates.model_validate(values | changes)


def at_rest(**changes: Any) -> World:
    """The first generation signs, its profile is confirmed, and people have been in the first group for long."""
    world = World(certificates(**changes))
    assert world.deploy()
    world.work_at_the_console(ProfileSlot.FIRST)
    world.pass_time(WAIT)
    assert world.deploy()
    world.pass_time(timedelta(days=2))
    return world


def forward(world: World, *, start: bool = True) -> RotationPlan:
    """The plan of ``rotate next``."""
    return rotation.plan(world.snapshot(), NEW, start=start)


def make(world: World, planned: RotationPlan) -> None:
    """Apply the step's change to the configuration, with all validation of the settings."""
    assert planned.refusals == (), planned
    if planned.change is not None:
        world.configured = Certificates.model_validate(planned.change.model_dump(by_alias=True))
