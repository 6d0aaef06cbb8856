"""Every way to sign in to Entra, through unmodified azure-identity against the sandbox's token endpoint."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from mimecast_sso.facts.entra import CLOUDS
from providers.entra.credentials import Method, cloud, credential, method
from providers.entra.errors import CredentialsMissing, Unreachable
from providers.entra.graph import GraphClient
from sandbox import credentials
from tests.azuread.conftest import published_command
from tests.azuread.driver import Plugin, plugin_environment
from tests.support.identities import DEPLOYER, Service, azure_cli, federated, service
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
    """A certificate with its key, as PKCS#12: the format that azuread requires."""
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


@pytest.fixture
def pipeline() -> Iterator[Service]:
    """A service that gives out identity tokens as GitHub and Azure DevOps do."""
    with service() as running:
        yield running


def signs_in(environment: dict[str, str]) -> None:
    found = list(GraphClient(WHO | environment).list("/domains", select="id"))
    assert found, "the token opens Graph"


def test_a_client_secret_signs_in(tmp_path: Path) -> None:
    signs_in({"ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET})
    file = tmp_path / "secret"
    file.write_text(f"{credentials.DEPLOYER_CLIENT_SECRET}\n")
    signs_in({"ARM_CLIENT_SECRET_FILE_PATH": str(file)})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_secret_in_a_file_with_a_byte_order_mark_is_refused(tmp_path: Path, encoding: str) -> None:
    # The azuread plugin would send it with the mark.
    file = tmp_path / "secret"
    file.write_bytes(f"{credentials.DEPLOYER_CLIENT_SECRET}\n".encode(encoding))
    with pytest.raises(
        CredentialsMissing, match="ARM_CLIENT_SECRET_FILE_PATH names a file that is not plain"
    ):
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


def test_a_federated_token_signs_in(tmp_path: Path) -> None:
    signs_in({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": federated()})
    file = tmp_path / "token"
    file.write_text(federated())
    signs_in({"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN_FILE_PATH": str(file)})


def test_a_github_workflow_signs_in(pipeline: Service) -> None:
    signs_in({
        "ARM_USE_OIDC": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": f"{pipeline.url}?run=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "good",
    })  # fmt: skip
    ((verb, path, bearer),) = pipeline.asked
    assert (verb, bearer) == ("GET", "Bearer good")
    assert path.endswith("?run=1&audience=api%3A%2F%2FAzureADTokenExchange")


def test_an_azure_devops_pipeline(pipeline: Service) -> None:
    signs_in({
        "ARM_USE_OIDC": "true", "SYSTEM_OIDCREQUESTURI": pipeline.url, "SYSTEM_ACCESSTOKEN": "good",
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "c1",
    })  # fmt: skip
    ((verb, path, bearer),) = pipeline.asked
    assert (verb, bearer) == ("POST", "Bearer good")
    assert path.endswith("?api-version=7.1&serviceConnectionId=c1")


SECRET = {"ARM_CLIENT_SECRET": credentials.DEPLOYER_CLIENT_SECRET}
OIDC = {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": federated()}
WAYS: dict[str, tuple[dict[str, str], Method]] = {
    "certificate before secret and OIDC": (
        {"ARM_CLIENT_CERTIFICATE_PATH": "{archive}", **SECRET, **OIDC}, Method.CERTIFICATE,
    ),
    "secret before OIDC": (SECRET | OIDC, Method.SECRET),
    "OIDC before managed identity": (OIDC | {"ARM_USE_MSI": "true"}, Method.OIDC),
    "AKS is OIDC": (
        {"ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "ARM_OIDC_TOKEN": federated(), "ARM_USE_MSI": "true"}, Method.OIDC,
    ),
    "OIDC without a token gives way": ({"ARM_USE_OIDC": "true", "ARM_USE_MSI": "true"}, Method.MANAGED),
    "a token alone is not OIDC": ({"ARM_OIDC_TOKEN": federated(), "ARM_USE_MSI": "true"}, Method.MANAGED),
    "AKS does not read what the cluster sets, but the tenant": (
        {
            "ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "AZURE_FEDERATED_TOKEN_FILE": "/none", "ARM_TENANT_ID": "",
            "AZURE_TENANT_ID": credentials.TENANT_ID, "AZURE_CLIENT_ID": "x", "ARM_USE_MSI": "true",
        },
        Method.MANAGED,
    ),
    "managed identity before the CLI": ({"ARM_USE_MSI": "true", "ARM_USE_CLI": "true"}, Method.MANAGED),
    "the CLI last": ({"ARM_USE_CLI": "true"}, Method.CLI),
    "a secret without a client gives way": ({**SECRET, "ARM_CLIENT_ID": "", "ARM_USE_CLI": "true"}, Method.CLI),
}  # fmt: skip
"""What is set beside `WHO`, and the way that wins."""


@pytest.mark.parametrize(("environment", "expected"), WAYS.values(), ids=WAYS)
def test_the_order_is_azureads(environment: dict[str, str], expected: Method) -> None:
    assert method(WHO | environment) is expected


@pytest.mark.parametrize(("environment", "expected"), WAYS.values(), ids=WAYS)
def test_the_published_plugin_chooses_the_same(
    sandbox: RunningSandbox, tmp_path: Path, archive: bytes, environment: dict[str, str], expected: Method
) -> None:
    command = published_command()
    file = tmp_path / "deployment.pfx"
    file.write_bytes(archive)
    az = azure_cli(tmp_path / "azure-cli")
    az.login(DEPLOYER)
    header = str(sandbox.graph().headers["Authorization"])
    before = len(sandbox.control.journal(host="login.microsoftonline.com"))
    with service(lambda: header.removeprefix("Bearer ")) as identity:
        chosen = WHO | {name: value.format(archive=file) for name, value in environment.items()}
        chosen |= {
            "ARM_CLIENT_CERTIFICATE_PASSWORD": PASSWORD,
            "ARM_MSI_ENDPOINT": identity.url,
            "PATH": f"{az.folder}{os.pathsep}{os.environ['PATH']}",
        }
        bare = {name: value for name, value in plugin_environment(sandbox.env).items() if "ARM_" not in name}
        with Plugin(command, bare | chosen, tmp_path) as plugin:
            plugin.configure({"version": "6.11.1"})
            found = plugin.invoke("getClientConfig", {})["return"]
    assert found["objectId"] == credentials.DEPLOYER_OBJECT_ID
    asked = sandbox.control.journal(host="login.microsoftonline.com")[before:]
    forms = [str(entry["body"]) for entry in asked if "/token" in entry["path"]]
    if identity.asked:
        assert expected is Method.MANAGED
    elif az.tokens():
        assert expected is Method.CLI
    elif any("client_secret" in form for form in forms):
        assert expected is Method.SECRET
    else:
        # Both are an assertion; the one case with a certificate has a secret as well, which would come before OIDC.
        assert expected in {Method.CERTIFICATE, Method.OIDC}


def test_two_values_that_differ_are_refused_as_azuread_does(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("another")
    with pytest.raises(CredentialsMissing, match="ARM_CLIENT_SECRET and ARM_CLIENT_SECRET_FILE_PATH"):
        credential(WHO | SECRET | {"ARM_CLIENT_SECRET_FILE_PATH": str(file)})
    with pytest.raises(CredentialsMissing, match="ARM_TENANT_ID and AZURE_TENANT_ID"):
        method(WHO | {"ARM_USE_AKS_WORKLOAD_IDENTITY": "true", "AZURE_TENANT_ID": "another"})


@pytest.mark.parametrize(
    "make", [lambda: method(WHO), lambda: credential({"ARM_USE_CLI": "false", "ARM_CLIENT_SECRET": "x"})]
)
def test_without_complete_credentials_it_says_what_to_set(make: Callable[[], object]) -> None:
    with pytest.raises(CredentialsMissing, match="ARM_TENANT_ID, ARM_CLIENT_ID"):
        make()


def test_clouds_by_azureads_names() -> None:
    names = {"public", "global", "usgovernment", "usgovernmentl4", "l4", "usgovernmentl5", "dod", "china"}
    assert set(CLOUDS) == names
    assert cloud({"ARM_ENVIRONMENT": "DoD"}).graph_host == "dod-graph.microsoft.us"
    with pytest.raises(CredentialsMissing, match="allowed: public"):
        cloud({"ARM_ENVIRONMENT": "mars"})


PORTAL = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Sign in to Wi-Fi</html>"}


@pytest.mark.parametrize(
    "response",
    [
        PORTAL,
        {"status": 200, "body": "{}"},
        {"status": 200, "body": "[]"},
        {"status": 302, "headers": {"Location": "http://portal.example/"}},
        {"status": 407, "body": "<html>"},
        {"status": 503, "headers": {"Retry-After": "999999999"}},
    ],
    ids=["a page", "an empty object", "a list", "a redirect", "a proxy", "a long pause"],
)
@pytest.mark.parametrize("path", ["/.*", "/.*/oauth2/v2.0/token"], ids=["everything", "token"])
def test_a_response_that_is_not_entras_says_nothing_about_the_credentials(
    sandbox: RunningSandbox, response: dict[str, object], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the sign-in page of a network, for example."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    sandbox.control.faults({"host": r"login\.microsoftonline\.com", "path": path, "times": 99, **response})
    try:
        with pytest.raises(Unreachable, match="token endpoint of Entra"):
            GraphClient(sandbox.env).get("/organization")
    finally:
        sandbox.control.faults()


@pytest.mark.parametrize(
    "wrong",
    [{"ARM_TENANT_ID": "11111111-1111-4111-8111-111111111111"}, {"ARM_CLIENT_SECRET": "wrong"}],
    ids=["tenant", "secret"],
)
def test_a_refusal_of_entra_is_about_the_credentials(sandbox: RunningSandbox, wrong: dict[str, str]) -> None:
    with pytest.raises(CredentialsMissing, match="Check ARM_TENANT_ID"):
        GraphClient({**sandbox.env, **wrong}).get("/organization")
