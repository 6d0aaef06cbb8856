"""Lost responses: a write that may or may not have been done is settled by looking the object up.

Writes of many items at once (`groups.change_members`, `address_book.converge`) list what they wrote again, and do the
rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from providers.mimecast.errors import UnclearOutcome

T = TypeVar("T")


def settle(write: Callable[[], T], look_up: Callable[[], T | None]) -> T:
    """Do a write; if its response is lost, use what ``look_up`` finds instead.

    Args:
        write: Makes the call and gives its result. Never repeated.
        look_up: The result as Mimecast shows it now; ``None`` or ``False`` where the write was not done.

    Raises:
        UnclearOutcome: The response was lost, and nothing shows that the write was done.
    """
    try:
        return write()
    except UnclearOutcome:
        found = look_up()
        if not found:
            raise
        return found
