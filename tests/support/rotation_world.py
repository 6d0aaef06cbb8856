"""Entra, Mimecast and a stack's state as a deployment of a blue/green rotation leaves them, in memory.

`deploy` does what the program's resources do, in their order, and can die after any of its deeds; it may lose what it
did, as an engine does that is killed before it writes its state. Changes at Mimecast, and of what Entra signs with,
count at an unknown moment within fifteen minutes, and whoever is in both groups gets in by the profile of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Generic, TypeVar

from mimecast_sso.operations import rotation
from mimecast_sso.operations.rotation import LaneGroup, LaneProfile, NewGeneration, Picture, Plan
from mimecast_sso.settings import Certificates, Lane, RotationMode
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates, subject

T = TypeVar("T")

PEOPLE = frozenset({"ada@example.com", "grace@example.com"})
STARTS = datetime(2026, 11, 1, tzinfo=UTC)
WAIT = timedelta(minutes=15)
NEW = NewGeneration("next", "2029-12-01T00:00:00Z")
FIRST = {"label": "2026", "endDate": "2029-07-28T00:00:00Z"}
FOLLOWS = "follows the metadata"
"""What the form of a profile holds instead of a certificate."""


class Died(Exception):  # noqa: N818  (says what happened)
    """The deployment was killed."""


@dataclass
class Timeline(Generic[T]):
    """A value and those it had before; what counts is any of those of the last fifteen minutes."""

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


def in_group(person: str, lane: Lane) -> tuple[str, Lane]:
    return person, lane


@dataclass
class State:
    """What the stack's state holds."""

    thumbprints: dict[str, str] = field(default_factory=dict)
    activated: str = ""
    activated_at: datetime | None = None
    forms: dict[Lane, str] = field(default_factory=dict)
    confirmed: dict[Lane, str] = field(default_factory=dict)
    members: dict[Lane, frozenset[str]] = field(default_factory=dict)
    held: dict[Lane, bool] = field(default_factory=dict)
    changed_at: dict[Lane, datetime] = field(default_factory=dict)


