"""Runs of directory synchronisation: request one, and read its progress.

Mimecast runs every enabled connection after one request, and does not report on a request afterwards: only a
connection's changed last run shows that its run has ended. A request whose response is lost may have started the
run (observed by a public client), so it is never repeated: the connections show the result.

Sources: Mimecast's API 2.0 catalogue (``POST /api/directory/execute-sync``, permission Services | Directory Sync |
Edit; ``POST …/integrations/sync-requests``), and what public clients print of a connection. Assumed: that ``lastSync``
changes when a run has ended, or at its beginning, and that a failed run shows in ``status``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mimecast_sso.facts.mimecast_api import (
    EXECUTE_SYNC,
    INTEGRATION_READ,
    SYNC_REQUESTS_PATH,
    SYNCHRONISATION_PAGE,
)
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_connection import DirectoryConnection, read_connection
from providers.mimecast.errors import (
    Forbidden,
    IntegrationUnusable,
    NotFound,
    RateLimited,
    TransportError,
    UnclearOutcome,
)
from providers.mimecast.settling import settle


class Progress(StrEnum):
    """The progress of one connection's run."""

    ASKED = "asked for"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Connected:
    """The enabled connections before a run, in Mimecast's order."""

    connections: tuple[DirectoryConnection, ...]

    @property
    def running(self) -> tuple[str, ...]:
        """The connections that are already running."""
        return tuple(each.description for each in self.connections if each.running)


@dataclass(frozen=True, slots=True)
class Step:
    """The progress of the requested run at one connection."""

    description: str
    progress: Progress
    last_sync: datetime | None
    why: str = ""
    """The cause of a failure, as a clause."""


def connected(client: MimecastClient) -> Connected:
    """The connections that a request runs.

    Raises:
        IntegrationUnusable: The account has none, or none is enabled.
        MimecastError: They cannot be read.
    """
    found = read_connection(client)
    enabled = tuple(each for each in found if each.enabled is not False)
    if not enabled:
        what = (
            "all directory connections are disabled" if found else "the account has no directory connection"
        )
        raise IntegrationUnusable(
            f"Nothing can be synchronised: {what}. Enable or create one in the console ({SYNCHRONISATION_PAGE}), or "
            "with mimecast-sso:directorySynchronisation"
        )
    return Connected(enabled)


def request_run(client: MimecastClient, before: Connected) -> bool:
    """Request a run of every enabled connection. Returns whether Mimecast is known to have accepted the request.

    Raises:
        MimecastError: The request was refused, or could not be sent.
    """

    def ask() -> bool:
        try:
            client.legacy(EXECUTE_SYNC).accepted("run the directory synchronisation")
        except (Forbidden, NotFound) as refused:
            try:
                client.v2("POST", SYNC_REQUESTS_PATH, permission=INTEGRATION_READ)
            except (Forbidden, NotFound):
                raise refused from None
        return True

    def shows() -> bool:
        try:
            return any(each.progress is not Progress.ASKED for each in steps(client, before))
        except (TransportError, RateLimited):
            return False

    try:
        return settle(ask, shows)
    except UnclearOutcome:
        return False  # It may show later: an accepted request may not have started a run yet.


def steps(client: MimecastClient, before: Connected, seen: Sequence[Step] = ()) -> tuple[Step, ...]:
    """The progress of each connection.

    Args:
        client: The client of the account.
        before: The connections before the request.
        seen: The previous result.

    Raises:
        MimecastError: They cannot be read.
    """
    now = read_connection(client)
    ran = {each.description for each in seen if each.progress is Progress.RUNNING}
    left = list(now)
    found = []
    for earlier in before.connections:
        # Ids may differ between reads and descriptions may repeat; the order then identifies them.
        later = next((each for each in left if each.description == earlier.description), None)
        if later is None:
            found.append(Step(earlier.description, Progress.FAILED, None, "Mimecast no longer has it"))
            continue
        left.remove(later)
        progress = _progress(earlier, later, ran=earlier.description in ran or earlier.running is True)
        why = f"its status at Mimecast is {later.status}" if progress is Progress.FAILED else ""
        found.append(Step(earlier.description, progress, later.last_sync, why))
    return tuple(found)


def _progress(before: DirectoryConnection, now: DirectoryConnection, *, ran: bool) -> Progress:
    if now.running:
        return Progress.RUNNING
    bad = now.status not in ("", "ok")
    if bad and (ran or now.status != before.status or now.last_sync != before.last_sync):
        return Progress.FAILED
    return Progress.ENDED if ran or now.last_sync != before.last_sync else Progress.ASKED
