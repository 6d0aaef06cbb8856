"""Shared by the tests of SAML messages: keys, a response as Entra sends it, and ways to alter one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from mimecast_sso.saml import names, response
from mimecast_sso.saml.names import PREFIXES

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://sts.windows.net/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/"
AUDIENCE = "https://eu-api.mimecast.com/sso/CUK25A118"
RECIPIENT = "https://eu-api.mimecast.com/login/saml"
REQUEST_ID = "_request"


@cache
def key_pair(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1000))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def body(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def an_assertion(**changes: object) -> response.Assertion:
    values: dict[str, object] = {
        "issuer": ISSUER,
        "name_id": "ada@example.com",
        "name_id_format": names.FORMAT_EMAIL,
        "audience": AUDIENCE,
        "recipient": RECIPIENT,
        "in_response_to": REQUEST_ID,
        "issued": NOW,
        "not_before": NOW - timedelta(minutes=5),
        "not_on_or_after": NOW + timedelta(minutes=60),
        "attributes": {"http://schemas.microsoft.com/identity/claims/tenantid": ("7d1e",)},
    }
    return response.Assertion(**{**values, **changes})  # type: ignore[arg-type]


def built(**changes: object) -> str:
    return response.build(an_assertion(**changes), *key_pair("entra"))


def validated(encoded: str, **changes: object) -> response.ValidatedAssertion:
    values: dict[str, object] = {
        "certificate_body": body(key_pair("entra")[1]),
        "expected_issuer": ISSUER,
        "audience": AUDIENCE,
        "recipient": RECIPIENT,
        "in_response_to": REQUEST_ID,
        "now": NOW,
        "first_use": lambda *_: True,
    }
    return response.validate(encoded, **{**values, **changes})  # type: ignore[arg-type]


def opened(encoded: str) -> etree._Element:
    return etree.fromstring(base64.b64decode(encoded))


def closed(root: etree._Element) -> str:
    return base64.b64encode(etree.tostring(root)).decode("ascii")


def altered(encoded: str, change: Callable[[etree._Element], None]) -> str:
    root = opened(encoded)
    change(root)
    return closed(root)


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, PREFIXES)
    assert found is not None, path
    return found
