"""Conditional Access: the What If evaluation, sign-ins by policy, and seeding of people and groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import credentials
from sandbox.browser import Browser
from sandbox.control_client import ControlError
from tests.support.sandboxes import ADA, ALAN, GRACE, RunningSandbox, seed_document, started

CLIENT_ID = "7f1c2a3b-0000-4000-8000-00000000000a"
GUEST = "guest#EXT#@contoso.onmicrosoft.com"
EVALUATE = "identity/conditionalAccess/evaluate"
BLOCKED = "AADSTS53003"


def document() -> dict[str, Any]:
    seed = seed_document()
    seed["users"] += [
        {
            "displayName": "Guest",
            "userPrincipalName": GUEST,
            "mail": "guest@partner.example",
            "userType": "Guest",
        },
        {"displayName": "Left", "userPrincipalName": "left@example.com", "accountEnabled": False},
    ]
    seed["groups"] += [
        # Before the group that is its member.
        {"displayName": "Everybody outside", "members": ["Partners", GRACE]},
        {"displayName": "Partners", "members": ["guest@partner.example"]},
    ]
    seed["applications"] = [
        {
            "clientId": CLIENT_ID,
            "displayName": "Portal",
            "identifier": "https://portal.example.com",
            "replyUrl": "https://portal.example.com/acs",
            "signOnUrl": "https://portal.example.com/start",
        }
    ]
    seed["conditionalAccess"] = [
        {
            "displayName": "Block outside",
            "applications": [CLIENT_ID],
            "groups": ["Everybody outside"],
            "excludeUsers": [GRACE],
            "grantControls": ["block"],
        },
        {
            "displayName": "Ask everybody",
            "applications": ["All"],
            "users": ["All"],
            "grantControls": ["mfa"],
        },
        {
            "displayName": "Only report",
            "applications": [CLIENT_ID],
            "users": [ADA],
            "grantControls": ["block"],
            "state": "enabledForReportingButNotEnforced",
        },
        {
            "displayName": "Off",
            "applications": ["All"],
            "users": ["All"],
            "grantControls": ["block"],
            "state": "disabled",
        },
    ]
    return seed


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with started(tmp_path_factory.mktemp("access"), document()) as sandbox:
        for _ in range(2):
            sandbox.control.seed(document())
        yield sandbox


@pytest.fixture(autouse=True)
def clean(world: RunningSandbox) -> Iterator[None]:
    yield
    for name in ("entra.deployer_roles", "entra.premium"):
        world.control.set(name, None)


def user_id(world: RunningSandbox, name: str) -> str:
    (found,) = [
        each["id"] for each in world.control.documents("entra.users") if each["userPrincipalName"] == name
    ]
    return str(found)


def body(user: str, **changes: Any) -> dict[str, Any]:
    return {
        "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": user},
        "signInContext": {
            "@odata.type": "#microsoft.graph.applicationContext",
            "includeApplications": [CLIENT_ID],
        },
        "signInConditions": {"clientAppType": "browser", "devicePlatform": "macOS", "country": "CA"},
        "appliedPoliciesOnly": True,
        **changes,
    }


def ask(world: RunningSandbox, question: Any, version: str = "beta") -> requests.Response:
    return world.graph().post(f"https://graph.microsoft.com/{version}/{EVALUATE}", json=question, timeout=30)


def applied(world: RunningSandbox, name: str) -> list[str]:
    response = ask(world, body(user_id(world, name)))
    assert response.status_code == 200, response.text
    return [each["displayName"] for each in response.json()["value"]]


def test_the_policies_that_apply_are_named_for_each_person(world: RunningSandbox) -> None:
    assert applied(world, ALAN) == ["Ask everybody"]
    assert applied(world, ADA) == ["Ask everybody", "Only report"]
    assert applied(world, GUEST) == ["Block outside", "Ask everybody"], "members of nested groups count"
    assert applied(world, GRACE) == ["Ask everybody"], "who is excluded is not included"


def test_other_policies_have_the_reason_why_not(world: RunningSandbox) -> None:
    response = ask(world, body(user_id(world, ALAN), appliedPoliciesOnly=False), "v1.0").json()
    assert response["@odata.context"].endswith(
        "v1.0/$metadata#Collection(microsoft.graph.whatIfAnalysisResult)"
    )
    found = {each["displayName"]: each for each in response["value"]}
    reasons = {name: (each["policyApplies"], each["analysisReasons"]) for name, each in found.items()}
    assert reasons == {
        "Block outside": (False, "users"),
        "Ask everybody": (True, "notSet"),
        "Only report": (False, "users"),
        "Off": (False, "policyNotEnabled"),
    }
    assert found["Ask everybody"]["grantControls"]["builtInControls"] == ["mfa"]
    assert found["Ask everybody"]["conditions"]["users"]["includeUsers"] == ["All"]
    other = body(user_id(world, GUEST), appliedPoliciesOnly=False)
    other["signInContext"]["includeApplications"] = ["7f1c2a3b-0000-4000-8000-00000000000b"]
    rows = {each["displayName"]: each["analysisReasons"] for each in ask(world, other).json()["value"]}
    assert rows["Block outside"] == "application"


def test_it_needs_a_permission_and_a_licence(world: RunningSandbox) -> None:
    question = body(user_id(world, ADA))
    for role, status in (("Directory.Read.All", 403), ("Policy.Read.ConditionalAccess", 200)):
        world.control.set("entra.deployer_roles", [role])
        response = ask(world, question)
        assert response.status_code == status
        if status == 403:
            assert response.json()["error"]["code"] == "AccessDenied"
    world.control.set("entra.premium", False)
    assert ask(world, question).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"signInConditions": None}, 400),
        ({"signInContext": {"@odata.type": "#microsoft.graph.applicationContext"}}, 400),
        (
            {
                "signInContext": {
                    "@odata.type": "#microsoft.graph.authContext",
                    "authenticationContextValue": "c1",
                }
            },
            501,
        ),
        ({"signInIdentity": {"@odata.type": "#microsoft.graph.servicePrincipalSignIn"}}, 501),
        ({"signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": CLIENT_ID}}, 404),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    world: RunningSandbox, changes: dict[str, Any], status: int
) -> None:
    assert ask(world, body(user_id(world, ADA), **changes)).status_code == status


def test_conditions_that_are_not_simulated_are_never_ignored(world: RunningSandbox) -> None:
    assign(world, ADA)
    policies = world.control.documents("entra.conditionalAccess")
    (policy,) = [each for each in policies if each["displayName"] == "Ask everybody"]
    conditions = {**policy["conditions"], "locations": {"includeLocations": ["All"]}}
    world.control.put("entra.conditionalAccess", policy["id"], {**policy, "conditions": conditions})
    try:
        response = ask(world, body(user_id(world, ADA)))
        assert (response.status_code, "locations" in response.json()["error"]["message"]) == (501, True)
        assert "locations" in signed_in(world, ADA)
    finally:
        world.control.put("entra.conditionalAccess", policy["id"], policy)


def signed_in(world: RunningSandbox, name: str) -> str:
    """What comes of a sign-in from My Apps' tile: the error's text, or "" for a response."""
    (principal,) = [
        each["id"]
        for each in world.control.documents("entra.servicePrincipals")
        if each["appId"] == CLIENT_ID
    ]
    browser = Browser(world.home)
    page = browser.open(f"https://login.microsoftonline.com/{credentials.TENANT_ID}/signin/{principal}")
    page = browser.submit(page.form("sign-in"), {"login": name, "passwd": credentials.USER_PASSWORD})
    return "" if page.form("saml-response") is not None else str(page.text("error") or page.text("problem"))


def assign(world: RunningSandbox, name: str) -> None:
    graph = world.graph()
    (principal,) = graph.get(
        f"https://graph.microsoft.com/v1.0/servicePrincipals?$filter=appId eq '{CLIENT_ID}'", timeout=30
    ).json()["value"]
    item = {
        "principalId": user_id(world, name),
        "resourceId": principal["id"],
        "appRoleId": principal["appRoles"][0]["id"],
    }
    path = f"https://graph.microsoft.com/v1.0/servicePrincipals/{principal['id']}/appRoleAssignedTo"
    assert graph.post(path, json=item, timeout=30).status_code in (201, 400)


def test_a_sign_in_is_blocked_and_logged_as_the_policies_say(world: RunningSandbox) -> None:
    for name in (ADA, GRACE, GUEST):
        assign(world, name)
    assert signed_in(world, GUEST).startswith(BLOCKED)
    assert signed_in(world, ADA) == "", "report-only and multi-factor let her in"
    assert signed_in(world, GRACE) == ""
    response = world.graph().get("https://graph.microsoft.com/v1.0/auditLogs/signIns", timeout=30)
    newest = response.json()["value"][:3]
    assert [(row["conditionalAccessStatus"], row["status"]["errorCode"]) for row in newest] == [
        ("success", 0),
        ("success", 0),
        ("failure", 53003),
    ]


def test_a_policy_for_all_applications_blocks_my_apps_too(tmp_path: Path) -> None:
    seed = document()
    seed["conditionalAccess"] = [
        {"displayName": "Nobody", "applications": ["All"], "users": [ADA], "grantControls": ["block"]}
    ]
    with started(tmp_path, seed) as sandbox:
        browser = Browser(sandbox.home)
        page = browser.open("https://myapps.microsoft.com/")
        page = browser.submit(page.form("sign-in"), {"login": ADA, "passwd": credentials.USER_PASSWORD})
        assert str(page.text("error")).startswith(BLOCKED)


def test_seeded_people_and_groups_are_what_the_document_says(world: RunningSandbox) -> None:
    users = {each["userPrincipalName"]: each for each in world.control.documents("entra.users")}
    assert (users[GUEST]["userType"], users[GUEST]["mail"]) == ("Guest", "guest@partner.example")
    assert users["left@example.com"]["accountEnabled"] is False
    groups = {each["displayName"]: each for each in world.control.documents("entra.groups")}
    assert groups["Everybody outside"]["_members"] == [groups["Partners"]["id"], users[GRACE]["id"]]
    assert len(world.control.documents("entra.conditionalAccess")) == 4, "seeded once"


@pytest.mark.parametrize(
    "policy",
    [
        {"grantControls": ["compliantDevice"]},
        {"state": "sometimes"},
        {"applications": ["Office365"]},
        {"groups": ["No such group"]},
        {"users": ["nobody@example.com"]},
    ],
)
def test_a_policy_beyond_the_sandbox_cannot_be_seeded(world: RunningSandbox, policy: dict[str, Any]) -> None:
    desired = {"displayName": "Odd", "applications": ["All"], "users": ["All"], **policy}
    with pytest.raises(ControlError, match="400"):
        world.control.seed({"conditionalAccess": [desired]})
