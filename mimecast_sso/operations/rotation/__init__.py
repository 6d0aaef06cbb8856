"""The next step of a signing certificate rotation, and the step back: pure planning.

A `RotationSnapshot` holds the desired state (the stack file), the live state of Entra and Mimecast, what was attested,
and what the last deployment recorded. From it `plan` and `back` work out one step: a change of the stack file, and
everything that forbids it now. The configuration is all that is stored of a rotation, so an interrupted run is
followed by the same step again.

Blue/green, from the first profile to the second; every arrow is one change of the file and one deployment::

    stage → (console, confirm) → overlap → activate → leave → retire
            unstage ←            separate ← reactivate ← rejoin ←

People in both groups are assumed to be able to sign in with the certificate of either profile;
`mimecast_sso.settings.Certificates.expected_gap` says what is known about that.
"""

from __future__ import annotations

from mimecast_sso.operations.rotation.backward import back
from mimecast_sso.operations.rotation.forward import LEAD_DAYS, plan
from mimecast_sso.operations.rotation.gates import soak_ends
from mimecast_sso.operations.rotation.snapshot import RotationSnapshot, SlotGroup, SlotProfile
from mimecast_sso.operations.rotation.status import GenerationState, lines, state, statements
from mimecast_sso.operations.rotation.step import NewGeneration, RotationPlan, RotationRefusal, Step
from mimecast_sso.operations.rotation.stops import foreign, outstanding

__all__ = [
    "LEAD_DAYS",
    "GenerationState",
    "NewGeneration",
    "RotationPlan",
    "RotationRefusal",
    "RotationSnapshot",
    "SlotGroup",
    "SlotProfile",
    "Step",
    "back",
    "foreign",
    "lines",
    "outstanding",
    "plan",
    "soak_ends",
    "state",
    "statements",
]
