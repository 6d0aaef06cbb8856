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
    """How urgent a finding is, the most urgent first."""

    URGENT = "urgent"
    """Sign-ins fail, or would fail."""
    LOOK = "look"
    """No harm yet."""
    INFO = "info"
    """Expected, or not deployed yet."""

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Change:
    """Recorded, live and desired values of one property.

    A set has any number of values in no order; other properties have one. ``None``: unknown or not applicable.
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
        object: The kind of object, in people's words: ``application``, ``service principal``, ``address book`` …
        aspect: The property; "" for the object itself.
        subject: Which object, if there can be several: an address or a name. "" for a single object.
        key: Its permanent key, part of the id: an object id, a thumbprint, an address.
        change: The values.
        targets: Object ids at Entra whose audit log would show the change; empty at Mimecast.
        group: The name of the roll-out group that it is about, by which Mimecast's audit log names it; else "".
        reasons: The reasons for failing sign-ins that it causes.
        severity: How soon somebody has to look.
        actor: Who changed it and when, in words; unknown if no log shows it.
        expected: Until when and why it is expected, in words; "" if it is not.
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
    group: str = ""

    @property
    def id(self) -> str:
        """The id: the same drift has the same id in every run, so that tickets and alerts open and close once."""
        return "/".join(
            each.replace(" ", "-") for each in (self.object, self.aspect, self.part, self.key) if each
        )

    @property
    def path(self) -> str:
        """The name that ``drift.expected`` uses: object, property and subject."""
        return ".".join(each for each in (self.object.replace(" ", "-"), self.aspect, self.key) if each)

    @property
    def text(self) -> str:
        """The finding as a sentence, without its values."""
        what = " ".join(each for each in (self.object, self.aspect, self.subject) if each)
        match self.part:
            case Part.MISSING if self.object == "claims policy":
                return f"{what} is no longer assigned"
            case Part.MISSING:
                return f"{what} was removed" if self.aspect else f"{what} no longer exists"
            case Part.UNMANAGED if self.object == "Conditional Access policy":
                return (
                    f"{what} {'blocks' if self.reasons else 'newly applies to'} sign-ins to this application"
                )
            case Part.UNMANAGED:
                return f"{what} is not managed by this stack"
            case Part.CHANGED if self.aspect == "id":
                return (
                    f"{self.object} {self.subject}".rstrip()
                    + " was deleted and created again outside this stack"
                )
            case _:
                return f"{what} changed"
