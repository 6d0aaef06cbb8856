"""The common base of the edge files of this package."""

from __future__ import annotations

from pulumi.dynamic import ConfigureRequest

from providers.edge import NAMESPACE, Properties, ReadableProvider
from providers.entra.errors import GraphError
from providers.entra.graph import use_credentials

STORED_IN = "providers.entra.resources"
"""The module name under which existing state refers to the providers of this package."""


_PASSED = {
    "ARM_TENANT_ID": "entraTenantId",
    "ARM_CLIENT_ID": "entraClientId",
    "ARM_CLIENT_SECRET": "entraClientSecret",
}
"""Variable → key of a `providers.tenants.TenantsProvider`."""


class EntraProvider(ReadableProvider):
    """A provider that works on the tenant of the process."""

    expected = (GraphError,)

    def take_configuration(self, req: ConfigureRequest) -> None:
        passed = {name: req.config.get(f"{NAMESPACE}:{key}") for name, key in _PASSED.items()}
        use_credentials({name: str(value) for name, value in passed.items() if value})


def replaces(olds: Properties, news: Properties, *keys: str) -> list[str]:
    """The changed keys that require a replacement."""
    return [key for key in keys if olds[key] != news[key]]
