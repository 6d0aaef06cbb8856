"""Conditions that block a step now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mimecast_sso.operations.rotation.snapshot import RotationSnapshot
from mimecast_sso.operations.rotation.step import RotationRefusal
from mimecast_sso.settings import Generation, ProfileSlot
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count


def window(snapshot: RotationSnapshot) -> Iterator[RotationRefusal]:
    window = snapshot.configured.window
    if window is None:
        return
    opens = datetime.fromisoformat(window.not_before)
    if snapshot.now < opens:
        yield RotationRefusal(f"The window opens at {window.not_before} (certificates.window)", waits=True)
    if not window.approved_by:
        yield RotationRefusal(
            "Nobody has approved it. Set certificates.window.approvedBy in the stack file, in a change that somebody "
            "reviews"
        )


def usable(snapshot: RotationSnapshot, generation: Generation) -> Iterator[RotationRefusal]:
    live = snapshot.live(generation)
    if live is None:
        yield RotationRefusal(f"The certificate of generation {generation.label} is not in Entra")
    elif not live.is_valid(snapshot.now):
        yield RotationRefusal(
            f"The certificate of generation {generation.label} is valid from {live.not_before:%Y-%m-%d} to "
            f"{live.not_after:%Y-%m-%d}, so it is not valid now"
        )


def attested(snapshot: RotationSnapshot, generation: Generation) -> Iterator[RotationRefusal]:
    if not snapshot.trusts(generation):
        profile = snapshot.profiles.get(generation.profile)
        yield RotationRefusal(
            f"Trust in generation {generation.label} is not attested: the {generation.profile} profile is "
            f"{profile.state if profile else 'absent'}"
        )


def waited(snapshot: RotationSnapshot, since: datetime | None, what: str) -> Iterator[RotationRefusal]:
    minutes = snapshot.configured.wait_minutes
    if since is None:
        yield RotationRefusal(f"When {what} is unknown: deploy first ({snapshot.up})")
    elif snapshot.now < since + timedelta(minutes=minutes):
        yield RotationRefusal(
            f"Wait until {shown(since + timedelta(minutes=minutes))}: {what} at {since:%H:%M:%SZ}, and "
            f"a change may need {count(minutes, 'minute')} to take effect (certificates.waitMinutes)",
            waits=True,
        )


def settled(snapshot: RotationSnapshot) -> Iterator[RotationRefusal]:
    """Require that Entra signs with the active generation, and long enough that no other is still in use."""
    active = snapshot.configured.active_generation
    signing = snapshot.entra.active(snapshot.now) if snapshot.entra else None
    if signing is None or signing.thumbprint != snapshot.thumbprint(active):
        yield RotationRefusal(
            f"Entra signs with {signing or 'an unknown certificate'}, not with generation {active.label}: deploy first "
            f"({snapshot.up})"
        )
    elif snapshot.activated != signing.thumbprint:
        yield RotationRefusal(
            f"When Entra began to sign with generation {active.label} is not recorded: deploy first ({snapshot.up})"
        )
    elif snapshot.activated_at:  # Otherwise nothing has been activated since the state has recorded it.
        yield from waited(snapshot, snapshot.activated_at, f"generation {active.label} became the active one")


def gathered(snapshot: RotationSnapshot, slot: ProfileSlot) -> Iterator[RotationRefusal]:
    """Require that everybody is in a profile slot's group, and long enough for that to take effect."""
    group = snapshot.group(slot)
    missing = snapshot.people - snapshot.members(slot)
    if group.members is None:
        yield RotationRefusal(
            f"The members of {quoted(group.name)} could not be read: deploy first ({snapshot.up})"
        )
    elif missing:
        absent = count(len(missing), "person")
        yield RotationRefusal(f"Not in {quoted(group.name)} yet: {absent}; deploy first ({snapshot.up})")
    elif snapshot.unrecorded(slot):
        yield RotationRefusal(
            f"When people joined {quoted(group.name)} is not recorded: deploy first ({snapshot.up})"
        )
    else:
        yield from waited(snapshot, group.changed_at, f"people joined {quoted(group.name)}")


def soaked(snapshot: RotationSnapshot) -> Iterator[RotationRefusal]:
    configured = snapshot.configured
    ends = soak_ends(snapshot)
    if ends is None:
        yield RotationRefusal(
            f"When Entra began to sign with generation {configured.active} is unknown, and so is whether it has "
            "soaked. Check the sign-ins, then list the former generation under certificates.retired by hand"
        )
    elif snapshot.now < ends:
        yield RotationRefusal(
            f"Generation {configured.active} soaks until {shown(ends)} (certificates.soakDays "
            f"{configured.soak_days}); the former one is kept until then, for a roll-back",
            waits=True,
        )


def soak_ends(snapshot: RotationSnapshot) -> datetime | None:
    """The end of the active generation's soak; ``None`` if it is unknown since when it signs."""
    if snapshot.activated_at is None:
        return None
    configured = snapshot.configured
    return snapshot.activated_at + max(
        timedelta(days=configured.soak_days), timedelta(minutes=configured.wait_minutes)
    )


def signs(snapshot: RotationSnapshot, thumbprint: str) -> bool:
    if snapshot.entra is None:
        return True
    signing = (snapshot.entra.named(), snapshot.entra.active(snapshot.now))
    return any(each is not None and each.thumbprint == thumbprint for each in signing)
