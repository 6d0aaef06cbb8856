"""Parse untrusted XML, and the notations that SAML uses in it."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from datetime import UTC, datetime

from lxml import etree

from mimecast_sso.saml.names import PREFIXES

SIZE_LIMIT = 262_144
"""Maximum size of XML in bytes; real messages have a few thousand."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_MICROSECOND_DIGITS = 6


def parse(xml: bytes) -> etree._Element:
    """The root of a document without a document type, entities or network access.

    Raises:
        ValueError: too long, not well-formed, or with a document type declaration.
    """
    if len(xml) > SIZE_LIMIT:
        raise ValueError(f"longer than {SIZE_LIMIT} bytes")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("a document type declaration is not allowed")
    return root


def decode(encoded: str) -> bytes:
    """Base64, with line breaks allowed as the POST binding allows them.

    Raises:
        ValueError: not base64.
    """
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def encode(element: etree._Element) -> str:
    """The element as base64 of UTF-8."""
    return base64.b64encode(etree.tostring(element)).decode("ascii")


def text(parent: etree._Element, path: str) -> str | None:
    """The whole text of the first element at ``path`` (comments do not truncate it), or ``None``."""
    found = parent.find(path, PREFIXES)
    if found is None:
        return None
    return "".join(part for part in found.itertext() if isinstance(part, str)).strip()


def new_id() -> str:
    """A fresh message id; XML ids must not begin with a digit."""
    return f"_{secrets.token_hex(16)}"


def instant(moment: datetime) -> str:
    """An aware time in SAML's notation: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(written: str | None) -> datetime:
    """A time in SAML's notation; without a zone it is UTC (saml-core 1.3.3).

    Raises:
        ValueError: not a time in this notation.
    """
    match = _INSTANT.fullmatch((written or "").strip())
    if match is None:
        raise ValueError(f'not a time: "{written}"')
    # Entra writes seven fractional digits, one more than a datetime has.
    fraction = (match[2] or "")[: _MICROSECOND_DIGITS + 1]
    moment = datetime.fromisoformat(match[1] + fraction + (match[3] or "Z").replace("Z", "+00:00"))
    return moment.astimezone(UTC)
