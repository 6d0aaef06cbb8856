"""Which step a rotation of the signing certificate takes next, and which one leads back: pure planning.

A `Picture` holds what is wanted (the stack's file), what is at Entra and at Mimecast (read live), what a person
attested, and what the last deployment recorded. From it `plan` and `back` work out one step: a change of the
stack's file, and everything that forbids it now. Nothing is stored of a rotation but the configuration itself, so
a run that died is followed by the same step again.

Blue/green, from the first profile to the second; every arrow is one change of the file and one deployment::

    stage → (console, confirm) → overlap → activate → leave → retire
            unstage ←            separate ← reactivate ← rejoin ←

Who is in both groups is assumed to get in with the certificate of either profile; what is known of that stands in
`components.settings.Certificates.expected_gap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from components.settings import Certificates, CutOver, Generation, Lane, Retired, RotationMode
from facts.certificate_life import WARNING_DAYS
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates
from providers.mimecast.authentication_profile import OPENS
from providers.mimecast.names import enumerate_some

LEAD_DAYS = max(WARNING_DAYS)
"""A rotation is due from so many days before the active certificate ends."""


# -- What is known --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LaneProfile:
    """An authentication profile as the last deployment recorded it; no API shows the console."""

    state: str
    thumbprint: str
    """Of the certificate in its form; "" where it has none."""
    basis: str = ""
    """Who attested it and when, in words."""
    idle: bool = False
    confirmed_since: bool = False
    """Whether the stack's file holds a confirmation of it that is not deployed yet."""


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """A roll-out group: who is in it (``None``: could not be read), and what the last deployment did to it."""

    name: str
    members: frozenset[str] | None
    recorded: frozenset[str] = frozenset()
    changed_at: datetime | None = None
    held: bool = False
    """Whether the last deployment that recorded it added nobody: then it recorded nobody's joining either."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Both sides of a rotation. What could not be read is ``None``, and ``unknown`` says why."""

    wanted: Certificates
    entra: SigningCertificates | None
    now: datetime
    """The time of the service that was asked."""
    thumbprints: Mapping[str, str]
    """Label → thumbprint, as the last deployment recorded them."""
    activated: str
    """What Entra signed with after the last deployment; "" before the first."""
    activated_at: datetime | None
    profiles: Mapping[Lane, LaneProfile]
    groups: Mapping[Lane, LaneGroup]
    unknown: tuple[str, ...] = ()

    def thumbprint(self, generation: Generation) -> str:
        """Of a generation; "" before it is deployed."""
        return self.thumbprints.get(generation.label, "")

    def live(self, generation: Generation) -> SigningCertificate | None:
        """A generation's certificate at Entra, when it is there."""
        return self.entra.get(self.thumbprint(generation)) if self.entra else None

    def is_active(self, generation: Generation) -> bool:
        """Whether Entra names it as the active one."""
        named = self.entra.named() if self.entra else None
        return named is not None and named.thumbprint == self.thumbprint(generation)

    def trusts(self, generation: Generation) -> bool:
        """Whether the profile of its lane is attested to hold its certificate, or to follow the metadata."""
        profile = self.profiles.get(generation.profile)
        if profile is None or profile.state not in OPENS:
            return False
        return self.by_metadata or profile.thumbprint == self.thumbprint(generation)

    @property
    def by_metadata(self) -> bool:
        """Whether Mimecast gets certificates from the metadata, and not from a person."""
        return self.wanted.rotation is RotationMode.METADATA

    @property
    def blue_green(self) -> bool:
        """Whether people move between two groups."""
        return self.wanted.rotation is RotationMode.BLUE_GREEN

    @property
    def people(self) -> frozenset[str]:
        """Who the last deployment had in a group, or wanted there."""
        return frozenset[str]().union(*(group.recorded for group in self.groups.values()))

    def group(self, lane: Lane) -> LaneGroup:
        """A lane's group; unknown before it is deployed."""
        return self.groups.get(lane) or LaneGroup(f"the {lane} group", None)

    def members(self, lane: Lane) -> frozenset[str]:
        """Who is in a lane's group; nobody where it is unknown, which is said elsewhere."""
        return self.group(lane).members or frozenset()

    def unrecorded(self, lane: Lane) -> frozenset[str]:
        """Who joined a lane's group in a run that died before it recorded when: from then on counts the wait."""
        group = self.group(lane)
        recorded = frozenset[str]() if group.held else group.recorded
        return (self.members(lane) & self.people) - recorded

    @property
    def switched(self) -> bool:
        """Whether Entra signs with another than the one named active, because that one is not valid."""
        return self.entra is not None and self.entra.named() != self.entra.active(self.now)

    @property
    def strays(self) -> tuple[SigningCertificate, ...]:
        """Certificates with the name of a generation of ours that an interrupted run left behind."""
        labels = self.thumbprints.keys() | self.wanted.labels
        return tuple(each for each in self._unrecorded() if each.label in labels)

    @property
    def strangers(self) -> tuple[SigningCertificate, ...]:
        """Certificates that this stack did not make."""
        strays = self.strays
        return tuple(each for each in self._unrecorded() if each not in strays)

    def _unrecorded(self) -> Iterator[SigningCertificate]:
        retired = {entry.thumbprint for entry in self.wanted.retired}
        known = {*self.thumbprints.values(), *retired}
        yield from (
            each for each in (self.entra.certificates if self.entra else ()) if each.thumbprint not in known
        )


