"""Secure ids in the vendor's format, and the numbers inside them.

Recorded ids begin with ``eN`` and are unpadded base64url of a zlib stream, whose JSON has ``secureid``,
``customercode``, ``version`` and one number, whose key depends on the kind of object. Clients must treat them as
opaque: with the setting ``mimecast.id_drift`` an object has a different id on every read, as some object types do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import zlib
from enum import StrEnum
from typing import Any

from sandbox.world import World

_COUNTERS = "mimecast.counters"
_FIRST_NUMBER = 1000
_BEST_COMPRESSION = 9  # the level whose zlib header comes out as "eN"
_NONCE_LENGTH = 16


class Kind(StrEnum):
    """The kind of object that an id is for: the key of the number inside it."""

    DOMAIN = "domainid"
    USER = "userid"
    FOLDER = "folderid"
    FOLDER_LINK = "folderlinkid"
    IMPORT = "importid"
    AUDIT = "auditid"
    CONNECTION = "directoryconnectionid"


class MalformedIdError(Exception):
    """The id is truncated, altered or of another kind: the response is HTTP 400 without a body."""


def next_number(world: World) -> int:
    """A number that no object in this world has had."""
    counter = world.get(_COUNTERS, "numbers") or {"last": _FIRST_NUMBER}
    world.put(_COUNTERS, "numbers", {"last": counter["last"] + 1})
    number: int = counter["last"] + 1
    return number


def encode(world: World, kind: Kind, account: str, number: int) -> str:
    """The id of an object, for clients."""
    nonce = secrets.token_hex(_NONCE_LENGTH // 2) if world.setting("mimecast.id_drift", False) else "0" * 16
    document = {
        "secureid": nonce + _seal(world, kind, account, number, nonce),
        "customercode": account,
        "version": 1,
        kind.value: number,
    }
    if kind is Kind.FOLDER:
        document["ldap"] = False
    return pack(document)


def decode(world: World, kind: Kind, text: str) -> int:
    """The number inside an id.

    Raises:
        MalformedIdError: the id is not from ``encode`` for this kind of object.
    """
    document = unpack(text)
    sealed, number = str(document.get("secureid")), document.get(kind.value)
    nonce, seal = sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:]
    expected = _seal(world, kind, document.get("customercode"), number, nonce)
    if not isinstance(number, int) or not hmac.compare_digest(seal.encode(), expected.encode()):
        raise MalformedIdError
    return number


def pack(document: object) -> str:
    """Encode JSON in the format of a secure id, which page tokens use too."""
    compressed = zlib.compress(json.dumps(document, separators=(",", ":")).encode(), _BEST_COMPRESSION)
    return base64.urlsafe_b64encode(compressed).decode().rstrip("=")


def unpack(text: str) -> dict[str, Any]:
    """The argument of ``pack``.

    Raises:
        MalformedIdError: the text is not from ``pack``.
    """
    try:
        document = json.loads(zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise MalformedIdError from error
    if not isinstance(document, dict):
        raise MalformedIdError
    return document


def _seal(world: World, kind: Kind, account: object, number: object, nonce: object) -> str:
    message = f"{kind}|{account}|{number}|{nonce}".encode()
    return base64.urlsafe_b64encode(hmac.digest(world.instance.encode(), message, hashlib.sha512)).decode()
