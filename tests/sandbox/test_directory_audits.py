"""The sandbox's directory audit log: who changed the credentials of a service principal, and to what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.entra.tokens import DEFAULT_ROLES, LEAST_ROLES
from tests.support.sandboxes import ADA, CLI_CLIENT_ID, GRACE, RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
SWITCHES = (
    "clock.offset_seconds",
    "entra.administrators",
    "entra.deployer_roles",
    "entra.directory_audit_activations",
    "entra.directory_audit_delay_seconds",
    "entra.directory_audit_keys",
    "entra.page_size",
    "entra.premium",
)

SOMEBODY = {
    "displayName": "Somebody",
    "userPrincipalName": "somebody@contoso.onmicrosoft.com",
    "mailNickname": "somebody",
    "accountEnabled": True,
    "passwordProfile": {"password": "long enough for a test"},
}

pytestmark = pytest.mark.usefixtures("switches")


@pytest.fixture
def principal(sandbox: RunningSandbox) -> str:
    """The object id of a new service principal."""
    return str(sandbox.instantiate("Audited")["servicePrincipal"]["id"])


def add(graph: requests.Session, principal: str, name: str) -> dict[str, Any]:
    url = f"{GRAPH}/servicePrincipals/{principal}/addTokenSigningCertificate"
    response = graph.post(url, json={"displayName": f"CN={name}"}, timeout=30)
    response.raise_for_status()
    made: dict[str, Any] = response.json()
    return made


def log(sandbox: RunningSandbox, principal: str, *filters: str) -> requests.Response:
    desired = " and ".join([f"targetResources/any(t:t/id eq '{principal}')", *filters])
    url = f"{GRAPH}/auditLogs/directoryAudits"
    return sandbox.graph().get(url, params={"$filter": desired}, timeout=30)


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name of a property → its values before and after."""
    (target,) = entry["targetResources"]
    return {
        each["displayName"]: tuple(each[key] and json.loads(each[key]) for key in ("oldValue", "newValue"))
        for each in target["modifiedProperties"]
    }


def test_who_added_activated_and_removed_a_certificate_is_logged_newest_first(
    sandbox: RunningSandbox, principal: str
) -> None:
    mine, portal = sandbox.graph(), sandbox.portal(ADA)
    first, second = add(mine, principal, "First"), add(portal, principal, "Second")
    url = f"{GRAPH}/servicePrincipals/{principal}"
    preferred = {"preferredTokenSigningKeyThumbprint": second["thumbprint"]}
    assert portal.patch(url, json=preferred, timeout=30).ok
    found = portal.get(url, timeout=30).json()
    left = {
        name: [key for key in found[name] if key["displayName"] == "CN=Second"]
        for name in ("keyCredentials", "passwordCredentials")
    }
    assert mine.patch(url, json=left, timeout=30).ok

    removed, activated, added, *_ = entries = log(sandbox, principal).json()["value"]
    assert [entry["activityDisplayName"] for entry in entries] == [
        "Remove service principal credentials",
        "Update service principal",
        "Add service principal credentials",
        "Update service principal",
        "Add service principal credentials",
    ]
    assert activated["initiatedBy"]["user"]["userPrincipalName"] == ADA
    assert removed["initiatedBy"]["app"]["displayName"] == "Single sign-on deployment"
    assert removed["initiatedBy"]["user"] is None
    assert changes(activated)["PreferredTokenSigningKeyThumbprint"] == (
        [first["thumbprint"]],
        [second["thumbprint"]],
    )
    before, after = changes(added)["KeyDescription"]
    sign = (
        f"[KeyIdentifier={second['keyId']},KeyType=X509CertAndPassword,KeyUsage=Sign,DisplayName=CN=Second]"
    )
    assert sign in after
    assert sign not in before
    before, after = changes(removed)["KeyDescription"]
    assert [len(before), len(after)] == [6, 3]
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert log(sandbox, principal, f"activityDateTime ge {later:%Y-%m-%dT%H:%M:%SZ}").json()["value"] == []


