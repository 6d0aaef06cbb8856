"""One credential for Graph from the variables that the azuread provider reads, tried in its order.

Source of names and order: the azuread provider's "Authenticating" guides. Managed identity and the Azure DevOps
exchange are left to the azuread provider; here they are answered with what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from facts.entra import CLOUDS, Cloud
from providers.entra.errors import CredentialsMissing, Unreachable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_TIMEOUT_SECONDS = 30


def cloud(environment: Mapping[str, str]) -> Cloud:
    """The cloud that ``ARM_ENVIRONMENT`` names. Raises CredentialsMissing for a name that is not known."""
    name = environment.get("ARM_ENVIRONMENT", "public").lower()
    if name not in CLOUDS:
        raise CredentialsMissing(f"ARM_ENVIRONMENT is {name}; allowed are {', '.join(CLOUDS)}")
    return CLOUDS[name]


def credential(environment: Mapping[str, str]) -> TokenCredential:
    """The first complete credential. Raises CredentialsMissing, naming the variables to set."""
    # Importing azure-identity takes a third of a second, and most runs of a provider need no token.
    from azure import identity  # noqa: PLC0415

    authority = cloud(environment).login_host
    tenant, client = environment.get("ARM_TENANT_ID", ""), environment.get("ARM_CLIENT_ID", "")
    if tenant and client:
        if path := environment.get("ARM_CLIENT_CERTIFICATE_PATH"):
            return identity.CertificateCredential(
                tenant,
                client,
                path,
                password=environment.get("ARM_CLIENT_CERTIFICATE_PASSWORD"),
                authority=authority,
            )
        if secret := environment.get("ARM_CLIENT_SECRET"):
            return identity.ClientSecretCredential(tenant, client, secret, authority=authority)
        if _true(environment, "ARM_USE_OIDC"):
            return identity.ClientAssertionCredential(
                tenant, client, lambda: _assertion(environment), authority=authority
            )
    if _true(environment, "ARM_USE_CLI", default=True):
        return identity.AzureCliCredential(tenant_id=tenant)
    raise CredentialsMissing(
        "There is no credential for Microsoft Graph. Set ARM_TENANT_ID, ARM_CLIENT_ID and one of "
        "ARM_CLIENT_SECRET, ARM_CLIENT_CERTIFICATE_PATH or ARM_USE_OIDC=true, or sign in with az login"
    )


def _true(environment: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = environment.get(name)
    return default if value is None else value.lower() in ("1", "t", "true")


def _assertion(environment: Mapping[str, str]) -> str:
    if token := environment.get("ARM_OIDC_TOKEN"):
        return token
    if path := environment.get("ARM_OIDC_TOKEN_FILE_PATH"):
        return Path(path).read_text(encoding="utf-8").strip()
    url = environment.get("ARM_OIDC_REQUEST_URL") or environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    bearer = environment.get("ARM_OIDC_REQUEST_TOKEN") or environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not bearer:
        raise CredentialsMissing(
            "ARM_USE_OIDC is set, but there is no token: set ARM_OIDC_TOKEN or ARM_OIDC_TOKEN_FILE_PATH, or run "
            "in a GitHub workflow with permission id-token: write"
        )
    try:
        answer = requests.get(
            url,
            params={"audience": "api://AzureADTokenExchange"},
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["value"])
    except (requests.RequestException, KeyError, ValueError) as error:
        raise Unreachable(
            f"The workflow's identity token could not be read: {type(error).__name__}"
        ) from None
