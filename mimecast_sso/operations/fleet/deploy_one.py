"""The process that deploys one stack of ``fleet up``: ``mimecast-sso up --stack … --yes``, with its result on disk.

It is a separate process, so that a deployment continues if the run that started it is killed. Its result is
stored for the continued run, which does not deploy the stack again.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.operations.cli import clean_up_on_signals, run
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.fleet.work import ERRORS, OUTCOME, PRINTED, Work
from mimecast_sso.operations.project import Project
from mimecast_sso.text.terminals import READ_BY_PROGRAMS

_LOCK = "deploying.{}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack's deployment in a run."""

    work: Work
    stack: str
    run_id: str
    """Run id: an earlier run may have deployed another configuration."""

    def outcome(self) -> Exit | None:
        """The exit code of the deployment; None if it has not ended yet."""
        found = self.work.read(OUTCOME, self.stack) or {}
        try:
            return Exit(found["exit"]) if found["run"] == self.run_id else None
        except (KeyError, ValueError):
            return None

    def finish(self, code: int) -> None:
        """Store the exit code."""
        self.work.write(OUTCOME, self.stack, {"run": self.run_id, "exit": code})

    def forget(self) -> None:
        """Discard the last result, so that the next deployment starts instead of reusing it."""
        for name in (OUTCOME, PRINTED, ERRORS):
            (self.work.folder / name.format(self.stack)).unlink(missing_ok=True)

    def errors(self) -> str:
        """Its standard error on one line; if empty, the end of its output."""
        return self._said(ERRORS) or self._said(PRINTED)[-500:]

    def _said(self, name: str) -> str:
        try:
            text = (self.work.folder / name.format(self.stack)).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return " ".join(text.split())

    def start(self, project: Project, expect: str) -> Exit:
        """Deploy in a separate process, and wait. If a killed run's deployment is still running, wait for that."""
        command = [sys.executable, "-m", __name__, str(self.work.folder), self.run_id, self.stack, expect]
        with ExitStack() as opened:
            printed, errors = (
                opened.enter_context((self.work.folder / name.format(self.stack)).open("ab"))
                for name in (PRINTED, ERRORS)
            )
            # It may be killed: only the stored result counts.
            subprocess.run(
                command,
                cwd=project.root,
                env=os.environ | READ_BY_PROGRAMS,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=errors,
                check=False,
            )
        outcome = self.outcome()
        return Exit.ERROR if outcome is None else outcome

    def go(self, expect: str) -> None:
        """Deploy in this process, after any other deployment of it has ended, and only if none has a result."""
        with (self.work.folder / _LOCK.format(self.stack)).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.outcome() is None:
                self.finish(
                    run(["up", "--stack", self.stack, "--yes", *(["--expect", expect] if expect else [])])
                )


def main() -> None:
    """Entry point. Arguments: the run's folder, its id, the stack, and the expected digest or ""."""
    clean_up_on_signals()
    folder, run_id, stack, expect = sys.argv[1:]
    Deployment(Work(Path(folder), datetime.now(UTC)), stack, run_id).go(expect)


if __name__ == "__main__":
    main()
