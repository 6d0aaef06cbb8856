"""What a check found, and how it knows: read live, attested by a person, recorded by the last deployment, or unknown.

Unknown is never taken for fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from mimecast_sso.settings import REFUSED, GuardName, GuardOverride
from mimecast_sso.text.names import enumerate_some

T = TypeVar("T")


class How(StrEnum):
    """How something is known."""

    LIVE = "read live"
    ATTESTED = "attested"
    CONFIGURED = "stack file"
    RECORDED = "last deployment"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value and how it is known; ``value`` counts for nothing where ``how`` is unknown."""

    value: T | None
    how: How
    source: str = ""
    """Where it was read, who said it and when, or why it is unknown."""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.how is not How.UNKNOWN


def live(value: T, source: str = "") -> Known[T]:
    """A value that was just read."""
    return Known(value, How.LIVE, source)


def unknown(source: str) -> Known[T]:
    """Nothing, and why."""
    return Known(None, How.UNKNOWN, " ".join(source.split()))


@dataclass(frozen=True, slots=True)
class Input:
    """What a guard looked at, in words."""

    what: str
    how: How
    source: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.how}{f': {self.source}' if self.source else ''})"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one guard on one run.

    ``problem`` is "" where the guard is met, else a sentence without its full stop that says how many people would
    be affected by what; ``remedy`` what to do about it. ``final`` problems are not lifted by an override.
    """

    guard: GuardName
    inputs: tuple[Input, ...] = ()
    problem: str = ""
    affected: tuple[str, ...] = ()
    remedy: str = ""
    final: bool = False

    @property
    def met(self) -> bool:
        """Whether the run may go on, for all that this guard knows."""
        return not self.problem

    def refusal(self) -> str:
        """The text that stops a run: who is affected, how that is known, what to do, how to lift the guard."""
        return "\n".join([f"{REFUSED} {self.guard}: {self.problem}.", *self._details()])

    def lifted(self, override: GuardOverride) -> str:
        """The text of a run that goes on all the same."""
        return (
            f"Guard {self.guard} is lifted until {override.until}: {override.reason}. It would have refused: "
            f"{self.problem}."
        )

    def _details(self) -> Iterator[str]:
        if self.affected:
            yield f"  Affected, {len(self.affected)}: {enumerate_some(self.affected)}"
        if self.inputs:
            yield "  Known:"
        yield from (f"    {each}" for each in self.inputs)
        yield f"  What to do: {self.remedy}."
        if not self.final:
            yield (
                f"  Or lift it by name: mimecast-sso:guards: [{{name: {self.guard}, reason: …, until: YYYY-MM-DD}}]"
            )


def ended(override: GuardOverride) -> str:
    """What is said of an override that no longer counts."""
    return (
        f"The override of guard {override.name} ended on {override.until} and counts no more ({override.reason}). "
        "Remove it from mimecast-sso:guards, or give it a new end."
    )
