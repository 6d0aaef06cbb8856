"""A run in the sandbox's journal."""

from __future__ import annotations

from typing import Any

# POSTs that change nothing: Mimecast's reads, tokens, Graph's batch, whose requests are journalled individually, and
# its What If evaluation.
_READS = ("/get-", "/find-", "/audit/get", "/oauth", "/$batch", "/conditionalAccess/evaluate")
_APIS = ("graph.microsoft.com", "services.mimecast.com")


def may_change(entry: dict[str, Any]) -> bool:
    """Whether a request may have changed something at Entra or Mimecast; sign-ins do not."""
    is_read = entry["method"] in ("GET", "HEAD", "CONNECT") or any(part in entry["path"] for part in _READS)
    return entry["host"].endswith(_APIS) and not is_read


def is_call(entry: dict[str, Any]) -> bool:
    """Whether a request is a call of Entra's or Mimecast's API: not a token, nor a request inside a batch."""
    return (
        entry["host"].endswith(_APIS)
        and entry["method"] != "CONNECT"
        and "/oauth" not in entry["path"]
        and not entry.get("batched")
    )
