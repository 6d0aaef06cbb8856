"""Which step a rotation of the signing certificate takes next, and which one leads back: pure planning.

A `Picture` holds what is wanted (the stack's file), what is at Entra and at Mimecast (read live), what a person
attested, and what the last deployment recorded. From it `plan` and `back` work out one step: a change of the
stack's file, and everything that forbids it now. Nothing is stored of a rotation but the configuration itself, so
a run that died is followed by the same step again.

Blue/green, from the first profile to the second; every arrow is one change of the file and one deployment::

    stage → (console, confirm) → overlap → activate → leave → retire
            unstage ←            separate ← reactivate ← rejoin ←

Who is in both groups is assumed to get in with the certificate of either profile; what is known of that stands in
`mimecast_sso.settings.Certificates.expected_gap`.
"""

from __future__ import annotations

from mimecast_sso.operations.rotation.backward import back
from mimecast_sso.operations.rotation.forward import LEAD_DAYS, plan
from mimecast_sso.operations.rotation.gates import soak_ends
from mimecast_sso.operations.rotation.picture import LaneGroup, LaneProfile, Picture
from mimecast_sso.operations.rotation.status import State, lines, state, statements
from mimecast_sso.operations.rotation.step import NewGeneration, Plan, Refusal, Step
from mimecast_sso.operations.rotation.stops import foreign, outstanding

__all__ = [
    "LEAD_DAYS",
    "LaneGroup",
    "LaneProfile",
    "NewGeneration",
    "Picture",
    "Plan",
    "Refusal",
    "State",
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
