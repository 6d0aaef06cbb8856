"""The step back."""

from __future__ import annotations

from mimecast_sso.operations.rotation.gates import attested, gathered, settled, signs, usable
from mimecast_sso.operations.rotation.snapshot import RotationSnapshot
from mimecast_sso.operations.rotation.step import RotationPlan, RotationRefusal, Step
from mimecast_sso.operations.rotation.stops import unknown
from mimecast_sso.settings import CutOver, Generation, Retired, RotationMode
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.wording import count


def back(snapshot: RotationSnapshot) -> RotationPlan:
    """Plan the step back. It needs no window, approval or soak; only a lock-out blocks it."""
    configured = snapshot.configured
    if snapshot.entra is None:
        stop = unknown(snapshot)
        assert stop is not None  # noqa: S101  (nothing was read)
        return stop
    target, former = configured.next_generation, configured.former_generation
    if configured.cut_over is CutOver.BOTH:
        return _reactivate(snapshot, former) if former else _separate(snapshot, target)
    if target:
        return _unstage(snapshot, target)
    if former:
        return _rejoin(snapshot, former) if snapshot.blue_green else _reactivate(snapshot, former)
    return RotationPlan(
        Step.NONE,
        "There is nothing to go back to",
        refusals=(
            RotationRefusal(
                "There is only one generation, and a retired certificate cannot be restored. Stage a new one "
                f"({snapshot.command('rotate next')} --start), or have people sign in with a password again "
                f"({snapshot.command('roll-out back')})"
            ),
        ),
    )


def _separate(snapshot: RotationSnapshot, target: Generation | None) -> RotationPlan:
    slot = snapshot.configured.active_generation.profile.other
    name = snapshot.group(slot).name
    label = f" of generation {target.label}" if target else ""
    return RotationPlan(
        Step.SEPARATE,
        f"Remove everybody from {quoted(name)}{label}; they stay in their own group: cutOver active",
        snapshot.configured.model_copy(update={"cut_over": CutOver.ACTIVE}),
        (*settled(snapshot), *gathered(snapshot, slot.other)),
    )


def _reactivate(snapshot: RotationSnapshot, former: Generation) -> RotationPlan:
    refusals = [*usable(snapshot, former)]
    if snapshot.blue_green:
        refusals += [*attested(snapshot, former), *gathered(snapshot, former.profile)]
    text = f"Entra signs with generation {former.label} again instead of {snapshot.configured.active}"
    if snapshot.configured.rotation is RotationMode.SINGLE:
        text += ", once the profile is set back to it and confirmed"
    return RotationPlan(
        Step.REACTIVATE,
        text,
        snapshot.configured.model_copy(update={"active": former.label}),
        tuple(refusals),
        touches_people=True,
    )


def _rejoin(snapshot: RotationSnapshot, former: Generation) -> RotationPlan:
    group = snapshot.group(former.profile)
    return RotationPlan(
        Step.REJOIN,
        f"Add {count(len(snapshot.people), 'person')} to {quoted(group.name)} again and remove nobody: cutOver both",
        snapshot.configured.model_copy(update={"cut_over": CutOver.BOTH}),
        (*usable(snapshot, former), *attested(snapshot, former)),
    )


def _unstage(snapshot: RotationSnapshot, target: Generation) -> RotationPlan:
    configured, thumbprint = snapshot.configured, snapshot.thumbprint(target)
    # An interrupted run may have created its certificate without recording it. Without a generation it would be
    # an unmanaged one.
    gone = [thumbprint] if thumbprint else []
    gone += [each.thumbprint for each in snapshot.strays if each.label == target.label]
    refusals = [
        RotationRefusal(
            f"Entra signs with {each}; have it sign with {configured.active} first ({snapshot.up})"
        )
        for each in gone
        if signs(snapshot, each)
    ]
    if gone and not refusals:
        refusals += settled(snapshot)
    group = snapshot.group(target.profile)
    if snapshot.blue_green and thumbprint and (group.members is None or group.members):
        refusals.append(
            RotationRefusal(
                f"{quoted(group.name)} has members, or could not be read: deploy first ({snapshot.up})"
            )
        )
    retired = tuple(Retired(label=target.label, thumbprint=each) for each in gone)
    rest = tuple(generation for generation in configured.generations if generation is not target)
    return RotationPlan(
        Step.UNSTAGE,
        f"Remove generation {target.label} from the configuration and its certificate from Entra",
        configured.model_copy(update={"generations": rest, "retired": (*configured.retired, *retired)}),
        tuple(refusals),
    )
