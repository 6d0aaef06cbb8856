"""Deleted applications and service principals: kept for 30 days with their identifiers, restored, purged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.entra.tokens import DEFAULT_ROLES
from tests.support.sandboxes import ADA, RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
BIN = "/directory/deletedItems"
APPLICATIONS = f"{BIN}/microsoft.graph.application"
PRINCIPALS = f"{BIN}/microsoft.graph.servicePrincipal"
TAKEN = "Another object with the same value for property identifierUris already exists."
DAY = 86_400


class Tenant:
    """Graph as the deploying principal uses it."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self.session = sandbox.graph()

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.session.request(method, GRAPH + path, json=body, timeout=30)

    def get(self, path: str) -> Any:
        response = self.call("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def done(self, method: str, path: str, body: Any = None) -> Any:
        response = self.call(method, path, body)
        assert response.ok, response.text
        return response.json() if response.content else None

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        response = self.call(method, path, body)
        return response.status_code, response.json()["error"]["message"]

    def instantiate(self, name: str, identifier: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
        made = self._sandbox.instantiate(name)
        if identifier:
            self.done("PATCH", f"/applications/{made['application']['id']}", {"identifierUris": [identifier]})
        return made["application"], made["servicePrincipal"]

    def names(self, path: str) -> list[str]:
        return [item["displayName"] for item in self.get(path)["value"]]


@pytest.fixture
def tenant(sandbox: RunningSandbox) -> Tenant:
    return Tenant(sandbox)


@pytest.fixture(autouse=True)
def clean(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    for name in ("clock.offset_seconds", "entra.deployer_roles", "entra.deleted_identifiers_stay_taken"):
        sandbox.control.set(name, None)


def test_a_deleted_application_is_in_the_bin_with_its_service_principal(tenant: Tenant) -> None:
    application, principal = tenant.instantiate("to the bin", "https://bin.example.com")
    tenant.done("DELETE", f"/applications/{application['id']}")
    assert tenant.get(f"/applications?$filter=appId eq '{application['appId']}'")["value"] == []
    query = f"?$filter=appId eq '{application['appId']}'"
    (deleted,) = tenant.get(APPLICATIONS + query)["value"]
    assert deleted["identifierUris"] == ["https://bin.example.com"]
    assert deleted["deletedDateTime"]
    (with_it,) = tenant.get(PRINCIPALS + query)["value"]
    assert (with_it["id"], with_it["servicePrincipalNames"][1]) == (
        principal["id"],
        "https://bin.example.com",
    )
    one = tenant.get(f"{BIN}/{application['id']}?$select=appId")
    assert (one["@odata.type"], one["appId"]) == ("#microsoft.graph.application", application["appId"])
    assert "id" not in one
    for cast in ("microsoft.graph.application", "graph.application"):
        assert tenant.names(f"/directory/deleteditems/{cast}") == tenant.names(APPLICATIONS)
    assert tenant.refused("GET", f"{BIN}/graph.user")[0] == 501


def test_a_deleted_application_keeps_its_identifier_for_thirty_days(
    tenant: Tenant, sandbox: RunningSandbox
) -> None:
    identifier = {"identifierUris": ["https://kept.example.com"]}
    first, _ = tenant.instantiate("first", "https://kept.example.com")
    tenant.done("DELETE", f"/applications/{first['id']}")
    second, _ = tenant.instantiate("second")
    path = f"/applications/{second['id']}"
    assert tenant.refused("PATCH", path, identifier) == (400, TAKEN)
    sandbox.control.set("clock.offset_seconds", 29 * DAY)
    assert Tenant(sandbox).refused("PATCH", path, identifier) == (400, TAKEN)
    sandbox.control.set("clock.offset_seconds", 31 * DAY)
    later = Tenant(sandbox)
    assert "first" not in later.names(APPLICATIONS)
    assert later.refused("POST", f"{BIN}/{first['id']}/restore")[0] == 404
    later.done("PATCH", path, identifier)


def test_an_identifier_that_was_removed_before_is_free_at_once(tenant: Tenant) -> None:
    first, _ = tenant.instantiate("tidy", "https://tidy.example.com")
    tenant.done("PATCH", f"/applications/{first['id']}", {"identifierUris": []})
    tenant.done("DELETE", f"/applications/{first['id']}")
    tenant.instantiate("tidy again", "https://tidy.example.com")


def test_a_purged_application_is_gone_and_its_identifier_free(tenant: Tenant) -> None:
    first, principal = tenant.instantiate("purged", "https://purged.example.com")
    tenant.done("DELETE", f"/applications/{first['id']}")
    tenant.done("DELETE", f"{BIN}/{first['id']}")
    assert tenant.refused("GET", f"{BIN}/{first['id']}")[0] == 404
    assert "purged" in tenant.names(PRINCIPALS), "the service principal stays in the bin"
    status, message = tenant.refused("POST", f"{BIN}/{principal['id']}/restore")
    assert (status, "does not reference a valid application" in message) == (400, True)
    tenant.instantiate("purged again", "https://purged.example.com")


def test_by_setting_a_deleted_application_frees_its_identifier(
    tenant: Tenant, sandbox: RunningSandbox
) -> None:
    sandbox.control.set("entra.deleted_identifiers_stay_taken", False)
    first, _ = tenant.instantiate("frees", "https://frees.example.com")
    tenant.done("DELETE", f"/applications/{first['id']}")
    tenant.instantiate("takes", "https://frees.example.com")
    assert tenant.refused("POST", f"{BIN}/{first['id']}/restore") == (400, TAKEN)


def test_application_and_service_principal_are_restored_one_by_one(
    tenant: Tenant, sandbox: RunningSandbox
) -> None:
    application, principal = tenant.instantiate("restored", "https://restored.example.com")
    at = f"/servicePrincipals/{principal['id']}"
    tenant.done("PATCH", at, {"preferredSingleSignOnMode": "saml", "loginUrl": "https://x.example.com"})
    tenant.done("POST", f"{at}/addTokenSigningCertificate", {})
    ada = tenant.get(f"/users/{ADA}")["id"]
    role = application["appRoles"][0]["id"]
    assignment = {"principalId": ada, "resourceId": principal["id"], "appRoleId": role}
    tenant.done("POST", f"{at}/appRoleAssignedTo", assignment)
    keys = tenant.get(f"{at}?$select=keyCredentials")["keyCredentials"]

    tenant.done("DELETE", f"/applications/{application['id']}")
    assert tenant.refused("GET", f"{at}/appRoleAssignedTo")[0] == 404
    restored = tenant.done("POST", f"{BIN}/{application['id']}/restore")
    assert (restored["@odata.type"], restored["deletedDateTime"]) == ("#microsoft.graph.application", None)
    assert tenant.get(f"/applications/{application['id']}")["identifierUris"] == restored["identifierUris"]
    assert tenant.refused("GET", at)[0] == 404, "the service principal needs a call of its own"
    back = tenant.done("POST", f"{BIN}/{principal['id']}/restore")
    assert (back["@odata.type"], back["loginUrl"]) == (
        "#microsoft.graph.servicePrincipal",
        "https://x.example.com",
    )
    assert tenant.get(f"{at}?$select=keyCredentials")["keyCredentials"] == keys
    assert [row["principalId"] for row in tenant.get(f"{at}/appRoleAssignedTo")["value"]] == [ada]
    assert tenant.refused("GET", f"{BIN}/{principal['id']}")[0] == 404


def test_a_service_principal_that_was_replaced_cannot_be_restored(tenant: Tenant) -> None:
    application, principal = tenant.instantiate("replaced")
    tenant.done("DELETE", f"/servicePrincipals/{principal['id']}")
    tenant.done("POST", "/servicePrincipals", {"appId": application["appId"]})
    status, message = tenant.refused("POST", f"{BIN}/{principal['id']}/restore")
    assert (status, "already in use" in message) == (400, True)


def test_a_restored_service_principal_has_no_policies(tenant: Tenant) -> None:
    _, principal = tenant.instantiate("without policies")
    definition = '{"ClaimsMappingPolicy":{"Version":1,"IncludeBasicClaimSet":"true","ClaimsSchema":[]}}'
    policy = tenant.done(
        "POST", "/policies/claimsMappingPolicies", {"displayName": "p", "definition": [definition]}
    )
    at = f"/servicePrincipals/{principal['id']}"
    reference = {"@odata.id": f"{GRAPH}/policies/claimsMappingPolicies/{policy['id']}"}
    tenant.done("POST", f"{at}/claimsMappingPolicies/$ref", reference)
    tenant.done("DELETE", at)
    tenant.done("POST", f"{BIN}/{principal['id']}/restore")
    assert tenant.get(f"{at}/claimsMappingPolicies")["value"] == []


def test_what_may_be_read_and_done_with_which_permission(tenant: Tenant, sandbox: RunningSandbox) -> None:
    application, _ = tenant.instantiate("owned")
    tenant.done("DELETE", f"/applications/{application['id']}")
    document = sandbox.control.get("entra.deletedApplications", application["id"]) or {}
    sandbox.control.put("entra.deletedApplications", application["id"], {**document, "_owners": []})
    for method, path in (
        ("POST", f"{BIN}/{application['id']}/restore"),
        ("DELETE", f"{BIN}/{application['id']}"),
    ):
        assert tenant.refused(method, path)[0] == 403, "not the caller's own"
    sandbox.control.set("entra.deployer_roles", ["Application.ReadWrite.OwnedBy"])
    owner = Tenant(sandbox)
    assert owner.refused("GET", APPLICATIONS)[0] == 403
    assert owner.get(f"{BIN}/{application['id']}")["id"] == application["id"]
    sandbox.control.set("entra.deployer_roles", [*DEFAULT_ROLES, "Application.ReadWrite.All"])
    Tenant(sandbox).done("POST", f"{BIN}/{application['id']}/restore")


@pytest.mark.parametrize(
    "path",
    [
        f"{APPLICATIONS}?$orderby=displayName",
        f"{APPLICATIONS}?$filter=startswith(displayName,'x')",
        f"{APPLICATIONS}?$count=true",
        f"{BIN}/microsoft.graph.user",
        f"{BIN}/microsoft.graph.user?$top=5",
        f"{BIN}/microsoft.graph.group",
        BIN,
    ],
)
def test_what_is_not_simulated_says_so(tenant: Tenant, path: str) -> None:
    assert tenant.refused("GET", path)[0] == 501


def test_names_have_a_limit(tenant: Tenant, sandbox: RunningSandbox) -> None:
    template = tenant.get("/applicationTemplates?$filter=displayName eq 'Mimecast'")["value"][0]["id"]
    path = f"/applicationTemplates/{template}/instantiate"
    assert tenant.refused("POST", path, {"displayName": "x" * 91})[0] == 400
    made = tenant.done("POST", path, {"displayName": "x" * 90})["application"]
    tenant.done("PATCH", f"/applications/{made['id']}", {"displayName": "x" * 256})
    assert tenant.refused("PATCH", f"/applications/{made['id']}", {"displayName": "x" * 257})[0] == 400
    assert tenant.refused("PATCH", f"/applications/{made['id']}", {"notes": "x" * 1025})[0] == 400
    tenant.done("PATCH", f"/applications/{made['id']}", {"notes": "two\nlines"})


@pytest.mark.parametrize("name", ["two\nlines", "a\x00b", 5, ["x"]])
def test_invalid_names_of_objects_are_refused(tenant: Tenant, name: object) -> None:
    template = tenant.get("/applicationTemplates?$filter=displayName eq 'Mimecast'")["value"][0]["id"]
    for path in (f"/applicationTemplates/{template}/instantiate", "/applications"):
        assert tenant.refused("POST", path, {"displayName": name})[0] == 400
