"""The sandbox's published credentials.

They open nothing but a sandbox on loopback, so they are constants in the open: a clone runs without asking.
"""

from __future__ import annotations

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
