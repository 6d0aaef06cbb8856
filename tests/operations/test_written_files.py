"""Files that commands write for people: complete, flushed, with their mode, and through links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mimecast_sso.operations.files import write_text


def test_an_existing_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.yaml", tmp_path / "link.yaml"
    kept.write_text("old")
    kept.chmod(0o664)
    link.symlink_to(kept)
    write_text(link, "new")
    assert (link.is_symlink(), kept.read_text(), kept.stat().st_mode & 0o777) == (True, "new", 0o664)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept.yaml", "link.yaml"]


def test_a_new_file_gets_the_mode_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_text(tmp_path / "folder" / "new", "text")
    assert (tmp_path / "folder" / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(file, "new")
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("before", [b"B\xfcro", "name: x\n".encode("utf-16")], ids=["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_replaced(tmp_path: Path, before: bytes) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(before)
    write_text(file, "neu: ü\n")
    assert file.read_text(encoding="utf-8") == "neu: ü\n"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """Like ``/dev/null`` or ``/dev/stdout``, which root could replace by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    write_text(tmp_path / "loop", "text")
    assert (tmp_path / "loop").read_text() == "text"
