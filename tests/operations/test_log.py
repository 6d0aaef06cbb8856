"""The log of a command: its calls and their results, and no secret."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimecast_sso.operations import log
from mimecast_sso.operations.exit_codes import OperationError
from providers import calls

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJ4In0.c2lnbmF0dXJl"
ASSERTION = "PHNhbWxwOlJlc3BvbnNl" * 20
SECRET = "s3cret+value/1="


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """The loggers as they were."""
    found = [logging.getLogger(name) for name in ("mimecast_sso", "providers")]
    before = [(each, each.handlers, each.level) for each in found]
    raises = logging.raiseExceptions
    yield
    logging.raiseExceptions = raises
    for each, handlers, level in before:
        each.handlers, each.level = handlers, level
        each.setLevel(level)


def test_a_call_is_a_line_with_status_and_duration_and_no_query(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    log.start(["drift", "--stack", "prod-eu"], file, verbose=False)
    with calls.logged("Graph", "GET", "/users?$filter=mail eq 'ada@example.com'") as call:
        call.ended = 200
    with pytest.raises(TimeoutError), calls.logged("Mimecast", "POST", "/api/x"):
        raise TimeoutError
    first, one, other = file.read_text().splitlines()
    assert first.endswith("INFO mimecast-sso drift --stack prod-eu")
    assert one.partition("DEBUG ")[2].startswith("Graph GET /users: 200, 0.")
    assert "Mimecast POST /api/x: TimeoutError, " in other
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {JWT}",
        "Authorization: Bearer opaque-token-1",
        f"token {JWT}.",
        f"SAMLResponse={ASSERTION[:40]}&RelayState=x",
        f"body {ASSERTION}",
        f"proxy http://user:{SECRET}@proxy.example:3128",
        f"client_secret={SECRET}",
    ],
)
def test_what_is_secret_is_left_out(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIMECAST_CLIENT_SECRET", SECRET)
    file = tmp_path / "log.txt"
    log.start([], file, verbose=False)
    logging.getLogger("providers.x").debug("%s", text)
    written = file.read_text()
    assert "[redacted]" in written
    for secret in (JWT, "opaque-token-1", ASSERTION[:40], SECRET):
        assert secret not in written


def test_an_entry_is_one_line_whatever_foreign_names_contain(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    log.start([], file, verbose=False)
    logging.getLogger("providers.x").debug("%s", "a\n2026-01-01 forged\x1b[2J")
    assert len(file.read_text().splitlines()) == 2
    assert "\x1b" not in file.read_text()


def test_warnings_stay_on_standard_error_and_the_rest_needs_v(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for verbose in (False, True):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.start(["verify"], tmp_path / "log.txt", verbose=verbose)
        logging.getLogger("providers.x").debug("a call")
        logging.getLogger("providers.x").warning("look")
        assert "look" in stream.getvalue()
        assert ("a call" in stream.getvalue()) is verbose


def test_a_log_file_that_cannot_be_written_is_reported_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match=r"cannot be written: .*Name another --log-file"):
        log.start([], tmp_path / "nowhere" / "log.txt", verbose=False)


def test_the_command_line_writes_one_and_says_how_it_ended(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    words = [program, "--log-file", "log.txt", "drift", "--stack", "nowhere"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[0].endswith(" mimecast-sso --log-file log.txt drift --stack nowhere")
    assert lines[-1].endswith(f" ended with exit code {ended.returncode}")
