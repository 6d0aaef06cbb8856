"""Conditional Access policies that apply to sign-ins and did not at the last deployment, or that block somebody. Pure.

No state records policies, so one that was changed or created since the state was last written is new to this stack. The
people are those whom a run evaluates (`mimecast_sso.assessment.access`).
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.assessment.drift.forms import GRAPH
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.text.foreign import quoted
from providers.entra.conditional_access import AccessPolicy

ACCESS_POLICY = "Conditional Access policy"


def find(assessment: Assessment) -> Iterator[Finding]:
    """A finding for each such policy that is enforced."""
    sample = assessment.snapshot.access.value
    applying = sample.applying if sample else {}
    policies = {each.policy_id: each for found in applying.values() for each in found if each.enforced}
    for policy_id, policy in sorted(policies.items()):
        if policy.blocks or _is_new(policy, assessment):
            shown = quoted(policy.name)
            yield Finding(
                Part.UNMANAGED,
                ACCESS_POLICY,
                "",
                shown,
                policy_id,
                Change((), (_controls(policy),)),
                source=GRAPH,
                targets=(policy_id,),
                reasons=frozenset({Reason.CONDITIONAL_ACCESS}) if policy.blocks else frozenset(),
            )


def _is_new(policy: AccessPolicy, assessment: Assessment) -> bool:
    deployed = assessment.desired.record.written_at
    return deployed is not None and policy.changed_at is not None and policy.changed_at > deployed


def _controls(policy: AccessPolicy) -> str:
    if policy.blocks:
        return "access is blocked"
    required = f" {policy.operator.lower()} ".join(policy.controls)
    text = f"required: {required}" if required else "session controls only"
    return text if policy.decided else f"{text}; whether it applies depends on device, location or risk"
