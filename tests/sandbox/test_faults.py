"""Faults and the clock: what a client sees, and the commands that set them."""

from __future__ import annotations

import json
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


def test_a_response_is_truncated(sandbox: RunningSandbox) -> None:
    graph = sandbox.graph()
    sandbox.control.faults({"path": PATH, "answer": "truncated"})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        graph.get(USERS, timeout=10)
    assert graph.get(USERS, timeout=10).status_code == 200


def test_a_response_is_corrupted_as_requested(sandbox: RunningSandbox) -> None:
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


def test_a_corrupted_response_to_a_write_follows_its_effect(sandbox: RunningSandbox) -> None:
    sandbox.control.faults({"method": "POST", "path": "/v1.0/applications", "answer": "malformed"})
    address = "https://graph.microsoft.com/v1.0/applications"
    response = sandbox.graph().post(address, json={"displayName": "Spoilt"}, timeout=10)
    assert response.status_code == 201
    made = [application["displayName"] for application in sandbox.control.documents("entra.applications")]
    assert made.count("Spoilt") == 1


def test_a_delay_keeps_the_response_and_delays_no_other_request(sandbox: RunningSandbox) -> None:
    graph = sandbox.graph()
    sandbox.control.faults({"path": PATH, "delay": 0.4})
    before = time.monotonic()
    assert graph.get(USERS, timeout=10).status_code == 200
    assert time.monotonic() - before >= 0.4


@pytest.mark.parametrize(
    "rule",
    [{"hots": "x"}, {"answer": "odd"}, {"path": "("}, "no object", {"kind": "odd"}, {"seed": 1, "rate": 2}],
    ids=["key", "answer", "pattern", "type", "kind", "rate"],
)
def test_a_rule_that_would_never_apply_is_refused(sandbox: RunningSandbox, rule: object) -> None:
    with pytest.raises(ControlError, match="fault rule"):
        sandbox.control.faults(rule)  # type: ignore[arg-type]


def test_the_body_of_a_fault_by_command(sandbox: RunningSandbox) -> None:
    taken = {"error": {"code": "Request_BadRequest", "message": "Another object …"}}
    for text, shown in ((json.dumps(taken), json.dumps(taken, ensure_ascii=False)), ("<html>", "<html>")):
        words = ("--host", r"graph\..*", "--status", "400", "--body", text)
        assert command(sandbox, "fault", "set", *words).returncode == 0
        response = sandbox.session().get(USERS, timeout=10)
        assert response.status_code == 400
        assert json.loads(response.text) == taken if text != "<html>" else shown in response.text


def test_faults_are_set_listed_and_removed_by_command(sandbox: RunningSandbox) -> None:
    words = ("--host", r"graph\..*", "--status", "429", "--header", "Retry-After: 7", "--times", "2")
    assert command(sandbox, "fault", "set", *words).returncode == 0
    added = command(sandbox, "fault", "set", "--host", "login.*", "--drop", "--after-commit")
    assert (added.returncode, '"drop": true' in added.stdout) == (0, True), added.stderr
    session = sandbox.session()
    response = session.get(USERS, timeout=10)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    listed = command(sandbox, "fault", "list").stdout
    assert '"times": 1' in listed
    assert "login.*" in listed
    assert command(sandbox, "fault", "clear").returncode == 0
    assert command(sandbox, "fault", "list").stdout.strip() == "no fault rules"
    assert command(sandbox, "fault", "set", "--answer", "odd").returncode == 64
    assert command(sandbox, "fault").returncode == 64


ACCOUNT = "https://api.services.mimecast.com/api/account/get-account"


def outcomes(sandbox: RunningSandbox, count: int) -> list[str]:
    """What becomes of as many calls of one route."""
    found = []
    session = sandbox.session()
    session.headers["Authorization"] = f"Bearer {mimecast_token(sandbox)}"
    for _ in range(count):
        try:
            response = session.post(ACCOUNT, json={"data": []}, timeout=10)
        except requests.exceptions.RequestException:
            found.append("no response")
        else:
            found.append(f"{response.status_code} {len(response.content)}")
    return found


