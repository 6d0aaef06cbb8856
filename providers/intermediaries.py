"""What stands between this process and a server, and may respond in its place."""

from __future__ import annotations

from typing import Final

INSTEAD_OF_IT: Final = "a proxy or the sign-in page of a network may have responded in its place"
"""The end of a sentence about a response that is not the server's."""
