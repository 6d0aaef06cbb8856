"""A transport for azure-identity that keeps a deadline, and never pauses for long.

By default it waits up to five minutes for a response, and as long as a service requests before a retry.
"""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from providers.authorization import Bearer
from providers.deadline import Deadline, DeadlinePassed
from providers.pauses import Pauses

_TIMEOUT_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 60
_pauses = Pauses("The token endpoint of Entra is overloaded or limits the number of requests")


class TokenTransport(RequestsTransport):  # type: ignore[misc]  # azure.core loads it lazily
    """Sends requests within the deadline only. Raises ServiceRequestError once it has passed."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def open(self) -> None:
        """Open the connection, without credentials of a ``.netrc`` file: those of the request are in its body."""
        super().open()
        self.session.auth = Bearer()

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request, with the rest of the deadline as time-out."""
        left = self._left(_TIMEOUT_SECONDS)
        return super().send(request, **{**options, "connection_timeout": left, "read_timeout": left})

    def sleep(self, duration: float) -> None:
        """Pause before a retry. Raises ServiceRequestError for a pause that nobody would wait for."""
        try:
            self._deadline.check(duration)
            if duration > _LONGEST_PAUSE_SECONDS:
                raise ServiceRequestError(f"it asked for a pause of {duration:,.0f} seconds")
            _pauses.announce(duration)
            self._deadline.sleep(duration)
        except DeadlinePassed as error:
            raise ServiceRequestError(str(error)) from None

    def _left(self, most: float) -> float:
        try:
            return self._deadline.left(most)
        except DeadlinePassed as error:
            raise ServiceRequestError(str(error)) from None
