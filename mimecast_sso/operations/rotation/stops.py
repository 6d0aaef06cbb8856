"""What comes before any step: what is unknown, external changes, an outstanding deployment or console work."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.operations.rotation.gates import signs
from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.operations.rotation.step import Plan, Refusal, Step
from mimecast_sso.settings import ProfileSlot, RotationMode
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.wording import count


def behind(picture: Picture) -> Plan | None:
    behind = outstanding(picture)
    text = f"Deploy the configuration: {'; '.join(behind)}"
    return Plan(Step.DEPLOY, text) if behind else None


def unknown(picture: Picture) -> Plan | None:
    if not picture.unknown and picture.entra is not None:
        return None
    reasons = picture.unknown or ("Entra was not read",)
    return Plan(
        Step.NONE,
        "Cannot determine the next step",
        refusals=tuple(Refusal(reason) for reason in reasons),
    )


def foreign(picture: Picture) -> list[str]:
    """External changes of the certificates, in words."""
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


def changed_by_others(picture: Picture) -> Plan | None:
    found = foreign(picture)
    refusals = [
        Refusal(f"Changed outside this stack, then undone by a deployment. {loss}") for loss in picture.losses
    ]
    if found:
        text = (
            f"Changed in Entra outside this stack: {'; '.join(found)}. To restore the active one, deploy "
            f"({picture.up}). Remove an added one in the portal once nobody uses it, or list it under "
            "certificates.retired"
        )
        refusals.insert(0, Refusal(text))
    if not refusals:
        return None
    return Plan(
        Step.NONE,
        "The rotation is stopped: the signing certificates were changed outside this stack",
        refusals=tuple(refusals),
    )


def members_of_others(picture: Picture) -> Plan | None:
    wanted = picture.wanted
    names = [
        f"“{picture.group(slot).name}”: {enumerate_some(sorted(picture.members(slot)))}"
        for slot in wanted.slots
        if slot not in wanted.populated and picture.members(slot)
    ]
    if not names:
        return None
    return Plan(
        Step.NONE,
        "The rotation is stopped: a group that should be empty has members",
        refusals=(
            Refusal(f"Added outside this stack: {'; '.join(names)}. Deploy to remove them ({picture.up})"),
        ),
    )


def outstanding(picture: Picture) -> list[str]:
    """Configured changes that are not live on both sides yet, in words, although nothing forbids them."""
    wanted = picture.wanted
    found = [
        f"generation {generation.label} is created in Entra"
        for generation in wanted.generations
        if not picture.thumbprint(generation)
    ]
    found += [text for slot in wanted.slots if (text := _profile_behind(picture, slot))]
    active = wanted.active_generation
    if picture.thumbprint(active) and picture.trusts(active):
        recorded = picture.activated == picture.thumbprint(active) or picture.switched
        if not picture.is_active(active) or not recorded:
            found.append(f"generation {active.label} becomes the active one")
        if picture.blue_green:
            found += _groups_behind(picture)
    live = picture.entra.thumbprints if picture.entra else frozenset[str]()
    found += [
        f"certificate {entry.thumbprint} ({entry.label}) is removed"
        for entry in wanted.retired
        if entry.thumbprint in live and not signs(picture, entry.thumbprint)
    ]
    return found


def _profile_behind(picture: Picture, slot: ProfileSlot) -> str:
    profile, generation = picture.profiles.get(slot), picture.wanted.of_slot(slot)
    if profile is None:
        return f"the {slot} profile is described"
    if profile.confirmed_since:
        return f"the confirmation of the {slot} profile"
    if picture.by_metadata:
        return ""
    form = picture.thumbprint(generation) if generation else ""
    return f"the form of the {slot} profile" if profile.thumbprint != form else ""


def _groups_behind(picture: Picture) -> Iterator[str]:
    wanted = picture.wanted
    for slot in wanted.slots:
        group, generation = picture.groups.get(slot), wanted.of_slot(slot)
        if group is None:
            yield f"the {slot} group is created"
        elif slot in wanted.populated:
            missing = picture.people - picture.members(slot)
            if generation is None or not picture.trusts(generation):
                continue  # Nobody joins, and nothing is recorded, before the profile is confirmed.
            if missing:
                yield f"“{group.name}” gains {count(len(missing), 'person')}"
            elif unrecorded := picture.unrecorded(slot):
                yield f"when {count(len(unrecorded), 'person')} joined “{group.name}” is recorded"
        elif group.recorded:
            yield f"“{group.name}” loses {count(len(group.recorded), 'person')}"


def console_work(picture: Picture) -> Plan | None:
    """A profile that has to be set, or confirmed again, before anything else."""
    wanted = picture.wanted
    needed = [each for each in (wanted.active_generation, wanted.next_generation) if each]
    if not picture.blue_green:
        needed = needed[:1]
    for generation in needed:
        profile = picture.profiles.get(generation.profile)
        if picture.trusts(generation) or profile is None:
            continue
        text = f"Set the {generation.profile} profile in the console from its run sheet, then confirm it"
        why = (
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state}"
        )
        return Plan(
            Step.CONSOLE,
            text,
            refusals=(Refusal(why),),
            touches_people=wanted.rotation is RotationMode.SINGLE and not picture.is_active(generation),
            console=generation.profile,
        )
    return None
