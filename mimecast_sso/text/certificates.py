"""Certificates in base64, as the console's form, Graph and federation metadata have them, and their thumbprints.

A thumbprint is the SHA-1 of a certificate in DER, 40 hexadecimal digits in capitals: Entra's name for the certificate,
which protects nothing.
"""

from __future__ import annotations

import base64
import hashlib


def base64_body(text: str) -> str:
    """The base-64 body of a certificate on one line, without its BEGIN and END lines."""
    return "".join(line.strip() for line in text.splitlines() if "-----" not in line)


def der(text: str) -> bytes:
    """The bytes of a certificate in base64, with or without its BEGIN and END lines. Raises ValueError: it is none."""
    return base64.b64decode(base64_body(text), validate=True)


def thumbprint_of(text: str) -> str:
    """The thumbprint of a certificate in base64; "" for text that is not base64, or empty."""
    try:
        content = der(text)
    except ValueError:
        return ""
    return thumbprint(content) if content else ""


def thumbprint(content: bytes) -> str:
    """The thumbprint of a certificate in DER."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest().upper()
