"""A machine clock that differs from the vendors' is reported if that matters. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mimecast_sso.assessment import clocks
from mimecast_sso.provenance import How, Verdict

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("apart", [timedelta(), timedelta(minutes=4, seconds=59)])
def test_a_small_difference_does_not_matter(apart: timedelta) -> None:
    assert clocks.difference(NOW + apart, NOW, "Entra") is None
    assert clocks.difference(NOW - apart, NOW, "Entra") is None


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (timedelta(minutes=5), "5 minutes ahead of"),
        (timedelta(minutes=-59), "59 minutes behind"),
        (timedelta(hours=-1), "1 hour behind"),
        (timedelta(days=2, hours=1), "2 days ahead of"),
        (timedelta(days=-730), "730 days behind"),
    ],
)
def test_a_difference_that_matters_is_reported_with_the_time_that_counts(apart: timedelta, said: str) -> None:
    found = clocks.difference(NOW + apart, NOW, "Mimecast")
    assert found is not None
    assert found.text == (
        f"This machine's clock is {said} Mimecast's. Dates are judged by Mimecast's clock, where it is 2026-11-30 "
        "09:00 UTC; set this machine's"
    )
    assert (found.how, found.source, found.verdict, found.subject) == (
        How.LIVE,
        "Date header",
        Verdict.WARNS,
        "clock",
    )


def test_nobody_sets_their_clock_because_a_sandboxs_was_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_INSTANCE", "1")
    found = clocks.difference(NOW + timedelta(days=2), NOW, "Entra")
    assert found is not None
    assert found.text.endswith("where it is 2026-11-30 09:00 UTC")
