"""One credential for Graph from the variables that the azuread provider reads, tried in its order.

Source of names and order: the azuread provider's "Authenticating" guides, and what the published plugin does. The first
complete one is used: certificate, secret, OpenID Connect token (given, from Azure DevOps, from GitHub), managed
identity, Azure CLI. As in azuread, if a complete method fails, the next one is not tried.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from mimecast_sso.facts.entra import CLOUDS, Cloud
from mimecast_sso.facts.json_types import JSON
from providers.deadline import UNLIMITED, Deadline
from providers.entra import federated_tokens
from providers.entra.errors import CredentialsMissing

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_CLI_SECONDS = 30
"""Seconds; az is a separate Python program, which starts slowly on a busy machine."""


class Method(StrEnum):
    """How the process signs in to Entra."""

    CERTIFICATE = "client certificate"
    SECRET = "client secret"  # noqa: S105  (the name of a method)
    OIDC = "OpenID Connect token"
    MANAGED = "managed identity"
    CLI = "Azure CLI"


def cloud(environment: Mapping[str, str]) -> Cloud:
    """The cloud that ``ARM_ENVIRONMENT`` names. Raises CredentialsMissing for an unknown name."""
    name = environment.get("ARM_ENVIRONMENT", "public").lower()
    if name not in CLOUDS:
        raise CredentialsMissing(f"ARM_ENVIRONMENT is {name}; allowed: {', '.join(CLOUDS)}")
    return CLOUDS[name]


def method(environment: Mapping[str, str]) -> Method:
    """The first complete way to sign in. Raises CredentialsMissing, naming the variables to set."""
    named = _tenant(environment) and _client(environment)
    ways = {
        Method.CERTIFICATE: named
        and _any(environment, "ARM_CLIENT_CERTIFICATE", "ARM_CLIENT_CERTIFICATE_PATH"),
        Method.SECRET: named and _any(environment, "ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH"),
        Method.OIDC: named and _federates(environment) and federated_tokens.available(environment),
        Method.MANAGED: _true(environment, "ARM_USE_MSI"),
        Method.CLI: _true(environment, "ARM_USE_CLI", default=True),
    }
    found = next((way for way, complete in ways.items() if complete), None)
    if found is None:
        raise CredentialsMissing(
            f"There is no credential for Microsoft Graph. {_incomplete(environment)}Set ARM_TENANT_ID, ARM_CLIENT_ID "
            "and one of ARM_CLIENT_SECRET, ARM_CLIENT_CERTIFICATE_PATH or ARM_USE_OIDC=true, or sign in with az login"
        )
    return found


def credential(environment: Mapping[str, str], deadline: Deadline = UNLIMITED) -> TokenCredential:
    """The first complete credential. Raises CredentialsMissing, naming the variables to set.

    ``deadline`` ends the wait for a token of the first three ways.
    """
    # Errors already name the cause; the libraries' log lines and tracebacks would repeat it on the terminal.
    for library in ("azure", "msal"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    try:
        return _builders(environment, deadline)[method(environment)]()
    except (OSError, ValueError) as error:
        # The certificate is missing or unreadable, or its password is wrong; the text has no secret.
        reason = str(error).rstrip(". ")
        remedy = _REMEDIES[method(environment)].format(**_named_in_remedies(environment))
        raise CredentialsMissing(
            f"The credential for Microsoft Graph cannot be used: {reason}. {remedy}"
        ) from None


def _builders(
    environment: Mapping[str, str], deadline: Deadline
) -> Mapping[Method, Callable[[], TokenCredential]]:
    """How to build the credential of each method. Calling one raises OSError or ValueError if it cannot be used."""
    # Importing azure-identity takes a third of a second, and most runs of a provider need no token.
    from azure import identity  # noqa: PLC0415

    authority = cloud(environment).login_host
    tenant, client = _tenant(environment), _client(environment)
    waiting = _waiting(deadline)
    return {
        Method.CERTIFICATE: lambda: identity.CertificateCredential(
            tenant,
            client,
            environment.get("ARM_CLIENT_CERTIFICATE_PATH"),
            certificate_data=_certificate(environment),
            password=environment.get("ARM_CLIENT_CERTIFICATE_PASSWORD"),
            authority=authority,
            **waiting,
        ),
        Method.SECRET: lambda: identity.ClientSecretCredential(
            tenant, client, _value(environment, "ARM_CLIENT_SECRET"), authority=authority, **waiting
        ),
        Method.OIDC: lambda: identity.ClientAssertionCredential(
            tenant, client, lambda: federated_tokens.read(environment), authority=authority, **waiting
        ),
        Method.MANAGED: lambda: _managed_identity(environment, client),
        Method.CLI: lambda: identity.AzureCliCredential(tenant_id=tenant, process_timeout=_CLI_SECONDS),
    }


def _waiting(deadline: Deadline) -> dict[str, JSON]:
    """Options that make azure-identity keep a deadline, and not wait longer than anybody would."""
    from providers.entra.token_transport import TokenTransport  # noqa: PLC0415  (loads azure.core)

    return {"transport": TokenTransport(deadline)}


def refusal(environment: Mapping[str, str], reason: str) -> CredentialsMissing:
    """The message if the chosen method gave no token: method, cause (one line), and way out."""
    way = method(environment)
    text = f"No token for Microsoft Graph from {way}: {reason.rstrip('. ')}. {_incomplete(environment)}"
    return CredentialsMissing(text + _REMEDIES[way].format(**_named_in_remedies(environment)))


_ANOTHER_WAY = "or set ARM_CLIENT_SECRET, ARM_CLIENT_CERTIFICATE_PATH or ARM_USE_OIDC=true"
_REMEDIES = {
    Method.CERTIFICATE: "Check ARM_TENANT_ID and ARM_CLIENT_ID, and that this application has the certificate of "
    "ARM_CLIENT_CERTIFICATE_PATH or ARM_CLIENT_CERTIFICATE",
    Method.SECRET: "Check ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET (or ARM_CLIENT_SECRET_FILE_PATH)",
    Method.OIDC: "Check ARM_TENANT_ID and ARM_CLIENT_ID, and that this application has a federated credential with the "
    "token's issuer, subject and audience",
    Method.MANAGED: "ARM_USE_MSI is true, so {endpoint} was used. Check that this machine has the identity "
    f"(ARM_CLIENT_ID names a user-assigned one, and is unset for the machine's own), {_ANOTHER_WAY}",
    Method.CLI: f"Install the Azure CLI and run az login{{tenant}}, {_ANOTHER_WAY}; ARM_USE_CLI=false disables this "
    "method",
}


def _named_in_remedies(environment: Mapping[str, str]) -> dict[str, str]:
    endpoint = next(
        (name for name in ("ARM_MSI_ENDPOINT", "IDENTITY_ENDPOINT", "MSI_ENDPOINT") if environment.get(name)),
        "the Azure instance metadata service (169.254.169.254)",
    )
    tenant = _tenant(environment)
    return {"endpoint": endpoint, "tenant": f" --tenant {tenant}" if tenant else ""}


def _managed_identity(environment: Mapping[str, str], client: str) -> TokenCredential:
    endpoint = environment.get("ARM_MSI_ENDPOINT")
    if endpoint:
        from providers.entra.managed_identity import ManagedIdentityEndpoint  # noqa: PLC0415

        return ManagedIdentityEndpoint(endpoint, client)
    from azure import identity  # noqa: PLC0415

    return identity.ManagedIdentityCredential(client_id=client or None)


def _federates(environment: Mapping[str, str]) -> bool:
    return _true(environment, "ARM_USE_OIDC") or _true(environment, "ARM_USE_AKS_WORKLOAD_IDENTITY")


def _incomplete(environment: Mapping[str, str]) -> str:
    """Why a requested federation was skipped, as azuread also skips it."""
    if not _federates(environment) or federated_tokens.available(environment):
        return ""
    return f"(ARM_USE_OIDC or ARM_USE_AKS_WORKLOAD_IDENTITY is set, but {federated_tokens.MISSING}.) "


def _tenant(environment: Mapping[str, str]) -> str:
    stated = environment.get("ARM_TENANT_ID", "").strip()
    if not _true(environment, "ARM_USE_AKS_WORKLOAD_IDENTITY"):
        return stated
    return _agreed("ARM_TENANT_ID", stated, "AZURE_TENANT_ID", environment.get("AZURE_TENANT_ID", ""))


def _client(environment: Mapping[str, str]) -> str:
    return _value(environment, "ARM_CLIENT_ID")


def _any(environment: Mapping[str, str], *names: str) -> bool:
    return any(environment.get(name) for name in names)


def _true(environment: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = environment.get(name)
    return default if value is None else value.lower() in ("1", "t", "true")


def _value(environment: Mapping[str, str], name: str) -> str:
    """A variable, or the content of the file that ``<name>_FILE_PATH`` names; azuread refuses differing ones."""
    stated, file = environment.get(name, "").strip(), f"{name}_FILE_PATH"
    path = environment.get(file)
    return _agreed(name, stated, file, federated_tokens.content(path, file)) if path else stated


def _agreed(name: str, stated: str, other: str, found: str) -> str:
    if stated and found and stated != found:
        raise CredentialsMissing(f"{name} and {other} differ, which azuread refuses. Unset one of them")
    return stated or found


def _certificate(environment: Mapping[str, str]) -> bytes | None:
    """The PKCS#12 archive that ``ARM_CLIENT_CERTIFICATE`` holds in base 64."""
    text = environment.get("ARM_CLIENT_CERTIFICATE")
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise CredentialsMissing("ARM_CLIENT_CERTIFICATE is not base 64") from None
