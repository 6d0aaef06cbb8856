"""The sandbox's published credentials.

They work only on a sandbox on loopback, so they are public constants: a clone needs no setup.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

TENANT_ID = "7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01"
TENANT_DOMAIN = "contoso.onmicrosoft.com"

DEPLOYER_CLIENT_ID = "5a4db0c5-0000-4000-8000-000000000001"
DEPLOYER_CLIENT_SECRET = "sandbox-entra-client-secret"
DEPLOYER_OBJECT_ID = "5a4db0c5-0000-4000-8000-000000000002"

MIMECAST_CLIENT_ID = "sandbox-mimecast-client-id"
MIMECAST_CLIENT_SECRET = "sandbox-mimecast-client-secret"

ADMINISTRATOR_LOCAL_PART = "administrator"
ADMINISTRATOR_PASSWORD = "sandbox-administrator-password-1"

USER_PASSWORD = "sandbox-password-1"
"""The password of every seeded person, in Entra and in Mimecast."""

PULUMI_PASSPHRASE = "sandbox"

TSIG_KEY_NAME = "sandbox-update."
TSIG_ALGORITHM = "hmac-sha256"
TSIG_SECRET = "c2FuZGJveC10c2lnLXNlY3JldC0wMTIzNDU2Nzg5YWI="
"""Base64, as a TSIG key is written in configuration files."""


def administrator_address(domain: str) -> str:
    """The Mimecast administrator of an account whose first domain is ``domain``."""
    return f"{ADMINISTRATOR_LOCAL_PART}@{domain}"


@dataclass(frozen=True, slots=True)
class Tenants:
    """An Entra tenant and a Mimecast account, with the credentials for each."""

    tenant_id: str = TENANT_ID
    tenant_domain: str = TENANT_DOMAIN
    client_id: str = DEPLOYER_CLIENT_ID
    client_secret: str = DEPLOYER_CLIENT_SECRET
    object_id: str = DEPLOYER_OBJECT_ID
    mimecast_client_id: str = MIMECAST_CLIENT_ID
    mimecast_client_secret: str = MIMECAST_CLIENT_SECRET

    def variables(self) -> dict[str, str]:
        """The environment variables that pass these credentials to a client."""
        return {
            "ARM_TENANT_ID": self.tenant_id,
            "ARM_CLIENT_ID": self.client_id,
            "ARM_CLIENT_SECRET": self.client_secret,
            "MIMECAST_CLIENT_ID": self.mimecast_client_id,
            "MIMECAST_CLIENT_SECRET": self.mimecast_client_secret,
        }


def of_account(account_code: str, tenant_id: str | None = None) -> Tenants:
    """Separate tenants for an account, derived from its code: the same account always gets the same ones."""

    def identifier(what: str) -> str:
        return str(uuid.uuid5(uuid.UUID(TENANT_ID), f"{what}/{account_code}"))

    return Tenants(
        tenant_id=tenant_id or identifier("tenant"),
        tenant_domain=f"{account_code.lower()}.onmicrosoft.com",
        client_id=identifier("application"),
        client_secret=f"{DEPLOYER_CLIENT_SECRET}-{account_code}",
        object_id=identifier("principal"),
        mimecast_client_id=f"{MIMECAST_CLIENT_ID}-{account_code}",
        mimecast_client_secret=f"{MIMECAST_CLIENT_SECRET}-{account_code}",
    )
