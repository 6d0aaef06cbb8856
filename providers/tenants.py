"""An explicit provider with the account and tenant of this project's resources.

Without one, this project's dynamic resources take the account of the stack configuration (``mimecast-sso:accountCode``)
and the credentials of the environment (``MIMECAST_*``, ``ARM_*``): no secret is stored in the state, and refresh and
destroy use current credentials. A program with two accounts has a `TenantsProvider` for each, and passes it in
the options, like any other provider::

    us = TenantsProvider("us", TenantsProviderArgs(account_code="CUS1A2", region="us", client_id=…, client_secret=…))
    PersonalPortalSso("us", args, pulumi.ResourceOptions(providers=[us]))

The engine starts a separate process for each, and keeps secrets encrypted in the state. As with every explicit
provider, a plain ``pulumi refresh`` or ``destroy`` uses the credentials that the last deployment stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mimecast_sso.facts.json_types import JSON
from providers.edge import NAMESPACE

PACKAGE = "pulumi-python"
"""The package of every dynamic resource."""


@dataclass(frozen=True, slots=True)
class EntraCredentials:
    """An application in the Entra tenant of this project's resources, instead of the ``ARM_*`` variables' one.

    Attributes:
        tenant_id: The tenant.
        client_id: Client id of the deploying application.
        client_secret: Its secret; encrypted in the state.
    """

    tenant_id: pulumi.Input[str]
    client_id: pulumi.Input[str]
    client_secret: pulumi.Input[str]


@dataclass(frozen=True, slots=True)
class TenantsProviderArgs:
    """The arguments of a `TenantsProvider`.

    Attributes:
        account_code: Mimecast account code, in capitals. Credentials of another account are refused.
        region: Its region, such as ``eu``.
        client_id: Client id of the API 2.0 application; by default ``MIMECAST_CLIENT_ID`` of the environment.
        client_secret: Its secret; encrypted in the state; by default ``MIMECAST_CLIENT_SECRET``.
        address_passwords: Address → ``{"password": …, "confirmation": …}``; encrypted in the state.
        dns: The DNS server for proofs, as ``mimecast-sso:dns``; encrypted in the state.
        entra: The Entra application; by default the ``ARM_*`` variables of the environment.
    """

    account_code: pulumi.Input[str]
    region: pulumi.Input[str]
    client_id: pulumi.Input[str] | None = None
    client_secret: pulumi.Input[str] | None = None
    address_passwords: pulumi.Input[Mapping[str, JSON]] | None = None
    dns: pulumi.Input[Mapping[str, JSON]] | None = None
    entra: EntraCredentials | None = None


class TenantsProvider(pulumi.ProviderResource):
    """A Mimecast account and an Entra tenant, for this project's dynamic resources."""

    def __init__(
        self, name: str, args: TenantsProviderArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Raise ValueError for an incomplete pair of Mimecast credentials: the environment would complete it."""
        if (args.client_id is None) != (args.client_secret is None):
            raise ValueError(f"TenantsProvider {name}: pass both client_id and client_secret, or neither")
        entra = args.entra
        inputs: dict[str, pulumi.Input[str] | None] = {
            "accountCode": args.account_code,
            "region": args.region,
            "clientId": args.client_id,
            "clientSecret": _secret(args.client_secret),
            "addressPasswords": _secret_json(args.address_passwords),
            "dns": _secret_json(args.dns),
            "entraTenantId": entra.tenant_id if entra else None,
            "entraClientId": entra.client_id if entra else None,
            "entraClientSecret": _secret(entra.client_secret) if entra else None,
        }
        super().__init__(PACKAGE, name, {f"{NAMESPACE}:{key}": value for key, value in inputs.items()}, opts)


def _secret(value: pulumi.Input[str] | None) -> pulumi.Output[str] | None:
    return None if value is None else pulumi.Output.secret(value)


def _secret_json(value: pulumi.Input[Mapping[str, JSON]] | None) -> pulumi.Output[str] | None:
    return None if value is None else pulumi.Output.secret(pulumi.Output.json_dumps(value))
