"""Guard `group-name`: no roll-out group is renamed to the name of another group.

A changed `rollOut.group` renames the group in place, with the people in it and its binding to the profile. Mimecast
accepts a second group of one name, and nobody could tell them apart; so the provider refuses, in the middle of the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.settings import ProfileSlot
from mimecast_sso.text.foreign import quoted

_GUARD = "group-name"
_KEYS = {ProfileSlot.FIRST: "group", ProfileSlot.SECOND: "secondGroup"}


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse a name that another group has."""
    if assessment.desired.destroys:
        return
    for slot, known in assessment.snapshot.groups.items():
        if known.value is not None and known.value.name_taken:
            configured, key = (
                assessment.settings.roll_out.group_of(slot),
                f"mimecast-sso:rollOut.{_KEYS[slot]}",
            )
            yield GuardFinding(
                _GUARD,
                f"{key} would rename the roll-out group {quoted(known.value.name)} to {quoted(configured)}, but "
                "Mimecast already has a group with that name",
                known=tuple(sentences.groups(assessment.snapshot)),
                remedy=f"keep {key}: {quoted(known.value.name)}, or choose an unused name. A profile takes "
                "effect through its own group only, so people of the other group join the roll-out by "
                "mimecast-sso:rollOut.pilot",
                final=True,
            )
