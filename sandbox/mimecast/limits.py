"""Rate limits of the API gateway.

Recorded: ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` on every response, including 401; windows of five
seconds; 800 calls for a known key and 5,000 for an unknown one; one bucket for all functions of a key. Reset is the
number of milliseconds until a call is allowed again. Switch: ``mimecast.rate_limit`` (``calls``, ``window_ms``).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from sandbox.world import World

_CALLS = 800
_CALLS_WITHOUT_CLIENT = 5_000
_WINDOW_MS = 5_000


@dataclass(slots=True)
class _Window:
    started: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """A caller's remaining quota after the current call; ``reset`` in milliseconds."""

    limit: int
    remaining: int
    reset: int
    exhausted: bool

    def mark(self, response: Response) -> None:
        """Add the three headers to a response."""
        response.headers["X-RateLimit-Limit"] = str(self.limit)
        response.headers["X-RateLimit-Remaining"] = str(self.remaining)
        response.headers["X-RateLimit-Reset"] = str(self.reset)


class RateLimits:
    """Counts calls in fixed windows of real time: moving the world's clock does not restore quota."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows: dict[str, _Window] = {}

    def take(self, client_id: str | None) -> Quota:
        """Count one call of an application; all unknown ones share one count."""
        configured = self._world.setting("mimecast.rate_limit", {"calls": _CALLS, "window_ms": _WINDOW_MS})
        limit = int(configured["calls"]) if client_id else _CALLS_WITHOUT_CLIENT
        span = configured["window_ms"] / 1000
        now = time.monotonic()
        window = self._windows.get(client_id or "")
        if window is None or now - window.started >= span:
            window = self._windows[client_id or ""] = _Window(now)
        exhausted = window.used >= limit
        if not exhausted:
            window.used += 1
        reset = math.ceil((window.started + span - now) * 1000)
        return Quota(limit, limit - window.used if not exhausted else 0, reset, exhausted)


def refusal() -> Response:
    """The response when the quota is exhausted; its body is not documented (EMU)."""
    error = {"code": "rate_limit_exceeded", "message": "API quota has been exhausted", "retryable": True}
    return JSONResponse({"fail": [{"errors": [error]}]}, status_code=429)
