"""Directory synchronisation: what is said of the account's connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mimecast_sso.assessment import synchronisation
from mimecast_sso.provenance import Known, Verdict, live, unknown
from providers.mimecast.directory_connection import DirectoryConnection
from tests.assessment.worlds import NOW

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
        (live((RECENT,)), (Verdict.FINE, Verdict.NOTE), "“Entra”: last ran at 2026-11-22 06:00:00Z"),
        (
            live((replace(RECENT, last_sync=None),)),
            (Verdict.FINE, Verdict.NOTE),
            "Mimecast shows no last run",
        ),
        (live((replace(RECENT, enabled=False),)), (Verdict.WARNS,) * 2, "disabled, so no address arrives"),
        (live((replace(RECENT, status="auth_failed"),)), (Verdict.WARNS,) * 2, "is auth_failed; last ran at"),
        (
            live((replace(RECENT, last_sync=NOW - timedelta(days=2)),)),
            (Verdict.WARNS,) * 2,
            "overdue: it last ran at 2026-11-20 09:00:00Z",
        ),
        (live(()), (Verdict.WARNS, Verdict.NOTE), "The account synchronises no directory"),
        (unknown("403"), (Verdict.UNKNOWN, Verdict.NOTE), "Whether the account synchronises a directory"),
    ],
)
def test_each_state_of_a_connection(found: Connections, verdicts: tuple[Verdict, Verdict], text: str) -> None:
    for needed, verdict in zip((True, False), verdicts, strict=True):
        (statement,) = synchronisation.statements(found, NOW, needed=needed)
        assert (statement.verdict, text in statement.text) == (verdict, True), statement.text
