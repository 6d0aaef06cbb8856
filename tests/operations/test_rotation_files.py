"""A rotation in the stack file: comments stay, and a rehearsal does not change the tracked file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.settings import Certificates, Confirmed, ProfileSlot

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATES = """\
  mimecast-sso:certificates:
    rotation: blue-green # agreed in CHG-1042
    # The first one, made by hand.
    generations:
      - label: "2026" # ends with the contract
        endDate: "2029-11-01T00:00:00Z"
    active: "2026"
    soakDays: 7
"""
THUMBPRINT = "A" * 40
NEXT = {"label": "2029", "endDate": "2032-11-01T00:00:00Z", "profile": "second"}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "stacks").mkdir()
    text = (ROOT / "stacks/Pulumi.prod-eu.yaml").read_text(encoding="utf-8")
    before, _, _ = text.partition("  mimecast-sso:certificates:")
    (tmp_path / "stacks/Pulumi.prod-eu.yaml").write_text(before + CERTIFICATES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SANDBOX_INSTANCE", raising=False)
    return open_stack("prod-eu")


def changed(stack: Stack, **values: Any) -> Certificates:
    before = stack.settings().certificates.model_dump(by_alias=True, mode="json")
    return Certificates.model_validate(before | values)


def lines(stack: Stack) -> list[str]:
    return stack.file.read_text(encoding="utf-8").splitlines()


def test_a_staged_generation_is_added_and_nothing_else_is_touched(stack: Stack) -> None:
    before = lines(stack)
    first = stack.settings().certificates.generations[0].model_dump(by_alias=True, mode="json")
    stack.set_certificates(changed(stack, generations=[first, NEXT]))
    after = lines(stack)
    assert [line for line in before if line not in after] == []
    assert [line.strip() for line in after if line not in before] == [
        "- label: '2029'",
        "endDate: '2032-11-01T00:00:00Z'",
        "profile: second",
    ]


def test_a_whole_rotation_reads_back_and_keeps_the_comments(stack: Stack) -> None:
    first = stack.settings().certificates.generations[0].model_dump(by_alias=True, mode="json")
    for values in (
        {"generations": [first, NEXT]},
        {"cutOver": "both"},
        {"active": "2029"},
        {"cutOver": "active"},
        {"generations": [NEXT], "retired": [{"label": "2026", "thumbprint": THUMBPRINT}]},
        {"generations": [NEXT, {**first, "label": "2032"}]},
    ):
        desired = changed(stack, **values)
        stack.set_certificates(desired)
        assert stack.settings().certificates == desired
    text = stack.file.read_text(encoding="utf-8")
    assert "# agreed in CHG-1042" in text
    assert "# Only an existing internal domain is used" in text


def test_rolling_back_restores_the_former_values(stack: Stack) -> None:
    before = lines(stack)
    first = stack.settings().certificates.generations[0].model_dump(by_alias=True, mode="json")
    stack.set_certificates(changed(stack, generations=[first, NEXT]))
    stack.set_certificates(changed(stack, generations=[first]))
    assert lines(stack) == before


def test_the_second_profile_is_confirmed_beside_the_first(stack: Stack) -> None:
    for slot in ProfileSlot:
        stack.confirm(
            Confirmed(
                fingerprint=f"v1:{slot}", by="ada@example.com", at="2026-11-22T01:00:00Z", evidence="x"
            ),
            slot,
        )
    profile = stack.settings().authentication_profile
    found = [profile.confirmed_of(slot) for slot in ProfileSlot]
    assert [each.fingerprint for each in found if each] == ["v1:first", "v1:second"]


def test_a_rehearsal_keeps_its_rotation_until_the_tracked_file_changes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SANDBOX_INSTANCE", "an-instance")
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path / "home"))
    tracked = stack.file.read_text(encoding="utf-8")
    rehearsed = open_stack("prod-eu")
    first = rehearsed.settings().certificates.generations[0].model_dump(by_alias=True, mode="json")
    rehearsed.set_certificates(changed(rehearsed, generations=[first, NEXT]))
    assert stack.file.read_text(encoding="utf-8") == tracked
    assert len(open_stack("prod-eu").settings().certificates.generations) == 2
    stack.file.write_text(tracked.replace("soakDays: 7", "soakDays: 3"), encoding="utf-8")
    assert len(open_stack("prod-eu").settings().certificates.generations) == 1
