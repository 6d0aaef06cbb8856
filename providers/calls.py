"""The log of calls to the vendors: request, result, duration.

Never a header, a query or a body: these hold tokens, passwords and assertions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class LoggedCall:
    """A running call. The caller sets ``ended``, its result such as a status."""

    ended: object = "no response"


@contextmanager
def logged(service: str, method: str, path: str) -> Iterator[LoggedCall]:
    """Log a call once it has ended or failed; its duration includes retries."""
    call, began = LoggedCall(), time.monotonic()
    try:
        yield call
    except Exception as error:
        call.ended = type(error).__name__
        raise
    finally:
        where = path.partition("?")[0]
        _log.debug("%s %s %s: %s, %.2f s", service, method, where, call.ended, time.monotonic() - began)
