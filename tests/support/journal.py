"""What the sandbox's journal shows of a run."""

from __future__ import annotations

from typing import Any

# Of Mimecast's calls, which are all sent by POST; tokens; and Graph's batch, whose requests are journalled one by one.
_READS = ("/get-", "/find-", "/oauth", "/$batch")


def may_change(entry: dict[str, Any]) -> bool:
    """Whether a request may have changed something at Entra or Mimecast."""
    return entry["method"] != "GET" and not any(part in entry["path"] for part in _READS)
