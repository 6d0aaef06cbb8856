"""Statements in the log of a run."""

from __future__ import annotations

import pulumi
import pytest

from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.registration.messages import say


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    logged: list[tuple[str, str]] = []
    for level in ("info", "warn"):
        monkeypatch.setattr(
            pulumi.log, level, lambda text, resource, level=level: logged.append((level, text))
        )
    return logged


def test_only_values_read_live_are_logged_without_how_they_are_known(
    said: list[tuple[str, str]],
) -> None:
    for statement in (
        Statement("1 address is created", How.LIVE, "Mimecast"),
        Statement("no address", How.LIVE, "Mimecast", Verdict.WARNS),
        Statement("who is assigned", How.UNKNOWN, "HTTP 403", Verdict.UNKNOWN),
    ):
        say(statement, None)  # type: ignore[arg-type]
    assert said == [
        ("info", "1 address is created."),
        ("warn", "no address."),
        ("warn", "who is assigned (unknown: HTTP 403)."),
    ]
