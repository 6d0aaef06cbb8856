"""The data that all parts of one run share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.engine.outcome import Outcome

if TYPE_CHECKING:
    from sandbox.engine.events import Events
    from sandbox.engine.providers import Registry
    from sandbox.engine.snapshot import Journal


@dataclass
class Run:
    """One run.

    Attributes:
        preview: Change nothing.
        parallel: The maximum number of concurrent steps.
        stopped: The run has failed or was cancelled: no new operation starts.
    """

    stack: str
    project: str
    preview: bool
    parallel: int
    continue_on_error: bool
    events: Events
    journal: Journal
    registry: Registry
    outcome: Outcome
    stopped: threading.Event = field(default_factory=threading.Event)

    def fail(self, text: str = "", urn: str = "") -> None:
        """Fail the run, and report the cause unless that was done."""
        if text:
            self.events.diagnostic("error", text, urn)
        self.outcome.ok = False

    def stop(self) -> None:
        """Stop the run: let running operations finish and start no new ones."""
        self.outcome.ok = False
        self.stopped.set()
