"""The audit log, read for one thing: what changed in the console after somebody confirmed its values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from facts.mimecast_audit import GET_AUDIT_EVENTS, touches_sign_in
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MalformedAnswer

_WIRE = "%Y-%m-%dT%H:%M:%S%z"
_AHEAD = timedelta(days=1)
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class ConsoleChange:
    """One event that touches profiles or application settings, as Mimecast words it."""

    at: datetime
    event: str
    by: str
    details: str


def changes_since(client: MimecastClient, since: datetime) -> list[ConsoleChange]:
    """Changes of profiles and application settings after ``since``, oldest first.

    Which events these are is assumed (`facts.mimecast_audit`). Raises any `MimecastError`.
    """
    span = {
        "startDateTime": since.astimezone(UTC).strftime(_WIRE),
        # Ahead of this machine's clock, which may be behind Mimecast's.
        "endDateTime": (datetime.now(UTC) + _AHEAD).strftime(_WIRE),
    }
    found = [_change(row) for row in _rows(client, span) if _counts(row)]
    return sorted((change for change in found if change.at > since), key=lambda change: change.at)


def _rows(client: MimecastClient, span: dict[str, str]) -> list[dict[str, Any]]:
    # Unlike other lists this one has its rows in ``data`` itself.
    rows: list[dict[str, Any]] = []
    page: dict[str, Any] = {"pageSize": GET_AUDIT_EVENTS.page_size}
    for _ in range(_MOST_PAGES):
        answer = client.legacy(GET_AUDIT_EVENTS, span, page=page).accepted("read the audit log")
        rows += answer.data
        if not answer.next_page:
            return rows
        page = page | {"pageToken": answer.next_page}
    raise MalformedAnswer("Mimecast's audit log has no end", method="POST", path=GET_AUDIT_EVENTS.path)


def _counts(row: dict[str, Any]) -> bool:
    return touches_sign_in(*(str(row.get(key) or "") for key in ("auditType", "category", "eventInfo")))


def _change(row: dict[str, Any]) -> ConsoleChange:
    try:
        at = datetime.strptime(str(row.get("eventTime")), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise MalformedAnswer(
            "An event of Mimecast's audit log has no time", method="POST", path=GET_AUDIT_EVENTS.path
        ) from None
    user = str(row.get("user") or "") or "somebody whom the audit log does not name"
    return ConsoleChange(at, str(row.get("auditType") or "an event"), user, str(row.get("eventInfo") or ""))
