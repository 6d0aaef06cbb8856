"""The finding of a guard, and the text of a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mimecast_sso.provenance import Statement
from mimecast_sso.settings import REFUSED, GuardOverride
from mimecast_sso.text.names import enumerate_some


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """The verdict of one guard on one run.

    Attributes:
        guard: Its name, under which it is overridden.
        problem: A sentence without its full stop.
        affected: Who is affected, sorted.
        details: The problem for each group of people, a line each.
        known: The facts that the finding is based on.
        remedy: The smallest change that would make the run safe, imperative; "" if only an override is possible.
        final: Whether it cannot be overridden.
    """

    guard: str
    problem: str
    affected: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    known: tuple[Statement, ...] = ()
    remedy: str = ""
    final: bool = False

    def refusal(self) -> str:
        """The text that stops a run: who is affected and why, how that is known, what to do, how to override it."""
        return "\n".join([f"{REFUSED} {self.guard}: {self.problem}.", *self._lines()])

    def overridden(self, override: GuardOverride) -> str:
        """The warning in a run that continues because of an override."""
        return (
            f"Guard {self.guard} is overridden until {override.until}: {override.reason}. It would have refused: "
            f"{self.problem}." + "".join(f" {each}." for each in self.details)
        )

    def _lines(self) -> Iterator[str]:
        yield from (f"  {each}" for each in self.details)
        if self.affected:
            yield f"  Affected, {len(self.affected)}: {enumerate_some(self.affected)}"
        if self.known:
            yield "  Known:"
        yield from (f"    {each}" for each in self.known)
        if self.remedy:
            yield f"  What to do: {self.remedy}."
        if not self.final:
            way = "Or override it" if self.remedy else "What to do: override it"
            yield f"  {way}: mimecast-sso:guards: [{{name: {self.guard}, reason: …, until: YYYY-MM-DD}}]"


def expired(override: GuardOverride) -> str:
    """The warning about an expired override."""
    return (
        f"The override for guard {override.name} expired on {override.until} and is ignored ({override.reason}). "
        "Remove it from mimecast-sso:guards, or give it a later date."
    )
