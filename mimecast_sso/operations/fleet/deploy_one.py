"""The process that deploys one stack of ``fleet up``: ``mimecast-sso up --stack … --yes``, and how it ended, on disk.

It is a process of its own, so that a deployment under way goes on when the run that began it is killed. Its outcome is
kept for the run that continues: no stack is deployed again that was deployed.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mimecast_sso.operations.cli import run
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.fleet.work import ERRORS, OUTCOME, PRINTED, Work
from mimecast_sso.operations.project import Project

_LOCK = "deploying.{}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack's deployment in a run."""

    work: Work
    stack: str
    run_id: str
    """What an earlier run deployed was another configuration, perhaps."""

    def outcome(self) -> Exit | None:
        """The exit code that it ended with; nothing where it did not end yet."""
        found = self.work.read(OUTCOME, self.stack) or {}
        try:
            return Exit(found["exit"]) if found["run"] == self.run_id else None
        except (KeyError, ValueError):
            return None

    def finish(self, code: int) -> None:
        """Keeps the exit code."""
        self.work.write(OUTCOME, self.stack, {"run": self.run_id, "exit": code})

    def forget(self) -> None:
        """Has the next deployment begin, rather than take the outcome of the last one."""
        for name in (OUTCOME, PRINTED, ERRORS):
            (self.work.folder / name.format(self.stack)).unlink(missing_ok=True)

    def errors(self) -> str:
        """What it said on standard error, on one line; without that the end of what it printed."""
        return self._said(ERRORS) or self._said(PRINTED)[-500:]

    def _said(self, name: str) -> str:
        try:
            text = (self.work.folder / name.format(self.stack)).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return " ".join(text.split())

    def start(self, project: Project, expect: str) -> Exit:
        """Deploys it in a process of its own, and waits. A deployment under way, of a killed run, is waited for."""
        command = [sys.executable, "-m", __name__, str(self.work.folder), self.run_id, self.stack, expect]
        with ExitStack() as opened:
            printed, errors = (
                opened.enter_context((self.work.folder / name.format(self.stack)).open("ab"))
                for name in (PRINTED, ERRORS)
            )
            # It may be killed: what counts is what it left.
            subprocess.run(
                command,
                cwd=project.root,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=errors,
                check=False,
            )
        outcome = self.outcome()
        return Exit.ERROR if outcome is None else outcome

    def go(self, expect: str) -> None:
        """Deploys it in this process, once no other does, and only where none has."""
        with (self.work.folder / _LOCK.format(self.stack)).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.outcome() is None:
                self.finish(
                    run(["up", "--stack", self.stack, "--yes", *(["--expect", expect] if expect else [])])
                )


def main() -> None:
    """Entry point: folder of the run, its id, the stack, and the digest that is expected, or ""."""
    folder, run_id, stack, expect = sys.argv[1:]
    Deployment(Work(Path(folder), datetime.now(UTC)), stack, run_id).go(expect)


if __name__ == "__main__":
    main()
