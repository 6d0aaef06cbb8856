"""Invisible characters, look-alikes and mixed scripts in pasted text.

An address copied from a web page or a chat may hold a zero-width space, a soft hyphen or a Cyrillic letter. It looks
right, but matches nobody or another person.

Sources: Unicode's "Default_Ignorable_Code_Point" (UAX 44), "Unicode Security Mechanisms" (UTS 39).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from mimecast_sso.facts.mimecast_import import FORMULA_STARTS

JOINERS = frozenset({"\u200c", "\u200d"})
"""Required by some languages, and harmless between letters."""

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols that are invisible."""
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x180B, 0x180E))
_EAST_ASIAN = frozenset({"Cjk", "Hiragana", "Katakana", "Katakana-hiragana", "Hangul", "Bopomofo", "Latin"})
"""Scripts that Japanese, Korean and Chinese combine in one word."""


_TYPOGRAPHY = dict.fromkeys("\u2018\u2019\u201b\u2032", "'") | dict.fromkeys(
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"
)
"""What word processors put in the place of an apostrophe or a hyphen."""
_TURKISH_I = {"\u0130": "I", "\u0131": "i"}
"""Turkish letters whose case folding is that of no other: the first becomes an i with a second dot."""
_DOTTED = frozenset("ij")
_DOT_ABOVE = "\u0307"


def describe(character: str) -> str:
    """The code point and its name: ``U+200B (ZERO WIDTH SPACE)``."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} ({name})" if name else f"U+{ord(character):04X}"


def is_invisible(character: str) -> bool:
    """Whether a character is invisible, or only changes the display of others."""
    return (
        unicodedata.category(character) in _INVISIBLE_CATEGORIES
        or character in _BLANK_LETTERS
        or any(ord(character) in selectors for selectors in _VARIATION_SELECTORS)
    )


def invisible_in(text: str, *, allowed: frozenset[str] = frozenset()) -> str | None:
    """The problem with the first invisible character of a text, as the second half of a sentence."""
    if text.isascii() and text.isprintable():
        return None  # Nearly all texts; to look at each character of 100,000 addresses takes seconds.
    for index, character in enumerate(text):
        if is_invisible(character) and character not in allowed:
            visible = "".join(each for each in text[index:] if not is_invisible(each))
            where = f'before "{visible[:12]}"' if visible else "at its end"
            return f"holds an invisible character, {describe(character)}, {where}; delete it"
    return None


def look_alike_in(text: str) -> str | None:
    """The problem with the first character that only looks like another one, as the second half of a sentence."""
    if text.isascii():
        return None
    for character in unicodedata.normalize("NFC", text):
        plain = _TYPOGRAPHY.get(character) or _TURKISH_I.get(character)
        plain = plain or unicodedata.normalize("NFKC", character)
        if plain != character:
            return f'holds {describe(character)}, which looks like "{plain}"; type "{plain}" instead'
    return second_dot_in(text)


def second_dot_in(text: str) -> str | None:
    """The problem with a second dot above an i, as half a sentence: U+0130 in lower case has one."""
    for before, character in pairwise(text):
        if character == _DOT_ABOVE and before in _DOTTED:
            return f'holds {describe(character)} on "{before}", where it is invisible; type "{before}" alone'
    return None


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell with this text; the full-width characters of keyboards count as well."""
    return (
        text.startswith(FORMULA_STARTS) or unicodedata.normalize("NFKC", text.strip()[:1]) in FORMULA_STARTS
    )


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of the letters of a text: ``Latin``, ``Cyrillic``, …"""
    return frozenset(script for _, script in _letters(text))


def mixed_scripts_in(text: str) -> str | None:
    """The problem with a word that mixes scripts that no language mixes, as half a sentence."""
    if text.isascii():
        return None
    scripts = scripts_of(text)
    if len(scripts) < 2 or scripts <= _EAST_ASIAN:  # noqa: PLR2004 (one script is no mixture)
        return None
    odd = next((letter for letter, script in _letters(text) if script != "Latin"), text[0])
    return f"mixes {' and '.join(sorted(scripts))} letters: {describe(odd)}; retype it"


def _letters(text: str) -> Iterator[tuple[str, str]]:
    for character in text:
        if unicodedata.category(character).startswith("L"):
            yield character, unicodedata.name(character, "UNNAMED").split()[0].capitalize()
