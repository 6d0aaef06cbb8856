"""The stack file that a command works on, and how a confirmation is written."""

from __future__ import annotations

import json
import os
import shutil
import threading
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from mimecast_sso.assessment.drift.keeping import Edit
from mimecast_sso.operations import stacks
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.files import changed_by_one
from mimecast_sso.operations.stacks import open_stack
from mimecast_sso.operations.tenant import connect
from mimecast_sso.settings import ConfigurationError, Confirmed, ProfileSlot, RollOut, Written, from_engine
from providers.mimecast.errors import AuthenticationError

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {"path": "service-principal.notes", "reason": "migration", "until": "2099-12-31"}
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


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_file_keeps_its_line_ends(project: Path, end: str) -> None:
    """Otherwise a file of an editor on Windows would have both, and each change would show all of its comments."""
    file = project / "stacks/Pulumi.prod-eu.yaml"
    file.write_bytes(file.read_text().replace("\n", end).encode())
    before = file.read_bytes().splitlines(keepends=True)
    open_stack("prod-eu").set_roll_out(RollOut(who="none"))
    after = file.read_bytes().splitlines(keepends=True)
    assert {line[len(line.rstrip()) :] for line in after} == {end.encode()}
    assert set(after) - set(before) == {f"    who: none{end}".encode()}


def test_an_earlier_attestation_stays_in_the_history(project: Path) -> None:
    stack = open_stack("prod-eu")
    second = CONFIRMED.model_copy(update={"by": "grace@example.com", "fingerprint": "v1:0"})
    for each in (CONFIRMED, second):
        stack.confirm(each)
        stack.confirm(each, ProfileSlot.SECOND)
    profile = stack.settings().authentication_profile
    assert (profile.confirmed, profile.history) == (second, (CONFIRMED,))
    assert (profile.second.confirmed, profile.second.history) == (second, (CONFIRMED,))


