"""What a command works on: project, backend, stack and configuration, from flags and environment."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.engine.backend import Backend, Selection
from sandbox.engine.config import StackConfig, find_project
from sandbox.engine.errors import EngineError, NoSuchStackError
from sandbox.engine.plugins import pulumi_home

if TYPE_CHECKING:
    from sandbox.engine.deployment import Target


class Session:
    """One command's surroundings."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        if options.cwd:
            os.chdir(options.cwd)
        self.project = find_project(Path.cwd())
        url = os.environ.get("PULUMI_BACKEND_URL") or (self.project.document.get("backend") or {}).get("url")
        if not url:
            raise EngineError(
                "PULUMI_BACKEND_URL is not set and no sandbox is running: start one with "
                "`python -m sandbox start`, or set PULUMI_BACKEND_URL=file://<folder>"
            )
        self.backend = Backend(str(url), self.project)
        self.selection = Selection(pulumi_home(os.environ), self.backend)

    def stack_name(self, given: str | None = None) -> str:
        """The stack that the command is about, which may not exist.

        Raises:
            EngineError: None was named and none is selected.
        """
        name = given or self._options.stack or os.environ.get("PULUMI_STACK") or self.selection.get()
        if not name:
            raise EngineError(
                "no stack selected; please use `stack select` or `stack init`, or name one with --stack"
            )
        parts = str(name).split("/")
        if len(parts) > 1 and parts[-2] not in (self.project.name, "organization"):
            raise NoSuchStackError(f"no stack named '{name}' found")
        return parts[-1]

    def existing(self, given: str | None = None) -> str:
        """The stack that the command is about; NoSuchStackError if there is none of that name."""
        name = self.stack_name(given)
        if not self.backend.exists(name):
            raise NoSuchStackError(f"no stack named '{name}' found")
        return name

    def config(self, stack: str) -> StackConfig:
        """The stack's configuration."""
        return StackConfig.load(self._options.config_file or self.project.stack_file(stack), self.project)

    def target(self) -> Target:
        """The stack, opened for a run."""
        from sandbox.engine.deployment import Target  # noqa: PLC0415 (not every verb runs anything)

        stack = self.existing()
        target = Target(self.backend, stack, self.config(stack))
        target.open()
        return target
