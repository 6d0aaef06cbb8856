"""Credentials of one stack from the user's own command: what reaches the stack, and how a command can fail."""

from __future__ import annotations

import json
import os
import resource
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mimecast_sso.operations.broker import VARIABLE, with_credentials
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.stacks import Stacks
from providers.deadline import Deadline

SECRET = "a-secret-that-nobody-may-see"
WHOLE = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": SECRET}
OF_THE_PROCESS = {
    "PATH": os.environ["PATH"],
    "VAULT_ADDR": "https://vault.example.com",
    "ARM_TENANT_ID": "another",
    "ARM_CLIENT_CERTIFICATE_PATH": "/another.pfx",
    "ARM_USE_CLI": "true",
    "ARM_ENVIRONMENT": "usgovernment",
    "MIMECAST_CLIENT_ID": "another",
    "MIMECAST_CLIENT_SECRET": "another",
    "MIMECAST_BASE_URL": "https://uk-api.services.mimecast.com",
}
Broker = Callable[[str], dict[str, str]]


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    def made(script: str) -> dict[str, str]:
        file = tmp_path / "get"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return OF_THE_PROCESS | {VARIABLE: "exec:./get --of {stack}"}

    return made


def test_without_a_command_the_environment_is_the_credential(tmp_path: Path) -> None:
    assert with_credentials(OF_THE_PROCESS, "prod-eu", tmp_path) == OF_THE_PROCESS


def test_what_the_command_prints_replaces_every_credential_of_the_environment(
    broker: Broker, tmp_path: Path
) -> None:
    environment = broker(
        f'cat <<\'EOF\'\n{json.dumps(WHOLE)}\nEOF\necho "$2" "$ARM_CLIENT_CERTIFICATE_PATH" >called'
    )
    found = with_credentials(environment, "prod-eu", tmp_path)
    kept = {
        name: environment[name]
        for name in ("PATH", "VAULT_ADDR", "ARM_ENVIRONMENT", "MIMECAST_BASE_URL", VARIABLE)
    }
    assert found == kept | WHOLE | {"ARM_USE_CLI": "false"}
    assert (tmp_path / "called").read_text().split() == ["prod-eu"], (
        "another tenant's credential is not passed on"
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {SECRET} >&2; exit 3", "exit code 3. Its messages are not shown"),
        (f"echo {SECRET}", "printed no JSON object with string values"),
        (f"echo '[\"{SECRET}\"]'", "printed no JSON object with string values"),
        (
            f'echo \'{{"ARM_CLIENT_SECRET": {{"x": "{SECRET}"}}}}\'',
            "printed no JSON object with string values",
        ),
        (f'echo \'{{"PATH": "{SECRET}"}}\'', "printed 1 variable for stack prod-eu besides ARM_*"),
        (
            f'echo \'{{"MIMECAST_SSO_SNAPSHOT": "{SECRET}"}}\'',
            "printed 1 variable for stack prod-eu besides ARM_*",
        ),
        (f'echo \'{{"ARM_CLIENT_SECRET": "{SECRET}\\u0000"}}\'', "printed no JSON object with string values"),
        (f'echo \'{{"ARM_CLIENT_SECRET": "{SECRET}"\'', "printed no JSON object with string values"),
        ("true", "printed no JSON object with string values"),
        ("head -c 100000 /dev/zero", "printed no JSON object with string values"),
        ("cat /dev/zero", "printed no JSON object with string values"),
    ],
)
def test_what_it_printed_is_never_shown(broker: Broker, tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(OperationError) as error:
        with_credentials(broker(script), "prod-eu", tmp_path)
    assert said in str(error.value)
    assert SECRET not in str(error.value)


def test_a_command_that_leaves_a_process_behind_gives_its_credentials(broker: Broker, tmp_path: Path) -> None:
    """Which does not keep the check waiting."""
    found = with_credentials(
        broker(f"sleep 3 >/dev/null & cat <<'EOF'\n{json.dumps(WHOLE)}\nEOF"), "prod-eu", tmp_path
    )
    assert found["ARM_CLIENT_SECRET"] == WHOLE["ARM_CLIENT_SECRET"]


def test_a_command_that_closes_its_output_and_goes_on_is_killed(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="within 0\\.3 seconds"):
        with_credentials(broker("exec >&-; sleep 60"), "prod-eu", tmp_path, timeout=0.3)


def test_a_process_with_many_open_files_gets_them_too(broker: Broker, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        found = with_credentials(broker(f"cat <<'EOF'\n{json.dumps(WHOLE)}\nEOF"), "prod-eu", tmp_path)
    finally:
        for each in files:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found["ARM_CLIENT_SECRET"] == SECRET


def test_the_time_of_a_stack_includes_its_command(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "Pulumi.prod-eu.yaml").write_text("config: {}\n")
    project = Project(tmp_path, "p", stacks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "exec:sleep 60")
        begun = time.monotonic()
        with pytest.raises(OperationError, match="gave no credentials for stack prod-eu within"):
            Stacks(project, ["prod-eu"]).open("prod-eu", Deadline(0.3))
    assert time.monotonic() - begun < 20


def test_a_hanging_command_is_killed_with_its_children(broker: Broker, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(OperationError, match=r"gave no credentials for stack prod-eu within 0\.2 seconds"):
        with_credentials(broker("sleep 60 | cat"), "prod-eu", tmp_path, timeout=0.2)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("variable", "stack", "said"),
    [
        ("./get", "prod-eu", f"{VARIABLE} does not start with exec:"),
        ("exec:", "prod-eu", "names no command"),
        ("exec:'./get", "prod-eu", "a quotation mark that is not closed"),
        (
            "exec:./none {stack}",
            "prod-eu",
            "./none, which MIMECAST_SSO_CREDENTIALS names, cannot be run: No such file",
        ),
        ("exec:./get {stack}", "-rf", "cannot be passed to the command"),
        ("exec:./get {stack}", "a;b", "cannot be passed to the command"),
    ],
)
def test_a_command_that_cannot_be_run_is_named(tmp_path: Path, variable: str, stack: str, said: str) -> None:
    with pytest.raises(OperationError) as error:
        with_credentials(OF_THE_PROCESS | {VARIABLE: variable}, stack, tmp_path)
    assert said in str(error.value)
