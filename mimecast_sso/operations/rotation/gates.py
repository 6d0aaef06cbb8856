"""What forbids a step now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.operations.rotation.step import Refusal
from mimecast_sso.settings import Generation, ProfileSlot
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count


def window(picture: Picture) -> Iterator[Refusal]:
    window = picture.wanted.window
    if window is None:
        return
    opens = datetime.fromisoformat(window.not_before)
    if picture.now < opens:
        yield Refusal(f"The window opens at {window.not_before} (certificates.window)", waits=True)
    if not window.approved_by:
        yield Refusal(
            "Nobody has approved it. Set certificates.window.approvedBy in the stack file, in a change that somebody "
            "reviews"
        )


def usable(picture: Picture, generation: Generation) -> Iterator[Refusal]:
    live = picture.live(generation)
    if live is None:
        yield Refusal(f"The certificate of generation {generation.label} is not in Entra")
    elif not live.is_valid(picture.now):
        yield Refusal(
            f"The certificate of generation {generation.label} is valid from {live.not_before:%Y-%m-%d} to "
            f"{live.not_after:%Y-%m-%d}, so it is not valid now"
        )


def attested(picture: Picture, generation: Generation) -> Iterator[Refusal]:
    if not picture.trusts(generation):
        profile = picture.profiles.get(generation.profile)
        yield Refusal(
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state if profile else 'absent'}"
        )


def waited(picture: Picture, since: datetime | None, what: str) -> Iterator[Refusal]:
    minutes = picture.wanted.wait_minutes
    if since is None:
        yield Refusal(f"It is unknown when {what}: deploy first ({picture.up})")
    elif picture.now < since + timedelta(minutes=minutes):
        yield Refusal(
            f"Wait until {shown(since + timedelta(minutes=minutes))}: {what} at {since:%H:%M:%SZ}, and "
            f"a change may need {count(minutes, 'minute')} to take effect (certificates.waitMinutes)",
            waits=True,
        )


def settled(picture: Picture) -> Iterator[Refusal]:
    """Entra signs with the active generation, and has done so long enough that no other is still in use."""
    active = picture.wanted.active_generation
    signing = picture.entra.active(picture.now) if picture.entra else None
    if signing is None or signing.thumbprint != picture.thumbprint(active):
        yield Refusal(
            f"Entra signs with {signing or 'an unknown certificate'}, not with generation {active.label}: deploy first "
            f"({picture.up})"
        )
    elif picture.activated != signing.thumbprint:
        yield Refusal(
            f"It is not recorded when Entra began to sign with generation {active.label}: deploy first ({picture.up})"
        )
    elif picture.activated_at:  # Otherwise nothing has been activated since the state records it.
        yield from waited(picture, picture.activated_at, f"generation {active.label} became the active one")


def gathered(picture: Picture, slot: ProfileSlot) -> Iterator[Refusal]:
    """Everybody is in a profile slot's group, and has been long enough for that to take effect."""
    group = picture.group(slot)
    missing = picture.people - picture.members(slot)
    if group.members is None:
        yield Refusal(f"The members of “{group.name}” could not be read: deploy first ({picture.up})")
    elif missing:
        absent = count(len(missing), "person")
        yield Refusal(f"Not in “{group.name}” yet: {absent}; deploy first ({picture.up})")
    elif picture.unrecorded(slot):
        yield Refusal(f"It is not recorded when people joined “{group.name}”: deploy first ({picture.up})")
    else:
        yield from waited(picture, group.changed_at, f"people joined “{group.name}”")


def soaked(picture: Picture) -> Iterator[Refusal]:
    wanted = picture.wanted
    ends = soak_ends(picture)
    if ends is None:
        yield Refusal(
            f"It is unknown since when generation {wanted.active} signs, and so whether it has soaked. Check the "
            "sign-ins, then list the former generation under certificates.retired by hand"
        )
    elif picture.now < ends:
        yield Refusal(
            f"Generation {wanted.active} soaks until {shown(ends)} (certificates.soakDays "
            f"{wanted.soak_days}); the former one is kept until then, for a rollback",
            waits=True,
        )


def soak_ends(picture: Picture) -> datetime | None:
    """When the active generation has soaked; ``None`` if it is unknown since when it signs."""
    if picture.activated_at is None:
        return None
    wanted = picture.wanted
    return picture.activated_at + max(
        timedelta(days=wanted.soak_days), timedelta(minutes=wanted.wait_minutes)
    )


def signs(picture: Picture, thumbprint: str) -> bool:
    if picture.entra is None:
        return True
    signing = (picture.entra.named(), picture.entra.active(picture.now))
    return any(each is not None and each.thumbprint == thumbprint for each in signing)
