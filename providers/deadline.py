"""A time limit for one tenant, for commands that read hundreds and must not wait for a single one.

A client with a deadline never waits beyond it: for a response, a pause that a service requests, or a retry.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_LEAST = 0.05
"""Minimum rest of a deadline, in seconds, to send a request."""


class DeadlinePassed(Exception):  # noqa: N818  (not an OSError, which requests would wrap)
    """The time is used up, or would be before the wait ends."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the {seconds:g} seconds for this tenant are used up")


class Deadline:
    """A deadline some seconds from now."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._ends_at = monotonic() + seconds

    def left(self, most: float) -> float:
        """The allowed wait, at most ``most`` seconds. Raises DeadlinePassed if no time is left."""
        left = self._ends_at - self._monotonic()
        if left < _LEAST:
            raise DeadlinePassed(self._seconds)
        return min(left, most)

    def check(self, pause: float) -> None:
        """Raise DeadlinePassed if a pause of some seconds would end after it."""
        if self.left(pause) < pause:
            raise DeadlinePassed(self._seconds)

    def sleep(self, seconds: float) -> None:
        """Pause. Raises DeadlinePassed at once if the pause would end after it."""
        self.check(seconds)
        time.sleep(seconds)


UNLIMITED = Deadline(float("inf"))
"""None: the client's own limits."""
