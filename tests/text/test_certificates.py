"""Certificates in base64 and their thumbprints."""

from __future__ import annotations

import base64

import pytest

from mimecast_sso.text.certificates import base64_body, der, thumbprint, thumbprint_of

DER = bytes(range(120))
BODY = base64.b64encode(DER).decode()


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        f"-----BEGIN CERTIFICATE-----\n{BODY[:64]}\n{BODY[64:]}\n-----END CERTIFICATE-----\n",
        f"{BODY[:64]}\r\n  {BODY[64:]}\r\n",
    ],
)
def test_a_certificate_is_the_same_however_it_is_wrapped(text: str) -> None:
    assert (base64_body(text), der(text), thumbprint_of(text)) == (BODY, DER, thumbprint(DER))


def test_a_thumbprint_is_a_sha_1_in_capitals() -> None:
    assert thumbprint(b"") == "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"


@pytest.mark.parametrize("text", ["", "no certificate!", "-----BEGIN CERTIFICATE-----", "MAE"])
def test_what_is_no_certificate_has_no_thumbprint(text: str) -> None:
    assert thumbprint_of(text) == ""
