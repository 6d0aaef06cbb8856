"""Guard `claims-policy`: the run can assign its claims policy.

Entra takes one claims policy for each service principal. Where another one is assigned, a run that has to assign this
stack's fails half-way, and people keep the NameID of the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.provenance import How, Statement
from mimecast_sso.settings import Ownership

_GUARD = "claims-policy"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to assign a second claims policy."""
    desired = assessment.desired
    policy, application, recorded = desired.foreign_policy, desired.application, desired.record.policy
    manages = assessment.settings.application.claims is Ownership.MANAGE
    if policy is None or application is None or desired.destroys or not manages:
        return
    if recorded is not None and recorded.assigned:
        return  # Nothing is assigned again, unless a run refreshes first; the record then shows it.
    yield GuardFinding(
        _GUARD,
        f'claims policy "{policy.name}" is assigned to the application, and Entra takes only one, so this stack\'s '
        "cannot be assigned",
        known=(
            Statement(f"claims policy {policy.policy_id}: {policy.definition}", How.LIVE, "Microsoft Graph"),
        ),
        remedy=f"adopt it (mimecast-sso:application: {{adopt: {application.client_id}}}), leave the claims to it "
        "(application.claims: verify), or remove its assignment (az rest --method DELETE --url "
        f"https://{assessment.snapshot.cloud.graph_host}/v1.0/servicePrincipals/{application.principal_id}/"
        f"claimsMappingPolicies/{policy.policy_id}/$ref)",
        final=True,
    )
