"""Faults and the clock: what a client meets, and the commands that set them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from sandbox.control_client import ControlError
from tests.support.sandboxes import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]
USERS = "https://graph.microsoft.com/v1.0/users"
PATH = "/v1.0/users"


@pytest.fixture(autouse=True)
def clean(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    sandbox.control.faults()
    sandbox.control.set("clock.offset_seconds", None)


def command(sandbox: RunningSandbox, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *words],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_HOME": str(sandbox.home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_answer_is_cut_off(sandbox: RunningSandbox) -> None:
    graph = sandbox.graph()
    sandbox.control.faults({"path": PATH, "answer": "truncated"})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        graph.get(USERS, timeout=10)
    assert graph.get(USERS, timeout=10).status_code == 200


def test_an_answer_is_spoilt_as_asked(sandbox: RunningSandbox) -> None:
    graph = sandbox.graph()
    rows = graph.get(USERS, timeout=10).json()["value"]
    sandbox.control.faults(
        *({"path": PATH, "answer": kind} for kind in ("malformed", "wrong-type", "duplicated"))
    )
    malformed = graph.get(USERS, timeout=10)
    assert malformed.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        malformed.json()
    assert graph.get(USERS, timeout=10).json()["value"] == "text"
    assert graph.get(USERS, timeout=10).json()["value"] == rows + rows
    assert graph.get(USERS, timeout=10).json()["value"] == rows


def test_a_spoilt_answer_to_a_write_comes_after_it_took_effect(sandbox: RunningSandbox) -> None:
    sandbox.control.faults({"method": "POST", "path": "/v1.0/applications", "answer": "malformed"})
    address = "https://graph.microsoft.com/v1.0/applications"
    answer = sandbox.graph().post(address, json={"displayName": "Spoilt"}, timeout=10)
    assert answer.status_code == 201
    made = [application["displayName"] for application in sandbox.control.documents("entra.applications")]
    assert made.count("Spoilt") == 1


def test_a_delay_keeps_the_answer_and_holds_nobody_else_up(sandbox: RunningSandbox) -> None:
    graph = sandbox.graph()
    sandbox.control.faults({"path": PATH, "delay": 0.4})
    before = time.monotonic()
    assert graph.get(USERS, timeout=10).status_code == 200
    assert time.monotonic() - before >= 0.4


@pytest.mark.parametrize(
    "rule",
    [{"hots": "x"}, {"answer": "odd"}, {"path": "("}, "no object"],
    ids=["key", "answer", "pattern", "type"],
)
def test_a_rule_that_would_never_strike_is_refused(sandbox: RunningSandbox, rule: object) -> None:
    with pytest.raises(ControlError, match="fault rule"):
        sandbox.control.faults(rule)  # type: ignore[arg-type]


def test_faults_by_command(sandbox: RunningSandbox) -> None:
    words = ("--host", r"graph\..*", "--status", "429", "--header", "Retry-After: 7", "--times", "2")
    assert command(sandbox, "fault", "set", *words).returncode == 0
    added = command(sandbox, "fault", "set", "--host", "login.*", "--drop", "--after-commit")
    assert (added.returncode, '"drop": true' in added.stdout) == (0, True), added.stderr
    session = sandbox.session()
    answer = session.get(USERS, timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    listed = command(sandbox, "fault", "list").stdout
    assert '"times": 1' in listed
    assert "login.*" in listed
    assert command(sandbox, "fault", "clear").returncode == 0
    assert command(sandbox, "fault", "list").stdout.strip() == "no faults"
    assert command(sandbox, "fault", "set", "--answer", "odd").returncode == 64
    assert command(sandbox, "fault").returncode == 64


def test_the_clock_by_command(sandbox: RunningSandbox) -> None:
    assert "0:15:00 ahead" in command(sandbox, "clock", "+15m").stdout
    moved = command(sandbox, "clock", "+1h")
    assert "1:15:00 ahead" in moved.stdout, moved.stderr
    sandbox.graph()
    stamp = datetime.fromisoformat(sandbox.control.journal()[-1]["time"])
    assert timedelta(minutes=74) < stamp - datetime.now(UTC) < timedelta(minutes=76)
    assert "0:00:00 ahead" in command(sandbox, "clock", "reset").stdout
    assert "0:00:00 ahead" in command(sandbox, "clock").stdout
    for wrong in ("15m", "+15", "soon"):
        assert command(sandbox, "clock", wrong).returncode == 64
