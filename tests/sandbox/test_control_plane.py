"""The control plane: who may use it, and its errors for bad input."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import control_token, lifecycle
from sandbox.control_client import Control, ControlError
from sandbox.environment import running
from tests.support.sandboxes import RunningSandbox, started

ROUTES = [
    ("GET", "status"),
    ("GET", "journal"),
    ("PUT", "settings/entra.lag"),
    ("GET", "faults"),
    ("PUT", "faults"),
    ("POST", "seed"),
    ("GET", "documents/entra.users"),
    ("GET", "documents/entra.users/x"),
    ("PUT", "documents/entra.users/x"),
    ("DELETE", "documents/entra.users/x"),
    ("POST", "stop"),
    ("GET", "nothing"),
]


def ask(
    sandbox: RunningSandbox, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
) -> requests.Response:
    process = running(sandbox.home)
    assert process is not None
    session = requests.Session()
    session.trust_env = False
    url = f"http://{process.proxy}/.sandbox/{path}"
    return session.request(method, url, headers=dict(headers or {}), timeout=10, **more)


def token(sandbox: RunningSandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {control_token.read(sandbox.home)}"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_needs_the_token(sandbox: RunningSandbox, method: str, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer guessed"},
        {"Authorization": token(sandbox)["Authorization"][7:]},
    ):
        assert ask(sandbox, method, path, headers, json={}).status_code == 401
    assert running(sandbox.home) is not None


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "handshake")])
@pytest.mark.parametrize(
    "header",
    [
        {"Host": "evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com:80"},
        {"Host": ""},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_web_pages_and_other_host_names_are_refused(
    sandbox: RunningSandbox, method: str, path: str, header: dict[str, str]
) -> None:
    response = ask(sandbox, method, path, {**token(sandbox), **header}, json={})
    assert response.status_code in {400, 403}, response.text
    assert running(sandbox.home) is not None


def test_a_page_cannot_label_its_text_as_json(sandbox: RunningSandbox) -> None:
    response = ask(sandbox, "POST", "seed", {**token(sandbox), "Content-Type": "text/plain"}, data="{}")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "seed", b"{"),
        ("POST", "seed", b"[]"),
        ("POST", "seed", b"\xff"),
        ("POST", "seed", b"[" * 100_000),
        ("POST", "seed", b'{"users": 1}'),
        ("POST", "seed", b'{"users": [1]}'),
        ("POST", "seed", b'{"tenant": {}}'),
        ("POST", "seed", b'{"users": [{"userPrincipalName": "a@example.com", "nonsense": 1}]}'),
        ("POST", "seed", b'{"groups": [{"displayName": "g", "members": ["nobody@example.com"]}]}'),
        ("PUT", "settings/entra.lag", b""),
        ("PUT", "settings/clock.offset_seconds", b'"soon"'),
        ("PUT", "settings/clock.offset_seconds", b"true"),
        ("PUT", "faults", b"{}"),
        ("PUT", "faults", b"[1]"),
        ("PUT", "faults", b'[{"times": "x"}]'),
        ("PUT", "faults", b'[{"status": "x"}]'),
        ("PUT", "faults", b'[{"status": 99}]'),
        ("PUT", "faults", b'[{"delay": "x"}]'),
        ("PUT", "faults", b'[{"headers": [1]}]'),
        ("PUT", "faults", b'[{"kinds": [{}]}]'),
        ("PUT", "faults", b'[{"path": "("}]'),
        ("PUT", "documents/entra.users/x", b"[]"),
        ("GET", "journal?after=x", b""),
        ("GET", "journal?path=(", b""),
        ("GET", "journal?after=99999999999999999999", b""),
    ],
)
def test_bad_input_is_400_and_changes_nothing(
    sandbox: RunningSandbox, method: str, path: str, body: bytes
) -> None:
    before = sandbox.control.documents("entra.users"), sandbox.control.fault_rules()
    headers = {**token(sandbox), "Content-Type": "application/json"}
    response = ask(sandbox, method, path, headers, data=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]
    assert (sandbox.control.documents("entra.users"), sandbox.control.fault_rules()) == before


def test_the_token_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    with started(home):
        file = home / control_token.TOKEN_FILE
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        readable = [path.name for path in home.iterdir() if path.is_file() and path.name.startswith("world")]
        assert all(stat.S_IMODE((home / name).stat().st_mode) == 0o600 for name in readable)
        first = control_token.read(home)
    assert control_token.ensure(home) == first, "clients survive a restart"
    file.chmod(0o644)
    assert control_token.ensure(home) != first, "somebody else may have read it"
    file.write_text("")
    assert len(control_token.ensure(home)) > 32, "a full disk left an empty one"


def test_without_the_token_a_command_says_why(sandbox: RunningSandbox, tmp_path: Path) -> None:
    process = running(sandbox.home)
    assert process is not None
    with pytest.raises(ControlError, match=r"control\.token cannot be read.*SANDBOX_HOME="):
        Control(process.proxy_port, tmp_path).status()
    assert lifecycle.status(sandbox.home)["running"] is True


def test_the_commands_read_the_token(sandbox: RunningSandbox) -> None:
    response = subprocess.run(
        [sys.executable, "-m", "sandbox", "status"],
        env={"SANDBOX_HOME": str(sandbox.home), "PATH": ""},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (response.returncode, "running since" in response.stdout) == (0, True), response.stderr
