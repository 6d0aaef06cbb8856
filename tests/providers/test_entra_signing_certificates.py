"""The signing certificates of a service principal, asked of the sandbox's Entra by the real client."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from providers.entra import signing_certificates
from providers.entra.credentials import credential
from providers.entra.errors import CertificateUnknown, CredentialsMissing, NotFound, Refused
from providers.entra.graph import GraphClient
from providers.entra.signing_certificates import SigningCertificates
from tests.support.sandboxes import RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"


@pytest.fixture
def client(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> GraphClient:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    return GraphClient(sandbox.env)


@pytest.fixture
def principal(sandbox: RunningSandbox) -> str:
    """The object id of a service principal in SAML mode."""
    graph = sandbox.graph()
    (template,) = _get(graph, "/applicationTemplates?$filter=displayName eq 'Mimecast'")["value"]
    made = _post(
        graph, f"/applicationTemplates/{template['id']}/instantiate", {"displayName": "Certificates"}
    )
    return str(made["servicePrincipal"]["id"])


@pytest.fixture
def certificates(sandbox: RunningSandbox, principal: str) -> list[str]:
    """The thumbprints of two certificates, the first of which Entra made active by itself."""
    path = f"/servicePrincipals/{principal}/addTokenSigningCertificate"
    graph = sandbox.graph()
    return [str(_post(graph, path, {"displayName": f"CN=Test {n}"})["thumbprint"]) for n in (1, 2)]


def signs(client: GraphClient, certificates: SigningCertificates) -> str:
    """The thumbprint of the certificate that signs now."""
    active = certificates.active(client.now())
    assert active
    return active.thumbprint


def _get(graph: requests.Session, path: str) -> dict[str, Any]:
    answer = graph.get(GRAPH + path, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _post(graph: requests.Session, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = graph.post(GRAPH + path, json=body, timeout=30)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def test_another_active_certificate_stays_until_it_may_be_replaced(
    client: GraphClient, principal: str, certificates: list[str]
) -> None:
    first, second = certificates
    held = signing_certificates.activate(client, principal, second, replace=False)
    assert signs(client, held) == first
    assert signs(client, signing_certificates.read(client, principal)) == first
    assert signs(client, signing_certificates.activate(client, principal, second, replace=True)) == second
    assert signing_certificates.read(client, principal).thumbprints == {first, second}


def test_activating_the_active_one_writes_nothing(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    signing_certificates.activate(client, principal, certificates[0], replace=True)
    signing_certificates.activate(client, principal, certificates[0], replace=True)
    written = [entry for entry in sandbox.control.journal(path=principal) if entry["method"] == "PATCH"]
    assert len(written) <= 1


def test_a_certificate_that_is_not_there(
    client: GraphClient, principal: str, certificates: list[str]
) -> None:
    with pytest.raises(CertificateUnknown, match=certificates[0]):
        signing_certificates.activate(client, principal, "0" * 40, replace=True)


def test_a_principal_that_is_gone(client: GraphClient, sandbox: RunningSandbox) -> None:
    with pytest.raises(NotFound, match="Request_ResourceNotFound"):
        signing_certificates.read(client, "00000000-0000-4000-8000-000000000000")


def test_a_missing_permission_is_named(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    sandbox.control.faults(
        {
            "host": "graph.microsoft.com",
            "method": "PATCH",
            "path": f".*{principal}.*",
            "status": 403,
            "body": body,
            "times": 1,
        }
    )
    with pytest.raises(Refused, match="Insufficient privileges"):
        signing_certificates.activate(client, principal, certificates[1], replace=True)


def test_throttling_is_waited_for(
    sandbox: RunningSandbox, client: GraphClient, principal: str, certificates: list[str]
) -> None:
    sandbox.control.faults(
        {
            "host": "graph.microsoft.com",
            "method": "GET",
            "path": f".*{principal}.*",
            "status": 429,
            "headers": {"Retry-After": "1"},
            "times": 1,
        }
    )
    assert signs(client, signing_certificates.read(client, principal)) == certificates[0]
    reads = [entry["status"] for entry in sandbox.control.journal() if principal in entry["path"]]
    assert reads[-2:] == [429, 200]


def test_a_wrong_secret_is_answered_without_it(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    client = GraphClient(sandbox.env | {"ARM_CLIENT_SECRET": "not-the-secret"})
    with pytest.raises(CredentialsMissing, match="AADSTS7000215") as caught:
        signing_certificates.read(client, "x")
    assert "not-the-secret" not in str(caught.value)


def test_no_credential_says_what_to_set() -> None:
    with pytest.raises(CredentialsMissing, match="ARM_CLIENT_SECRET"):
        credential({"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_USE_CLI": "false"})
    with pytest.raises(CredentialsMissing, match="allowed are public"):
        credential({"ARM_ENVIRONMENT": "mars"})