class World:
    """Both sides, the configuration, and the state."""

    def __init__(self, wanted: Certificates) -> None:
        self.now = STARTS
        self.wanted = wanted
        self.entra: list[SigningCertificate] = []
        self.signing = Timeline([(datetime.min.replace(tzinfo=UTC), "")])
        self.members = {
            in_group(person, lane): Timeline([(datetime.min.replace(tzinfo=UTC), False)])
            for person, lane in product(PEOPLE, Lane)
        }
        self.console = {lane: Timeline([(datetime.min.replace(tzinfo=UTC), "")]) for lane in Lane}
        self.confirmed: dict[Lane, str] = {}
        self.state = State()
        self._made = 0
        self._deeds_left: int | None = None

    @property
    def preferred(self) -> str:
        """What Entra is told to sign with."""
        return self.signing.value

    @preferred.setter
    def preferred(self, thumbprint: str) -> None:
        self.signing.set(self.now, thumbprint)

    # Reading

    def picture(self) -> Picture:
        state = self.state
        return Picture(
            stack="sandbox",
            wanted=self.wanted,
            entra=SigningCertificates(tuple(self.entra), self.preferred),
            now=self.now,
            thumbprints=dict(state.thumbprints),
            activated=state.activated,
            activated_at=state.activated_at,
            profiles={lane: self._profile(lane) for lane in state.forms},
            groups={
                lane: LaneGroup(lane, self.live(lane), members, state.changed_at.get(lane), state.held[lane])
                for lane, members in state.members.items()
            },
        )

    def _profile(self, lane: Lane) -> LaneProfile:
        form = self.state.forms[lane]
        opens = bool(form) and self.state.confirmed.get(lane) == form
        written = bool(form) and self.confirmed.get(lane) == form
        return LaneProfile(
            state="claimed" if opens else "due",
            thumbprint="" if form == FOLLOWS else form,
            idle=not form,
            confirmed_since=written and not opens,
        )

    def live(self, lane: Lane) -> frozenset[str]:
        return frozenset(person for person in PEOPLE if self.members[in_group(person, lane)].value)

    def thumbprint(self, label: str) -> str:
        return self.state.thumbprints.get(label, "")

    # Whether people get in

    def locked_out(self) -> list[str]:
        """Who might not get in now: in no group, or by profiles that may not hold what Entra signs with."""
        return [person for person in PEOPLE if not all(self._get_in(lanes) for lanes in self._lanes(person))]

    def _lanes(self, person: str) -> Iterator[frozenset[Lane]]:
        possible = [self.members[in_group(person, lane)].possible(self.now) for lane in Lane]
        for values in product(*possible):
            yield frozenset(lane for lane, value in zip(Lane, values, strict=True) if value)

    def _get_in(self, lanes: frozenset[Lane]) -> bool:
        return all(
            any(self._accepts(lane, signs) for lane in lanes) for signs in self.signing.possible(self.now)
        )

    def _accepts(self, lane: Lane, thumbprint: str) -> bool:
        held = self.console[lane].possible(self.now)
        return held == {thumbprint} or (held == {FOLLOWS} and thumbprint in self._listed)

    @property
    def _listed(self) -> frozenset[str]:
        """What the metadata lists."""
        return frozenset(each.thumbprint for each in self.entra)

    # People and time

    def pass_time(self, duration: timedelta) -> None:
        self.now += duration

    def work_at_the_console(self, lane: Lane) -> None:
        """An administrator works from the run sheet of a profile that is due, and confirms it."""
        form = self.state.forms.get(lane, "")
        if form and self.state.confirmed.get(lane) != form:
            self.console[lane].set(self.now, form)
            self.confirmed[lane] = form

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
        """Whether it came to its end."""
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
        for lane, recorded in state.members.items():
            found = self.live(lane) | recorded if state.held[lane] else self.live(lane)
            if found != recorded:
                state.members[lane], state.changed_at[lane] = found, self.now
        if state.activated not in ("", self.preferred):
            state.activated, state.activated_at = self.preferred, self.now
        state.thumbprints = {label: each for label, each in state.thumbprints.items() if each in self._listed}

    def _deploy(self) -> None:
        wanted, state = self.wanted, self.state
        for generation in wanted.generations:
            if generation.label not in state.thumbprints:
                self._deed()
                made = self.make_certificate(subject(generation.label))
                self._deed()
                state.thumbprints[generation.label] = made.thumbprint
        for lane in wanted.lanes:
            mine = wanted.of_lane(lane)
            self._deed()
            if wanted.rotation is RotationMode.METADATA:
                state.forms[lane] = FOLLOWS
            else:
                state.forms[lane] = state.thumbprints[mine.label] if mine else ""
            state.confirmed[lane] = self.confirmed.get(lane, "")
        active = wanted.active_generation.profile
        for lane in sorted(wanted.populated, key=lambda lane: lane is not active):
            self._change(lane, PEOPLE, hold=self._held(lane))
        self._activate()
        for lane in wanted.lanes:
            if lane not in wanted.populated:
                self._change(lane, PEOPLE if self._held(active) else frozenset(), hold=True)
        for entry in wanted.retired:
            self._retire(entry.thumbprint)
        for label in set(state.thumbprints) - {generation.label for generation in wanted.generations}:
            self._deed()
            del state.thumbprints[label]

    def _held(self, lane: Lane) -> bool:
        form = self.state.forms.get(lane, "")
        return not form or self.state.confirmed.get(lane) != form

    def _change(self, lane: Lane, members: frozenset[str], *, hold: bool) -> None:
        state, before = self.state, self.state.members.get(lane, frozenset())
        if lane in state.members and (before, state.held[lane]) == (members, hold):
            return
        for person in sorted(PEOPLE):
            member = self.members[in_group(person, lane)]
            if person in members and not hold and not member.value:
                self._deed()
                member.set(self.now, True)
            elif person in before - members and member.value:
                self._deed()
                member.set(self.now, False)
        self._deed()
        state.members[lane], state.held[lane], state.changed_at[lane] = members, hold, self.now

    def _activate(self) -> None:
        state, wanted = self.state, self.wanted
        thumbprint = state.thumbprints[wanted.active]
        trusted = not self._held(wanted.active_generation.profile)
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
    """The first generation signs, its profile is confirmed, and people are in the first group for long."""
    world = World(certificates(**changes))
    assert world.deploy()
    world.work_at_the_console(Lane.FIRST)
    world.pass_time(WAIT)
    assert world.deploy()
    world.pass_time(timedelta(days=2))
    return world


def forward(world: World, *, start: bool = True) -> Plan:
    """What ``rotate next`` plans."""
    return rotation.plan(world.picture(), NEW, start=start)


def make(world: World, planned: Plan) -> None:
    """Writes the step's change into the configuration, through all checks of the settings."""
    assert planned.refusals == (), planned
    if planned.change is not None:
        world.wanted = Certificates.model_validate(planned.change.model_dump(by_alias=True))
