"""Tell people about long pauses; a command that is silent for minutes looks as if it hangs.

A warning of the log: commands print it, and the engine shows it for the program and its providers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_NOTICEABLE_SECONDS = 5.0
_REPEATED_AFTER_SECONDS = 60.0
_log = logging.getLogger(__name__)


def silence() -> None:
    """Announce nothing from now on: for commands that read many tenants, where nobody could tell whose pause it is."""
    _log.setLevel(logging.ERROR)


class Pauses:
    """The pauses of one service, announced at most once a minute for all threads.

    Args:
        why: The service and its reason, such as ``Mimecast limits the number of API calls``.
        monotonic: The clock of the pauses.
    """

    def __init__(self, why: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._why = why
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._silent_until = float("-inf")

    def announce(self, seconds: float) -> None:
        """Say that the next request waits some seconds, if that is long enough to be noticed."""
        self._say(seconds, f"the next one is sent in {seconds:,.0f} seconds")

    def announce_retries(self, waited: float, longest: float) -> None:
        """Say that a request was refused for some seconds, and how long it is retried."""
        self._say(waited, f"retrying for at most {max(longest - waited, 0):,.0f} seconds")

    def _say(self, seconds: float, what: str) -> None:
        if seconds < _NOTICEABLE_SECONDS:
            return
        with self._lock:
            now = self._monotonic()
            if now < self._silent_until:
                return
            # The pause itself needs no second message.
            self._silent_until = now + max(_REPEATED_AFTER_SECONDS, seconds)
        _log.warning("%s; %s", self._why, what)
