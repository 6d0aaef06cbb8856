"""The provider's configuration: accepted keys, and the addresses of sign-in and Graph.

Key names, variables and their order are the published plugin's
(https://www.pulumi.com/registry/packages/azuread/installation-configuration/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.azuread.wire import UNKNOWN, Properties, Secret

SECRET_KEYS = ("clientId", "clientSecret")
BOOLEAN_KEYS = ("disableTerraformPartnerId", "useAksWorkloadIdentity", "useCli", "useMsi", "useOidc")
KEYS = frozenset(
    (
        *SECRET_KEYS, *BOOLEAN_KEYS, "adoPipelineServiceConnectionId", "clientCertificate", "clientCertificatePassword",
        "clientCertificatePath", "clientIdFilePath", "clientSecretFilePath", "environment", "metadataHost",
        "msiEndpoint", "oidcRequestToken", "oidcRequestUrl", "oidcToken", "oidcTokenFilePath", "partnerId", "tenantId",
        "version",
    )
)  # fmt: skip
_VARIABLES = {
    "tenantId": "ARM_TENANT_ID", "clientId": "ARM_CLIENT_ID", "clientSecret": "ARM_CLIENT_SECRET",
    "metadataHost": "ARM_METADATA_HOSTNAME", "environment": "ARM_ENVIRONMENT", "useCli": "ARM_USE_CLI",
    "useMsi": "ARM_USE_MSI", "useOidc": "ARM_USE_OIDC", "useAksWorkloadIdentity": "ARM_USE_AKS_WORKLOAD_IDENTITY",
}  # fmt: skip
_CREDENTIALS = ("tenantId", "clientId", "clientSecret")
_ENVIRONMENTS = ("public", "global", "usgovernment", "dod", "usgovernmentl5", "china", "canary")
_HELP = (
    "\n\n\tPlease make sure you have signed in via 'az login' or configured another authentication method."
    "\n\n\tSee https://www.pulumi.com/registry/packages/azuread/installation-configuration/ for more information"
)


class ConfigurationError(Exception):
    """An invalid configuration. The message is for the user."""


class UnknownKeyError(ConfigurationError):
    """An unknown configuration key."""


@dataclass(frozen=True)
class Settings:
    """Resolved: addresses without a trailing slash."""

    tenant_id: str
    client_id: str
    client_secret: str
    metadata_host: str
    graph_url: str = "https://graph.microsoft.com"
    login_url: str = "https://login.microsoftonline.com"


def checked(news: Properties, environment: Mapping[str, str]) -> Properties:
    """The configuration to store: strings, with credentials marked as secret and nothing added.

    Raises:
        ConfigurationError: it is invalid.
    """
    for key in news:
        if key not in KEYS:
            raise UnknownKeyError(
                f"`azuread:{key}` is not a valid configuration key for the azuread provider. If the referenced key is "
                "not intended for the provider, please choose a different namespace from `azuread:`."
            )
    texts = {key: _text(value) for key, value in news.items() if value is not None}
    for key in BOOLEAN_KEYS:
        value = texts.get(key, "true")
        if value not in ("true", "false", UNKNOWN):
            problem = (
                f"invalid character '{value[0]}' looking for beginning of value"
                if value
                else "unexpected end"
            )
            raise ConfigurationError(f"CheckConfig failed because of malformed resource inputs: {problem}")
    _require_environment(_value(texts, "environment", environment))
    if UNKNOWN not in texts.values():
        _require_credentials(texts, environment)
    return {key: Secret(value) if key in SECRET_KEYS else value for key, value in texts.items()}


def resolve(arguments: Properties, environment: Mapping[str, str]) -> Settings:
    """The configuration passed to `Configure`, completed from the environment; it takes precedence key by key."""
    texts = {key: _text(value) for key, value in arguments.items() if value is not None}
    values = {key: _value(texts, key, environment) for key in (*_CREDENTIALS, "metadataHost")}
    _require_credentials(texts, environment)
    return Settings(values["tenantId"], values["clientId"], values["clientSecret"], values["metadataHost"])


def _require_environment(name: str) -> None:
    if name and name != UNKNOWN and name not in _ENVIRONMENTS:
        problem = f'no environment was found with the name "{name}"'
        raise ConfigurationError(f'failed to read Azure environment "{name}": {problem}')


def _require_credentials(texts: Mapping[str, str], environment: Mapping[str, str]) -> None:
    missing = [_VARIABLES[key] for key in _CREDENTIALS if not _value(texts, key, environment)]
    if not missing:
        return
    details = "no Authorizer could be configured, please check your configuration"
    others = [_value(texts, key, environment) for key in ("useMsi", "useOidc", "useAksWorkloadIdentity")]
    if _value(texts, "useCli", environment) != "false" or "true" in others:
        details = (
            f"{', '.join(missing)} missing. The sandbox's stand-in for the azuread plugin signs in with a client "
            "secret alone (ARM_TENANT_ID, ARM_CLIENT_ID, ARM_CLIENT_SECRET, as `sandbox env` prints them); the "
            "Azure CLI, certificates, managed identities and OIDC need the published plugin"
        )
    raise ConfigurationError(f"failed to load Azure credentials.\nDetails: {details}{_HELP}")


def _value(texts: Mapping[str, str], key: str, environment: Mapping[str, str]) -> str:
    # An empty string in the configuration does not fall back to the environment.
    return texts[key] if key in texts else environment.get(_VARIABLES[key], "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
