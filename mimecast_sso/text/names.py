"""Natural keys in normal form: domains and addresses as Mimecast compares them.

Case does not count, an internationalised domain equals its ASCII form, and ``ada+x@`` is another address than
``ada@``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from mimecast_sso.text import foreign

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_PART = re.compile(r"[^@\s\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_DOMAIN = 253
_LONGEST_ADDRESS = 254


class MalformedNameError(ValueError):
    """A text is no domain or no address; ``why`` is the second half of the sentence."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} {why}")
        self.why = why


@lru_cache(maxsize=4096)
def domain_name(text: str) -> str:
    """``text`` in lower case, ASCII (IDNA), without a final dot. Raises MalformedNameError."""
    name = text.strip().rstrip(".").lower()
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    labels = name.split(".")
    fits = len(labels) > 1 and len(name) <= _LONGEST_DOMAIN
    if not fits or not all(_LABEL.fullmatch(label) for label in labels):
        raise MalformedNameError(text, "is not a domain name such as example.com")
    return name


def email_address(text: str) -> str:
    """``text`` in lower case with the domain in ASCII. Raises MalformedNameError."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise MalformedNameError(text, "is not an e-mail address such as ada@example.com")
    try:
        address = f"{local.lower()}@{domain_name(domain)}"
    except MalformedNameError:
        raise MalformedNameError(text, "is not an e-mail address: what follows the @ is no domain") from None
    if len(address) > _LONGEST_ADDRESS:
        raise MalformedNameError(
            text, f"is longer than the {_LONGEST_ADDRESS} characters of an e-mail address"
        )
    return address


def one_line(text: str) -> str:
    """``text``, if nothing in it would break a line or a terminal. Raises ValueError."""
    if _CONTROL.search(text):
        raise ValueError("holds control characters, such as a tab or a line break")
    return text


def domain_of(address: str) -> str:
    """The domain of an address in normal form."""
    return address.rpartition("@")[2]


def is_among(address: str, members: Collection[str]) -> bool:
    """Whether an address is a member of a group, by itself or because its whole domain (``@example.com``) is."""
    return address in members or f"@{domain_of(address)}" in members


def same_key(text: str) -> str:
    """A domain or address that the vendor sent, in normal form; what has none is only put in lower case."""
    try:
        return email_address(text) if "@" in text else domain_name(text)
    except ValueError:
        return text.strip().lower()


def enumerate_some(names: Sequence[str], most: int = 20) -> str:
    """The first names, made harmless, and how many more there are: ``a, b and 3 more``."""
    shown = ", ".join(map(foreign.one_line, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
