"""The next step."""

from __future__ import annotations

from datetime import datetime, timedelta

from mimecast_sso.facts.certificate_life import WARNING_DAYS
from mimecast_sso.operations.rotation.gates import settled, signs, soaked, usable, waited, window
from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.operations.rotation.step import NewGeneration, Plan, Refusal, Step
from mimecast_sso.operations.rotation.stops import (
    behind,
    changed_by_others,
    console_work,
    members_of_others,
    unknown,
)
from mimecast_sso.settings import CutOver, Generation, Retired, RotationMode
from mimecast_sso.text.wording import count

LEAD_DAYS = max(WARNING_DAYS)
"""Days before the active certificate expires from which a rotation is due."""


def plan(picture: Picture, new: NewGeneration, *, start: bool = False) -> Plan:
    """Plan the next step. ``start``: begin a rotation even if none is due yet."""
    stop = (
        unknown(picture)
        or changed_by_others(picture)
        or behind(picture)
        or console_work(picture)
        or members_of_others(picture)
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


def _overlap(picture: Picture, target: Generation) -> Plan:
    group = picture.group(target.profile)
    return Plan(
        Step.OVERLAP,
        f"Add {count(len(picture.people), 'person')} to “{group.name}” and remove nobody: cutOver both",
        picture.wanted.model_copy(update={"cut_over": CutOver.BOTH}),
        (*window(picture), *usable(picture, target)),
        touches_people=True,
    )


def _activate(picture: Picture, target: Generation) -> Plan:
    refusals = [*window(picture), *usable(picture, target)]
    if picture.blue_green:
        refusals += waited(
            picture,
            picture.group(target.profile).changed_at,
            f"people joined “{picture.group(target.profile).name}”",
        )
    console = picture.wanted.rotation is RotationMode.SINGLE
    text = (
        f"Make generation {target.label} the active one. Its run sheet is written; Entra switches after somebody has "
        "set the profile and confirmed it"
        if console
        else f"Entra signs with generation {target.label} instead of {picture.wanted.active}"
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
    leaving = count(len(picture.members(active.profile.other)), "person")
    return Plan(
        Step.LEAVE,
        f"Remove {leaving} from “{group.name}”: cutOver active",
        picture.wanted.model_copy(update={"cut_over": CutOver.ACTIVE}),
        (
            *waited(picture, picture.activated_at, f"generation {active.label} became the active one"),
            *waited(
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
        refusals += soaked(picture)
        if picture.blue_green:
            group = picture.group(former.profile)
            refusals += waited(picture, group.changed_at, f"people left “{group.name}”")
    else:
        refusals += settled(picture)
    refusals += [
        Refusal(f"Entra signs with {each.thumbprint}, so it is not removed")
        for each in gone
        if signs(picture, each.thumbprint)
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
    return Plan(Step.RETIRE, f"Remove from Entra the certificate of {names}", change, tuple(refusals))


def _stage(picture: Picture, new: NewGeneration, *, start: bool) -> Plan:
    wanted, active = picture.wanted, picture.wanted.active_generation
    live = picture.live(active)
    ends = live.not_after if live else datetime.fromisoformat(active.end_date)
    begins = ends - timedelta(days=LEAD_DAYS)
    if not start and picture.now < begins:
        return Plan(
            Step.NONE,
            f"Nothing is due. Generation {active.label} expires at {ends:%Y-%m-%d %H:%MZ}; the next rotation is due "
            f"from {begins:%Y-%m-%d} on (to begin earlier: {picture.command('rotate next')} --start)",
        )
    slot = active.profile.other if picture.blue_green else active.profile
    generation = Generation(label=new.label, endDate=new.end_date, profile=slot)
    refusals = []
    if new.label in wanted.labels:
        refusals.append(
            Refusal(
                f"The label {new.label} is in use; choose another ({picture.command('rotate next')} --label LABEL)"
            )
        )
    if datetime.fromisoformat(new.end_date) <= ends:
        refusals.append(
            Refusal(
                f"A certificate valid until {new.end_date} would not outlive the active one; choose a later date "
                f"({picture.command('rotate next')} --end-date DATE)"
            )
        )
    where = f", for the {slot} profile" if picture.blue_green else ""
    return Plan(
        Step.STAGE,
        f"Create generation {new.label} in Entra, valid until {new.end_date} and inactive{where}",
        wanted.model_copy(update={"generations": (*wanted.generations, generation)}),
        tuple(refusals),
    )
