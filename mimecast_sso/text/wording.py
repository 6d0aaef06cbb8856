"""Counts in words."""

from __future__ import annotations

from collections.abc import Iterable

_IRREGULAR = {"person": "people"}
_HISSING = ("s", "x", "ch", "sh")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 person``, ``2 people``, ``1 pilot address``, ``0 pilot addresses``.

    Args:
        number: The number.
        singular: The noun, with any adjectives before it.
        plural: The plural, if it is irregular and not known here.
    """
    return f"{number:,} {singular if number == 1 else plural or _plural(singular)}"


def _plural(singular: str) -> str:
    adjectives, blank, noun = singular.rpartition(" ")
    suffix = "es" if noun.endswith(_HISSING) else "s"
    return f"{adjectives}{blank}{_IRREGULAR.get(noun) or noun + suffix}"


def people(number: int) -> str:
    """``1 person``, ``3 people``."""
    return count(number, "person")


def either(words: Iterable[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *most, last = list(words)
    return f"{', '.join(most)} or {last}" if most else last
