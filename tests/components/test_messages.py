"""How a statement stands in the log of a run."""

from __future__ import annotations

import pulumi
import pytest

from components.messages import say
from mimecast_sso.provenance import How, Statement, Verdict


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    logged: list[tuple[str, str]] = []
    for level in ("info", "warn"):
        monkeypatch.setattr(
            pulumi.log, level, lambda text, resource, level=level: logged.append((level, text))
        )
    return logged


def test_what_was_just_read_is_said_as_it_is_and_anything_else_with_how_it_is_known(
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
