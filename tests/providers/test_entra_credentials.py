"""Every way to sign in to Entra, through unmodified azure-identity against the sandbox's token endpoint."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from azure import identity
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from facts.entra import CLOUDS
from providers.entra.credentials import Method, cloud, credential, method
from providers.entra.errors import CredentialsMissing, Unreachable
from providers.entra.graph import GraphClient
from sandbox import credentials
from tests.support.sandboxes import RunningSandbox

PASSWORD = "of the archive"
WHO = {
    "ARM_TENANT_ID": credentials.TENANT_ID,
    "ARM_CLIENT_ID": credentials.DEPLOYER_CLIENT_ID,
    "ARM_USE_CLI": "false",
}


@pytest.fixture(autouse=True)
def inside(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.env.items():
        if not name.startswith("ARM_"):
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A certificate with its key, as PKCS#12: the form that azuread wants."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "deployment")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    locked = serialization.BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"deployment", key, certificate, None, locked)


def federated() -> str:
    claims = {"aud": "api://AzureADTokenExchange", "iss": "https://ci.example.com", "exp": 4102444800}
    return jwt.encode(claims, "any key of at least thirty-two bytes")


@pytest.fixture
def pipeline() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """A service that gives out identity tokens as GitHub and Azure DevOps do, and what it was asked."""
    asked: list[tuple[str, str, str]] = []

    class Service(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append((self.command, self.path, self.headers["Authorization"]))
            body = json.dumps({"value": federated(), "oidcToken": federated()}).encode()
            self.send_response(200 if "good" in self.headers["Authorization"] else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token", asked
    server.shutdown()
    server.server_close()


def signs_in(environment: dict[str, str]) -> None:
    found = list(GraphClient(WHO | environment).list("/domains", select="id"))
    assert found, "the token opens Graph"


def test_a_client_secret(tmp_path: Path) -> None:
    signs_in({"ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET})
    file = tmp_path / "secret"
    file.write_text(f"{credentials.DEPLOYER_CLIENT_SECRET}\n")
    signs_in({"ARM_CLIENT_SECRET_FILE_PATH": str(file)})


def test_a_client_certificate(tmp_path: Path, archive: bytes) -> None:
    file = tmp_path / "deployment.pfx"
    file.write_bytes(archive)
    signs_in({"ARM_CLIENT_CERTIFICATE_PATH": str(file), "ARM_CLIENT_CERTIFICATE_PASSWORD": PASSWORD})
    text = base64.b64encode(archive).decode()
    signs_in({"ARM_CLIENT_CERTIFICATE": text, "ARM_CLIENT_CERTIFICATE_PASSWORD": PASSWORD})
    with pytest.raises(CredentialsMissing) as refused:
        credential(WHO | {"ARM_CLIENT_CERTIFICATE": text, "ARM_CLIENT_CERTIFICATE_PASSWORD": "wrong"})
    assert "wrong" not in str(refused.value)


def test_a_federated_token(tmp_path: Path) -> None:
    signs_in({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": federated()})
    file = tmp_path / "token"
    file.write_text(federated())
    signs_in({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(file)})


def test_a_github_workflow(pipeline: tuple[str, list[tuple[str, str, str]]]) -> None:
    url, asked = pipeline
    signs_in({
        "ARM_USE_OIDC": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}?run=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "good",
    })  # fmt: skip
    assert asked == [("GET", "/token?run=1&audience=api%3A%2F%2FAzureADTokenExchange", "Bearer good")]


def test_an_azure_devops_pipeline(pipeline: tuple[str, list[tuple[str, str, str]]]) -> None:
    url, asked = pipeline
    signs_in({
        "ARM_USE_OIDC": "true", "SYSTEM_OIDCREQUESTURI": url, "SYSTEM_ACCESSTOKEN": "good",
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "c1",
    })  # fmt: skip
    assert asked == [("POST", "/token?api-version=7.1&serviceConnectionId=c1", "Bearer good")]


def test_a_pipeline_that_refuses_is_named_without_its_token(
    pipeline: tuple[str, list[tuple[str, str, str]]],
) -> None:
    url, _ = pipeline
    environment = {"ARM_USE_OIDC": "true", "ARM_OIDC_REQUEST_URL": url, "ARM_OIDC_REQUEST_TOKEN": "bad-token"}
    with pytest.raises(Unreachable) as refused:
        signs_in(environment)
    assert "bad-token" not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"ARM_CLIENT_CERTIFICATE_PATH": "x", "ARM_CLIENT_SECRET": "x", "ARM_USE_OIDC": "1"},
            Method.CERTIFICATE,
        ),
        ({"ARM_CLIENT_SECRET": "x", "ARM_USE_OIDC": "true"}, Method.SECRET),
        ({"ARM_USE_OIDC": "true", "ARM_USE_MSI": "true"}, Method.OIDC),
        ({"ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "ARM_USE_MSI": "true"}, Method.WORKLOAD),
        ({"ARM_USE_MSI": "true", "ARM_USE_CLI": "true"}, Method.MANAGED),
        ({"ARM_USE_CLI": "true"}, Method.CLI),
    ],
)
def test_the_order_is_azureads(environment: dict[str, str], expected: Method) -> None:
    assert method(WHO | environment) is expected


def test_what_azure_identity_gives_for_the_rest(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(federated())
    workload = {
        "ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "AZURE_TENANT_ID": credentials.TENANT_ID,
        "AZURE_CLIENT_ID": credentials.DEPLOYER_CLIENT_ID, "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }  # fmt: skip
    made = credential(workload)
    assert isinstance(made, identity.WorkloadIdentityCredential)
    assert made.get_token("https://graph.microsoft.com/.default").token
    assert isinstance(credential(WHO | {"ARM_USE_MSI": "true"}), identity.ManagedIdentityCredential)
    assert isinstance(credential({"ARM_TENANT_ID": "t"}), identity.AzureCliCredential)


@pytest.mark.parametrize(
    "make", [lambda: method(WHO), lambda: credential({"ARM_USE_CLI": "false", "ARM_CLIENT_SECRET": "x"})]
)
def test_nothing_complete_says_what_to_set(make: Callable[[], object]) -> None:
    with pytest.raises(CredentialsMissing, match="ARM_TENANT_ID, ARM_CLIENT_ID"):
        make()


def test_clouds_by_azureads_names() -> None:
    names = {"public", "global", "usgovernment", "usgovernmentl4", "l4", "usgovernmentl5", "dod", "china"}
    assert set(CLOUDS) == names
    assert cloud({"ARM_ENVIRONMENT": "DoD"}).graph_host == "dod-graph.microsoft.us"
    with pytest.raises(CredentialsMissing, match="allowed are public"):
        cloud({"ARM_ENVIRONMENT": "mars"})
