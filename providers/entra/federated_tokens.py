"""Tokens of another issuer that Entra accepts instead of a secret (workload identity federation), as in azuread.

Source: the azuread provider's guide "Authenticating using a Service Principal and OpenID Connect" for the variables;
GitHub's and Azure DevOps' references for the two requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import requests

from providers.authorization import Bearer
from providers.entra.errors import CredentialsMissing
from providers.network import reason

_BYTE_ORDER_MARK = "\ufeff"
_TIMEOUT_SECONDS = 30
_AUDIENCE = "api://AzureADTokenExchange"
_ADO_VERSION = "7.1"
_URLS = ("ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI")
_BEARERS = ("ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN")
_CONNECTIONS = ("ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID", "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID")

MISSING = (
    "there is no token: set ARM_OIDC_TOKEN or ARM_OIDC_TOKEN_FILE_PATH (in AKS to the value of "
    "AZURE_FEDERATED_TOKEN_FILE), run in a GitHub workflow with permission id-token: write, or in an Azure DevOps "
    "pipeline with ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID and SYSTEM_ACCESSTOKEN"
)


def available(environment: Mapping[str, str]) -> bool:
    """Whether the variables have a token, or the address to request one."""
    given = environment.get("ARM_OIDC_TOKEN") or environment.get("ARM_OIDC_TOKEN_FILE_PATH")
    return bool(given or (_first(environment, _URLS) and _first(environment, _BEARERS)))


def read(environment: Mapping[str, str]) -> str:
    """The token, if the variables make it `available`. Raises CredentialsMissing, naming the failing variable."""
    if path := environment.get("ARM_OIDC_TOKEN_FILE_PATH"):
        return content(path, "ARM_OIDC_TOKEN_FILE_PATH")
    if token := environment.get("ARM_OIDC_TOKEN"):
        return token
    connection = _first(environment, _CONNECTIONS)
    if connection:
        query = {"api-version": _ADO_VERSION, "serviceConnectionId": environment[connection]}
        return _asked("POST", environment, query, "oidcToken")
    return _asked("GET", environment, {"audience": _AUDIENCE}, "value")


def content(path: str, variable: str) -> str:
    """The content of a file that a variable names. Raises CredentialsMissing naming the variable."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CredentialsMissing(f"{variable} names a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = _BYTE_ORDER_MARK  # As UTF-16, which PowerShell writes, begins.
    if text.startswith(_BYTE_ORDER_MARK) or "\0" in text:
        raise CredentialsMissing(
            f"{variable} names a file that is not plain text; the azuread plugin would take its byte order mark for a "
            "part of the value. Save it as UTF-8 without one"
        )
    return text.strip()


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The name of the first variable that is set, or ""."""
    return next((name for name in names if environment.get(name)), "")


def _asked(verb: str, environment: Mapping[str, str], query: Mapping[str, str], key: str) -> str:
    url, bearer = _first(environment, _URLS), _first(environment, _BEARERS)
    where = f"The identity token of this pipeline could not be fetched from {url}"
    try:
        response = requests.request(
            verb,
            environment[url],
            params=query,
            # Azure DevOps redirects a refused token to a sign-in page unless this header is set.
            headers={"X-TFS-FedAuthRedirect": "Suppress"},
            auth=Bearer(environment[bearer]),
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        if response.ok:
            return str(response.json()[key])
    except (requests.RequestException, KeyError, ValueError) as error:
        raise CredentialsMissing(f"{where}: {reason(error)}. Check {url}") from None
    raise CredentialsMissing(
        f"{where}: HTTP {response.status_code}. Check {bearer}, and that this job may request a token (GitHub: "
        "permission id-token: write)"
    )
