"""What a check found, and how it knows: read live, attested by a person, recorded by the last deployment, or unknown.

Unknown is never taken for fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mimecast_sso.provenance import Statement
from mimecast_sso.settings import REFUSED, GuardName, GuardOverride
from mimecast_sso.text.names import enumerate_some


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one guard on one run.

    ``problem`` is "" where the guard is met, else a sentence without its full stop that says how many people would
    be affected by what; ``remedy`` what to do about it. ``final`` problems are not lifted by an override.
    """

    guard: GuardName
    inputs: tuple[Statement, ...] = ()
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
