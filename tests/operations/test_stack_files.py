"""Which stack file a command works on, and how a confirmation is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.operations.tenant import connect
from mimecast_sso.settings import Confirmed, Lane
from providers.mimecast.errors import AuthenticationError

ROOT = Path(__file__).resolve().parents[2]
CONFIRMED = Confirmed(
    fingerprint="v1:abc", by="ada@example.com", at="2026-11-22T01:00:00Z", evidence="change CHG-1042"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SANDBOX_INSTANCE", raising=False)
    return tmp_path


def on_sandbox(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SANDBOX_INSTANCE", "an-instance")
    monkeypatch.setenv("SANDBOX_HOME", str(home))


def test_a_real_stack_is_confirmed_in_its_own_file_and_keeps_its_comments(project: Path) -> None:
    stack = open_stack("prod-eu")
    before = stack.file.read_text()
    stack.confirm(CONFIRMED)
    assert stack.file == project / "stacks/Pulumi.prod-eu.yaml"
    assert stack.settings().authentication_profile.confirmed == CONFIRMED
    after = stack.file.read_text()
    assert [line for line in before.splitlines() if "#" in line] == [
        line for line in after.splitlines() if "#" in line
    ]


def test_an_earlier_attestation_stays_in_the_history(project: Path) -> None:
    stack = open_stack("prod-eu")
    second = CONFIRMED.model_copy(update={"by": "grace@example.com", "fingerprint": "v1:0"})
    for each in (CONFIRMED, second):
        stack.confirm(each)
        stack.confirm(each, Lane.SECOND)
    profile = stack.settings().authentication_profile
    assert (profile.confirmed, profile.history) == (second, (CONFIRMED,))
    assert (profile.second.confirmed, profile.second.history) == (second, (CONFIRMED,))


def test_a_rehearsal_works_on_a_copy_that_follows_the_tracked_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_sandbox(monkeypatch, project / "home")
    tracked = project / "stacks/Pulumi.prod-eu.yaml"
    before = tracked.read_text()
    open_stack("prod-eu").confirm(CONFIRMED)
    assert tracked.read_text() == before
    tracked.write_text(before.replace("CUK00A002", "CUK00A009"))
    again = open_stack("prod-eu").settings()
    assert again.account_code == "CUK00A009"
    assert again.authentication_profile.confirmed == CONFIRMED


def test_a_real_stack_needs_the_pulumi_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for wanted in ("auto", "embedded"):
        with pytest.raises(OperationError, match="takes the Pulumi CLI"):
            Engine(open_stack("prod-eu"), wanted)  # type: ignore[arg-type]


def test_an_unknown_stack_names_those_there_are() -> None:
    with pytest.raises(OperationError, match="dev-eu, prod-eu, prod-us, sandbox"):
        open_stack("prod-fr")


def test_the_client_id_of_the_stack_file_serves_commands_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MIMECAST_CLIENT_ID", "MIMECAST_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    stack = open_stack("prod-eu")
    with pytest.raises(AuthenticationError, match=r"^MIMECAST_CLIENT_ID is not set"):
        connect(stack)
    with stack.file.open("a") as file:
        file.write("  mimecast-sso:mimecastClientId: an-id\n")
    with pytest.raises(AuthenticationError, match=r"^MIMECAST_CLIENT_SECRET is not set"):
        connect(stack)
