"""The Entra emulator's tokens and Graph, judged by unmodified clients: msal, azure-identity and requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sandbox import credentials
from tests.support.sandboxes import ADA, GROUP, RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
TOKEN_URL = f"https://login.microsoftonline.com/{credentials.TENANT_ID}/oauth2/v2.0/token"
SCOPE = "https://graph.microsoft.com/.default"
IDENTIFIER = "https://eu-api.mimecast.com/sso/CUK25A118"
SUBJECT = "CN=Mimecast SSO 2026"


def without_context(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "@odata.context"}


class Graph:
    """Graph through requests: JSON in, JSON or the error's code out."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        url = path if path.startswith("https:") else f"{GRAPH}{path}"
        return self._session.request(method, url, json=body, timeout=30)

    def get(self, path: str) -> Any:
        """The object or list, without the annotation that says what it is."""
        response = self.call("GET", path)
        assert response.status_code == 200, response.text
        return without_context(response.json())

    def post(self, path: str, body: Any) -> Any:
        response = self.call("POST", path, body)
        assert response.status_code in {200, 201, 204}, response.text
        return without_context(response.json()) if response.content else None

    def patch(self, path: str, body: Any) -> None:
        response = self.call("PATCH", path, body)
        assert response.status_code == 204, response.text

    def delete(self, path: str) -> None:
        response = self.call("DELETE", path)
        assert response.status_code == 204, response.text

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        response = self.call(method, path, body)
        return response.status_code, response.json()["error"]["code"]

    def message(self, method: str, path: str, body: Any = None) -> str:
        return str(self.call(method, path, body).json()["error"]["message"])

    def instantiate(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        template = self.get("/applicationTemplates?$filter=displayName eq 'Mimecast'")["value"][0]
        made = self.post(f"/applicationTemplates/{template['id']}/instantiate", {"displayName": name})
        return made["application"], made["servicePrincipal"]


@pytest.fixture(scope="module")
def graph(sandbox: RunningSandbox) -> Graph:
    return Graph(sandbox.graph())


@pytest.fixture
def all_permissions(sandbox: RunningSandbox) -> Iterator[Graph]:
    roles = ["Application.ReadWrite.All", "User.ReadWrite.All", "Group.ReadWrite.All"]
    sandbox.control.set("entra.deployer_roles", roles)
    yield Graph(sandbox.graph())
    sandbox.control.set("entra.deployer_roles", None)


@pytest.fixture
def clean(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    yield sandbox
    sandbox.control.faults()
    for name, value in (
        ("entra.lag", 0),
        ("entra.owner_on_instantiate", True),
        ("entra.key_order", "append"),
    ):
        sandbox.control.set(name, value)


# Tokens


def test_msal_gets_a_token_with_an_object_id_and_roles(sandbox: RunningSandbox) -> None:
    client = msal.ConfidentialClientApplication(
        credentials.DEPLOYER_CLIENT_ID,
        authority=f"https://login.microsoftonline.com/{credentials.TENANT_ID}",
        client_credential=credentials.DEPLOYER_CLIENT_SECRET,
        http_client=sandbox.session(),
    )
    response = client.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert response is not None
    assert "access_token" in response, response
    middle = response["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert claims["oid"] == credentials.DEPLOYER_OBJECT_ID
    assert claims["tid"] == credentials.TENANT_ID
    assert claims["aud"] == "https://graph.microsoft.com"
    assert "Application.ReadWrite.OwnedBy" in claims["roles"]


def client_certificate(folder: Path) -> tuple[Path, str]:
    """A PEM file with a key and its self-signed certificate, and the certificate's SHA-1."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deployer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "client.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return file, certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303


def test_unmodified_clients_sign_in_with_a_certificate(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "NO_PROXY"):
        monkeypatch.setenv(name, sandbox.env[name])
    file, thumbprint = client_certificate(tmp_path)
    tenant, client = credentials.TENANT_ID, credentials.DEPLOYER_CLIENT_ID
    assert CertificateCredential(tenant, client, str(file)).get_token(SCOPE).token
    application = msal.ConfidentialClientApplication(
        client,
        client_credential={"private_key": file.read_text(), "thumbprint": thumbprint},
        authority=f"https://login.microsoftonline.com/{tenant}",
        http_client=sandbox.session(),
    )
    assert "access_token" in application.acquire_token_for_client([SCOPE])


def test_unmodified_clients_say_why_a_secret_is_refused(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "NO_PROXY"):
        monkeypatch.setenv(name, sandbox.env[name])
    tenant, client = credentials.TENANT_ID, credentials.DEPLOYER_CLIENT_ID
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        ClientSecretCredential(tenant, client, "wrong").get_token(SCOPE)
    application = msal.ConfidentialClientApplication(
        client,
        client_credential="wrong",
        authority=f"https://login.microsoftonline.com/{tenant}",
        http_client=sandbox.session(),
    )
    refused = application.acquire_token_for_client([SCOPE])
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [7000215])


@pytest.mark.parametrize("tenant", [credentials.TENANT_ID, credentials.TENANT_DOMAIN])
def test_azure_identity_gets_a_token_from_the_environment(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tenant: str
) -> None:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    credential = ClientSecretCredential(
        tenant, credentials.DEPLOYER_CLIENT_ID, credentials.DEPLOYER_CLIENT_SECRET
    )
    token = credential.get_token("https://graph.microsoft.com/.default")
    session = sandbox.session()
    session.headers["Authorization"] = f"Bearer {token.token}"
    assert session.get(f"{GRAPH}/domains", timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, "invalid_scope", 1002012),
        ({"scope": ""}, 400, "invalid_request", 900144),
    ],
)
def test_refused_tokens_look_like_entras(
    sandbox: RunningSandbox, changes: dict[str, str], status: int, error: str, code: int
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.DEPLOYER_CLIENT_ID,
        "client_secret": credentials.DEPLOYER_CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
    }
    response = sandbox.session().post(TOKEN_URL, data={**form, **changes}, timeout=30)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")


def test_an_unknown_tenant_is_named(sandbox: RunningSandbox) -> None:
    url = TOKEN_URL.replace(credentials.TENANT_ID, "11111111-2222-3333-4444-555555555555")
    response = sandbox.session().post(url, data={"grant_type": "client_credentials"}, timeout=30)
    assert response.json()["error_codes"] == [90002]


def test_a_client_assertion_is_accepted(sandbox: RunningSandbox) -> None:
    claims = {"iss": credentials.DEPLOYER_CLIENT_ID, "sub": credentials.DEPLOYER_CLIENT_ID, "exp": 4102444800}
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.DEPLOYER_CLIENT_ID,
        "scope": "https://graph.microsoft.com/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    valid = jwt.encode(claims, "any key of at least thirty-two bytes")
    response = sandbox.session().post(TOKEN_URL, data={**form, "client_assertion": valid}, timeout=30)
    assert response.status_code == 200, response.text
    late = jwt.encode({**claims, "exp": 1}, "any key of at least thirty-two bytes")
    response = sandbox.session().post(TOKEN_URL, data={**form, "client_assertion": late}, timeout=30)
    assert response.json()["error_codes"] == [700024]


def test_graph_needs_its_own_token(sandbox: RunningSandbox) -> None:
    session = sandbox.session()
    for header in (None, "Bearer", "Bearer x.y.z", "Basic abc"):
        session.headers["Authorization"] = header  # type: ignore[assignment]
        response = session.get(f"{GRAPH}/domains", timeout=30)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_tokens_expire_by_the_worlds_clock(sandbox: RunningSandbox) -> None:
    graph = Graph(sandbox.graph())
    sandbox.control.set("clock.offset_seconds", 3700)
    try:
        assert graph.refused("GET", "/domains") == (401, "InvalidAuthenticationToken")
    finally:
        sandbox.control.set("clock.offset_seconds", 0)


def test_the_metadata_endpoint_describes_the_public_cloud(sandbox: RunningSandbox) -> None:
    url = "https://management.azure.com/metadata/endpoints?api-version=2022-09-01"
    body = sandbox.session().get(url, timeout=30).json()
    assert body["microsoftGraphResourceId"] == "https://graph.microsoft.com/"
    assert body["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com"


# Applications


def test_instantiating_a_template_gives_an_application_with_its_service_principal(graph: Graph) -> None:
    application, principal = graph.instantiate("whole objects")
    assert [role["displayName"] for role in application["appRoles"]] == ["User", "msiam_access"]
    assert application["identifierUris"] == []
    assert principal["appId"] == application["appId"]
    assert principal["appRoles"] == application["appRoles"]
    assert principal["applicationTemplateId"] == application["applicationTemplateId"]
    for key in ("groupMembershipClaims", "description"):
        assert application[key] is None, "explicit null"
    assert application["api"]["requestedAccessTokenVersion"] is None
    assert graph.get(f"/applications/{application['id']}") == application
    assert not [key for key in (*application, *principal) if key.startswith("_")]


def test_an_unknown_template_and_an_unknown_object_are_404(graph: Graph) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    missing = (404, "Request_ResourceNotFound")
    assert graph.refused("GET", f"/applicationTemplates/{nowhere}") == missing
    assert (
        graph.refused("POST", f"/applicationTemplates/{nowhere}/instantiate", {"displayName": "x"}) == missing
    )
    assert graph.refused("GET", f"/servicePrincipals/{nowhere}") == missing
    assert nowhere in graph.message("GET", f"/applications/{nowhere}")


def test_an_identifier_on_a_foreign_domain_needs_saml_mode_first(graph: Graph) -> None:
    application, principal = graph.instantiate("saml first")
    path = f"/applications/{application['id']}"
    body = {"identifierUris": [IDENTIFIER]}
    assert graph.refused("PATCH", path, body) == (400, "HostNameNotOnVerifiedDomain")
    graph.patch(f"/servicePrincipals/{principal['id']}", {"preferredSingleSignOnMode": "saml"})
    graph.patch(path, body)
    names = graph.get(f"/servicePrincipals/{principal['id']}")["servicePrincipalNames"]
    assert names == [application["appId"], IDENTIFIER]
    other, other_principal = graph.instantiate("same identifier")
    graph.patch(f"/servicePrincipals/{other_principal['id']}", {"preferredSingleSignOnMode": "saml"})
    message = graph.message("PATCH", f"/applications/{other['id']}", body)
    assert message == "Another object with the same value for property identifierUris already exists."
    assert graph.refused("DELETE", path) == (400, "DeletingSamlSpNotAllowed")
    graph.patch(path, {"identifierUris": []})
    graph.delete(path)
    assert graph.refused("GET", f"/servicePrincipals/{principal['id']}")[0] == 404, (
        "goes with its application"
    )


def test_an_identifier_on_a_verified_domain_needs_nothing(graph: Graph) -> None:
    application, _ = graph.instantiate("verified")
    uris = ["https://sso.example.com/mimecast", f"api://{application['appId']}"]
    graph.patch(f"/applications/{application['id']}", {"identifierUris": uris})


def test_nested_properties_are_merged_and_lists_replaced(graph: Graph) -> None:
    application, principal = graph.instantiate("merging")
    path = f"/applications/{application['id']}"
    graph.patch(path, {"web": {"redirectUris": ["https://eu-api.mimecast.com/login/saml"]}, "tags": ["a"]})
    after = graph.get(path)
    assert after["web"]["homePageUrl"] == application["web"]["homePageUrl"]
    assert after["tags"] == ["a"]
    shown = graph.get(f"/servicePrincipals/{principal['id']}")
    assert shown["replyUrls"] == ["https://eu-api.mimecast.com/login/saml"]
    graph.patch(path, {"displayName": "renamed"})
    assert graph.get(f"/servicePrincipals/{principal['id']}")["displayName"] == "renamed"


def test_unknown_and_read_only_properties_are_refused(graph: Graph) -> None:
    application, principal = graph.instantiate("strict")
    assert graph.refused("PATCH", f"/applications/{application['id']}", {"displayname": "x"})[0] == 400
    assert graph.refused("PATCH", f"/applications/{application['id']}", {"appId": "x"})[0] == 400
    assert graph.refused("PATCH", f"/applications/{application['id']}", {"_owners": []})[0] == 400
    assert graph.refused("PATCH", f"/servicePrincipals/{principal['id']}", {"appRoles": []})[0] == 400


def test_an_enabled_role_cannot_be_removed(graph: Graph) -> None:
    application, _ = graph.instantiate("roles")
    path = f"/applications/{application['id']}"
    assert "unless disabled first" in graph.message("PATCH", path, {"appRoles": []})
    graph.patch(path, {"appRoles": [{**role, "isEnabled": False} for role in application["appRoles"]]})
    graph.patch(path, {"appRoles": []})


def test_a_second_service_principal_of_an_application_is_refused(graph: Graph) -> None:
    application, _ = graph.instantiate("one principal")
    message = graph.message("POST", "/servicePrincipals", {"appId": application["appId"]})
    assert message.endswith("is already in use.")
    unknown = graph.message("POST", "/servicePrincipals", {"appId": "00000000-0000-4000-8000-000000000000"})
    assert "does not reference a valid application object" in unknown


def test_a_plain_application_can_be_created_too(all_permissions: Graph) -> None:
    owner = f"{GRAPH}/directoryObjects/{credentials.DEPLOYER_OBJECT_ID}"
    application = all_permissions.post(
        "/applications", {"displayName": "plain", "owners@odata.bind": [owner]}
    )
    principal = all_permissions.post("/servicePrincipals", {"appId": application["appId"], "tags": ["x"]})
    assert principal["tags"] == ["x"]
    owners = all_permissions.get(f"/applications/{application['id']}/owners")["value"]
    assert [(item["@odata.type"], item["id"]) for item in owners] == [
        ("#microsoft.graph.servicePrincipal", credentials.DEPLOYER_OBJECT_ID)
    ]
    all_permissions.delete(f"/servicePrincipals/{principal['id']}")
    assert all_permissions.get(f"/applications/{application['id']}")["displayName"] == "plain"


# Owners and permissions


def test_a_caller_limited_to_its_own_objects_owns_what_it_instantiates(
    graph: Graph, clean: RunningSandbox
) -> None:
    application, principal = graph.instantiate("owned")
    for path in (f"/applications/{application['id']}", f"/servicePrincipals/{principal['id']}"):
        assert [owner["id"] for owner in graph.get(f"{path}/owners")["value"]] == [
            credentials.DEPLOYER_OBJECT_ID
        ]
    clean.control.set("entra.owner_on_instantiate", False)
    foreign, _ = graph.instantiate("not owned")
    assert graph.refused("PATCH", f"/applications/{foreign['id']}", {"notes": "x"}) == (
        403,
        "Authorization_RequestDenied",
    )


def test_owners_are_added_and_removed_by_reference(all_permissions: Graph, sandbox: RunningSandbox) -> None:
    application, _ = all_permissions.instantiate("owners")
    path = f"/applications/{application['id']}/owners"
    ada = all_permissions.get(f"/users/{ADA}")["id"]
    body = {"@odata.id": f"{GRAPH}/directoryObjects/{ada}"}
    all_permissions.post(f"{path}/$ref", body)
    assert "references already exist" in all_permissions.message("POST", f"{path}/$ref", body)
    all_permissions.delete(f"{path}/{ada}/$ref")
    assert all_permissions.refused("DELETE", f"{path}/{ada}/$ref")[0] == 404
    all_permissions.delete(f"{path}/{credentials.DEPLOYER_OBJECT_ID}/$ref")
    assert all_permissions.get(path)["value"] == []


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_passwords_are_added_and_removed(graph: Graph, kind: str) -> None:
    application, principal = graph.instantiate(f"passwords of {kind}")
    path = f"/{kind}/{(application if kind == 'applications' else principal)['id']}"
    first, second = (
        graph.post(f"{path}/addPassword", {"passwordCredential": {"displayName": name}}) for name in "ab"
    )
    assert first["secretText"].startswith(first["hint"])
    assert first["secretText"] != second["secretText"]
    assert first["startDateTime"][:3] == first["endDateTime"][:3]
    shown = graph.get(path)["passwordCredentials"]
    assert [each["displayName"] for each in shown] == ["a", "b"]
    assert {each["secretText"] for each in shown} == {None}
    assert graph.refused("POST", f"{path}/removePassword", {"keyId": "unknown"})[0] == 400
    impossible = {"passwordCredential": {"endDateTime": "2001-01-01T00:00:00Z"}}
    assert graph.refused("POST", f"{path}/addPassword", impossible)[0] == 400
    response = graph.call("POST", f"{path}/removePassword", {"keyId": first["keyId"]})
    assert response.status_code == 204
    assert [each["displayName"] for each in graph.get(path)["passwordCredentials"]] == ["b"]


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/users", "User.Read.All"),
        ("GET", "/groups", "Group.Read.All"),
        ("GET", "/domains", "Domain.Read.All"),
        ("GET", "/policies/claimsMappingPolicies", "Policy.Read.All"),
        ("POST", "/policies/claimsMappingPolicies", "Policy.ReadWrite.ApplicationConfiguration"),
    ],
)
def test_each_route_needs_its_permission(sandbox: RunningSandbox, method: str, path: str, role: str) -> None:
    try:
        sandbox.control.set("entra.deployer_roles", [])
        assert Graph(sandbox.graph()).refused(method, path, {}) == (403, "Authorization_RequestDenied")
        sandbox.control.set("entra.deployer_roles", [role])
        assert Graph(sandbox.graph()).call(method, path, {}).status_code != 403
    finally:
        sandbox.control.set("entra.deployer_roles", None)


def test_templates_need_no_permission(sandbox: RunningSandbox) -> None:
    try:
        sandbox.control.set("entra.deployer_roles", [])
        names = [item["displayName"] for item in Graph(sandbox.graph()).get("/applicationTemplates")["value"]]
    finally:
        sandbox.control.set("entra.deployer_roles", None)
    assert {"Mimecast", "Mimecast Personal Portal", "Custom"} <= set(names)


# Signing certificates


def test_a_signing_certificate_is_a_real_one_with_three_credentials(graph: Graph) -> None:
    _, principal = graph.instantiate("certificate")
    path = f"/servicePrincipals/{principal['id']}"
    end = "2029-01-01T00:00:00Z"
    made = graph.post(f"{path}/addTokenSigningCertificate", {"displayName": SUBJECT, "endDateTime": end})
    certificate = x509.load_der_x509_certificate(base64.b64decode(made["key"]))
    assert certificate.subject.rfc4514_string() == SUBJECT
    assert certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ") == made["endDateTime"] == end
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - how Entra names it
    assert made["thumbprint"] == thumbprint
    assert base64.b64decode(made["customKeyIdentifier"]).hex().upper() == thumbprint
    without_keys = graph.get(path)
    assert [item["key"] for item in without_keys["keyCredentials"]] == [None, None]
    assert without_keys["preferredTokenSigningKeyThumbprint"] == thumbprint, "the first one becomes active"
    assert [item["keyId"] for item in without_keys["passwordCredentials"]] == [made["keyId"]]
    sign, verify = graph.get(f"{path}?$select=keyCredentials")["keyCredentials"]
    assert (sign["usage"], sign["keyId"], sign["key"]) == ("Sign", made["keyId"], None)
    assert (verify["usage"], verify["key"]) == ("Verify", made["key"])


def test_a_second_certificate_is_inactive_until_activated(graph: Graph) -> None:
    _, principal = graph.instantiate("activation")
    path = f"/servicePrincipals/{principal['id']}"
    first, second = (graph.post(f"{path}/addTokenSigningCertificate", {"displayName": SUBJECT}) for _ in "12")
    assert graph.get(path)["preferredTokenSigningKeyThumbprint"] == first["thumbprint"]
    assert graph.refused("PATCH", path, {"preferredTokenSigningKeyThumbprint": "0" * 40})[0] == 400
    graph.patch(path, {"preferredTokenSigningKeyThumbprint": second["thumbprint"]})
    before = graph.get(path)
    kept = [
        item
        for item in before["keyCredentials"]
        if item["customKeyIdentifier"] == second["customKeyIdentifier"]
    ]
    graph.patch(path, {"keyCredentials": kept, "passwordCredentials": before["passwordCredentials"][1:]})
    after = graph.get(f"{path}?$select=keyCredentials")["keyCredentials"]
    assert [item["key"] for item in after] == [None, second["key"]], "keys sent back as null are kept"


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": "Mimecast"},
        {"displayName": SUBJECT, "endDateTime": "2000-01-01T00:00:00Z"},
        {"displayName": SUBJECT, "endDateTime": "2099-01-01T00:00:00Z"},
        {"displayName": SUBJECT, "endDateTime": "tomorrow"},
    ],
)
def test_impossible_certificates_are_refused(graph: Graph, body: dict[str, str]) -> None:
    _, principal = graph.instantiate("impossible")
    path = f"/servicePrincipals/{principal['id']}/addTokenSigningCertificate"
    assert graph.refused("POST", path, body)[0] == 400


@pytest.mark.parametrize(("order", "newest"), [("append", -1), ("prepend", 1)])
def test_the_order_of_keys_is_switchable(
    graph: Graph, clean: RunningSandbox, order: str, newest: int
) -> None:
    clean.control.set("entra.key_order", order)
    _, principal = graph.instantiate("order")
    path = f"/servicePrincipals/{principal['id']}"
    graph.post(f"{path}/addTokenSigningCertificate", {"displayName": SUBJECT})
    second = graph.post(f"{path}/addTokenSigningCertificate", {"displayName": SUBJECT})
    listed = graph.get(f"{path}?$select=keyCredentials")["keyCredentials"]
    assert listed[newest]["customKeyIdentifier"] == second["customKeyIdentifier"]


# Policies and assignments


def a_policy(name: str) -> dict[str, Any]:
    definition = json.dumps({"ClaimsMappingPolicy": {"Version": 1, "ClaimsSchema": []}})
    return {"displayName": name, "definition": [definition]}


def test_a_claims_policy_keeps_its_definition_and_is_assigned_once(graph: Graph) -> None:
    _, principal = graph.instantiate("claims")
    policy = graph.post("/policies/claimsMappingPolicies", a_policy("first"))
    assert policy["definition"] == a_policy("first")["definition"]
    path = f"/servicePrincipals/{principal['id']}/claimsMappingPolicies"
    body = {"@odata.id": f"{GRAPH}/directoryObjects/{policy['id']}"}
    graph.post(f"{path}/$ref", body)
    assert [item["id"] for item in graph.get(path)["value"]] == [policy["id"]]
    other = graph.post("/policies/claimsMappingPolicies", a_policy("second"))
    second = {"@odata.id": f"{GRAPH}/directoryObjects/{other['id']}"}
    assert graph.refused("POST", f"{path}/$ref", second)[0] == 400
    graph.delete(f"{path}/{policy['id']}/$ref")
    assert graph.get(path)["value"] == []
    assert graph.refused("DELETE", f"{path}/{policy['id']}/$ref")[0] == 404
    assert (
        graph.refused("POST", "/policies/claimsMappingPolicies", {"displayName": "x", "definition": ["{"]})[0]
        == 400
    )
    graph.delete(f"/policies/claimsMappingPolicies/{policy['id']}")


def test_federated_credentials_of_an_application(graph: Graph) -> None:
    application, _ = graph.instantiate("federated")
    path = f"/applications/{application['id']}/federatedIdentityCredentials"
    body = {"name": "ci", "issuer": "https://ci.example", "subject": "repo:ours", "audiences": ["api://x"]}
    made = graph.post(path, body)
    (listed,) = graph.get(path)["value"]
    assert listed == {"description": None, **body, "id": made["id"]}
    assert "_federatedIdentityCredentials" not in graph.get(f"/applications/{application['id']}")
    assert graph.refused("POST", path, body)[0] == 400, "the name is taken"
    assert graph.refused("POST", path, body | {"name": "other", "subject": ""})[0] == 400
    graph.delete(f"{path}/{made['id']}")
    assert graph.get(path)["value"] == []
    assert graph.refused("DELETE", f"{path}/{made['id']}")[0] == 404


def test_roles_are_assigned_to_groups_and_users(graph: Graph) -> None:
    application, principal = graph.instantiate("assignments")
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignedTo"
    group = graph.get(f"/groups?$filter=displayName eq '{GROUP}'")["value"][0]
    role = application["appRoles"][0]["id"]
    body = {"principalId": group["id"], "resourceId": principal["id"], "appRoleId": role}
    made = graph.post(path, body)
    assert (made["principalType"], made["principalDisplayName"]) == ("Group", GROUP)
    assert graph.get(f"{path}/{made['id']}") == made
    assert "already exists" in graph.message("POST", path, body)
    nobody = "00000000-0000-4000-8000-000000000000"
    assert graph.message("POST", path, {**body, "principalId": nobody}) == "Not a valid reference update."
    assert graph.refused("POST", path, {**body, "appRoleId": nobody})[0] == 400
    default = "00000000-0000-0000-0000-000000000000"
    assert graph.refused("POST", path, {**body, "appRoleId": default})[0] == 400, "there are enabled roles"
    graph.delete(f"{path}/{made['id']}")
    assert graph.refused("GET", f"{path}/{made['id']}")[0] == 404


def test_deleting_a_service_principal_deletes_its_assignments(graph: Graph, sandbox: RunningSandbox) -> None:
    application, principal = graph.instantiate("cascade")
    ada = graph.get(f"/users/{ADA}")["id"]
    role = application["appRoles"][0]["id"]
    body = {"principalId": ada, "resourceId": principal["id"], "appRoleId": role}
    graph.post(f"/servicePrincipals/{principal['id']}/appRoleAssignedTo", body)
    graph.delete(f"/servicePrincipals/{principal['id']}")
    left = sandbox.control.documents("entra.assignments")
    assert principal["id"] not in {item["resourceId"] for item in left}


# Directory


def test_users_are_found_by_id_name_and_filter(graph: Graph) -> None:
    ada = graph.get(f"/users?$filter=mail eq '{ADA.upper()}'")["value"][0]
    assert graph.get(f"/users/{ada['id']}") == graph.get(f"/users/{ADA}") == ada
    assert graph.get(f"/users/{ada['id']}?$select=id,mail,faxNumber") == {
        "id": ada["id"],
        "mail": ADA,
        "faxNumber": None,
    }
    assert graph.refused("GET", f"/users/{ada['id']}/manager")[0] == 404
    assert "password" not in json.dumps(ada).replace("passwordPolicies", "").lower()


def test_groups_are_found_in_both_versions_with_their_members(graph: Graph) -> None:
    query = f"/groups?$filter=displayName eq '{GROUP}' and securityEnabled eq true"
    group = graph.get(f"https://graph.microsoft.com/beta{query}")["value"][0]
    assert group["membershipRule"] is None
    members = graph.get(f"/groups/{group['id']}/members")["value"]
    assert [(item["@odata.type"], item["mail"]) for item in members] == [("#microsoft.graph.user", ADA)]


def test_users_and_groups_are_created_and_deleted(all_permissions: Graph) -> None:
    user = all_permissions.post(
        "/users",
        {
            "userPrincipalName": "new@example.com",
            "displayName": "New",
            "accountEnabled": True,
            "passwordProfile": {"password": "secret-1"},
        },
    )
    inner = all_permissions.post("/groups", {"displayName": "inner", "mailNickname": "inner"})
    outer = all_permissions.post("/groups", {"displayName": "outer", "mailNickname": "outer"})
    for group, member in ((inner, user), (outer, inner)):
        reference = {"@odata.id": f"{GRAPH}/directoryObjects/{member['id']}"}
        all_permissions.post(f"/groups/{group['id']}/members/$ref", reference)
    transitive = all_permissions.get(f"/groups/{outer['id']}/transitiveMembers")["value"]
    assert {item["id"] for item in transitive} == {inner["id"], user["id"]}
    all_permissions.delete(f"/users/{user['id']}")
    assert all_permissions.get(f"/groups/{inner['id']}/members")["value"] == []
    for group in (inner, outer):
        all_permissions.delete(f"/groups/{group['id']}")


def test_domains_and_organisation_describe_the_tenant(graph: Graph) -> None:
    domains = {item["id"]: item for item in graph.get("/domains")["value"]}
    assert domains[credentials.TENANT_DOMAIN]["isInitial"] is True
    assert domains["example.com"]["isVerified"] is True
    assert graph.get("/organization")["value"][0]["id"] == credentials.TENANT_ID


# Queries, errors and faults


def test_lists_are_paged(graph: Graph) -> None:
    url: str | None = f"{GRAPH}/users?$top=1&$select=id"
    found = []
    while url:
        response = graph.get(url)
        assert len(response["value"]) == 1
        found += response["value"]
        url = response.get("@odata.nextLink")
    assert found == graph.get("/users?$select=id")["value"]


def test_an_identifier_is_found_by_lambda(graph: Graph) -> None:
    application, _ = graph.instantiate("lambda")
    uri = f"api://{application['appId']}/it's"
    graph.patch(f"/applications/{application['id']}", {"identifierUris": [uri]})
    quoted = uri.replace("'", "''")
    found = graph.get(f"/applications?$filter=identifierUris/any(uri:uri eq '{quoted}')")["value"]
    assert [item["id"] for item in found] == [application["id"]]


def test_an_unknown_route_returns_501_and_is_listed(graph: Graph, sandbox: RunningSandbox) -> None:
    assert graph.refused("GET", "/me/messages") == (501, "NotImplemented")
    assert graph.refused("DELETE", "/users") == (501, "NotImplemented")
    for function in ("users/delta", "groups/delta()", "applications/delta()", "users/graph.user"):
        # A client would take 404 for an object that is gone.
        assert graph.refused("GET", f"/{function}") == (501, "NotImplemented"), function
    unknown = sandbox.control.status()["unknown"]
    assert {
        "GET https://graph.microsoft.com/v1.0/me/messages",
        "DELETE https://graph.microsoft.com/v1.0/users",
    } <= set(unknown)


def test_malformed_json_is_refused(sandbox: RunningSandbox) -> None:
    session = sandbox.graph()
    headers = {"Content-Type": "application/json"}
    response = session.post(f"{GRAPH}/applications", data="{", headers=headers, timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadRequest")


def test_new_objects_appear_late_by_setting(graph: Graph, clean: RunningSandbox) -> None:
    clean.control.set("entra.lag", 2)
    application, _ = graph.instantiate("late")
    path = f"/applications/{application['id']}"
    assert [graph.call("GET", path).status_code for _ in range(3)] == [404, 404, 200]
    query = f"/servicePrincipals?$filter=appId eq '{application['appId']}'"
    assert [len(graph.get(query)["value"]) for _ in range(3)] == [0, 0, 1]


def test_a_conflict_can_be_injected_after_the_work_is_done(graph: Graph, clean: RunningSandbox) -> None:
    application, _ = graph.instantiate("conflict")
    path = f"/applications/{application['id']}"
    body = {"error": {"code": "Directory_ConcurrencyViolation", "message": "Concurrent update."}}
    clean.control.faults({"method": "PATCH", "status": 409, "body": body, "after_commit": True})
    assert graph.refused("PATCH", path, {"notes": "kept"}) == (409, "Directory_ConcurrencyViolation")
    assert graph.get(path)["notes"] == "kept"


def test_a_refused_request_changes_nothing(graph: Graph) -> None:
    application, _ = graph.instantiate("atomic")
    path = f"/applications/{application['id']}"
    graph.refused("PATCH", path, {"notes": "x", "identifierUris": [IDENTIFIER + "/other"]})
    assert graph.get(path)["notes"] is None
