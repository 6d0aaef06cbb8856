"""The Authorization header of requests to the vendors: the client's token, or none.

Without an ``auth``, requests takes one from the user's ``.netrc`` file, whose ``default`` entry is for every host. It
would replace that token, and send the user's password to the vendor.
"""

from __future__ import annotations

from requests import PreparedRequest
from requests.auth import AuthBase


class Bearer(AuthBase):
    """Send a bearer token; without one, leave the request as it is."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
