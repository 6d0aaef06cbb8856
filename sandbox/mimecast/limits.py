"""Rate limits of the API gateway.

Recorded: ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` on every response, 401 included; windows of five
seconds; 800 calls for a known key and 5,000 for an unknown one; one bucket shared by a key's functions. Reset is
milliseconds until a call is allowed again. Switch: ``mimecast.rate_limit`` (``calls``, ``window_ms``).
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
    """What is left of a caller's quota after the call at hand; ``reset`` in milliseconds."""

    limit: int
    remaining: int
    reset: int
    exhausted: bool

    def mark(self, response: Response) -> None:
        """Put the three headers on a response."""
        response.headers["X-RateLimit-Limit"] = str(self.limit)
        response.headers["X-RateLimit-Remaining"] = str(self.remaining)
        response.headers["X-RateLimit-Reset"] = str(self.reset)


class RateLimits:
    """Counts calls in fixed windows, in real time: shifting the world's clock gives no calls back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows: dict[str, _Window] = {}

    def take(self, client_id: str | None) -> Quota:
        """Count one call of an application, or of all unknown ones together."""
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
    """The response to a call beyond the quota; its body is not documented (EMU)."""
    error = {"code": "rate_limit_exceeded", "message": "API quota has been exhausted", "retryable": True}
    return JSONResponse({"fail": [{"errors": [error]}]}, status_code=429)
