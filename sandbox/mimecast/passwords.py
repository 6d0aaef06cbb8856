"""Passwords as the world keeps them: salted hashes, so that no document, answer or page can show one."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_ITERATIONS = 1_000  # a sandbox has nothing to guard, and ten thousand people to create quickly


def hashed(password: str) -> str:
    """The password as it is stored."""
    salt = secrets.token_hex(8)
    return f"{salt}${_digest(password, salt)}"


def matches(password: str, stored: str | None) -> bool:
    """Whether the password is the stored one; without a stored one nobody signs in."""
    if not stored:
        return False
    salt, _, digest = stored.partition("$")
    return hmac.compare_digest(_digest(password, salt), digest)


def _digest(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS).hex()
