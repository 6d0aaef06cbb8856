"""Directory synchronisation at Mimecast: whether addresses that it owns arrive. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.text.times import shown
from providers.mimecast.directory_connection import DirectoryConnection

OVERDUE = timedelta(days=1)
"""Mimecast support documents three runs a day (article 34000322855699)."""

_SUBJECT = "directory synchronisation"
_SYNCHRONISED = "mimecast-sso:addresses.source is synchronised"


def statements(
    connections: Known[tuple[DirectoryConnection, ...]], now: datetime, *, needed: bool
) -> Iterator[Statement]:
    """Whether the account synchronises a directory, and when that last ran.

    Args:
        connections: As Mimecast has them.
        now: Mimecast's time.
        needed: Whether the configuration takes its addresses from it.
    """
    if connections.value is None:
        yield Statement(
            "Whether the account synchronises a directory",
            How.UNKNOWN,
            connections.source,
            Verdict.UNKNOWN if needed else Verdict.NOTE,
            _SUBJECT,
        )
    elif not connections.value:
        text = "The account synchronises no directory"
        if needed:
            text += f", but {_SYNCHRONISED}: the addresses have to be created by other means"
        yield connections.states(text, Verdict.WARNS if needed else Verdict.NOTE, _SUBJECT)
    else:
        for connection in connections.value:
            problem = _problem(connection, now)
            text = f"“{connection.description}”: {problem or _last(connection)}"
            good = Verdict.FINE if needed else Verdict.NOTE
            yield connections.states(text, Verdict.WARNS if problem else good, _SUBJECT)


def of_snapshot(snapshot: Snapshot) -> Iterator[Statement]:
    """The same of a snapshot, where the configuration takes its addresses from the directory."""
    if snapshot.connections.value is not None or not snapshot.connections.is_known:
        yield from statements(snapshot.connections, snapshot.mimecast_now, needed=True)


def _problem(connection: DirectoryConnection, now: datetime) -> str:
    if connection.enabled is False:
        return "disabled, so no addresses are added or changed"
    if connection.status not in ("", "ok"):
        return f"its status at Mimecast is {connection.status}; {_last(connection)}"
    if connection.last_sync and now - connection.last_sync > OVERDUE:
        return f"overdue: it last ran at {shown(connection.last_sync)}"
    return ""


def _last(connection: DirectoryConnection) -> str:
    if connection.last_sync is None:
        return "Mimecast shows no last run"
    return f"last ran at {shown(connection.last_sync)}"
