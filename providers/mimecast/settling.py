"""Lost responses: look up the object to find whether the write was applied.

Bulk writes (`groups.change_members`, `address_book.converge`) list the objects again and write the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from providers.mimecast.errors import UnclearOutcome

T = TypeVar("T")
_APPEARANCE_POLLS = (0.5, 1.0, 2.0)
"""Seconds between look-ups of a new one: how soon it is listed is not documented, and a second call creates another."""


def settle(write: Callable[[], T], look_up: Callable[[], T | None]) -> T:
    """Write; if the response is lost, use the result of ``look_up`` instead.

    Args:
        write: Makes the call and returns its result. Never repeated.
        look_up: Returns the result from Mimecast's current state; ``None`` or ``False`` if the write was not applied.

    Raises:
        UnclearOutcome: The response was lost, and the look-up does not show that the write was applied.
    """
    try:
        return write()
    except UnclearOutcome:
        found = look_up()
        if not found:
            raise
        return found


def appeared(look_up: Callable[[], T | None], sleep: Callable[[float], None]) -> T | None:
    """The object, once Mimecast lists it: looked up several times, because a new one may appear late."""
    for seconds in _APPEARANCE_POLLS:
        found = look_up()
        if found is not None:
            return found
        sleep(seconds)
    return look_up()
