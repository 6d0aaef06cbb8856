"""Mimecast tenants of a known size and kind, reproducible.

Addresses are numbered (``user-00001@example.com``, "User 1"), so seeding a tenant twice creates the same people. A
tenant is added to the sandbox's current content, such as a stack's seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import credentials

DOMAIN = "example.com"
ACCOUNT_CODE = "CUK25A118"
REGION = "eu"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The number of addresses, and their owner: ``cloud``, or ``ldap`` (directory synchronisation)."""

    addresses: int
    source: str = "cloud"


TENANTS: Mapping[str, Tenant] = {
    "empty": Tenant(0),
    "ten": Tenant(10),
    "ten-thousand": Tenant(10_000),
    "synchronised": Tenant(10, "ldap"),
}


def document(
    name: str, base: Mapping[str, Any] | None = None, *, addresses: int | None = None
) -> dict[str, Any]:
    """The seed document of the tenant ``name`` of ``TENANTS``; ``addresses`` overrides its size.

    With ``base``, a stack's seed document, the addresses are added to that document: to its account, in the domain of
    its administrator.
    """
    tenant = TENANTS[name]
    whole = dict(base or _account())
    mimecast = dict(whole["mimecast"])
    domain = mimecast["administrator"]["emailAddress"].partition("@")[2]
    count = tenant.addresses if addresses is None else addresses
    mimecast["domains"] = [*mimecast.get("domains", []), {"name": domain}]
    mimecast["addresses"] = [{"domain": domain, "count": count, "source": tenant.source}]
    if tenant.source == "ldap":
        mimecast["groups"] = [
            *mimecast.get("groups", []),
            {"description": "Everybody (synchronised)", "source": "ldap", "members": _members(domain, count)},
        ]
        mimecast["directoryConnections"] = [
            *mimecast.get("directoryConnections", []),
            {"description": "Everybody's directory", "lastSync": "now"},
        ]
    return {**whole, "mimecast": mimecast}


def summary(seeded: Mapping[str, Any]) -> str:
    """A one-line summary of the addresses of a tenant's seed document."""
    (people,) = seeded["mimecast"]["addresses"]
    owner = " that directory synchronisation owns" if people["source"] == "ldap" else ""
    return f"{people['count']} addresses{owner} in {people['domain']}"


def address(number: int, domain: str) -> str:
    """The address of a seeded person by number, starting at 1."""
    return f"user-{number:05d}@{domain}"


def _members(domain: str, count: int) -> list[str]:
    return [address(number, domain) for number in range(1, count + 1)]


def _account() -> dict[str, Any]:
    return {
        "mimecast": {
            "accountCode": ACCOUNT_CODE,
            "region": REGION,
            "clientId": credentials.MIMECAST_CLIENT_ID,
            "clientSecret": credentials.MIMECAST_CLIENT_SECRET,
            "administrator": {
                "emailAddress": credentials.administrator_address(DOMAIN),
                "password": credentials.ADMINISTRATOR_PASSWORD,
            },
        }
    }
