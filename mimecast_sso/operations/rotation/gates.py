"""What forbids a step now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mimecast_sso.operations.rotation.picture import Picture
from mimecast_sso.operations.rotation.step import Refusal
from mimecast_sso.settings import Generation, Lane
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count


def window(picture: Picture) -> Iterator[Refusal]:
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


def usable(picture: Picture, generation: Generation) -> Iterator[Refusal]:
    live = picture.live(generation)
    if live is None:
        yield Refusal(f"The certificate of generation {generation.label} is not in Entra")
    elif not live.is_valid(picture.now):
        yield Refusal(
            f"The certificate of generation {generation.label} is valid from {live.not_before:%Y-%m-%d} to "
            f"{live.not_after:%Y-%m-%d}, and not now"
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
        yield Refusal(f"Since when {what} is unknown: up --refresh")
    elif picture.now < since + timedelta(minutes=minutes):
        yield Refusal(
            f"Wait until {shown(since + timedelta(minutes=minutes))}: {what} at {since:%H:%M:%SZ}, and "
            f"such a change may take {count(minutes, 'minute')} to count (certificates.waitMinutes)",
            waits=True,
        )


def settled(picture: Picture) -> Iterator[Refusal]:
    """Entra signs with the active generation, and has for so long that it signs with no other any more."""
    active = picture.wanted.active_generation
    signing = picture.entra.active(picture.now) if picture.entra else None
    if signing is None or signing.thumbprint != picture.thumbprint(active):
        yield Refusal(
            f"Entra signs with {signing or 'an unknown certificate'}, not with generation {active.label}: deploy first "
            "(up --refresh)"
        )
    elif picture.activated != signing.thumbprint:
        yield Refusal(
            f"Since when Entra signs with generation {active.label} is not recorded: deploy first (up --refresh)"
        )
    elif picture.activated_at:  # Else nothing was activated since the state says when.
        yield from waited(picture, picture.activated_at, f"generation {active.label} became the active one")


def gathered(picture: Picture, lane: Lane) -> Iterator[Refusal]:
    """Everybody is in a lane's group, and has been for so long that it counts."""
    group = picture.group(lane)
    missing = picture.people - picture.members(lane)
    if group.members is None:
        yield Refusal(f"Who is in “{group.name}” is unknown: deploy first (up --refresh)")
    elif missing:
        absent = count(len(missing), "person")
        yield Refusal(f"Not in “{group.name}” yet: {absent}; deploy first (up --refresh)")
    elif picture.unrecorded(lane):
        yield Refusal(f"Since when people are in “{group.name}” is not recorded: deploy first (up --refresh)")
    else:
        yield from waited(picture, group.changed_at, f"people joined “{group.name}”")


def soaked(picture: Picture) -> Iterator[Refusal]:
    wanted = picture.wanted
    ends = soak_ends(picture)
    if ends is None:
        yield Refusal(
            f"Since when generation {wanted.active} signs is unknown, so whether it has soaked is. Look at the "
            "sign-ins, and list the former one under certificates.retired by hand"
        )
    elif picture.now < ends:
        yield Refusal(
            f"Generation {wanted.active} soaks until {shown(ends)} (certificates.soakDays "
            f"{wanted.soak_days}); until then the former one stays, for a roll-back",
            waits=True,
        )


def soak_ends(picture: Picture) -> datetime | None:
    """When the active generation has soaked; ``None`` where it is unknown since when it signs."""
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
