"""The time that may be spent on one tenant, for whoever asks hundreds of them and must not wait for one.

A client with a deadline waits for nothing beyond it: no response, no pause that a service asks for, no retry.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_LEAST = 0.05
"""Seconds: what is left of a deadline when a request is not worth sending any more."""


class DeadlinePassed(Exception):  # noqa: N818  (not an OSError: requests makes its own errors of those)
    """The time is used up, or would be before the wait is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the {seconds:g} seconds for this tenant are used up")


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._ends_at = monotonic() + seconds

    def left(self, most: float) -> float:
        """What a wait of at most ``most`` seconds may take. Raises DeadlinePassed where nothing is left."""
        left = self._ends_at - self._monotonic()
        if left < _LEAST:
            raise DeadlinePassed(self._seconds)
        return min(left, most)

    def check(self, pause: float) -> None:
        """Raises DeadlinePassed where a pause of so many seconds would end after it."""
        if self.left(pause) < pause:
            raise DeadlinePassed(self._seconds)

    def sleep(self, seconds: float) -> None:
        """Pauses. Raises DeadlinePassed at once where the pause would end after it."""
        self.check(seconds)
        time.sleep(seconds)


UNLIMITED = Deadline(float("inf"))
"""None: whatever a client waits for by itself."""
