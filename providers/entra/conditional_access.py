"""Conditional Access policies that apply to people's sign-ins to an application, from Entra's What If evaluation.

Source: Microsoft Graph's "conditionalAccessRoot: evaluate" and "whatIfAnalysisResult resource type" (in v1.0 since
July 2025). One request evaluates the stored policies for one person and changes nothing; the requests of a run go in
one batch. It needs Policy.Read.ConditionalAccess (or Policy.Read.All) and a tenant with Entra ID P1. Graph allows about
one such call per second ("Microsoft Graph service-specific throttling limits"), so only a sample of many people is
evaluated.

The request does not name a device, location or risk. Policies that depend on them are returned as undecided, not
omitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.times import graph_time
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import Unreachable
from providers.entra.protocols import GraphReads

PATH = "/identity/conditionalAccess/evaluate"
MOST_USERS = 20
"""The maximum number of people in one `evaluate`."""

_BLOCK = "block"
_REPORT_ONLY = "enabledForReportingButNotEnforced"
_UNDECIDED = "notEnoughInformation"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A policy that applies, or may apply, to a person's sign-in."""

    policy_id: str
    name: str
    enforced: bool
    """False for a policy in report-only mode."""
    decided: bool
    """False if the policy depends on conditions that the evaluation does not cover."""
    operator: str
    """``AND``: all controls are required; ``OR``: one of them; "" without controls."""
    controls: tuple[str, ...]
    """Grant controls such as ``block``, ``mfa``, ``compliantDevice``, ``termsOfUse``."""
    changed_at: datetime | None = None
    """When it was last changed, or created; ``None`` if Graph does not say."""

    @property
    def blocks(self) -> bool:
        """Whether Entra refuses the sign-in (``AADSTS53003``)."""
        return self.enforced and self.decided and _BLOCK in self.controls


def evaluate(
    graph: GraphReads, application_id: str, user_ids: Iterable[str], *, most: int = MOST_USERS
) -> dict[str, tuple[AccessPolicy, ...]]:
    """Return, by user id, the policies for browser sign-ins to the application with this client id.

    Evaluates the first ``most`` distinct ids of ``user_ids``; the result has no entry for the others.

    Raises:
        GraphError: Refused without the permission or the licence.
    """
    asked = list(dict.fromkeys(user_ids))[:most]
    if not asked:
        return {}
    outcomes = graph.batch(Read(PATH, question=_question(application_id, user)) for user in asked)
    return {user: tuple(_policies(outcome)) for user, outcome in zip(asked, outcomes, strict=True)}


def _policies(outcome: ReadOutcome) -> Iterator[AccessPolicy]:
    rows = outcome.one().get("value")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreachable(f"Microsoft Graph, POST {PATH}: the response is not a collection")
    for row in rows:
        if row.get("policyApplies") is True:
            yield _policy(row, decided=True)
        elif _UNDECIDED in str(row.get("analysisReasons") or "").split(","):
            yield _policy(row, decided=False)


def _question(application_id: str, user_id: str) -> dict[str, JSON]:
    return {
        "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": user_id},
        "signInContext": {
            "@odata.type": "#microsoft.graph.applicationContext",
            "includeApplications": [application_id],
        },
        "signInConditions": {"clientAppType": "browser"},
        # Graph lists undecided policies among those that do not apply.
        "appliedPoliciesOnly": False,
    }


def _policy(row: Mapping[str, JSON], *, decided: bool) -> AccessPolicy:
    grants = row.get("grantControls") or {}
    changed = str(row.get("modifiedDateTime") or row.get("createdDateTime") or "")
    others = ("customAuthenticationFactors", "termsOfUse", "authenticationStrength")
    return AccessPolicy(
        policy_id=str(row.get("id") or ""),
        name=str(row.get("displayName") or ""),
        enforced=row.get("state") != _REPORT_ONLY,
        decided=decided,
        operator=str(grants.get("operator") or ""),
        controls=(
            *map(str, grants.get("builtInControls") or ()),
            *(name for name in others if grants.get(name)),
        ),
        changed_at=graph_time(changed) if changed else None,
    )