# -- A step ---------------------------------------------------------------------------------------------------


class Step(StrEnum):
    """What happens next."""

    NONE = "none"
    DEPLOY = "deploy"
    """The configuration is ahead of the two sides."""
    CONSOLE = "console"
    """A person sets a profile and confirms it."""
    STAGE = "stage"
    OVERLAP = "overlap"
    ACTIVATE = "activate"
    LEAVE = "leave"
    RETIRE = "retire"
    UNSTAGE = "unstage"
    SEPARATE = "separate"
    REACTIVATE = "reactivate"
    REJOIN = "rejoin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step is not made now. ``waits``: only time is missing, so nobody has anything to do."""

    text: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: what it does, the configuration after it (``None``: it changes none), and what forbids it."""

    step: Step
    text: str
    change: Certificates | None = None
    refusals: tuple[Refusal, ...] = ()
    touches_people: bool = False
    """Whether the expected gap is at stake."""

    @property
    def due(self) -> bool:
        """Whether somebody has something to do now."""
        return self.step is not Step.NONE and not (
            self.refusals and all(refusal.waits for refusal in self.refusals)
        )


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """What a generation to come is called and when it ends (UTC as ``2029-11-01T00:00:00Z``)."""

    label: str
    end_date: str


# -- Forward --------------------------------------------------------------------------------------------------


def plan(picture: Picture, new: NewGeneration, *, start: bool = False) -> Plan:
    """The next step. ``start``: begin a rotation though none is due yet."""
    stop = (
        _unknown(picture)
        or _foreign(picture)
        or _behind(picture)
        or _console(picture)
        or _somebody_elses_members(picture)
    )
    return stop or _forward(picture, new, start=start)


def _forward(picture: Picture, new: NewGeneration, *, start: bool) -> Plan:
    wanted, target = picture.wanted, picture.wanted.next_generation
    if target:
        joins = picture.blue_green and wanted.cut_over is not CutOver.BOTH
        return _overlap(picture, target) if joins else _activate(picture, target)
    if wanted.cut_over is CutOver.BOTH:
        return _leave(picture)
    if wanted.former_generation or picture.strays:
        return _retire(picture, wanted.former_generation)
    return _stage(picture, new, start=start)


def _behind(picture: Picture) -> Plan | None:
    behind = outstanding(picture)
    text = f"Deploy what the configuration says: {'; '.join(behind)}"
    return Plan(Step.DEPLOY, text) if behind else None


def _unknown(picture: Picture) -> Plan | None:
    if not picture.unknown and picture.entra is not None:
        return None
    reasons = picture.unknown or ("Entra was not read",)
    return Plan(
        Step.NONE,
        "What the next step is, is unknown",
        refusals=tuple(Refusal(f"Unknown, and so not fine: {reason}") for reason in reasons),
    )


def foreign(picture: Picture) -> list[str]:
    """What somebody else changed among the certificates, in words."""
    if picture.entra is None:
        return []
    found = [f"added: {each}" for each in picture.strangers]
    found += [
        f"removed: generation {generation.label}, {picture.thumbprint(generation)}"
        for generation in picture.wanted.generations
        if picture.thumbprint(generation) and picture.live(generation) is None
    ]
    named = picture.entra.named()
    is_active = named.thumbprint if named else picture.entra.preferred
    active = picture.thumbprint(picture.wanted.active_generation)
    if picture.activated and is_active not in (picture.activated, active):
        found.append(
            f"active: {named or is_active or 'none'}; after the last deployment it was {picture.activated}"
        )
    return found


def _foreign(picture: Picture) -> Plan | None:
    found = foreign(picture)
    if not found:
        return None
    return Plan(
        Step.NONE,
        "The rotation stops, because somebody else changed the signing certificates",
        refusals=(
            Refusal(
                f"Changed in Entra by another hand. {'; '.join(found)}. Put the active one back: up --refresh. Take an "
                "added one away in the portal, or list it under certificates.retired, once nobody uses it"
            ),
        ),
    )


def _somebody_elses_members(picture: Picture) -> Plan | None:
    wanted = picture.wanted
    names = [
        f"“{picture.group(lane).name}”: {enumerate_some(sorted(picture.members(lane)))}"
        for lane in wanted.lanes
        if lane not in wanted.populated and picture.members(lane)
    ]
    if not names:
        return None
    return Plan(
        Step.NONE,
        "The rotation stops, because somebody is in a group that is to be empty",
        refusals=(Refusal(f"In the group by another hand, {'; '.join(names)}. Take them out: up --refresh"),),
    )


def outstanding(picture: Picture) -> list[str]:
    """What the configuration says and the two sides do not show yet, in words, though nothing forbids it."""
    wanted = picture.wanted
    found = [
        f"generation {generation.label} is made in Entra"
        for generation in wanted.generations
        if not picture.thumbprint(generation)
    ]
    found += [text for lane in wanted.lanes if (text := _profile_behind(picture, lane))]
    active = wanted.active_generation
    if picture.thumbprint(active) and picture.trusts(active):
        recorded = picture.activated == picture.thumbprint(active) or picture.switched
        if not picture.is_active(active) or not recorded:
            found.append(f"generation {active.label} becomes the active one")
        if picture.blue_green:
            found += _groups_behind(picture)
    live = picture.entra.thumbprints if picture.entra else frozenset[str]()
    found += [
        f"certificate {entry.thumbprint} ({entry.label}) is taken away"
        for entry in wanted.retired
        if entry.thumbprint in live
    ]
    return found


def _profile_behind(picture: Picture, lane: Lane) -> str:
    profile, generation = picture.profiles.get(lane), picture.wanted.of_lane(lane)
    if profile is None:
        return f"the {lane} profile is described"
    if profile.confirmed_since:
        return f"the confirmation of the {lane} profile"
    if picture.by_metadata:
        return ""
    form = picture.thumbprint(generation) if generation else ""
    return f"the form of the {lane} profile" if profile.thumbprint != form else ""


def _groups_behind(picture: Picture) -> Iterator[str]:
    wanted = picture.wanted
    for lane in wanted.lanes:
        group, generation = picture.groups.get(lane), wanted.of_lane(lane)
        if group is None:
            yield f"the {lane} group is made"
        elif lane in wanted.populated:
            missing = picture.people - picture.members(lane)
            if missing and generation and picture.trusts(generation):
                yield f"{len(missing)} people join “{group.name}”"
            elif unrecorded := picture.unrecorded(lane):
                yield f"since when {len(unrecorded)} people are in “{group.name}” is recorded"
        elif group.recorded:
            yield f"{len(group.recorded)} people leave “{group.name}”"


def _console(picture: Picture) -> Plan | None:
    """A profile that has to be set, or confirmed anew, before anything else."""
    wanted = picture.wanted
    needed = [each for each in (wanted.active_generation, wanted.next_generation) if each]
    if not picture.blue_green:
        needed = needed[:1]
    for generation in needed:
        profile = picture.profiles.get(generation.profile)
        if picture.trusts(generation) or profile is None:
            continue
        which = f" --profile {generation.profile}" if generation.profile is Lane.SECOND else ""
        text = (
            f"A person sets the {generation.profile} profile in the console from its run sheet and confirms it: "
            f"mimecast-sso run-sheet{which}, then confirm{which}"
        )
        why = (
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state}"
        )
        return Plan(
            Step.CONSOLE,
            text,
            refusals=(Refusal(why),),
            touches_people=wanted.rotation is RotationMode.SINGLE and not picture.is_active(generation),
        )
    return None


def _overlap(picture: Picture, target: Generation) -> Plan:
    group = picture.group(target.profile)
    return Plan(
        Step.OVERLAP,
        f"{len(picture.people)} people join “{group.name}”, and stay where they are: cutOver both",
        picture.wanted.model_copy(update={"cut_over": CutOver.BOTH}),
        (*_window(picture), *_usable(picture, target)),
        touches_people=True,
    )


def _activate(picture: Picture, target: Generation) -> Plan:
    refusals = [*_window(picture), *_usable(picture, target)]
    if picture.blue_green:
        refusals += _waited(
            picture,
            picture.group(target.profile).changed_at,
            f"people joined “{picture.group(target.profile).name}”",
        )
    console = picture.wanted.rotation is RotationMode.SINGLE
    text = (
        f"Generation {target.label} is to be the active one: its run sheet is written, and Entra changes once a "
        "person has set the profile and confirmed it"
        if console
        else f"Entra signs with generation {target.label}, no more with {picture.wanted.active}"
    )
    return Plan(
        Step.ACTIVATE,
        text,
        picture.wanted.model_copy(update={"active": target.label}),
        tuple(refusals),
        touches_people=True,
    )


def _leave(picture: Picture) -> Plan:
    active = picture.wanted.active_generation
    group = picture.group(active.profile.other)
    return Plan(
        Step.LEAVE,
        f"{len(picture.members(active.profile.other))} people leave “{group.name}”: cutOver active",
        picture.wanted.model_copy(update={"cut_over": CutOver.ACTIVE}),
        (
            *_waited(picture, picture.activated_at, f"generation {active.label} became the active one"),
            *_waited(
                picture,
                picture.group(active.profile).changed_at,
                f"people joined “{picture.group(active.profile).name}”",
            ),
        ),
    )


def _retire(picture: Picture, former: Generation | None) -> Plan:
    wanted, strays = picture.wanted, picture.strays
    gone = [Retired(label=each.label, thumbprint=each.thumbprint) for each in strays]
    rest = wanted.generations
    refusals: list[Refusal] = []
    if former:
        gone.append(Retired(label=former.label, thumbprint=picture.thumbprint(former)))
        rest = tuple(generation for generation in wanted.generations if generation is not former)
        refusals += _soaked(picture)
        if picture.blue_green:
            group = picture.group(former.profile)
            refusals += _waited(picture, group.changed_at, f"people left “{group.name}”")
    refusals += [
        Refusal(f"Entra signs with {each.thumbprint}, so it is not taken away")
        for each in gone
        if _signs(picture, each.thumbprint)
    ]
    names = ", ".join(f"{each.label} ({each.thumbprint})" for each in gone)
    change = wanted.model_copy(
        update={
            "generations": rest,
            "retired": (*wanted.retired, *gone),
            # An approval is for one rotation.
            "window": wanted.window.model_copy(update={"approved_by": None}) if wanted.window else None,
        }
    )
    return Plan(Step.RETIRE, f"Entra's certificate of {names} is taken away", change, tuple(refusals))


def _stage(picture: Picture, new: NewGeneration, *, start: bool) -> Plan:
    wanted, active = picture.wanted, picture.wanted.active_generation
    live = picture.live(active)
    ends = live.not_after if live else datetime.fromisoformat(active.end_date)
    begins = ends - timedelta(days=LEAD_DAYS)
    if not start and picture.now < begins:
        return Plan(
            Step.NONE,
            f"Nothing is due. Generation {active.label} ends at {ends:%Y-%m-%d %H:%MZ}; the next rotation is due from "
            f"{begins:%Y-%m-%d} on (earlier: next --start)",
        )
    lane = active.profile.other if picture.blue_green else active.profile
    generation = Generation(label=new.label, endDate=new.end_date, profile=lane)
    refusals = []
    if new.label in wanted.labels:
        refusals.append(Refusal(f"The label {new.label} is in use; give another one: --label"))
    if datetime.fromisoformat(new.end_date) <= ends:
        refusals.append(Refusal(f"A certificate until {new.end_date} ends no later than the active one"))
    where = f", for the {lane} profile" if picture.blue_green else ""
    return Plan(
        Step.STAGE,
        f"Generation {new.label} until {new.end_date} is made in Entra, inactive{where}",
        wanted.model_copy(update={"generations": (*wanted.generations, generation)}),
        tuple(refusals),
    )


# -- Back -----------------------------------------------------------------------------------------------------


def back(picture: Picture) -> Plan:
    """The step back. No window, approval or soak stands in its way; what would lock people out does."""
    wanted = picture.wanted
    if picture.entra is None:
        stop = _unknown(picture)
        assert stop is not None  # noqa: S101  (nothing was read)
        return stop
    target, former = wanted.next_generation, wanted.former_generation
    if wanted.cut_over is CutOver.BOTH:
        return _reactivate(picture, former) if former and not target else _separate(picture, target)
    if target:
        return _unstage(picture, target)
    if former:
        return _rejoin(picture, former) if picture.blue_green else _reactivate(picture, former)
    return Plan(
        Step.NONE,
        "There is nothing to go back to",
        refusals=(
            Refusal(
                "There is one generation. What was retired is taken away from Entra and does not come back: stage a "
                "new one (next --start). To have people sign in with a password again: roll-out back"
            ),
        ),
    )


def _separate(picture: Picture, target: Generation | None) -> Plan:
    lane = picture.wanted.active_generation.profile.other
    name = picture.group(lane).name
    label = f" of generation {target.label}" if target else ""
    return Plan(
        Step.SEPARATE,
        f"People leave “{name}”{label} and stay where they were: cutOver active",
        picture.wanted.model_copy(update={"cut_over": CutOver.ACTIVE}),
    )


def _reactivate(picture: Picture, former: Generation) -> Plan:
    refusals = [*_usable(picture, former)]
    if picture.blue_green:
        group = picture.group(former.profile)
        refusals += _attested(picture, former)
        missing = picture.people - picture.members(former.profile)
        if missing or group.members is None:
            refusals.append(
                Refusal(
                    f"{len(missing) or 'Unknown'} people are not in “{group.name}” yet: deploy first (up)"
                )
            )
        elif picture.unrecorded(former.profile):
            refusals.append(
                Refusal(
                    f"Since when people are in “{group.name}” is not recorded: deploy first (up --refresh)"
                )
            )
        refusals += _waited(picture, group.changed_at, f"people joined “{group.name}”")
    text = f"Entra signs with generation {former.label} again, no more with {picture.wanted.active}"
    if picture.wanted.rotation is RotationMode.SINGLE:
        text += ", once the profile holds it again and a person confirmed that"
    return Plan(
        Step.REACTIVATE,
        text,
        picture.wanted.model_copy(update={"active": former.label}),
        tuple(refusals),
        touches_people=True,
    )


def _rejoin(picture: Picture, former: Generation) -> Plan:
    group = picture.group(former.profile)
    return Plan(
        Step.REJOIN,
        f"{len(picture.people)} people join “{group.name}” again, and stay where they are: cutOver both",
        picture.wanted.model_copy(update={"cut_over": CutOver.BOTH}),
        (*_usable(picture, former), *_attested(picture, former)),
    )


def _unstage(picture: Picture, target: Generation) -> Plan:
    wanted, thumbprint = picture.wanted, picture.thumbprint(target)
    refusals = []
    if _signs(picture, thumbprint):
        refusals.append(
            Refusal(f"Entra signs with {thumbprint}; have it sign with {wanted.active} first: up --refresh")
        )
    group = picture.group(target.profile)
    if picture.blue_green and thumbprint and (group.members is None or group.members):
        refusals.append(
            Refusal(f"People are in “{group.name}”, or that is unknown: deploy first (up --refresh)")
        )
    retired = (Retired(label=target.label, thumbprint=thumbprint),) if thumbprint else ()
    rest = tuple(generation for generation in wanted.generations if generation is not target)
    return Plan(
        Step.UNSTAGE,
        f"Generation {target.label} leaves the configuration, and its certificate is taken away from Entra",
        wanted.model_copy(update={"generations": rest, "retired": (*wanted.retired, *retired)}),
        tuple(refusals),
    )


# -- Gates ----------------------------------------------------------------------------------------------------


def _window(picture: Picture) -> Iterator[Refusal]:
    window = picture.wanted.window
    if window is None:
        return
    opens = datetime.fromisoformat(window.not_before)
    if picture.now < opens:
        yield Refusal(f"The window is not open before {window.not_before} (certificates.window)", waits=True)
    if not window.approved_by:
        yield Refusal(
            "Nobody approved it: write certificates.window.approvedBy into the stack's file, as a change that somebody "
            "reviews"
        )


def _usable(picture: Picture, generation: Generation) -> Iterator[Refusal]:
    live = picture.live(generation)
    if live is None:
        yield Refusal(f"The certificate of generation {generation.label} is not in Entra")
    elif not live.is_valid(picture.now):
        yield Refusal(
            f"The certificate of generation {generation.label} is valid from {live.not_before:%Y-%m-%d} to "
            f"{live.not_after:%Y-%m-%d}, and not now"
        )


def _attested(picture: Picture, generation: Generation) -> Iterator[Refusal]:
    if not picture.trusts(generation):
        profile = picture.profiles.get(generation.profile)
        yield Refusal(
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state if profile else 'absent'}"
        )


def _waited(picture: Picture, since: datetime | None, what: str) -> Iterator[Refusal]:
    minutes = picture.wanted.wait_minutes
    if since is None:
        yield Refusal(f"Since when {what} is unknown: up --refresh")
    elif picture.now < since + timedelta(minutes=minutes):
        yield Refusal(
            f"Wait until {since + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%SZ}: {what} at {since:%H:%M:%SZ}, and "
            f"such a change may take {minutes} minutes to count (certificates.waitMinutes)",
            waits=True,
        )


def _soaked(picture: Picture) -> Iterator[Refusal]:
    wanted = picture.wanted
    ends = soak_ends(picture)
    if ends is None:
        yield Refusal(
            f"Since when generation {wanted.active} signs is unknown, so whether it has soaked is. Look at the "
            "sign-ins, and list the former one under certificates.retired by hand"
        )
    elif picture.now < ends:
        yield Refusal(
            f"Generation {wanted.active} soaks until {ends:%Y-%m-%d %H:%M:%SZ} (certificates.soakDays "
            f"{wanted.soak_days}); until then the former one stays, for a roll-back",
            waits=True,
        )


def soak_ends(picture: Picture) -> datetime | None:
    """When the active generation has soaked; ``None`` where it is unknown since when it signs."""
    if picture.activated_at is None:
        return None
    return picture.activated_at + timedelta(days=picture.wanted.soak_days)


def _signs(picture: Picture, thumbprint: str) -> bool:
    if picture.entra is None:
        return True
    signing = (picture.entra.named(), picture.entra.active(picture.now))
    return any(each is not None and each.thumbprint == thumbprint for each in signing)


# -- Showing it -----------------------------------------------------------------------------------------------


class State(StrEnum):
    """How far a generation has come."""

    ABSENT = "absent"
    STAGED = "staged"
    TRUSTED = "trusted"
    ACTIVE = "active"
    SOAKED = "soaked"
    RETIRED = "retired"
    UNKNOWN = "unknown"


def state(picture: Picture, generation: Generation) -> State:
    """How far a generation has come, from what is live, attested and configured."""
    if picture.entra is None:
        return State.UNKNOWN
    if picture.live(generation) is None:
        return State.ABSENT
    if picture.is_active(generation):
        ends = soak_ends(picture)
        soaked = ends is not None and picture.now >= ends and picture.wanted.active == generation.label
        return State.SOAKED if soaked else State.ACTIVE
    # By metadata nobody knows before it signs: whether inactive ones are listed there is not documented.
    return State.TRUSTED if picture.trusts(generation) and not picture.by_metadata else State.STAGED


def lines(picture: Picture) -> Iterator[str]:
    """The generations and the groups as text, each fact with how it is known."""
    read = f"read live at {picture.now:%Y-%m-%d %H:%M:%SZ}"
    for generation in picture.wanted.generations:
        yield f"  {generation.label:12} {state(picture, generation):8} {_of_entra(picture, generation, read)}"
        yield f"  {'':12} {'':8} Mimecast: {_of_mimecast(picture, generation)}"
    for entry in picture.wanted.retired:
        there = picture.entra is not None and entry.thumbprint in picture.entra.thumbprints
        where = "unknown" if picture.entra is None else "still in Entra" if there else "gone from Entra"
        yield f"  {entry.label:12} {State.RETIRED:8} {entry.thumbprint}: {where} ({read})"
    for stray in picture.strays:
        yield f"  {stray.label:12} {'left over':8} {stray.thumbprint}: an interrupted run made it ({read})"
    if picture.entra and picture.switched:
        yield f"  Entra signs with {picture.entra.active(picture.now)}, because the active one is not valid ({read})"
    for lane in picture.wanted.lanes:
        if group := picture.groups.get(lane):
            known = group.members is not None
            count = (
                f"{len(group.members or ())} people ({read})" if known else "unknown (Mimecast was not read)"
            )
            yield f"  group “{group.name}”: {count}"


def _of_entra(picture: Picture, generation: Generation, read: str) -> str:
    if picture.entra is None:
        return "Entra: unknown (it was not read)"
    live = picture.live(generation)
    if live is None:
        return f"Entra: not there ({read})"
    role = "signs" if picture.is_active(generation) else "inactive"
    since = ""
    if picture.is_active(generation) and picture.activated_at:
        since = f" since {picture.activated_at:%Y-%m-%d %H:%M:%SZ}"
    return f"Entra: {live.thumbprint} until {live.not_after:%Y-%m-%d}, {role}{since} ({read})"


def _of_mimecast(picture: Picture, generation: Generation) -> str:
    profile = picture.profiles.get(generation.profile)
    if profile is None:
        return "no profile yet (as deployed last)"
    if picture.by_metadata:
        observed = picture.wanted.metadata_observed
        seen = f"; followed once, observed by {observed.by} at {observed.at}" if observed else ""
        return f"follows the metadata ({profile.state}, {profile.basis or 'not attested'}{seen})"
    if not profile.thumbprint or profile.thumbprint != picture.thumbprint(generation):
        return f"the {generation.profile} profile is to hold another certificate (as deployed last)"
    if profile.state in OPENS:
        return f"the {generation.profile} profile holds it ({profile.state}, {profile.basis})"
    return f"the {generation.profile} profile is {profile.state}: whether it holds it is unknown"
