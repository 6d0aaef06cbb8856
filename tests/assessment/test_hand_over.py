"""A program passes its snapshot to the command that started it, and nothing else."""

from __future__ import annotations

import datetime
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.assessment import assessment, hand_over, plan_digest
from mimecast_sso.settings import from_values
from tests.assessment.worlds import World, attested, deployed, values

SETTINGS = from_values(attested(values()))


def handed_over(file: Path, content: Any) -> Any:
    file.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return hand_over.read(file)


def test_the_command_has_the_programs_own_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    snapshot = World(deployed=deployed(SETTINGS)).snapshot(SETTINGS)
    hand_over.write(snapshot, {hand_over.FILE: str(file)})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = hand_over.read(file)
    assert found is not None
    program, command = (
        assessment.of(SETTINGS, each, SETTINGS.addresses.explicit) for each in (snapshot, found)
    )
    assert plan_digest.digest(command) == plan_digest.digest(program)
    assert command.forecast.people == program.forecast.people


def test_nothing_is_written_unless_asked_nor_over_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot = World().snapshot(SETTINGS)
    hand_over.write(snapshot, {})
    hand_over.write(snapshot, {hand_over.FILE: ""})
    assert [*tmp_path.iterdir()] == []
    file = tmp_path / "mine"
    file.write_text("mine")
    hand_over.write(snapshot, {hand_over.FILE: str(file)})
    hand_over.write(snapshot, {hand_over.FILE: str(tmp_path / "no folder" / "snapshot")})
    assert file.read_text() == "mine"
    assert caplog.messages == [
        f"the snapshot could not be handed over: {why}" for why in ("FileExistsError", "FileNotFoundError")
    ]


class Command:
    """What a hostile file would have run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"\x80\x04.", Command(), {"a": 1}, datetime.date(2026, 11, 30), SETTINGS],
    ids=["empty", "text", "cut off", "a command", "a map", "a day", "settings"],
)
def test_anything_but_a_snapshot_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert handed_over(tmp_path / "snapshot", content) is None
    assert not (tmp_path / "pwned").exists()
    assert hand_over.read(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "name",
    [
        "os\nsystem",
        "builtins\neval",
        "subprocess\nPopen",
        "mimecast_sso.text.foreign\none_line",
        "mimecast_sso.nowhere\nNothing",
    ],
)
def test_only_classes_of_this_project_are_taken(tmp_path: Path, name: str) -> None:
    file = tmp_path / "snapshot"
    assert handed_over(file, f"c{name}\n.".encode()) is None
    with (
        pytest.raises((pickle.UnpicklingError, ImportError), match=r"is not part of a snapshot|No module"),
        file.open("rb") as content,
    ):
        hand_over._Reader(content).load()
