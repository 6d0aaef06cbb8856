"""Guard `claims-policy`: the run can assign its claims policy.

Entra takes one claims policy for each service principal. Where another one is assigned, a run that has to assign this
stack's fails half-way, and people keep the NameID of the other. A recorded assignment is repeated only by a run that
refreshes: a program cannot tell that it is in one, but the command that starts it can (`on_refresh`).
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment import sentences
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.text.foreign import quoted

_GUARD = "claims-policy"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to assign a second claims policy."""
    recorded = assessment.desired.record.policy
    if recorded is None or not recorded.assigned:
        yield from on_refresh(assessment)


def on_refresh(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse the same, and to repeat an assignment that somebody replaced, which a run does that refreshes."""
    policy, application = assessment.desired.foreign_policy, assessment.desired.application
    if not assessment.snapshot.record.is_known:
        return  # Whether the policy is this stack's is unknown here; the engine knows.
    if policy is None or application is None or assessment.desired.destroys:
        return
    yield GuardFinding(
        _GUARD,
        f"claims policy {quoted(policy.name)} is assigned to the application, and Entra accepts only one, "
        "so this stack's cannot be assigned",
        known=(
            Statement(f"claims policy {policy.policy_id}: {policy.definition}", How.LIVE, "Microsoft Graph"),
        ),
        remedy=sentences.claims_way_out(assessment, application, policy),
        final=True,
    )
