"""Conditional Access: seeded policies, their effect on a sign-in, and the What If evaluation.

Sources: Microsoft Graph's "conditionalAccessRoot: evaluate", "whatIfAnalysisResult resource type" and
"conditionalAccessPolicy resource type" (form, permissions, reasons), "Conditional Access: Users, groups, agents, and
workload identities" (members of nested groups count), and the error code page for ``AADSTS53003``. The error code
without permission is the one that callers report.

Simulated: included and excluded users, groups and applications, and the controls ``block`` and ``mfa``. Policies with
other conditions or controls cannot be seeded. Assumed: everyone passes multi-factor authentication; the responses
without a P1 licence and for an unknown user; the application is checked before the user.

Setting: ``entra.premium`` (whether the tenant has P1; default: true).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any
from uuid import UUID

from starlette.responses import JSONResponse, Response

from sandbox.entra import directory
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import Call, GraphError, Operation, bad_request, new_id, not_found, not_simulated
from sandbox.entra.odata import Document
from sandbox.hosts import GRAPH_HOST
from sandbox.world import World

POLICIES = "entra.conditionalAccess"
MY_APPS_ID = "2793995e-0a7d-40d7-bd35-6968ba142197"
"""Client id of My Apps, from Microsoft's list of first-party applications."""

ENABLED, DISABLED, REPORT_ONLY = "enabled", "disabled", "enabledForReportingButNotEnforced"
BLOCK = "block"

