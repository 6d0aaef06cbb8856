"""Words for numbers and lists, as every message of this project writes them."""

from __future__ import annotations

from collections.abc import Iterable


def count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 person``, ``3 people``, ``2 addresses``."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def people(number: int) -> str:
    """``1 person``, ``3 people``."""
    return count(number, "person", "people")


def either(words: Iterable[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *most, last = list(words)
    return f"{', '.join(most)} or {last}" if most else last
