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
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mimecast_sso.facts.mimecast_api import RATE_LIMIT_REMAINING, RATE_LIMIT_RESET, RETRY_AFTER
from providers.pauses import Pauses

LONGEST_WAIT = 300.0
"""Seconds; the maximum wait for one call, whatever a header says."""

_JITTER = 0.25
_WITHOUT_HEADER = 5.0
_NONSENSE = 86_400.0
"""Seconds; a longer pause is a header in another unit, or a point in time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The client's clock; tests replace it."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class RateLimiter:
    """A gate that closes when the quota is exhausted and opens at the time that the vendor states.

    ``check`` raises for a wait of some seconds that a deadline does not allow.
    """

    def __init__(self, clock: Clock, check: Callable[[float], None] = lambda _: None) -> None:
        self._clock = clock
        self._check = check
        self._lock = threading.Lock()
        self._opens_at = 0.0
        self._pauses = Pauses("Mimecast limits the number of API calls", clock.monotonic)

    def wait(self) -> float:
        """Block until the gate is open; return the seconds waited. Waits differ slightly between threads."""
        with self._lock:
            left = self._opens_at - self._clock.monotonic()
        if left <= 0:
            return 0.0
        seconds = left * (1 + _JITTER * self._clock.jitter())
        self._check(seconds)
        self._pauses.announce(seconds)
        self._clock.sleep(seconds)
        return seconds

    def observe(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Update the quota from a response; ``refused`` means HTTP 429, which may have no headers."""
        remaining = _number(headers.get(RATE_LIMIT_REMAINING))
        if not refused and (remaining is None or remaining > 0):
            return
        seconds = requested_pause(headers)
        if seconds <= LONGEST_WAIT:  # Nobody waits for a longer one: the call fails.
            with self._lock:
                self._opens_at = max(self._opens_at, self._clock.monotonic() + seconds)

    def still_refused(self, waited: float) -> None:
        """Tell people that a call keeps being refused, after some seconds of retries."""
        self._pauses.announce_retries(waited, LONGEST_WAIT)


def requested_pause(headers: Mapping[str, str]) -> float:
    """The seconds that a refusal asks to wait. A gateway in front of Mimecast may only send the standard header."""
    reset = _number(headers.get(RATE_LIMIT_RESET))
    after = headers.get(RETRY_AFTER)
    seconds = reset / 1000 if reset is not None else _number(after)
    if seconds is None:
        seconds = _seconds_until(after, headers.get("Date"))
    return _WITHOUT_HEADER if seconds is None or seconds > _NONSENSE else seconds


def _seconds_until(moment: str | None, now: str | None) -> float | None:
    """The seconds until a date of a header, by the sender's clock if it states one."""
    try:
        ends = parsedate_to_datetime(moment or "").astimezone(UTC)
        begins = parsedate_to_datetime(now).astimezone(UTC) if now else datetime.now(UTC)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (ends - begins).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
