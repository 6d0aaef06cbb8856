"""Keys of the azuread plugin in a stack file: the plugin writes to the tenant that the guards read."""

from __future__ import annotations

import pytest

from mimecast_sso.settings.plugin_keys import conflicts

TENANT = "6c000000-0000-4000-8000-000000000002"
ENVIRONMENT = {"ARM_TENANT_ID": TENANT, "ARM_USE_OIDC": "true"}


@pytest.mark.parametrize(
    ("key", "value", "variable"),
    [
        ("tenantId", "6c000000-0000-4000-8000-000000000003", "ARM_TENANT_ID"),
        ("clientSecret", "hunter2", "ARM_CLIENT_SECRET"),
        ("metadataHost", "elsewhere.example", "ARM_METADATA_HOSTNAME"),
        ("oidcRequestUrl", "https://elsewhere.example/", "ARM_OIDC_REQUEST_URL"),
        ("environment", "china", "ARM_ENVIRONMENT"),
        ("useCli", "false", "ARM_USE_CLI"),
    ],
)
def test_a_key_that_differs_from_the_environment_is_named_without_its_value(
    key: str, value: str, variable: str
) -> None:
    (text,) = conflicts({f"azuread:{key}": value}, ENVIRONMENT)
    assert text.startswith(f"azuread:{key} differs from {variable}")
    assert value not in text.replace(variable, "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("azuread:tenantId", TENANT.upper()),
        ("azuread:useOidc", "true"),
        ("azuread:environment", "public"),
        ("azuread:partnerId", "x"),
        ("azure-native:tenantId", "x"),
        ("mimecast-sso:tenantId", "x"),
    ],
)
def test_keys_that_change_nothing_are_left(key: str, value: str) -> None:
    assert list(conflicts({key: value}, ENVIRONMENT)) == []
