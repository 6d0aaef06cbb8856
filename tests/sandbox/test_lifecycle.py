"""The process as its users see it: the command line, the proxy, the handshake, the files that it leaves."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox import authority, lifecycle
from sandbox.__main__ import main
from sandbox.control_client import Control
from sandbox.environment import environment, handshake, running
from tests.support.sandboxes import RunningSandbox, started

ROOT = Path(__file__).resolve().parents[2]


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    lifecycle.stop(home)


def test_a_home_that_cannot_be_written_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(lifecycle.LifecycleError, match=r"file/home cannot be written.*SANDBOX_HOME=<folder>"):
        lifecycle.start(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    "words", ["start", "stop", "status", "env", "reset", "run -- true", "fault list", "seed --stack sandbox"]
)
def test_a_home_that_is_a_file_is_no_traceback(tmp_path: Path, words: str) -> None:
    (tmp_path / "file").touch()
    done = command(tmp_path / "file", *words.split())
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "file") in done.stderr or words == "stop"


def test_data_that_cannot_be_used_is_one_line_with_the_fix(home: Path) -> None:
    home.mkdir()
    (home / "world.sqlite").write_text("not a database, as after a full disk\n" * 100)
    refused = command(home, "start")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "file is not a database. Make room there, or delete the data: mimecast-sso sandbox reset" in line
    assert command(home, "reset").returncode == 0
    assert command(home, "start").returncode == 0


@pytest.mark.parametrize("words", ["stop", "status", "env", "run -- true"])
def test_the_home_of_another_user_is_said_to_be_closed(
    home: Path, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(file: Path, *_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setenv("SANDBOX_HOME", str(home))
    monkeypatch.setattr(Path, "read_text", closed)
    assert main(words.split()) == 1
    assert f"{home / 'process.json'} cannot be used: Permission denied." in capsys.readouterr().err


def test_start_is_idempotent_and_stop_ends_the_process(home: Path) -> None:
    first = command(home, "start")
    assert (first.returncode, "sandbox started" in first.stdout) == (0, True), first.stderr
    process = running(home)
    assert process is not None
    again = command(home, "start")
    assert f"already running: proxy http://{process.proxy}, process {process.pid}" in again.stdout
    assert command(home, "stop").stdout == "sandbox stopped\n"
    assert not (home / "process.json").exists()
    assert handshake(process.proxy_port) is None
    assert command(home, "stop").stdout == "the sandbox was not running\n"


def test_what_needs_a_running_sandbox_says_how_to_start_one(home: Path) -> None:
    for arguments in (["status"], ["env"], ["run", "--", "true"], ["seed", "--stack", "sandbox"]):
        response = command(home, *arguments)
        assert response.returncode == 1
        assert "the sandbox is not running" in response.stderr
        assert "mimecast-sso sandbox start" in response.stderr
    assert json.loads(command(home, "status", "--json").stdout)["running"] is False


def test_unknown_commands_are_usage_errors(home: Path) -> None:
    assert command(home, "dance").returncode == 64
    assert command(home, "run").returncode == 64


def test_instance_ports_and_documents_survive_a_killed_process(home: Path) -> None:
    before, _ = lifecycle.start(home)
    Control(before.proxy_port, home).put("anything", "key", {"value": 1})
    os.kill(before.pid, signal.SIGKILL)
    after, was_started = lifecycle.start(home)
    assert was_started
    assert (after.instance, after.proxy, after.listener) == (before.instance, before.proxy, before.listener)
    assert Control(after.proxy_port, home).get("anything", "key") == {"value": 1}


def test_a_stale_process_file_is_named_and_removed(home: Path) -> None:
    process, _ = lifecycle.start(home)
    os.kill(process.pid, signal.SIGKILL)
    response = command(home, "start")
    assert response.returncode == 0
    assert f"removed the process file of process {process.pid}" in response.stdout


def test_stop_never_signals_a_process_that_is_not_the_sandbox(home: Path) -> None:
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        stale = {"pid": os.getpid(), "instance": "x", "proxy": address, "listener": address, "dns": address}
        (home / "process.json").write_text(json.dumps({**stale, "started": "2026-01-01T00:00:00+00:00"}))
        other.close()
        assert lifecycle.stop(home) is False
    assert not (home / "process.json").exists()


def test_a_taken_port_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        response = command(home, "start", "--port", str(port))
    assert response.returncode == 1
    assert f"port {port} is in use" in response.stderr
    assert "Traceback" not in response.stderr


def test_run_gives_the_command_its_environment_and_its_exit_code(home: Path) -> None:
    lifecycle.start(home)
    response = command(
        home, "run", "--", sys.executable, "-c", "import os; print(os.environ['HTTPS_PROXY']); exit(3)"
    )
    assert (response.returncode, response.stdout.strip()) == (3, environment(home)["HTTPS_PROXY"])
    absent = command(home, "run", "--", "no-such-program")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "there is no no-such-program on the PATH" in absent.stderr


def test_the_environment_has_the_agreed_variables_and_no_others(home: Path) -> None:
    lifecycle.start(home)
    response = command(home, "env", "--format", "json")
    variables = json.loads(response.stdout)
    assert "ARM_METADATA_HOSTNAME" not in variables
    assert "MIMECAST_BASE_URL" not in variables
    assert variables["https_proxy"] == variables["HTTPS_PROXY"]
    assert variables["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert variables["PULUMI_BACKEND_URL"] == f"file://{home}/state"
    assert variables["SANDBOX_INSTANCE"] == (home / "instance").read_text()
    assert "export ARM_USE_CLI=false\n" in command(home, "env").stdout


def test_reset_deletes_the_world_and_the_state_of_stacks(home: Path) -> None:
    process, _ = lifecycle.start(home)
    Control(process.proxy_port, home).put("anything", "key", {"value": 1})
    (home / "state" / "stack.json").write_text("{}")
    (home / "stacks").mkdir()
    assert command(home, "reset").returncode == 0
    assert running(home) is None
    assert not (home / "state").exists()
    assert not (home / "stacks").exists()
    again, _ = lifecycle.start(home)
    assert Control(again.proxy_port, home).get("anything", "key") is None


def test_the_proxy_refuses_and_counts_every_other_host(sandbox: RunningSandbox) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        sandbox.session().get("https://api.pulumi.com/", timeout=10)
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        sandbox.session().get("https://graph.microsoft.com:8443/", timeout=10)
    assert sandbox.session().get("http://example.org/", timeout=10).status_code == 403
    refused = sandbox.control.status()["refused"]
    assert {"api.pulumi.com:443", "graph.microsoft.com:8443", "example.org:80"} <= set(refused)


def test_the_handshake_works_in_both_request_forms(sandbox: RunningSandbox) -> None:
    process = running(sandbox.home)
    assert process is not None
    assert handshake(process.proxy_port) == process.instance
    absolute = sandbox.session().get("http://sandbox/.sandbox/handshake", timeout=10)
    assert absolute.json() == {"product": "mimecast-sso sandbox", "instance": process.instance}


@pytest.mark.parametrize("file", ["ca.pem", "listener.pem", "trust.pem"])
@pytest.mark.parametrize("content", ["", "not a certificate"])
def test_a_damaged_certificate_is_replaced(tmp_path: Path, file: str, content: str) -> None:
    names = ["example.com"]
    authority.server_context(tmp_path, names)
    before = (tmp_path / "listener.pem").read_bytes()
    authority.server_context(tmp_path, names)
    assert (tmp_path / "listener.pem").read_bytes() == before
    (tmp_path / file).write_text(content)
    authority.server_context(tmp_path, names)
    assert (tmp_path / "trust.pem").read_bytes() == (tmp_path / "ca.pem").read_bytes() != content.encode()


def test_every_served_name_is_in_the_certificate(sandbox: RunningSandbox) -> None:
    for host in ("login.microsoftonline.com", "eu-api.mimecast.com", "uspcom-api.mimecast-pscom-us.com"):
        response = sandbox.session().get(f"https://{host}/nothing-here", timeout=10)
        assert response.status_code in {404, 501}


def test_faults_replace_responses_as_often_as_requested(sandbox: RunningSandbox) -> None:
    rule = {"host": "graph.microsoft.com", "path": "/v1.0/domains", "status": 429}
    sandbox.control.faults(
        {**rule, "headers": {"Retry-After": "1"}, "body": {"error": {"code": "TooManyRequests"}}}
    )
    session = sandbox.graph()
    url = "https://graph.microsoft.com/v1.0/domains"
    throttled = session.get(url, timeout=10)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "1")
    assert session.get(url, timeout=10).status_code == 200
    sandbox.control.faults({**rule, "drop": True})
    with pytest.raises(requests.exceptions.ConnectionError):
        session.get(url, timeout=10)


def test_the_journal_keeps_bodies_without_secrets(sandbox: RunningSandbox) -> None:
    last = max((entry["number"] for entry in sandbox.control.journal()), default=0)
    sandbox.graph()
    (entry,) = sandbox.control.journal(host="login.microsoftonline.com", path="token$", after=last)
    assert entry["body"]["grant_type"] == "client_credentials"
    assert entry["body"]["client_secret"] == "[secret]"


def test_two_concurrent_starts_create_one_process(home: Path) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-m", "sandbox", "start"],
            cwd=ROOT,
            env={**os.environ, "SANDBOX_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [starter.communicate(timeout=60)[0] for starter in starters]
    assert sorted("already" in output for output in outputs) == [False, True]


def test_a_second_sandbox_has_its_own_ports_and_world(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with started(tmp_path / "second") as other:
        assert other.env["HTTPS_PROXY"] != sandbox.env["HTTPS_PROXY"]
        assert other.env["SANDBOX_INSTANCE"] != sandbox.env["SANDBOX_INSTANCE"]
