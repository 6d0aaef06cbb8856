"""Which Conditional Access policies would decide people's sign-ins to an application: Entra's What If, asked.

Source: Microsoft Graph's "conditionalAccessRoot: evaluate" and "whatIfAnalysisResult resource type" (in v1.0 since
July 2025). It evaluates the policies as they are stored, for one person a call, and changes nothing. It needs
Policy.Read.ConditionalAccess (or Policy.Read.All), and a tenant with Entra ID P1; Graph allows about one such call a
second ("Microsoft Graph service-specific throttling limits"), so only a sample of many people is asked for.

What the caller does not know of a sign-in (device, place, risk) is not sent: policies that depend on it are shown as
undecided, not left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from providers.entra.errors import Unreachable

PATH = "/identity/conditionalAccess/evaluate"
MOST_USERS = 20
"""So many people are asked for at most."""

_BLOCK = "block"
_REPORT_ONLY = "enabledForReportingButNotEnforced"
_UNDECIDED = "notEnoughInformation"


class Graph(Protocol):
    """The part of a Graph client that is used here."""

    def ask(self, path: str, question: Mapping[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that applies to a person's sign-in; ``decided`` is False where that depends on what is not known."""

    policy_id: str
    name: str
    enforced: bool
    """False for a policy in report-only mode."""
    decided: bool
    operator: str
    """``AND`` or ``OR``: whether all of the controls are wanted, or one of them; "" without controls."""
    controls: tuple[str, ...]
    """Grant controls such as ``block``, ``mfa``, ``compliantDevice``, ``termsOfUse``."""

    @property
    def blocks(self) -> bool:
        """Whether the person gets nothing but a refusal (``AADSTS53003``)."""
        return self.enforced and self.decided and _BLOCK in self.controls


def evaluate(
    graph: Graph, application_id: str, user_ids: Iterable[str], *, most: int = MOST_USERS
) -> dict[str, tuple[Policy, ...]]:
    """The policies for sign-ins by browser to the application with this client id, by the person's object id.

    Of ``user_ids`` the first ``most`` different ones are asked for; those who are not in the result were not.

    Raises:
        GraphError: Refused without the permission or the licence: then all of it is unknown.
    """
    asked = list(dict.fromkeys(user_ids))[:most]
    return {user: tuple(_policies(graph, application_id, user)) for user in asked}


def _policies(graph: Graph, application_id: str, user_id: str) -> Iterator[Policy]:
    rows = graph.ask(PATH, _question(application_id, user_id)).get("value")
    if not isinstance(rows, list):
        raise Unreachable(f"Microsoft Graph, POST {PATH}: the response is not a collection")
    for row in rows:
        if row.get("policyApplies") is True:
            yield _policy(row, decided=True)
        elif _UNDECIDED in str(row.get("analysisReasons") or "").split(","):
            yield _policy(row, decided=False)


def _question(application_id: str, user_id: str) -> dict[str, Any]:
    return {
        "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": user_id},
        "signInContext": {
            "@odata.type": "#microsoft.graph.applicationContext",
            "includeApplications": [application_id],
        },
        "signInConditions": {"clientAppType": "browser"},
        # The rest as well: among them are those that cannot be decided.
        "appliedPoliciesOnly": False,
    }


def _policy(row: Mapping[str, Any], *, decided: bool) -> Policy:
    grants = row.get("grantControls") or {}
    others = ("customAuthenticationFactors", "termsOfUse", "authenticationStrength")
    return Policy(
        policy_id=str(row.get("id") or ""),
        name=str(row.get("displayName") or ""),
        enforced=row.get("state") != _REPORT_ONLY,
        decided=decided,
        operator=str(grants.get("operator") or ""),
        controls=(
            *map(str, grants.get("builtInControls") or ()),
            *(name for name in others if grants.get(name)),
        ),
    )
