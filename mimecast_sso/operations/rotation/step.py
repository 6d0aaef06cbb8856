"""One planned step of a rotation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.settings import Certificates, ProfileSlot


class Step(StrEnum):
    """The kind of the next step."""

    NONE = "none"
    DEPLOY = "deploy"
    """The configuration is ahead of Entra and Mimecast."""
    CONSOLE = "console"
    """A person has to set a profile and confirm it."""
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
class RotationRefusal:
    """A reason that blocks a step. ``waits``: it ends with time, so no action is needed."""

    text: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """One step: its effect, the configuration after it (``None``: unchanged), and the reasons that block it."""

    step: Step
    text: str
    change: Certificates | None = None
    refusals: tuple[RotationRefusal, ...] = ()
    touches_people: bool = False
    """Whether the step may cause the expected gap."""
    console: ProfileSlot | None = None
    """The profile slot that a person has to set."""

    @property
    def waits(self) -> bool:
        """Whether the step only waits for time to pass."""
        return bool(self.refusals) and all(refusal.waits for refusal in self.refusals)

    @property
    def due(self) -> bool:
        """Whether somebody has to act now."""
        return self.step is not Step.NONE and not self.waits


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """Label and expiry of a new generation (UTC as ``2029-11-01T00:00:00Z``)."""

    label: str
    end_date: str
