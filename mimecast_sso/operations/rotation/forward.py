"""The next step."""

from __future__ import annotations

from datetime import datetime, timedelta

from mimecast_sso.facts.certificate_life import WARNING_DAYS
from mimecast_sso.operations.rotation.gates import settled, signs, soaked, usable, waited, window
from mimecast_sso.operations.rotation.snapshot import RotationSnapshot
from mimecast_sso.operations.rotation.step import NewGeneration, RotationPlan, RotationRefusal, Step
from mimecast_sso.operations.rotation.stops import (
    behind,
    changed_by_others,
    console_work,
    members_of_others,
    unknown,
)
from mimecast_sso.settings import CutOver, Generation, Retired, RotationMode
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.wording import count

LEAD_DAYS = max(WARNING_DAYS)
"""A rotation is due this many days before the active certificate expires."""


def plan(snapshot: RotationSnapshot, new: NewGeneration, *, start: bool = False) -> RotationPlan:
    """Plan the next step. ``start``: begin a rotation even if none is due yet."""
    stop = (
        unknown(snapshot)
        or changed_by_others(snapshot)
        or behind(snapshot)
        or console_work(snapshot)
        or members_of_others(snapshot)
    )
    return stop or _forward(snapshot, new, start=start)


def _forward(snapshot: RotationSnapshot, new: NewGeneration, *, start: bool) -> RotationPlan:
    configured, target = snapshot.configured, snapshot.configured.next_generation
    if target:
        joins = snapshot.blue_green and configured.cut_over is not CutOver.BOTH
        return _overlap(snapshot, target) if joins else _activate(snapshot, target)
    if configured.cut_over is CutOver.BOTH:
        return _leave(snapshot)
    if configured.former_generation or snapshot.strays:
        return _retire(snapshot, configured.former_generation)
    return _stage(snapshot, new, start=start)


def _overlap(snapshot: RotationSnapshot, target: Generation) -> RotationPlan:
    group = snapshot.group(target.profile)
    return RotationPlan(
        Step.OVERLAP,
        f"Add {count(len(snapshot.people), 'person')} to {quoted(group.name)} and remove nobody: cutOver both",
        snapshot.configured.model_copy(update={"cut_over": CutOver.BOTH}),
        (*window(snapshot), *usable(snapshot, target)),
        touches_people=True,
    )


def _activate(snapshot: RotationSnapshot, target: Generation) -> RotationPlan:
    refusals = [*window(snapshot), *usable(snapshot, target)]
    if snapshot.blue_green:
        refusals += waited(
            snapshot,
            snapshot.group(target.profile).changed_at,
            f"people joined {quoted(snapshot.group(target.profile).name)}",
        )
    console = snapshot.configured.rotation is RotationMode.SINGLE
    text = (
        f"Make generation {target.label} the active one. The deployment writes its run sheet; Entra switches "
        "once somebody has set the profile and confirmed it"
        if console
        else f"Entra signs with generation {target.label} instead of {snapshot.configured.active}"
    )
    return RotationPlan(
        Step.ACTIVATE,
        text,
        snapshot.configured.model_copy(update={"active": target.label}),
        tuple(refusals),
        touches_people=True,
    )


def _leave(snapshot: RotationSnapshot) -> RotationPlan:
    active = snapshot.configured.active_generation
    group = snapshot.group(active.profile.other)
    leaving = count(len(snapshot.members(active.profile.other)), "person")
    return RotationPlan(
        Step.LEAVE,
        f"Remove {leaving} from {quoted(group.name)}: cutOver active",
        snapshot.configured.model_copy(update={"cut_over": CutOver.ACTIVE}),
        (
            *waited(snapshot, snapshot.activated_at, f"generation {active.label} became the active one"),
            *waited(
                snapshot,
                snapshot.group(active.profile).changed_at,
                f"people joined {quoted(snapshot.group(active.profile).name)}",
            ),
        ),
    )


def _retire(snapshot: RotationSnapshot, former: Generation | None) -> RotationPlan:
    configured, strays = snapshot.configured, snapshot.strays
    gone = [Retired(label=each.label, thumbprint=each.thumbprint) for each in strays]
    rest = configured.generations
    refusals: list[RotationRefusal] = []
    if former:
        gone.append(Retired(label=former.label, thumbprint=snapshot.thumbprint(former)))
        rest = tuple(generation for generation in configured.generations if generation is not former)
        refusals += soaked(snapshot)
        if snapshot.blue_green:
            group = snapshot.group(former.profile)
            refusals += waited(snapshot, group.changed_at, f"people left {quoted(group.name)}")
    else:
        refusals += settled(snapshot)
    refusals += [
        RotationRefusal(f"Entra signs with {each.thumbprint}, so it is not removed")
        for each in gone
        if signs(snapshot, each.thumbprint)
    ]
    names = ", ".join(f"{each.label} ({each.thumbprint})" for each in gone)
    change = configured.model_copy(
        update={
            "generations": rest,
            "retired": (*configured.retired, *gone),
            # An approval covers one rotation.
            "window": configured.window.model_copy(update={"approved_by": None})
            if configured.window
            else None,
        }
    )
    return RotationPlan(Step.RETIRE, f"Remove from Entra the certificate of {names}", change, tuple(refusals))


def _stage(snapshot: RotationSnapshot, new: NewGeneration, *, start: bool) -> RotationPlan:
    configured, active = snapshot.configured, snapshot.configured.active_generation
    live = snapshot.live(active)
    ends = live.not_after if live else datetime.fromisoformat(active.end_date)
    begins = ends - timedelta(days=LEAD_DAYS)
    if not start and snapshot.now < begins:
        return RotationPlan(
            Step.NONE,
            f"Nothing is due. Generation {active.label} expires at {ends:%Y-%m-%d %H:%MZ}; the next rotation is due "
            f"from {begins:%Y-%m-%d} on (to start earlier: {snapshot.command('rotate next')} --start)",
        )
    slot = active.profile.other if snapshot.blue_green else active.profile
    generation = Generation(label=new.label, endDate=new.end_date, profile=slot)
    refusals = []
    if new.label in configured.labels:
        refusals.append(
            RotationRefusal(
                f"The label {new.label} is in use; choose another ({snapshot.command('rotate next')} --label LABEL)"
            )
        )
    if datetime.fromisoformat(new.end_date) <= ends:
        refusals.append(
            RotationRefusal(
                f"A certificate valid until {new.end_date} would not outlive the active one; choose a later date "
                f"({snapshot.command('rotate next')} --end-date DATE)"
            )
        )
    where = f", for the {slot} profile" if snapshot.blue_green else ""
    return RotationPlan(
        Step.STAGE,
        f"Create generation {new.label} in Entra, valid until {new.end_date} and inactive{where}",
        configured.model_copy(update={"generations": (*configured.generations, generation)}),
        tuple(refusals),
    )
