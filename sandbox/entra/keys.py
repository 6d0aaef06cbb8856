"""The tenant's key material: the access token key, and self-signed SAML signing certificates."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.world import World

_KEYS = "entra.keys"
_TOKEN_KEY = "token"
_RSA_BITS = 2048
_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signing certificate; ``body`` is its base64 DER, ``thumbprint`` 40 upper-case hex digits of SHA-1."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def body(self) -> str:
        """The content of a PEM file between its first and last line, without line breaks."""
        return base64.b64encode(self.der).decode("ascii")

    @property
    def thumbprint(self) -> str:
        """The SHA-1 fingerprint, by which Entra names certificates."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()


def token_key(world: World) -> rsa.RSAPrivateKey:
    """The key that signs access tokens, created with the first token."""
    kept = _load(world, _TOKEN_KEY)
    if kept is None:
        kept = rsa.generate_private_key(_EXPONENT, _RSA_BITS)
        _keep(world, _TOKEN_KEY, kept)
    return kept


def self_signed(world: World, subject: str, start: datetime, end: datetime) -> Certificate:
    """Create a certificate, and keep its key for ``signing_key``.

    Raises:
        ValueError: ``subject`` is not a distinguished name.
    """
    name = x509.Name.from_rfc4514_string(subject)
    key = rsa.generate_private_key(_EXPONENT, _RSA_BITS)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    created = Certificate(key, certificate)
    _keep(world, created.thumbprint, key)
    return created


def signing_key(world: World, body: str) -> Certificate | None:
    """The certificate with its key, or ``None`` if the tenant does not hold the key."""
    certificate = x509.load_der_x509_certificate(base64.b64decode(body))
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - how Entra names it
    key = _load(world, thumbprint)
    return None if key is None else Certificate(key, certificate)


def _load(world: World, name: str) -> rsa.RSAPrivateKey | None:
    document = world.get(_KEYS, name)
    if document is None:
        return None
    return _parse(document["pem"])


@cache
def _parse(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a key in the world is not an RSA key")
    return key


def _keep(world: World, name: str, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    world.put(_KEYS, name, {"pem": pem.decode("ascii")})
