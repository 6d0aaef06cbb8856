"""One finding of a drift check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.provenance import How, Known, unknown

_NOT_LOOKED_UP: Known[str] = unknown("not looked up")


class Part(StrEnum):
    """What kind of drift."""

    CHANGED = "changed"
    MISSING = "missing"
    UNMANAGED = "unmanaged"


class Severity(StrEnum):
    """How soon somebody has to look, the most urgent first."""

    URGENT = "urgent"
    """Sign-ins fail, or would fail."""
    LOOK = "look"
    """Without harm yet."""
    INFO = "info"
    """Expected, or not deployed yet."""

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Change:
    """Recorded, live and desired values of one property.

    A set has any number of values, in no order; anything else has one. ``None``: not known, or not applicable.
    """

    recorded: tuple[str, ...] | None = None
    live: tuple[str, ...] | None = None
    desired: tuple[str, ...] | None = None

    @property
    def added(self) -> tuple[str, ...]:
        """Live values that were not recorded."""
        return tuple(each for each in self.live or () if each not in (self.recorded or ()))

    @property
    def removed(self) -> tuple[str, ...]:
        """Recorded values that are not live."""
        return tuple(each for each in self.recorded or () if each not in (self.live or ()))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that differs, is missing, or exists unmanaged.

    Attributes:
        object: What it is about, as people name it: ``application``, ``service principal``, ``address book`` …
        aspect: Which of its properties; "" for the object itself.
        subject: Which one, where there can be several: an address, a name. "" where there is one.
        key: What it is known by for good, for the id: an object id, a thumbprint, an address.
        change: The values.
        targets: Object ids at Entra whose audit log would show the change; empty at Mimecast.
        reasons: Why sign-ins fail that this causes.
        severity: How soon somebody has to look.
        actor: Who did it and when, in words; unknown where no log shows it.
        expected: Until when and why it is expected, in words; "" where it is not.
    """

    part: Part
    object: str
    aspect: str
    subject: str
    key: str
    change: Change
    how: How = How.LIVE
    source: str = ""
    targets: tuple[str, ...] = ()
    reasons: frozenset[Reason] = frozenset()
    severity: Severity = Severity.LOOK
    actor: Known[str] = _NOT_LOOKED_UP
    expected: str = ""

    @property
    def id(self) -> str:
        """The same for the same drift in every run, so that tickets and alerts open and close once."""
        return "/".join(
            each.replace(" ", "-") for each in (self.object, self.aspect, self.part, self.key) if each
        )

    @property
    def path(self) -> str:
        """What ``drift.expected`` names: the object, its property and which one."""
        return ".".join(each for each in (self.object.replace(" ", "-"), self.aspect, self.key) if each)

    @property
    def text(self) -> str:
        """The finding as a sentence, without its values."""
        what = " ".join(each for each in (self.object, self.aspect, self.subject) if each)
        match self.part:
            case Part.MISSING:
                return f"{what} was removed" if self.aspect else f"{what} no longer exists"
            case Part.UNMANAGED:
                return f"{what} is not managed by this stack"
            case _:
                return f"{what} changed"
