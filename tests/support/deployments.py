"""Projects at shared starting points: each is deployed once per run and then copied.

A starting point is a function of a seeded project, such as `claimed`. Changing a copy affects no other test.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.projects import Project, bare, project, running

Beginning = Callable[[Project], None]
_KEPT = ("stacks", "build")
_HOME = ".sandbox"
# A sandbox's ports are not copied: two copies cannot use the same ones.
_OF_ONE_SANDBOX = shutil.ignore_patterns("ports.json", "*.lock", "lock")


def due(made: Project) -> None:
    """The shipped stack, deployed for the first time: its console work is due."""
    run = made.up()
    assert run.code == 0, run.text


def confirmed(made: Project) -> None:
    """The console work is done and confirmed."""
    due(made)
    made.do_the_console_work()


def claimed(made: Project) -> None:
    """The tutorial is done: everybody is in the roll-out group."""
    confirmed(made)
    run = made.up()
    assert run.code == 0, run.text


def due_for_a_pilot(made: Project) -> None:
    """As `due`; Ada is the pilot."""
    made.configure(
        rollOut={"group": "Personal Portal single sign-on", "who": "pilot", "pilot": ["ada@example.com"]}
    )
    due(made)


def with_a_pilot(made: Project) -> None:
    """The tutorial is done for Ada alone."""
    due_for_a_pilot(made)
    made.do_the_console_work()
    run = made.up()
    assert run.code == 0, run.text


def seeded(_: Project) -> None:
    """Nothing is deployed yet."""


@dataclass(frozen=True, slots=True)
class Deployments:
    """Starting points shared by the workers of one test run, stored in ``folder``."""

    folder: Path

    @contextmanager
    def project(self, folder: Path, begin: Beginning, engine: str = "embedded") -> Iterator[Project]:
        """A copy in ``folder`` of the project prepared by ``begin``, with its sandbox started."""
        kept = self._kept(begin, engine)
        bare(folder)
        copy(kept, folder)
        with running(folder, engine) as made:
            yield made

    def _kept(self, begin: Beginning, engine: str) -> Path:
        """The folder to copy; the first worker that needs it creates it, and the others wait."""
        kept = self.folder / f"{begin.__module__}.{begin.__qualname__}-{engine}"
        self.folder.mkdir(exist_ok=True)
        with kept.with_name(f"{kept.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                part = kept.with_name(f"{kept.name}.part")
                shutil.rmtree(part, ignore_errors=True)  # of a failed attempt
                part.mkdir()
                with project(part, engine) as made:
                    begin(made)
                part.rename(kept)
        return kept


def copy(project: Path, to: Path) -> None:
    """Copy everything but the code of a project whose sandbox is stopped, overwriting ``to``."""
    for name in (*_KEPT, _HOME):
        shutil.rmtree(to / name, ignore_errors=True)
        if (project / name).exists():
            shutil.copytree(project / name, to / name, ignore=_OF_ONE_SANDBOX)
