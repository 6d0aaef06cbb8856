"""A deployed project that tests share: deployed once, and restored before each test."""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox import lifecycle
from sandbox.control_client import Control
from tests.support import commands
from tests.support.projects import Project

_KEPT = ("stacks", "build")


class SavedProject:
    """A project's stack files, state, run sheets and sandbox world, as of the creation of this object."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._folder = folder
        lifecycle.stop(project.home)
        shutil.copytree(project.home, folder / "home")
        for name in _KEPT:
            if (project.folder / name).exists():
                shutil.copytree(project.folder / name, folder / name)
        self._start()

    def restore(self) -> Project:
        """Restore the project and restart its sandbox."""
        lifecycle.stop(self._project.home)
        shutil.rmtree(self._project.home)
        shutil.copytree(self._folder / "home", self._project.home)
        for name in _KEPT:
            shutil.rmtree(self._project.folder / name, ignore_errors=True)
            if (self._folder / name).exists():
                shutil.copytree(self._folder / name, self._project.folder / name)
        return self._start()

    def _start(self) -> Project:
        with commands.forking():
            process, _ = lifecycle.start(self._project.home)
        made = self._project
        return Project(made.folder, made.home, made.engine, Control(process.proxy_port, made.home))
