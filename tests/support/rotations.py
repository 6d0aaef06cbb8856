"""Rotations of the signing certificate, with the commands that people type, and with kills in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.journal import may_change
from tests.support.projects import Ended, Project

PEOPLE = ("ada@example.com", "grace@example.com", "alan@example.com")
_MOST_RUNS = 40
_LONGEST = 120.0
_POLL = 0.005
_NAMED = "Step ("
_NOTHING = "Step: Nothing is due"


@dataclass(frozen=True, slots=True)
class Death:
    """A moment at which a command is killed, with everything that it started."""

    name: str
    has_come: Callable[[Project, int, bytes], bool]
    """Called with the project, and the last journal entry and stack file from the start of the command."""


def _written(made: Project, _: int, file: bytes) -> bool:
    return written(made) != file


def _changed_a_vendor(made: Project, entry: int, _: bytes) -> bool:
    return any(may_change(each) for each in made.control.journal(after=entry))


WRITTEN = Death("the step stands in the stack's file", _written)
WORKING = Death("the first change was made at Entra or Mimecast", _changed_a_vendor)


def certificates(made: Project) -> dict[str, Any]:
    """The section as written by the commands."""
    section: dict[str, Any] = made.in_force()["certificates"]
    return section


def written(made: Project) -> bytes:
    """What commands wrote about the stack."""
    return made.written.read_bytes() if made.written.is_file() else b""


def rotate(made: Project, verb: str, *words: str, death: Death | None = None) -> Ended:
    """Run ``mimecast-sso rotate VERB``; with ``death``, killed at that moment (code -9), if it occurs."""
    command = [
        *(sys.executable, "-m", "sandbox", "run", "--"),
        *(str(Path(sys.executable).with_name("mimecast-sso")), "rotate", verb, "--stack", "sandbox", *words),
    ]
    environment = {
        **os.environ,
        "SANDBOX_HOME": str(made.home),
        "NO_COLOR": "1",
        "ENGINE": made.engine,
        "PYTHONUNBUFFERED": "1",  # The output of a killed command is read too.
    }
    file = written(made)
    entry = max((each["number"] for each in made.control.journal()[-1:]), default=0)
    with (made.home / "rotate.log").open("w+b") as output:
        process = subprocess.Popen(
            command,
            cwd=made.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + _LONGEST
        while process.poll() is None:
            assert time.monotonic() < deadline, f"rotate {verb} does not end"
            if death and death.has_come(made, entry, file):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            time.sleep(_POLL)
        output.seek(0)
        return Ended(process.returncode, output.read().decode("utf-8", "replace"))


def do_what_is_due_in_the_console(made: Project) -> None:
    """The sandbox's administrator works through every run sheet, and each is confirmed."""
    for sheet in sorted((made.home / "run-sheet").glob("*.html")):
        filled = made.sandbox("administrator", str(sheet))
        assert filled.code == 0, filled.text
        slot = ("--profile", "second") if "second" in sheet.name else ()
        said = ("--by", "administrator@example.com", "--evidence", "a test")
        confirmed = made.sso("confirm", *slot, *said)
        assert confirmed.code == 0, confirmed.text


def move_clock(made: Project, by: timedelta) -> None:
    """Move the sandbox's clock forward."""
    setting = made.control.get("settings", "clock.offset_seconds") or {"value": 0}
    made.control.set("clock.offset_seconds", setting["value"] + by.total_seconds())


def in_three_years(made: Project, rotation: int) -> str:
    """An expiry for the certificate of rotation number N, later than that of the previous one."""
    setting = made.control.get("settings", "clock.offset_seconds") or {"value": 0}
    now = datetime.now(UTC) + timedelta(seconds=setting["value"])
    return (now + timedelta(days=1000 + rotation)).strftime("%Y-%m-%dT00:00:00Z")


def complete(
    made: Project,
    label: str,
    end_date: str,
    *,
    deaths: Sequence[Death] = (),
    wait: Callable[[], None] = lambda: None,
    console: Callable[[Project], None] = do_what_is_due_in_the_console,
) -> list[str]:
    """One rotation to the generation ``label``, from staging it to retiring the former one. Returns each run's step.

    Each step is killed at each of ``deaths`` in turn, if it comes to that, and run again. ``wait`` is called where
    only time is missing, ``console`` where a person has to act. Raises AssertionError where a run ends in any
    other way.
    """
    said: list[str] = []
    pending = list(deaths)
    for _ in range(_MOST_RUNS):
        words = () if _has(made, label) else ("--label", label, "--end-date", end_date)
        ended = rotate(made, "next", "--apply", "--yes", *words, death=next(iter(pending), None))
        said.append(f"{_step(ended.text, said)}: {ended.code}")
        # A run killed at the very end has left nothing to do.
        if (
            ended.code == 0
            and _is_over(made, label)
            and ("Step (retire): " in ended.text or _NOTHING in ended.text)
        ):
            return said
        if ended.code == -signal.SIGKILL:
            pending.pop(0)
            _unlock(made)
            continue
        pending = list(deaths)
        if ended.code == 4 and any(text in ended.text for text in ("Wait until", "soaks until")):
            wait()
        elif ended.code == 4 and "not attested" in ended.text:
            console(made)
        else:
            assert ended.code == 0, f"{said}\n{ended.text}"
    raise AssertionError(f"The rotation does not end: {said}")


def _unlock(made: Project) -> None:
    """The fix in the message about the killed engine's lock; empty if it was killed before it had one."""
    engine = ["pulumi"] if made.engine == "pulumi" else [sys.executable, "-m", "sandbox.engine"]
    made.sandbox("run", "--", *engine, "cancel", "--yes", "--stack", "sandbox")


def _has(made: Project, label: str) -> bool:
    return any(each["label"] == label for each in certificates(made)["generations"])


def _is_over(made: Project, label: str) -> bool:
    section = certificates(made)
    return [each["label"] for each in section["generations"]] == [label] and section["active"] == label


def _step(text: str, said: Sequence[str]) -> str:
    """The step of a run; a run that only deploys continues the previous, killed one."""
    named = next((line for line in text.splitlines() if line.startswith(_NAMED)), f"{_NAMED}none)")
    name = named.removeprefix(_NAMED).partition(")")[0]
    before, _, code = said[-1].partition(": ") if said else ("", "", "")
    return before if name == "deploy" and code == str(-signal.SIGKILL) else name
