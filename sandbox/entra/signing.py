"""The certificate that signs an application's assertions, and those in its metadata.

Source: Microsoft's "Manage federation certificates" and "Configure a SAML application with the Graph API"
(preferredTokenSigningKeyThumbprint).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.entra import keys
from sandbox.entra.odata import Document
from sandbox.entra.service_principals import hexadecimal
from sandbox.world import World

_TENANT_SUBJECT = "CN=accounts.accesscontrol.windows.net"
_TENANT_CERTIFICATE = "entra.tenantCertificate"
_TENANT_KEY_LIFE = timedelta(days=5 * 365)


def certificates(world: World, principal: Document) -> list[keys.Certificate]:
    """The application's certificates whose key the tenant holds, the signing one first.

    The active certificate signs. Once it has expired, a valid inactive one does, unless the setting
    ``entra.expired_switch`` is off. Which of several is not documented; here, the one with the latest expiry.
    """
    active = principal["preferredTokenSigningKeyThumbprint"]
    now = world.now()
    switches = world.setting("entra.expired_switch", default=True)

    def order(credential: Document) -> tuple[bool, bool, float]:
        is_active = hexadecimal(credential) == active
        end = _moment(credential["endDateTime"])
        may_sign = _moment(credential["startDateTime"]) <= now < end or (is_active and not switches)
        return not may_sign, not is_active, -end.timestamp()

    found = (keys.signing_key(world, item["key"]) for item in sorted(_verify_keys(principal), key=order))
    return [certificate for certificate in found if certificate is not None]


def _verify_keys(principal: Document) -> list[Document]:
    """The public keys of certificates whose private key the tenant holds."""
    credentials = principal["keyCredentials"]
    sign = {item["customKeyIdentifier"] for item in credentials if item["usage"] == "Sign"}
    return [
        item
        for item in credentials
        if item["usage"] == "Verify" and item["key"] and item["customKeyIdentifier"] in sign
    ]


def tenant_certificate(world: World) -> keys.Certificate:
    """The tenant-wide certificate, which signs for applications without their own."""
    kept = world.get(_TENANT_CERTIFICATE, "body")
    certificate = keys.signing_key(world, kept["body"]) if kept else None
    if certificate is None:
        now = world.now().replace(microsecond=0)
        certificate = keys.self_signed(
            world, _TENANT_SUBJECT, now - timedelta(days=1), now + _TENANT_KEY_LIFE
        )
        world.put(_TENANT_CERTIFICATE, "body", {"body": certificate.body})
    return certificate


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)
