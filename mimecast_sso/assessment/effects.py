"""The effects of a run on the snapshot: what it writes, deletes and leaves unchanged. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.membership import (
    Members,
    addresses_after,
    eventual_profiles,
    held_profiles,
    joining_unread,
    members_of,
)
from mimecast_sso.assessment.presumed import as_recorded
from mimecast_sso.assessment.sign_in import AddressState, EntraState, Profiles
from mimecast_sso.assessment.timeline import Timeline, entra_timeline, eventual_entra
from mimecast_sso.settings import ProfileSlot


@dataclass(frozen=True)
class Effects:
    """Everything that a forecast needs to know about a run: states before, during and after, in order."""

    desired: Desired
    timeline: Timeline | None
    """``None``: the application could not be read."""
    members: Mapping[ProfileSlot, Members | None] = field(default_factory=dict)
    """``None``: could not be read."""
    joining_unread: Mapping[ProfileSlot, frozenset[str]] = field(default_factory=dict)
    """People whom the run adds to groups that could not be read."""
    profiles: tuple[Profiles, ...] = ()
    eventual_profiles: Profiles = field(default_factory=dict)
    eventual_entra: EntraState | None = None
    addresses_after: Mapping[str, tuple[AddressState, ...]] = field(default_factory=dict)
    as_recorded: Effects | None = None
    """The effects on the recorded application, if it could not be read and there is one."""


def effects_of(desired: Desired) -> Effects:
    """The effects of running the configuration on the snapshot."""
    timeline = entra_timeline(desired) if desired.snapshot.application.is_known else None
    presumed = as_recorded(desired.snapshot)
    return Effects(
        desired,
        timeline,
        {slot: members_of(desired, slot) for slot in ProfileSlot if _concerns(desired, slot)},
        {slot: joining_unread(desired, slot) for slot in ProfileSlot},
        held_profiles(desired, timeline.early[0] if timeline else None),
        eventual_profiles(desired),
        eventual_entra(desired, timeline.after[0]) if timeline else None,
        addresses_after(desired),
        effects_of(replace(desired, snapshot=presumed)) if presumed else None,
    )


def _concerns(desired: Desired, slot: ProfileSlot) -> bool:
    return slot in desired.snapshot.groups or slot in desired.settings.certificates.slots
