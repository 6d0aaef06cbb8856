"""Plan the next step of a signing certificate rotation, or the step back. Pure.

A `RotationSnapshot` has the desired state (the stack file), the live state of Entra and Mimecast, the attestations, and
the record of the last deployment. From it `plan` and `back` derive one step: a change of the stack file, and everything
that blocks it now. A rotation is stored only in the configuration, so after an interrupted run the same step is next.

Blue/green, from the first profile to the second; every arrow is one change of the file and one deployment::

    stage → (console, confirm) → overlap → activate → leave → retire
            unstage ←            separate ← reactivate ← rejoin ←

People in both groups are assumed to be able to sign in with the certificate of either profile;
`mimecast_sso.settings.Certificates.expected_gap` documents that.
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
