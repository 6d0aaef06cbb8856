"""The step back."""

from __future__ import annotations

from mimecast_sso.operations.rotation.gates import attested, gathered, settled, signs, usable
from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.operations.rotation.step import Plan, Refusal, Step
from mimecast_sso.operations.rotation.stops import unknown
from mimecast_sso.settings import CutOver, Generation, Retired, RotationMode
from mimecast_sso.text.wording import count


def back(picture: Picture) -> Plan:
    """Plan the step back. No window, approval or soak holds it up; only what would lock people out does."""
    wanted = picture.wanted
    if picture.entra is None:
        stop = unknown(picture)
        assert stop is not None  # noqa: S101  (nothing was read)
        return stop
    target, former = wanted.next_generation, wanted.former_generation
    if wanted.cut_over is CutOver.BOTH:
        return _reactivate(picture, former) if former else _separate(picture, target)
    if target:
        return _unstage(picture, target)
    if former:
        return _rejoin(picture, former) if picture.blue_green else _reactivate(picture, former)
    return Plan(
        Step.NONE,
        "There is nothing to go back to",
        refusals=(
            Refusal(
                "There is only one generation, and a retired certificate cannot be restored. Stage a new one "
                f"({picture.command('rotate next')} --start), or have people sign in with a password again "
                f"({picture.command('roll-out back')})"
            ),
        ),
    )


def _separate(picture: Picture, target: Generation | None) -> Plan:
    slot = picture.wanted.active_generation.profile.other
    name = picture.group(slot).name
    label = f" of generation {target.label}" if target else ""
    return Plan(
        Step.SEPARATE,
        f"Remove everybody from “{name}”{label}; they stay in their own group: cutOver active",
        picture.wanted.model_copy(update={"cut_over": CutOver.ACTIVE}),
        (*settled(picture), *gathered(picture, slot.other)),
    )


def _reactivate(picture: Picture, former: Generation) -> Plan:
    refusals = [*usable(picture, former)]
    if picture.blue_green:
        refusals += [*attested(picture, former), *gathered(picture, former.profile)]
    text = f"Entra signs with generation {former.label} again instead of {picture.wanted.active}"
    if picture.wanted.rotation is RotationMode.SINGLE:
        text += ", once somebody has set the profile back to it and confirmed that"
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
        f"Add {count(len(picture.people), 'person')} to “{group.name}” again and remove nobody: cutOver both",
        picture.wanted.model_copy(update={"cut_over": CutOver.BOTH}),
        (*usable(picture, former), *attested(picture, former)),
    )


def _unstage(picture: Picture, target: Generation) -> Plan:
    wanted, thumbprint = picture.wanted, picture.thumbprint(target)
    # An interrupted run may have created its certificate without recording it; without a generation it would be
    # an unmanaged one.
    gone = [thumbprint] if thumbprint else []
    gone += [each.thumbprint for each in picture.strays if each.label == target.label]
    refusals = [
        Refusal(f"Entra signs with {each}; have it sign with {wanted.active} first ({picture.up})")
        for each in gone
        if signs(picture, each)
    ]
    if gone and not refusals:
        refusals += settled(picture)
    group = picture.group(target.profile)
    if picture.blue_green and thumbprint and (group.members is None or group.members):
        refusals.append(
            Refusal(f"“{group.name}” has members, or could not be read: deploy first ({picture.up})")
        )
    retired = tuple(Retired(label=target.label, thumbprint=each) for each in gone)
    rest = tuple(generation for generation in wanted.generations if generation is not target)
    return Plan(
        Step.UNSTAGE,
        f"Remove generation {target.label} from the configuration and its certificate from Entra",
        wanted.model_copy(update={"generations": rest, "retired": (*wanted.retired, *retired)}),
        tuple(refusals),
    )
