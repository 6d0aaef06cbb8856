"""Output that is not UTF-8, or not read to its end, does not interrupt a deployment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.projects import Project, project

pytestmark = pytest.mark.xdist_group("terminals")

LATIN = {"PYTHONIOENCODING": "latin-1"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("project"), "embedded") as deployed:
        yield deployed


def closed_early(made: Project, *words: str) -> int:
    """The exit code of a command whose output is piped into head, which reads one line."""
    done = subprocess.run(
        ["bash", "-c", f'{shlex.join(words)} | head -n 1 >/dev/null; exit "${{PIPESTATUS[0]}}"'],
        cwd=made.folder,
        env={**os.environ, "SANDBOX_HOME": str(made.home), "ENGINE": "embedded"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("onto", "code", "said"),
    [
        (">&-", 2, ""),
        ("2>&-", 2, ""),
        ("<&-", 2, ""),
        (
            ">/dev/full",
            2,
            "could not be written: No space left on device. Its text is incomplete; the command ended",
        ),
    ],
)
def test_a_stream_that_is_closed_or_full_does_not_stop_a_command(
    made: Project, onto: str, code: int, said: str
) -> None:
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    words = (sys.executable, "-m", "sandbox", "run", "--", program, "preview", "--stack", "sandbox")
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(words)} {onto}"],
        cwd=made.folder,
        env={**os.environ, "SANDBOX_HOME": str(made.home), "ENGINE": "embedded"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "punycode", "cp437:strict"])
@pytest.mark.parametrize("verbose", [(), ("--verbose",)], ids=["concise", "verbose"])
def test_the_encoding_of_the_terminal_is_not_that_of_the_plugins(
    made: Project, encoding: str, verbose: tuple[str, ...]
) -> None:
    """Plugins print the port on which they listen; in UTF-16 no engine finds it."""
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    words = [sys.executable, "-m", "sandbox", "run", "--", program, "preview", "--stack", "sandbox", *verbose]
    chosen = {"SANDBOX_HOME": str(made.home), "ENGINE": "embedded", "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        words, cwd=made.folder, env={**os.environ, **chosen}, capture_output=True, check=False
    )
    name = encoding.partition(":")[0]
    shown = done.stdout.decode(name if name != "punycode" else "ascii", errors="replace")
    assert done.returncode == 2, shown + done.stderr.decode(name, errors="replace")
    assert "Guards: all passed" in shown


def test_a_report_that_was_cut_off_is_not_a_success(made: Project) -> None:
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    done = subprocess.run(
        ["bash", "-c", '"$0" stacks --format json >/dev/full', program],
        cwd=made.folder,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, "could not be written" in done.stderr) == (1, True), done.stderr


def test_the_tutorial_in_other_encodings_and_into_closed_pipes(made: Project) -> None:
    """One sequence, so that each step builds on the previous one's real result."""
    evidence = "geprüft am Bildschirm"
    first = made.sso("up", "--yes", **LATIN)
    assert first.code == 0, first.text
    sheet = str(made.home / "run-sheet/sandbox.html")
    assert closed_early(made, sys.executable, "-m", "sandbox", "administrator", sheet) == 0
    confirmed = made.sso("confirm", "--by", "jörg@example.com", "--evidence", evidence, **ASCII)
    assert confirmed.code == 0, confirmed.text
    attested = made.in_force()["authenticationProfile"]["confirmed"]
    assert (attested["by"], attested["evidence"]) == ("jörg@example.com", evidence)
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    command = (sys.executable, "-m", "sandbox", "run", "--", program, "up", "--stack", "sandbox", "--yes")
    assert closed_early(made, *command) == 0
    drift = made.sso("drift", **ASCII)
    assert drift.code == 0, drift.text
    signed_in = made.sandbox("login", "ada@example.com")
    assert signed_in.code == 0, "the console work or the deployment stopped with its output"
