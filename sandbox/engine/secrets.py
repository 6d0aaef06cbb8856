"""The passphrase secrets provider of the Pulumi CLI: PBKDF2-HMAC-SHA256 and AES-256-GCM.

Format, as in `sdk/go/common/resource/config/crypt.go` of pulumi/pulumi: the salt line
`v1:<salt>:v1:<nonce>:<ciphertext>` contains an encrypted check value; every secret is `v1:<nonce>:<ciphertext>`; all
parts are base64.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.engine.errors import EngineError

_ROUNDS = 1_000_000
_CHECK = "pulumi"
_deriving = threading.Lock()


class Crypter:
    """Encrypts and decrypts with the key of one salt, derived when first needed."""

    def __init__(self, passphrase: str, salt_line: str) -> None:
        self.salt_line = salt_line
        self._passphrase = passphrase
        self._checked = False

    def prepare(self) -> None:
        """Derive the key in the background; it takes about half a second and does not block other threads."""

        def derive() -> None:
            with contextlib.suppress(EngineError):  # it is raised again when the key is used
                self.key()

        threading.Thread(target=derive, daemon=True).start()

    def key(self) -> bytes:
        """The key; EngineError if the passphrase does not match the salt."""
        _, salt, check = self.salt_line.split(":", 2)
        key = _derive(self._passphrase, base64.b64decode(salt))
        if not self._checked:  # never write anything with a key that does not match the salt
            self._checked = _open(key, check) == _CHECK
        return key

    def encrypt(self, text: str) -> str:
        """Encrypt with a new nonce."""
        return _seal(self.key(), text)

    def decrypt(self, ciphertext: str) -> str:
        """Decrypt output of `encrypt` or the Pulumi CLI; EngineError if the passphrase or the text is wrong."""
        return _open(self.key(), ciphertext)


class Cache:
    """Keeps the ciphertext of unchanged secrets, per resource, so that states stay comparable."""

    def __init__(self, crypter: Callable[[], Crypter]) -> None:
        self._crypter = crypter
        self._known: dict[tuple[str, str], str] = {}

    def encrypter(self, place: str) -> Callable[[str], str]:
        """A function that encrypts for one place (a URN)."""

        def encrypt(text: str) -> str:
            known = self._known.get((place, text))
            if known is None:
                known = self._known[(place, text)] = self._crypter().encrypt(text)
            return known

        return encrypt

    def remember(self, place: str, text: str, ciphertext: str) -> None:
        """Record a ciphertext from a state that was written with the same key."""
        self._known[(place, text)] = ciphertext


def passphrase(environment: Mapping[str, str]) -> str:
    """The caller's passphrase; EngineError if there is none."""
    if "PULUMI_CONFIG_PASSPHRASE" in environment:
        return environment["PULUMI_CONFIG_PASSPHRASE"]
    file = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    raise EngineError(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
        "environment variables"
    )


def new_salt(secret: str) -> str:
    """A salt line for a new stack."""
    salt = os.urandom(8)
    return f"v1:{base64.b64encode(salt).decode()}:{_seal(_derive(secret, salt), _CHECK)}"


def _derive(secret: str, salt: bytes) -> bytes:
    with _deriving:
        return _derived(secret, salt)


@functools.cache
def _derived(secret: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, _ROUNDS, 32)


def _open(key: bytes, ciphertext: str) -> str:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (50 ms that most verbs do not need)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        _, nonce, sealed = ciphertext.split(":")
        return AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None).decode()
    except InvalidTag:
        raise EngineError("incorrect passphrase") from None
    except ValueError as error:
        raise EngineError(f"a secret has an unknown format: {error}") from error


def _seal(key: bytes, text: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"
