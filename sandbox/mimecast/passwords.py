"""Passwords, stored as salted hashes so that no document, response or page can show one."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_ITERATIONS = 1_000  # a sandbox has nothing to protect, and must create ten thousand people quickly


def hashed(password: str) -> str:
    """The stored form of a password."""
    salt = secrets.token_hex(8)
    return f"{salt}${_digest(password, salt)}"


def matches(password: str, stored: str | None) -> bool:
    """Whether the password matches the stored one; without a stored one, none does."""
    if not stored:
        return False
    salt, _, digest = stored.partition("$")
    return hmac.compare_digest(_digest(password, salt), digest)


def _digest(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS).hex()
