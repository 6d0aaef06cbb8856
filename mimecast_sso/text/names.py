"""Normal forms of domains and addresses, as Mimecast compares them.

Case is ignored, an internationalised domain equals its ASCII form (IDNA 2008 and the mapping of UTS 46, as in
browsers: ``straße.example`` is not ``strasse.example``), and ``ada+x@`` is another address than ``ada@``.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

import idna

from mimecast_sso.text import characters, foreign
from mimecast_sso.text.foreign import quoted

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_PART = re.compile(r"[^@\s\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_LONGEST_DOMAIN = 253
_LONGEST_ADDRESS = 254


class MalformedNameError(ValueError):
    """A text is not a domain or an address; ``why`` completes the sentence."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{quoted(text)} {why}")
        self.why = why


@lru_cache(maxsize=4096)
def domain_name(text: str) -> str:
    """``text`` in lower case, ASCII (IDNA 2008), without a final dot. Raises MalformedNameError."""
    _refuse(text, characters.invisible_in(text.strip(), allowed=characters.JOINERS))
    name = text.strip().removesuffix(".").lower()
    try:
        name = name if name.isascii() else idna.encode(name, uts46=True, transitional=False).decode("ascii")
        shown = [idna.decode(label) if label.startswith("xn--") else label for label in name.split(".")]
    except UnicodeError:
        _refuse(text, characters.invisible_in(text.strip()))  # A joiner where no language needs it.
        raise MalformedNameError(text, "is not a domain name such as example.com") from None
    labels = name.split(".")
    fits = len(labels) > 1 and len(name) <= _LONGEST_DOMAIN
    # What ends in a number is an IP address, or nothing that DNS has.
    if not fits or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise MalformedNameError(text, "is not a domain name such as example.com")
    for label in shown:
        _refuse(text, characters.second_dot_in(label) or characters.mixed_scripts_in(label))
    return name


def email_address(text: str) -> str:
    """``text`` in lower case with the domain in ASCII. Raises MalformedNameError.

    One string stands for all equal ones: a large account has each address several times.
    """
    local, at, domain = text.strip().rpartition("@")
    _refuse(text, characters.invisible_in(local))
    local = unicodedata.normalize("NFC", local)
    if not at or not _LOCAL_PART.fullmatch(local):
        raise MalformedNameError(text, "is not an e-mail address such as ada@example.com")
    if "" in local.split("."):
        raise MalformedNameError(text, "has a dot in the wrong place before the @")
    _refuse(text, characters.look_alike_in(local) or characters.mixed_scripts_in(local))
    try:
        address = f"{local.lower()}@{domain_name(domain)}"
    except MalformedNameError as error:
        raise MalformedNameError(text, _of_domain(error.why)) from None
    _refuse(text, _in_other_letters(local, domain))
    if len(address) > _LONGEST_ADDRESS:
        raise MalformedNameError(
            text, f"is longer than the {_LONGEST_ADDRESS} characters of an e-mail address"
        )
    return sys.intern(address)


def _refuse(text: str, why: str | None) -> None:
    if why:
        raise MalformedNameError(text, why)


def _of_domain(why: str) -> str:
    return "is not an e-mail address: what follows the @ is not a domain" if why.startswith("is not") else why


def _in_other_letters(local: str, domain: str) -> str | None:
    """Refuse a name entirely in letters that look like Latin ones, at a domain in Latin letters."""
    if local.isascii():
        return None
    scripts = characters.scripts_of(local)
    if not scripts or "Latin" in scripts or not domain.isascii() or "xn--" in domain.lower():
        return None
    letter = next(each for each in local if characters.scripts_of(each))
    before, shown = " and ".join(sorted(scripts)), characters.describe(letter)
    return f"has {before} letters before the @ and Latin ones after it: {shown}; retype it"


def one_line(text: str) -> str:
    """``text``, if nothing in it would break a line or a terminal, or is invisible. Raises ValueError."""
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in text):
        raise ValueError("holds control characters, such as a tab or a line break")
    why = characters.invisible_in(text, allowed=characters.JOINERS)
    if why:
        raise ValueError(why)
    return text


def person_name(text: str) -> str:
    """A display name that a spreadsheet does not run as a formula; interned. Raises ValueError."""
    if characters.is_formula(text):
        raise ValueError("begins like a formula, which a spreadsheet would run; correct the name")
    return sys.intern(one_line(text))


def lower_case(text: str) -> str:
    """``text`` in lower case; one string stands for all equal ones, as of `email_address`."""
    return sys.intern(text.lower())


def domain_of(address: str) -> str:
    """The domain of an address in normal form."""
    return address.rpartition("@")[2]


def is_among(address: str, members: Collection[str]) -> bool:
    """Whether an address is a member of a group, by itself or because its whole domain (``@example.com``) is."""
    return address in members or f"@{domain_of(address)}" in members


def same_key(text: str) -> str:
    """A domain or address from the vendor in normal form; if it has none, in lower case."""
    try:
        return email_address(text) if "@" in text else domain_name(text)
    except ValueError:
        return lower_case(text.strip())


def enumerate_some(names: Sequence[str], most: int = 20) -> str:
    """The first names, made harmless, and the number of others: ``a, b and 3 more``."""
    shown = ", ".join(map(foreign.one_line, names[:most]))
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
