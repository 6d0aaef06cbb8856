"""The log of calls to the vendors: what was asked, how it ended, how long it took.

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
    """A call that is under way. ``ended`` says how, such as its status; whoever makes it sets that."""

    ended: object = "no response"


@contextmanager
def logged(service: str, method: str, path: str) -> Iterator[LoggedCall]:
    """Log a call once it has ended, well or not; its duration includes what is retried within."""
    call, began = LoggedCall(), time.monotonic()
    try:
        yield call
    except Exception as error:
        call.ended = type(error).__name__
        raise
    finally:
        where = path.partition("?")[0]
        _log.debug("%s %s %s: %s, %.2f s", service, method, where, call.ended, time.monotonic() - began)
