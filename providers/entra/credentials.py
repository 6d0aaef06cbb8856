"""One credential for Graph from the variables that the azuread provider reads, tried in its order.

Source of names and order: the azuread provider's "Authenticating" guides. The first complete one wins: certificate,
secret, OpenID Connect token (given, from Azure DevOps, from GitHub), workload identity, managed identity, Azure CLI.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from facts.entra import CLOUDS, Cloud
from providers.entra.errors import CredentialsMissing, Unreachable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_TIMEOUT_SECONDS = 30
_AUDIENCE = "api://AzureADTokenExchange"
_ADO_VERSION = "7.1"


class Method(StrEnum):
    """How the process signs in to Entra."""

    CERTIFICATE = "client certificate"
    SECRET = "client secret"  # noqa: S105  (the name of a method)
    OIDC = "OpenID Connect token"
    WORKLOAD = "workload identity"
    MANAGED = "managed identity"
    CLI = "Azure CLI"


def cloud(environment: Mapping[str, str]) -> Cloud:
    """The cloud that ``ARM_ENVIRONMENT`` names. Raises CredentialsMissing for a name that is not known."""
    name = environment.get("ARM_ENVIRONMENT", "public").lower()
    if name not in CLOUDS:
        raise CredentialsMissing(f"ARM_ENVIRONMENT is {name}; allowed are {', '.join(CLOUDS)}")
    return CLOUDS[name]


def method(environment: Mapping[str, str]) -> Method:
    """The first complete way to sign in. Raises CredentialsMissing, naming the variables to set."""
    named = _tenant(environment) and _client(environment)
    ways = {
        Method.CERTIFICATE: named
        and _any(environment, "ARM_CLIENT_CERTIFICATE", "ARM_CLIENT_CERTIFICATE_PATH"),
        Method.SECRET: named and _any(environment, "ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH"),
        Method.OIDC: named and _true(environment, "ARM_USE_OIDC"),
        Method.WORKLOAD: named and _true(environment, "ARM_USE_AKS_WORKLOAD_IDENTITY"),
        Method.MANAGED: _true(environment, "ARM_USE_MSI"),
        Method.CLI: _true(environment, "ARM_USE_CLI", default=True),
    }
    found = next((way for way, complete in ways.items() if complete), None)
    if found is None:
        raise CredentialsMissing(
            "There is no credential for Microsoft Graph. Set ARM_TENANT_ID, ARM_CLIENT_ID and one of "
            "ARM_CLIENT_SECRET, ARM_CLIENT_CERTIFICATE_PATH or ARM_USE_OIDC=true, or sign in with az login"
        )
    return found


def credential(environment: Mapping[str, str]) -> TokenCredential:
    """The first complete credential. Raises CredentialsMissing, naming the variables to set."""
    # Importing azure-identity takes a third of a second, and most runs of a provider need no token.
    from azure import identity  # noqa: PLC0415

    authority = cloud(environment).login_host
    tenant, client = _tenant(environment), _client(environment)
    builders: dict[Method, Callable[[], TokenCredential]] = {
        Method.CERTIFICATE: lambda: identity.CertificateCredential(
            tenant,
            client,
            environment.get("ARM_CLIENT_CERTIFICATE_PATH"),
            certificate_data=_certificate(environment),
            password=environment.get("ARM_CLIENT_CERTIFICATE_PASSWORD"),
            authority=authority,
        ),
        Method.SECRET: lambda: identity.ClientSecretCredential(
            tenant, client, _value(environment, "ARM_CLIENT_SECRET"), authority=authority
        ),
        Method.OIDC: lambda: identity.ClientAssertionCredential(
            tenant, client, lambda: _assertion(environment), authority=authority
        ),
        Method.WORKLOAD: lambda: identity.WorkloadIdentityCredential(
            tenant_id=tenant,
            client_id=client,
            token_file_path=environment.get("AZURE_FEDERATED_TOKEN_FILE"),
            authority=authority,
        ),
        Method.MANAGED: lambda: identity.ManagedIdentityCredential(client_id=client or None),
        Method.CLI: lambda: identity.AzureCliCredential(tenant_id=tenant),
    }
    try:
        return builders[method(environment)]()
    except (OSError, ValueError) as error:
        # Of a certificate that is not there, not readable, or whose password is wrong; the text holds no secret.
        raise CredentialsMissing(f"The credential for Microsoft Graph cannot be used: {error}") from None


def _tenant(environment: Mapping[str, str]) -> str:
    return environment.get("ARM_TENANT_ID") or _workload(environment, "AZURE_TENANT_ID")


def _client(environment: Mapping[str, str]) -> str:
    return _value(environment, "ARM_CLIENT_ID") or _workload(environment, "AZURE_CLIENT_ID")


def _workload(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "") if _true(environment, "ARM_USE_AKS_WORKLOAD_IDENTITY") else ""


def _any(environment: Mapping[str, str], *names: str) -> bool:
    return any(environment.get(name) for name in names)


def _true(environment: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = environment.get(name)
    return default if value is None else value.lower() in ("1", "t", "true")


def _value(environment: Mapping[str, str], name: str) -> str:
    """A variable, or the content of the file that ``<name>_FILE_PATH`` names."""
    if value := environment.get(name):
        return value
    path = environment.get(f"{name}_FILE_PATH")
    return _content(path, f"{name}_FILE_PATH") if path else ""


def _content(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialsMissing(f"{variable} names a file that cannot be read: {error.strerror}") from None


def _certificate(environment: Mapping[str, str]) -> bytes | None:
    """The PKCS#12 archive that ``ARM_CLIENT_CERTIFICATE`` holds in base 64."""
    text = environment.get("ARM_CLIENT_CERTIFICATE")
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise CredentialsMissing("ARM_CLIENT_CERTIFICATE is not base 64") from None


