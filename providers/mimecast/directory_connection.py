"""Whether directory synchronisation feeds an account's addresses, and when it last did; nothing is written.

Sources: Mimecast's API 2.0 catalogue (``POST /api/directory/get-connection``, ``GET
/directory/cloud-gateway/v1/integrations``; permission Services | Directory Sync | Read); the fields as public clients
read them. How the second names its rows, and an Entra connection's kind, no source tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mimecast_sso.facts.mimecast_api import GET_CONNECTION, INTEGRATIONS_PATH
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import Forbidden, MalformedAnswer, NotFound

_ROWS = "integrations"


@dataclass(frozen=True, slots=True)
class DirectoryConnection:
    """One directory that an account takes addresses from. ``None`` stands for what the response does not show."""

    description: str
    kind: str
    """As Mimecast calls it, such as ``active_directory``; "" where it is not shown."""
    enabled: bool | None
    status: str
    """``ok``, or Mimecast's word for what is wrong."""
    last_sync: datetime | None
    """When it last ran; None where it is not shown, as for one that never ran."""
    running: bool | None
    domains: tuple[str, ...]
    """The domains that it is limited to; none: all."""
    disables_accounts: bool | None
    """Whether who is disabled in the directory is disabled at Mimecast."""
    deletes_users: bool | None


def read_connection(client: MimecastClient) -> tuple[DirectoryConnection, ...]:
    """The account's directory connections; none where addresses are not synchronised.

    Asked by the legacy call, and where the application may not use that one, by the v2 call.

    Raises:
        MimecastError: neither may be used (Forbidden), or the reading failed.
    """
    try:
        rows = client.legacy(GET_CONNECTION).accepted("read the directory connections").data
    except (Forbidden, NotFound) as refused:
        try:
            rows = tuple(client.v2_list(INTEGRATIONS_PATH, _ROWS, permission=GET_CONNECTION.permission))
        except (Forbidden, NotFound):
            raise refused from None
    return tuple(_connection(row) for row in rows)


def _connection(row: Mapping[str, Any]) -> DirectoryConnection:
    domains = row.get("domains")
    return DirectoryConnection(
        description=str(row.get("description") or ""),
        kind=str(row.get("serverType") or ""),
        enabled=_flag(row, "enabled"),
        status=str(row.get("status") or ""),
        last_sync=_time(row.get("lastSync") or row.get("lastSyncDateTime")),
        running=_flag(row, "syncRunning"),
        domains=tuple(map(str, domains)) if isinstance(domains, list) else (),
        disables_accounts=_flag(row, "acknowledgeDisabledAccounts"),
        deletes_users=_flag(row, "deleteUsers"),
    )


def _flag(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    return value if isinstance(value, bool) else None


def _time(written: object) -> datetime | None:
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        raise MalformedAnswer(
            "Mimecast's time of the last directory synchronisation cannot be read",
            method="POST",
            path=GET_CONNECTION.path,
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