def test_a_rehearsal_leaves_the_tracked_file_alone_and_follows_it(
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


def test_what_a_rehearsal_confirms_stands_before_what_the_tracked_file_has(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that is in use is confirmed for its own tenant, and the sandbox has other certificates."""
    open_stack("prod-eu").confirm(CONFIRMED.model_copy(update={"fingerprint": "v1:real"}))
    on_sandbox(monkeypatch, project / "home")
    open_stack("prod-eu").confirm(CONFIRMED)
    profile = open_stack("prod-eu").settings().authentication_profile
    assert profile.confirmed == CONFIRMED
    assert [each.fingerprint for each in profile.history] == ["v1:real"]


def test_a_roll_out_counts_until_the_tracked_file_has_another(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_sandbox(monkeypatch, project / "home")
    tracked = project / "stacks/Pulumi.prod-eu.yaml"
    open_stack("prod-eu").set_roll_out(RollOut(who="share", share=10))
    assert open_stack("prod-eu").settings().roll_out.share == 10
    tracked.write_text(tracked.read_text().replace("who: pilot", "who: all"))
    assert open_stack("prod-eu").settings().roll_out.who == "all"


def test_the_program_reads_what_commands_wrote_however_the_engine_spells_values(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_sandbox(monkeypatch, project / "home")
    tracked = project / "stacks/Pulumi.prod-eu.yaml"
    tracked.write_text(tracked.read_text().replace('"2029-11-01T00:00:00Z"', "2029-11-01T00:00:00Z"))
    stack = open_stack("prod-eu")
    stack.set_certificates(stack.settings().certificates.model_copy(update={"soak_days": 3}))
    config = yaml.safe_load(tracked.read_text())["config"]
    from_cli = {
        key: value if isinstance(value, str) else json.dumps(value, default=_as_the_cli_writes)
        for key, value in config.items()
    }
    settings = from_engine(from_cli, Written.on_sandbox("prod-eu", os.environ))
    assert settings == open_stack("prod-eu").settings()
    assert settings.certificates.soak_days == 3


def _as_the_cli_writes(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} +0000 UTC"


def test_an_edit_keeps_comments_and_entries_that_stay(project: Path) -> None:
    file = project / "stacks/Pulumi.prod-eu.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["mimecast-sso:addresses"] = {"list": []}
    text = yaml.safe_dump(document, sort_keys=False).replace(
        "list: []",
        "list:\n      - address: Ada@example.com # the pilot\n        name: Ada\n      - address: grace@example.com",
    )
    file.write_text(text)
    rows = [{"address": "ada@example.com", "name": "Ada L"}, {"address": "alan@example.com"}]
    open_stack("prod-eu").change(Edit("addresses", "list", {"list": rows}))
    written = file.read_text()
    assert "# the pilot" in written
    found = open_stack("prod-eu").settings().addresses.explicit
    assert [(each.address, each.name) for each in found] == [
        ("ada@example.com", "Ada L"),
        ("alan@example.com", None),
    ]


def test_an_edit_of_a_section_that_another_key_implies_writes_all_of_it(project: Path) -> None:
    file = project / "stacks/Pulumi.prod-eu.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"] |= {"mimecast-sso:pilot": "ada@example.com,grace@example.com"}
    for key in ("assign", "rollOut"):
        document["config"].pop(f"mimecast-sso:{key}", None)
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    pilot = {"who": "pilot", "pilot": ["ada@example.com"]}
    open_stack("prod-eu").change(Edit("rollOut", "pilot", pilot))
    settings = open_stack("prod-eu").settings()
    assert settings.roll_out == RollOut(who="pilot", pilot=("ada@example.com",))
    assert settings.assign.users == ("ada@example.com", "grace@example.com")


def test_an_edit_of_a_rehearsal_leaves_the_tracked_file_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_sandbox(monkeypatch, tmp_path / "home")
    file = project / "stacks/Pulumi.sandbox.yaml"
    before = file.read_bytes()
    open_stack("sandbox").change(Edit("application", "hide", {"hide": True}))
    open_stack("sandbox").change(Edit("drift", "expected", {"expected": [EXPECTED]}))
    settings = open_stack("sandbox").settings()
    assert settings.application.hide
    assert settings.application.notification_emails == ("identity@example.com",)
    assert settings.drift.expected[0].path == EXPECTED["path"]
    assert file.read_bytes() == before


def test_a_damaged_record_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_sandbox(monkeypatch, project / "home")
    stack = open_stack("prod-eu")
    stack.confirm(CONFIRMED)
    stack.file.write_text("[{")
    with pytest.raises(ConfigurationError, match=r"Pulumi\.prod-eu\.written\.json cannot be read"):
        open_stack("prod-eu").settings()


def test_a_real_stack_needs_the_pulumi_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for desired in ("auto", "embedded"):
        with pytest.raises(OperationError, match="requires the Pulumi CLI"):
            Engine(open_stack("prod-eu"), desired)  # type: ignore[arg-type]


def test_an_unknown_stack_lists_existing_ones() -> None:
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


@pytest.mark.parametrize("sandboxed", [False, True])
def test_two_commands_at_once_lose_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, sandboxed: bool
) -> None:
    """A roll-back while somebody confirms: without its choice in the file, the next deployment adds everybody again."""
    if sandboxed:
        on_sandbox(monkeypatch, project / "home")
    stack = open_stack("sandbox" if sandboxed else "prod-eu")
    started, load = threading.Event(), stacks.load_stack_file

    def noted(path: Path) -> object:
        document = load(path)
        started.set()
        return document

    with changed_by_one(stack.file):
        monkeypatch.setattr(stacks, "load_stack_file", noted)
        confirming = threading.Thread(target=stack.confirm, args=(CONFIRMED,))
        confirming.start()
        assert not started.wait(0.5), "it has read what is about to change"
    confirming.join()
    rolling_back = threading.Thread(target=stack.set_roll_out, args=(RollOut(who="none"),))
    rolling_back.start()
    rolling_back.join()
    assert stack.settings().authentication_profile.confirmed == CONFIRMED
    assert stack.settings().roll_out.who == "none"
