"""The result of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.engine.values import Properties


@dataclass
class Outcome:
    """The result of a run.

    Attributes:
        ok: Whether every operation that started succeeded.
        doubtful: Whether a provider could not tell the state of an object.
        changes: Operation to number of resources, `same` included.
        outputs: The stack's outputs for display; None if unchanged or not run.
        protected: Protected resources that a destroy kept, and those that they need.
        empty: Nothing is left in the state.
    """

    ok: bool = True
    canceled: bool = False
    doubtful: bool = False
    seconds: float = 0.0
    changes: dict[str, int] = field(default_factory=dict)
    outputs: Properties | None = None
    old_outputs: Properties = field(default_factory=dict)
    protected: int = 0
    empty: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything changed."""
        return any(count for op, count in self.changes.items() if op != "same")
