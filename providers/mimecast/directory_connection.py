"""Directory synchronisation of an account: its connections, their status and last run.

`read_connection` reads them. `providers.mimecast.directory_integration` writes one to Microsoft 365, and
`providers.mimecast.directory_run` requests a run.

Sources: Mimecast's API 2.0 catalogue (``POST /api/directory/get-connection``, ``GET
/directory/cloud-gateway/v1/integrations``; permission Services | Directory Sync | Read) and the fields that public
clients read. Assumed: the name of the array in the second response, and the kind of a connection to Entra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import GET_CONNECTION, INTEGRATIONS_PATH
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import Forbidden, MalformedResponse, NotFound

ROWS = "integrations"
"""The array of the v2 list."""


@dataclass(frozen=True, slots=True)
class DirectoryConnection:
    """A directory that an account synchronises addresses from. ``None``: the response does not show it."""

    description: str
    kind: str
    """Mimecast's ``serverType``, such as ``active_directory``; "" if not shown."""
    enabled: bool | None
    status: str
    """``ok``, or Mimecast's name of the problem."""
    last_sync: datetime | None
    """Time of the last run; None if it never ran or the response does not show it."""
    running: bool | None
    domains: tuple[str, ...]
    """The domains it is limited to; empty means all domains."""
    disables_accounts: bool | None
    """Whether Mimecast disables accounts that are disabled in the directory."""
    deletes_users: bool | None
    secure_id: str = field(default="", compare=False, repr=False)
    """Opaque; may differ from read to read."""


def read_connection(client: MimecastClient) -> tuple[DirectoryConnection, ...]:
    """Return the account's directory connections; empty if it synchronises no directory.

    Uses the legacy endpoint, and the v2 endpoint if the application may not use the legacy one.

    Raises:
        MimecastError: Forbidden if the application may use neither; any other if the read failed.
    """
    try:
        rows = client.legacy(GET_CONNECTION).accepted("read the directory connections").data
    except (Forbidden, NotFound) as refused:
        try:
            rows = tuple(client.v2_list(INTEGRATIONS_PATH, ROWS, permission=GET_CONNECTION.permission))
        except (Forbidden, NotFound):
            raise refused from None
    return tuple(_connection(row) for row in rows)


def _connection(row: Mapping[str, JSON]) -> DirectoryConnection:
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
        secure_id=str(row.get("id") or ""),
    )


def _flag(row: Mapping[str, JSON], name: str) -> bool | None:
    value = row.get(name)
    return value if isinstance(value, bool) else None


def _time(written: object) -> datetime | None:
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        raise MalformedResponse(
            "Mimecast's time of the last directory synchronisation is not a date and time",
            method="POST",
            path=GET_CONNECTION.path,
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