def test_deletions_restores_and_purges_are_logged_with_who_did_them(sandbox: RunningSandbox) -> None:
    graph, made = sandbox.graph(), sandbox.instantiate("Deleted and logged")
    application, principal = made["application"]["id"], made["servicePrincipal"]["id"]
    bin_ = f"{GRAPH}/directory/deletedItems"
    sandbox.control.set("entra.deployer_roles", [*DEFAULT_ROLES, "User.ReadWrite.All", "Group.ReadWrite.All"])
    everything = sandbox.graph()
    group = everything.post(f"{GRAPH}/groups", json={"displayName": "Gone"}, timeout=30).json()["id"]
    user = everything.post(f"{GRAPH}/users", json=SOMEBODY, timeout=30).json()["id"]
    for session, method, url in (
        (graph, "DELETE", f"{GRAPH}/applications/{application}"),
        (graph, "POST", f"{bin_}/{application}/restore"),
        (graph, "POST", f"{bin_}/{principal}/restore"),
        (graph, "DELETE", f"{GRAPH}/servicePrincipals/{principal}"),
        (graph, "DELETE", f"{GRAPH}/applications/{application}"),
        (graph, "DELETE", f"{bin_}/{principal}"),
        (graph, "DELETE", f"{bin_}/{application}"),
        (everything, "DELETE", f"{GRAPH}/groups/{group}"),
        (everything, "DELETE", f"{GRAPH}/users/{user}"),
    ):
        assert session.request(method, url, timeout=30).ok, (method, url)

    def activities(target: str) -> list[tuple[str, str]]:
        entries = log(sandbox, target).json()["value"]
        assert {entry["initiatedBy"]["app"]["displayName"] for entry in entries} == {
            "Single sign-on deployment"
        }
        assert all(entry["targetResources"][0]["displayName"] for entry in entries)
        return [(entry["category"], entry["activityDisplayName"]) for entry in entries]

    managed = "ApplicationManagement"
    assert activities(application) == [
        (managed, "Hard Delete application"),
        (managed, "Delete application"),
        (managed, "Restore application"),
        (managed, "Delete application"),
    ]
    assert activities(principal) == [
        (managed, "Hard delete service principal"),
        (managed, "Remove service principal"),
        (managed, "Restore service principal"),
        (managed, "Remove service principal"),
    ]
    assert activities(group) == [("GroupManagement", "Delete group")]
    assert activities(user) == [("UserManagement", "Delete user")]


def test_other_formats_that_entra_may_use(sandbox: RunningSandbox, principal: str) -> None:
    sandbox.control.set("entra.directory_audit_keys", "differences")
    sandbox.control.set("entra.directory_audit_activations", False)
    add(sandbox.graph(), principal, "First")
    activated, added = log(sandbox, principal).json()["value"]
    before, after = changes(added)["KeyDescription"]
    assert (before, len(after)) == (None, 3)
    assert changes(activated)["Included Updated Properties"] == (None, "PreferredTokenSigningKeyThumbprint")
    assert "PreferredTokenSigningKeyThumbprint" not in changes(activated)


def test_it_is_delayed_paged_kept_for_a_while_and_needs_both_permissions(
    sandbox: RunningSandbox, principal: str
) -> None:
    add(sandbox.graph(), principal, "First")
    sandbox.control.set("entra.page_size", 1)
    page = log(sandbox, principal).json()
    assert (len(page["value"]), "@odata.nextLink" in page) == (1, True)
    sandbox.control.set("entra.directory_audit_delay_seconds", 300)
    assert log(sandbox, principal).json()["value"] == []
    sandbox.control.set("clock.offset_seconds", 301)
    assert len(log(sandbox, principal).json()["value"]) == 1
    sandbox.control.set("clock.offset_seconds", 8 * 24 * 3600)
    assert len(log(sandbox, principal).json()["value"]) == 1
    sandbox.control.set("entra.premium", False)
    assert log(sandbox, principal).json()["value"] == []
    sandbox.control.set("entra.deployer_roles", list(LEAST_ROLES))
    refused = log(sandbox, principal)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "Authentication_MSGraphPermissionMissing"
    assert "Directory.Read.All to call" in refused.json()["error"]["message"]


def test_only_administrators_may_change_anything(sandbox: RunningSandbox, principal: str) -> None:
    portal = sandbox.portal(ADA)
    sandbox.control.set("entra.administrators", [GRACE])
    assert "AADSTS50126" in _token(sandbox, password="wrong").text
    assert "AADSTS700016" in _token(sandbox, client_id="00000000-0000-0000-0000-000000000000").text
    token = _token(sandbox).json()["access_token"]
    portal.headers["Authorization"] = f"Bearer {token}"
    assert portal.get(f"{GRAPH}/servicePrincipals/{principal}", timeout=30).status_code == 403


def _token(sandbox: RunningSandbox, **changes: str) -> requests.Response:
    form = {
        "grant_type": "password",
        "client_id": CLI_CLIENT_ID,
        "username": ADA,
        "password": "sandbox-password-1",
        "scope": "https://graph.microsoft.com/.default",
    }
    url = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    return sandbox.session().post(url, data=form | changes, timeout=30)