def mimecast_token(sandbox: RunningSandbox) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.env["MIMECAST_CLIENT_ID"],
        "client_secret": sandbox.env["MIMECAST_CLIENT_SECRET"],
    }
    response = sandbox.session().post("https://api.services.mimecast.com/oauth/token", data=form, timeout=10)
    token: str = response.json()["access_token"]
    return token


def test_random_faults_are_reproducible_by_seed(sandbox: RunningSandbox) -> None:
    words = ("--path", ".*get-account", "--seed", "7", "--rate", "0.5")
    ended = command(sandbox, "fault", "random", *words)
    assert ended.returncode == 0, ended.stderr
    struck = [outcomes(sandbox, 40)]
    listed = command(sandbox, "fault", "list").stdout
    assert '"POST https://api.services.mimecast.com/api/account/get-account": 40' in listed
    for seed in (7, 8):
        sandbox.control.faults({"path": ".*get-account", "seed": seed, "rate": 0.5})
        struck.append(outcomes(sandbox, 40))
    sandbox.control.faults()
    assert struck[0] == struck[1]
    assert struck[0] != struck[2]
    fine = outcomes(sandbox, 1)
    assert 8 <= sum(outcome not in fine for outcome in struck[0]) <= 32
    counted = sandbox.control.status()["faults"]
    assert len({what.partition(":")[0] for what in counted}) >= 6, counted
    assert "faults injected" in command(sandbox, "status").stdout


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("error-before", "500"),
        ("error-after", "500"),
        ("unavailable", "503"),
        ("delay", "200"),
        ("drop-before", "no response"),
        ("drop-after", "no response"),
        ("truncated", "no response"),
        ("malformed", "200"),
        ("wrong-type", "200"),
        ("duplicated", "200"),
        ("quota", "429"),
        ("quota-bare", "429"),
        ("token-expired", "401"),
    ],
)
def test_every_kind_by_its_name(sandbox: RunningSandbox, kind: str, seen: str) -> None:
    sandbox.control.faults({"path": "/api/.*", "kind": kind})
    (outcome,) = outcomes(sandbox, 1)
    assert outcome.startswith(seen)
    assert sandbox.control.fault_rules()[0]["times"] == 0


def test_an_exhausted_quota_with_and_without_headers(sandbox: RunningSandbox) -> None:
    sandbox.control.faults(
        *({"path": "/api/.*|/v1.0/users", "kind": kind, "times": 2} for kind in ("quota", "quota-bare"))
    )
    session = sandbox.session()
    responses = [session.post(ACCOUNT, timeout=10), sandbox.graph().get(USERS, timeout=10)]
    assert [response.status_code for response in responses] == [429, 429]
    assert responses[0].headers["X-RateLimit-Reset"] == "60"
    assert "Retry-After" not in responses[0].headers
    assert responses[1].headers["Retry-After"] == "1"
    assert "X-RateLimit-Reset" not in session.post(ACCOUNT, timeout=10).headers


def test_the_clock_by_command(sandbox: RunningSandbox) -> None:
    assert "0:15:00 ahead" in command(sandbox, "clock", "+15m").stdout
    moved = command(sandbox, "clock", "+1h")
    assert "1:15:00 ahead" in moved.stdout, moved.stderr
    sandbox.graph()
    stamp = datetime.fromisoformat(sandbox.control.journal()[-1]["time"])
    assert timedelta(minutes=74) < stamp - datetime.now(UTC) < timedelta(minutes=76)
    assert "0:00:00 ahead" in command(sandbox, "clock", "reset").stdout
    assert "0:00:00 ahead" in command(sandbox, "clock").stdout
    for wrong in ("15m", "+15", "soon", "+99999999d"):
        assert command(sandbox, "clock", wrong).returncode == 64
