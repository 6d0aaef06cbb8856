"""Directory synchronisation: what is said of the account's connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from mimecast_sso.assessment import synchronisation
from mimecast_sso.provenance import Known, Verdict, live, unknown
from mimecast_sso.settings import from_values
from providers.mimecast.directory_connection import DirectoryConnection
from tests.assessment.worlds import NOW, World, values

RECENT = DirectoryConnection(
    description="Entra",
    kind="azure",
    enabled=True,
    status="ok",
    last_sync=NOW - timedelta(hours=3),
    running=False,
    domains=(),
    disables_accounts=True,
    deletes_users=False,
)

Connections = Known[tuple[DirectoryConnection, ...]]


@pytest.mark.parametrize(
    ("found", "verdicts", "text"),
    [
        # Named in ASCII: pytest escapes other ids once more each time it collects in one process, as mutmut does.
        pytest.param(
            live((RECENT,)),
            (Verdict.FINE, Verdict.NOTE),
            "“Entra”: last ran at 2026-11-22 06:00:00Z",
            id="runs and is well",
        ),
        (
            live((replace(RECENT, last_sync=None),)),
            (Verdict.FINE, Verdict.NOTE),
            "Mimecast shows no last run",
        ),
        (
            live((replace(RECENT, enabled=False),)),
            (Verdict.WARNS,) * 2,
            "disabled, so no addresses are added",
        ),
        (live((replace(RECENT, status="auth_failed"),)), (Verdict.WARNS,) * 2, "is auth_failed; last ran at"),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=2)),)),
            (Verdict.WARNS,) * 2,
            "overdue: it last ran at 2026-11-20 09:00:00Z",
        ),
        (live(()), (Verdict.WARNS, Verdict.NOTE), "The account synchronises no directory"),
        (unknown("403"), (Verdict.UNKNOWN, Verdict.NOTE), "Whether the account synchronises a directory"),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=1)),)),
            (Verdict.FINE, Verdict.NOTE),
            "last ran at 2026-11-21 09:00:00Z",
        ),
        (
            live((replace(RECENT, status=""),)),
            (Verdict.FINE, Verdict.NOTE),
            "last ran at 2026-11-22 06:00:00Z",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_of_a_connection(
    found: Connections, verdicts: tuple[Verdict, Verdict], text: str, snapshot: SnapshotAssertion
) -> None:
    for needed, verdict in zip((True, False), verdicts, strict=True):
        (statement,) = synchronisation.statements(found, NOW, needed=needed)
        assert (statement.verdict, text in statement.text) == (verdict, True), statement.text
        assert (statement.subject, str(statement)) == snapshot


def test_a_snapshot_tells_where_the_configuration_takes_its_addresses_from_the_directory() -> None:
    settings = from_values(values())
    assert list(synchronisation.of_snapshot(World().snapshot(settings))) == []
    for found, verdict in (
        (live((RECENT,)), Verdict.FINE),
        (live(()), Verdict.WARNS),
        (unknown("x"), Verdict.UNKNOWN),
    ):
        (said,) = synchronisation.of_snapshot(World(changes={"connections": found}).snapshot(settings))
        assert said.verdict is verdict
