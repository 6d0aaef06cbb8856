"""One step of a rotation, as it is planned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.settings import Certificates, Lane


class Step(StrEnum):
    """What happens next."""

    NONE = "none"
    DEPLOY = "deploy"
    """The configuration is ahead of the two sides."""
    CONSOLE = "console"
    """A person sets a profile and confirms it."""
    STAGE = "stage"
    OVERLAP = "overlap"
    ACTIVATE = "activate"
    LEAVE = "leave"
    RETIRE = "retire"
    UNSTAGE = "unstage"
    SEPARATE = "separate"
    REACTIVATE = "reactivate"
    REJOIN = "rejoin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step is not made now. ``waits``: only time is missing, so nobody has anything to do."""

    text: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: what it does, the configuration after it (``None``: it changes none), and what forbids it."""

    step: Step
    text: str
    change: Certificates | None = None
    refusals: tuple[Refusal, ...] = ()
    touches_people: bool = False
    """Whether the expected gap is at stake."""
    console: Lane | None = None
    """Whose profile a person sets."""

    @property
    def waits(self) -> bool:
        """Whether only time is missing."""
        return bool(self.refusals) and all(refusal.waits for refusal in self.refusals)

    @property
    def due(self) -> bool:
        """Whether somebody has something to do now."""
        return self.step is not Step.NONE and not self.waits


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """What a generation to come is called and when it ends (UTC as ``2029-11-01T00:00:00Z``)."""

    label: str
    end_date: str
