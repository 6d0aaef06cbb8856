"""Conditions that stop any step: unknowns, external changes, an outstanding deployment or console work."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.operations.rotation.gates import signs
from mimecast_sso.operations.rotation.snapshot import RotationSnapshot
from mimecast_sso.operations.rotation.step import RotationPlan, RotationRefusal, Step
from mimecast_sso.settings import ProfileSlot, RotationMode
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count


def behind(snapshot: RotationSnapshot) -> RotationPlan | None:
    behind = outstanding(snapshot)
    text = f"Deploy the configuration: {'; '.join(behind)}"
    return RotationPlan(Step.DEPLOY, text) if behind else None


def unknown(snapshot: RotationSnapshot) -> RotationPlan | None:
    if not snapshot.unknown and snapshot.entra is not None:
        return None
    reasons = snapshot.unknown or ("Entra was not read",)
    return RotationPlan(
        Step.NONE,
        "Cannot determine the next step",
        refusals=tuple(RotationRefusal(reason) for reason in reasons),
    )


def foreign(snapshot: RotationSnapshot) -> list[str]:
    """External changes of the certificates, in words."""
    if snapshot.entra is None:
        return []
    found = [f"added: {each}" for each in snapshot.unmanaged]
    found += [
        f"removed: generation {generation.label}, {snapshot.thumbprint(generation)}"
        for generation in snapshot.configured.generations
        if snapshot.thumbprint(generation) and snapshot.live(generation) is None
    ]
    named = snapshot.entra.named()
    is_active = named.thumbprint if named else snapshot.entra.preferred
    active = snapshot.thumbprint(snapshot.configured.active_generation)
    if snapshot.activated and is_active not in (snapshot.activated, active):
        found.append(
            f"active: {named or is_active or 'none'}; after the last deployment it was {snapshot.activated}"
        )
    return found


def changed_by_others(snapshot: RotationSnapshot) -> RotationPlan | None:
    found = foreign(snapshot)
    refusals = [
        RotationRefusal(f"Changed outside this stack, then undone by a deployment. {loss}")
        for loss in snapshot.losses
    ]
    if found:
        text = (
            f"Changed in Entra outside this stack: {'; '.join(found)}. To restore the active one, deploy "
            f"({snapshot.up}). Remove an added one in the portal once nobody uses it, or list it under "
            "certificates.retired"
        )
        refusals.insert(0, RotationRefusal(text))
    if not refusals:
        return None
    return RotationPlan(
        Step.NONE,
        "The rotation is stopped: the signing certificates were changed outside this stack",
        refusals=tuple(refusals),
    )


def members_of_others(snapshot: RotationSnapshot) -> RotationPlan | None:
    configured = snapshot.configured
    names = [
        f"{quoted(snapshot.group(slot).name)}: {enumerate_some(sorted(snapshot.members(slot)))}"
        for slot in configured.slots
        if slot not in configured.populated and snapshot.members(slot)
    ]
    if not names:
        return None
    return RotationPlan(
        Step.NONE,
        "The rotation is stopped: a group that should be empty has members",
        refusals=(
            RotationRefusal(
                f"Added outside this stack: {'; '.join(names)}. Deploy to remove them ({snapshot.up})"
            ),
        ),
    )


def outstanding(snapshot: RotationSnapshot) -> list[str]:
    """Configured changes, in words, that nothing blocks and that are not live on both sides yet."""
    configured = snapshot.configured
    found = [
        f"generation {generation.label} is created in Entra"
        for generation in configured.generations
        if not snapshot.thumbprint(generation)
    ]
    found += [text for slot in configured.slots if (text := _profile_behind(snapshot, slot))]
    active = configured.active_generation
    if snapshot.thumbprint(active) and snapshot.trusts(active):
        recorded = snapshot.activated == snapshot.thumbprint(active) or snapshot.switched
        if not snapshot.is_active(active) or not recorded:
            found.append(f"generation {active.label} becomes the active one")
        if snapshot.blue_green:
            found += _groups_behind(snapshot)
    live = snapshot.entra.thumbprints if snapshot.entra else frozenset[str]()
    found += [
        f"certificate {entry.thumbprint} ({entry.label}) is removed"
        for entry in configured.retired
        if entry.thumbprint in live and not signs(snapshot, entry.thumbprint)
    ]
    return found


def _profile_behind(snapshot: RotationSnapshot, slot: ProfileSlot) -> str:
    profile, generation = snapshot.profiles.get(slot), snapshot.configured.of_slot(slot)
    if profile is None:
        return f"the {slot} profile is described"
    if profile.confirmed_since:
        return f"the confirmation of the {slot} profile"
    if snapshot.by_metadata:
        return ""
    form = snapshot.thumbprint(generation) if generation else ""
    return f"the form of the {slot} profile" if profile.thumbprint != form else ""


def _groups_behind(snapshot: RotationSnapshot) -> Iterator[str]:
    configured = snapshot.configured
    for slot in configured.slots:
        group, generation = snapshot.groups.get(slot), configured.of_slot(slot)
        if group is None:
            yield f"the {slot} group is created"
        elif slot in configured.populated:
            missing = snapshot.people - snapshot.members(slot)
            if generation is None or not snapshot.trusts(generation):
                continue  # Nobody joins, and nothing is recorded, before the profile is confirmed.
            if missing:
                yield f"{quoted(group.name)} gains {count(len(missing), 'person')}"
            elif unrecorded := snapshot.unrecorded(slot):
                yield f"when {count(len(unrecorded), 'person')} joined {quoted(group.name)} is recorded"
        elif group.recorded:
            yield f"{quoted(group.name)} loses {count(len(group.recorded), 'person')}"


def console_work(snapshot: RotationSnapshot) -> RotationPlan | None:
    """A profile that has to be set or confirmed before any step."""
    configured = snapshot.configured
    needed = [each for each in (configured.active_generation, configured.next_generation) if each]
    if not snapshot.blue_green:
        needed = needed[:1]
    for generation in needed:
        profile = snapshot.profiles.get(generation.profile)
        if snapshot.trusts(generation) or profile is None:
            continue
        text = f"Set the {generation.profile} profile in the console from its run sheet, then confirm it"
        why = (
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state}"
        )
        return RotationPlan(
            Step.CONSOLE,
            text,
            refusals=(RotationRefusal(why),),
            touches_people=configured.rotation is RotationMode.SINGLE and not snapshot.is_active(generation),
            console=generation.profile,
        )
    return None