def _assertion(environment: Mapping[str, str]) -> str:
    """The token of another issuer that Entra takes instead of a secret (workload identity federation)."""
    if token := environment.get("ARM_OIDC_TOKEN"):
        return token
    if path := environment.get("ARM_OIDC_TOKEN_FILE_PATH"):
        return _content(path, "ARM_OIDC_TOKEN_FILE_PATH")
    url = _first(environment, "ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI")
    bearer = _first(
        environment, "ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"
    )
    if not url or not bearer:
        raise CredentialsMissing(
            "ARM_USE_OIDC is set, but there is no token: set ARM_OIDC_TOKEN or ARM_OIDC_TOKEN_FILE_PATH, run in a "
            "GitHub workflow with permission id-token: write, or in an Azure DevOps pipeline with "
            "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID and SYSTEM_ACCESSTOKEN"
        )
    connection = _first(
        environment, "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID", "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID"
    )
    return _from_azure_devops(url, bearer, connection) if connection else _from_github(url, bearer)


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _from_github(url: str, bearer: str) -> str:
    return _exchanged("GET", url, bearer, {"audience": _AUDIENCE}, "value")


def _from_azure_devops(url: str, bearer: str, connection: str) -> str:
    query = {"api-version": _ADO_VERSION, "serviceConnectionId": connection}
    return _exchanged("POST", url, bearer, query, "oidcToken")


def _exchanged(verb: str, url: str, bearer: str, query: Mapping[str, str], key: str) -> str:
    try:
        answer = requests.request(
            verb,
            url,
            params=query,
            # Azure DevOps answers a refused token with a redirection to a sign-in page unless it is told not to.
            headers={"Authorization": f"Bearer {bearer}", "X-TFS-FedAuthRedirect": "Suppress"},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
        return str(answer.json()[key])
    except (requests.RequestException, KeyError, ValueError) as error:
        raise Unreachable(
            f"The pipeline's identity token could not be read: {type(error).__name__}"
        ) from None