_CONTROLS = (BLOCK, "mfa")
_ALL, _NONE = "All", "None"
_READERS = {"Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}
_APPLIES = "notSet"
_EMPTY: Document = {
    "userRiskLevels": [],
    "signInRiskLevels": [],
    "clientAppTypes": ["all"],
    "servicePrincipalRiskLevels": [],
    "insiderRiskLevels": None,
    "clients": None,
    "platforms": None,
    "locations": None,
    "times": None,
    "deviceStates": None,
    "devices": None,
    "clientApplications": None,
    "authenticationFlows": None,
    "applications": {
        "includeApplications": [],
        "excludeApplications": [],
        "includeUserActions": [],
        "includeAuthenticationContextClassReferences": [],
        "applicationFilter": None,
        "networkAccess": None,
        "globalSecureAccess": None,
    },
    "users": {
        "includeUsers": [],
        "excludeUsers": [],
        "includeGroups": [],
        "excludeGroups": [],
        "includeRoles": [],
        "excludeRoles": [],
        "includeGuestsOrExternalUsers": None,
        "excludeGuestsOrExternalUsers": None,
    },
}
_SIMULATED = {
    "users": {"includeUsers", "excludeUsers", "includeGroups", "excludeGroups"},
    "applications": {"includeApplications", "excludeApplications"},
}
_REQUIRED = ("signInIdentity", "signInContext", "signInConditions")


def add(
    world: World,
    name: str,
    *,
    state: str = ENABLED,
    controls: Iterable[str] = (),
    users: Mapping[str, Iterable[str]],
    applications: Mapping[str, Iterable[str]],
) -> None:
    """Store a policy; ``users`` and ``applications`` map Graph's names of their lists to ids.

    Raises:
        ValueError: a value that is not simulated.
    """
    chosen = list(controls)
    _require_simulated(state, chosen, applications)
    identifier = new_id()
    now = on_the_wire(world.now())
    policy: Document = {
        "id": identifier,
        "templateId": None,
        "displayName": name,
        "createdDateTime": now,
        "modifiedDateTime": now,
        "state": state,
        "partialEnablementStrategy": None,
        "sessionControls": None,
        "conditions": {
            **_EMPTY,
            "applications": _EMPTY["applications"] | {name: list(ids) for name, ids in applications.items()},
            "users": _EMPTY["users"] | {name: list(ids) for name, ids in users.items()},
        },
        "grantControls": _grant_controls(chosen),
    }
    world.put(POLICIES, identifier, policy)


def _require_simulated(
    state: str, controls: Iterable[str], applications: Mapping[str, Iterable[str]]
) -> None:
    """Raise ValueError for a state, a grant control or the id of an application that is not simulated."""
    if state not in (ENABLED, DISABLED, REPORT_ONLY) or not set(controls) <= set(_CONTROLS):
        raise ValueError(
            f"a policy needs one of Graph's states, and grant controls from {', '.join(_CONTROLS)}"
        )
    listed = (applications.get(key, ()) for key in ("includeApplications", "excludeApplications"))
    for application in {*chain.from_iterable(listed)} - {_ALL, _NONE}:
        UUID(application)


def _grant_controls(controls: list[str]) -> Document | None:
    if not controls:
        return None
    return {
        "operator": "OR",
        "builtInControls": controls,
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength": None,
    }


# The effect of policies


def reason(world: World, policy: Document, user: Document, app_id: str) -> str:
    """Why a policy does not apply to a person's sign-in, in terms of ``analysisReasons``; ``notSet`` if it does.

    Raises:
        GraphError: 501 for a policy with conditions that are not simulated.
    """
    if policy["state"] == DISABLED:
        return "policyNotEnabled"
    _check_simulated(policy)
    applications, users = policy["conditions"]["applications"], policy["conditions"]["users"]
    if not _is_listed(applications["includeApplications"], {app_id}) or _is_listed(
        applications["excludeApplications"], {app_id}
    ):
        return "application"
    person, groups = {user["id"]}, set(_groups_of(world, user["id"]))
    included = _is_listed(users["includeUsers"], person) or _is_listed(users["includeGroups"], groups)
    excluded = _is_listed(users["excludeUsers"], person) or _is_listed(users["excludeGroups"], groups)
    return _APPLIES if included and not excluded else "users"


def _check_simulated(policy: Document) -> None:
    conditions = policy["conditions"]
    odd = [name for name, value in conditions.items() if name not in _SIMULATED and value != _EMPTY[name]]
    for kind, simulated in _SIMULATED.items():
        odd += [name for name, value in conditions[kind].items() if value and name not in simulated]
    if odd:
        raise not_simulated(f'the conditions {", ".join(odd)} of the policy "{policy["displayName"]}"')


def enforced(world: World, user: Document, app_id: str) -> list[Document]:
    """The policies that apply to a person's sign-in to an application now."""
    return [
        policy
        for policy in world.all(POLICIES)
        if policy["state"] == ENABLED and reason(world, policy, user, app_id) == _APPLIES
    ]


def blocks(policies: Iterable[Document]) -> bool:
    """Whether one of the policies blocks the sign-in."""
    return any(BLOCK in (policy["grantControls"] or {}).get("builtInControls", ()) for policy in policies)


def _is_listed(listed: Iterable[str], identifiers: Iterable[str]) -> bool:
    requested = {each.casefold() for each in identifiers}
    return any(each == _ALL or each.casefold() in requested for each in listed)


def _groups_of(world: World, identifier: str, seen: frozenset[str] = frozenset()) -> Iterable[str]:
    """The groups that have the object as a direct or nested member."""
    for group in directory.groups_of(world, identifier):
        if group["id"] not in seen:
            yield group["id"]
            yield from _groups_of(world, group["id"], seen | {group["id"]})


# What If


def _evaluate(call: Call) -> Response:
    _check_caller(call)
    body = call.document()
    missing = next((name for name in _REQUIRED if not isinstance(body.get(name), dict)), None)
    if missing:
        raise bad_request(f"The parameter {missing} is required.", code="BadRequest")
    user = _user(call.world, body["signInIdentity"])
    applications = _applications(body["signInContext"])
    results = [_result(call.world, policy, user, applications) for policy in call.world.all(POLICIES)]
    if body.get("appliedPoliciesOnly"):
        results = [result for result in results if result["policyApplies"]]
    context = (
        f"https://{GRAPH_HOST}/{call.version}/$metadata#Collection(microsoft.graph.whatIfAnalysisResult)"
    )
    return JSONResponse({"@odata.context": context, "value": results})


def _check_caller(call: Call) -> None:
    if not _READERS & set(call.caller.roles):
        message = "You cannot perform the requested operation, required scopes are missing in the token."
        raise GraphError(HTTPStatus.FORBIDDEN, "AccessDenied", message)
    if not call.world.setting("entra.premium", default=True):
        raise GraphError(
            HTTPStatus.FORBIDDEN, "AccessDenied", "Your tenant is not licensed for this feature."
        )


def _user(world: World, identity: Document) -> Document:
    if identity.get("@odata.type") != "#microsoft.graph.userSignIn":
        raise not_simulated(f"the sign-in of a {identity.get('@odata.type')}")
    identifier = str(identity.get("userId"))
    user = directory.find_user(world, identifier)
    if user is None or user["id"] != identifier.casefold():
        raise not_found(identifier)
    return user


def _applications(context: Document) -> list[str]:
    if context.get("@odata.type") != "#microsoft.graph.applicationContext":
        raise not_simulated(f"the context {context.get('@odata.type')} of a sign-in")
    applications = context.get("includeApplications")
    if not isinstance(applications, list) or not applications:
        raise bad_request("The parameter includeApplications is required.", code="BadRequest")
    return [str(each) for each in applications]


def _result(world: World, policy: Document, user: Document, applications: list[str]) -> dict[str, Any]:
    reasons = [reason(world, policy, user, each) for each in applications]
    applies = _APPLIES in reasons
    return {**policy, "policyApplies": applies, "analysisReasons": _APPLIES if applies else reasons[0]}


OPERATIONS: tuple[Operation, ...] = (Operation("POST", "/identity/conditionalAccess/evaluate", _evaluate),)
