"""One rate limiter for all threads of a process, driven by the vendor's own headers.

Mimecast counts calls per API application in windows of a few seconds and reports in every response how many are left
and in how many *milliseconds* at least one is allowed again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mimecast_sso.facts.mimecast_api import RATE_LIMIT_REMAINING, RATE_LIMIT_RESET

LONGEST_WAIT = 300.0
"""Seconds; the maximum wait for one call, whatever a header says."""

_JITTER = 0.25
_WITHOUT_HEADER = 5.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The client's clock; tests replace it."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class RateLimiter:
    """A gate that closes when the quota is exhausted and opens at the time that the vendor states."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._opens_at = 0.0

    def wait(self) -> float:
        """Block until the gate is open; return the seconds waited. Waits differ slightly between threads."""
        with self._lock:
            left = self._opens_at - self._clock.monotonic()
        if left <= 0:
            return 0.0
        seconds = left * (1 + _JITTER * self._clock.jitter())
        self._clock.sleep(seconds)
        return seconds

    def observe(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Update the quota from a response; ``refused`` means HTTP 429, which may have no headers."""
        remaining = _number(headers.get(RATE_LIMIT_REMAINING))
        if not refused and (remaining is None or remaining > 0):
            return
        reset = _number(headers.get(RATE_LIMIT_RESET))
        seconds = _WITHOUT_HEADER if reset is None else reset / 1000
        with self._lock:
            self._opens_at = max(self._opens_at, self._clock.monotonic() + min(seconds, LONGEST_WAIT))


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
