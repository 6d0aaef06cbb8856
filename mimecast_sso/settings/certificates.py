"""The generations of signing certificates, and how they rotate."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from mimecast_sso.facts.profile_form import PROPAGATION_MINUTES
from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import Label, Prose, Thumbprint, UtcTime, WholeNumber


class ProfileSlot(StrEnum):
    """A profile slot: one of the two chains of profile, application settings and group at Mimecast."""

    FIRST = "first"
    SECOND = "second"

    @property
    def other(self) -> ProfileSlot:
        """The other slot."""
        return ProfileSlot.SECOND if self is ProfileSlot.FIRST else ProfileSlot.FIRST


class RotationMode(StrEnum):
    """How Mimecast comes to trust the next certificate."""

    SINGLE = "single"
    """One profile: its certificate is replaced by hand, with a gap."""
    BLUE_GREEN = "blue-green"
    """A second profile holds the next certificate, and people move from one group to the other."""
    METADATA = "metadata"
    """The profile monitors the federation metadata."""


class CutOver(StrEnum):
    """The slots that people are in."""

    ACTIVE = "active"
    """In the profile slot of the active generation."""
    BOTH = "both"
    """In both, while Entra switches from one certificate to the other."""


class Generation(SettingsSection):
    """One signing certificate."""

    label: Label = Field(
        examples=["2026"],
        description="Its name in this file; part of a resource's name, so it never changes.",
    )
    end_date: UtcTime = Field(
        alias="endDate",
        examples=["2029-11-01T00:00:00Z"],
        description="When the certificate expires; three years from now at most.",
    )
    profile: ProfileSlot = Field(
        ProfileSlot.FIRST,
        description="The authentication profile that holds it; second only with rotation: blue-green.",
        examples=["second"],
    )


class Retired(SettingsSection):
    """A retired generation, whose certificate is removed from Entra."""

    label: Label = Field(examples=["2026"], description="The label of the former generation.")
    thumbprint: Thumbprint = Field(
        examples=["0123456789ABCDEF0123456789ABCDEF01234567"], description="Its SHA-1 thumbprint."
    )


class MetadataObserved(SettingsSection):
    """An attestation that Mimecast followed a change of the metadata once in this tenant."""

    by: Prose = Field(examples=["ada@example.com"], description="Who attests.")
    at: UtcTime = Field(examples=["2026-11-01T09:00:00Z"], description="When it was observed.")
    evidence: Prose = Field(
        examples=["change CHG-1042: followed within 20 minutes, no sign-in refused"],
        description="The evidence.",
    )


class Window(SettingsSection):
    """When people's sign-in may be changed, and who approved it."""

    not_before: UtcTime = Field(
        alias="notBefore",
        examples=["2026-11-07T20:00:00Z"],
        description="No step that affects sign-in runs earlier.",
    )
    approved_by: Prose | None = Field(
        None,
        alias="approvedBy",
        examples=["grace@example.com"],
        description="Who approved it; cleared at the end of the rotation.",
    )


class Certificates(SettingsSection):
    """The generations of signing certificates, oldest first, and the one that signs."""

    generations: tuple[Generation, ...] = Field(
        examples=[[{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}]], min_length=1
    )
    active: Label = Field(examples=["2026"], description="The label of the generation that signs.")
    rotation: RotationMode = Field(
        RotationMode.SINGLE, description="How Mimecast comes to trust the next one.", examples=["blue-green"]
    )
    cut_over: CutOver = Field(
        CutOver.ACTIVE,
        alias="cutOver",
        description="Blue/green: in which profile slots people are; both only while the active generation changes.",
        examples=["both"],
    )
    retired: tuple[Retired, ...] = Field(
        (),
        description="Certificates that are removed from Entra.",
        examples=[[{"label": "2026", "thumbprint": "0123456789ABCDEF0123456789ABCDEF01234567"}]],
    )
    settled_losses: tuple[Prose, ...] = Field(
        (),
        alias="settledLosses",
        description="References, as drift, verify and rotate show them, of external changes that a deployment undid "
        "and that are settled.",
        examples=[["1a2b3c4d-0000-4000-8000-000000000001"]],
    )
    metadata_observed: MetadataObserved | None = Field(None, alias="metadataObserved")
    window: Window | None = Field(
        None, description="If set, required before a step that affects people's sign-in."
    )
    wait_minutes: WholeNumber = Field(
        PROPAGATION_MINUTES,
        alias="waitMinutes",
        description="How long to wait for a change of group members, or of the active certificate, to take effect.",
        examples=[PROPAGATION_MINUTES],
        ge=0,
        le=24 * 60,
    )
    soak_days: WholeNumber = Field(
        7,
        alias="soakDays",
        description="For how many days the old generation is kept after a change.",
        examples=[7],
        ge=0,
        le=365,
    )

    @field_validator("retired")
    @classmethod
    def _retired_once(cls, value: tuple[Retired, ...]) -> tuple[Retired, ...]:
        if repeated := _repeated(entry.thumbprint for entry in value):
            raise ValueError(f"names certificate {repeated} twice")
        return value

    @model_validator(mode="after")
    def _active_is_a_generation(self) -> Certificates:
        labels = [generation.label for generation in self.generations]
        if len(set(labels)) != len(labels):
            raise ValueError("has two generations with the same label")
        if self.active not in labels:
            if any(entry.label == self.active for entry in self.retired):
                raise ValueError(
                    f"has active: {self.active}, which is retired; the generations are {', '.join(labels)}"
                )
            raise ValueError(f"has active: {self.active}, but the generations are {', '.join(labels)}")
        return self

    @model_validator(mode="after")
    def _mode_has_what_it_needs(self) -> Certificates:
        if self.rotation is RotationMode.METADATA and self.metadata_observed is None:
            raise ValueError(
                "has rotation: metadata, but no metadataObserved. How Mimecast follows a change of the metadata is "
                "not documented: observe it in this tenant during one rotation (single), and record who saw it, "
                "when, and what shows it (by, at, evidence)"
            )
        if self.rotation is not RotationMode.BLUE_GREEN:
            self._has_one_slot()
        elif repeated := _repeated(generation.profile.value for generation in self.generations):
            labels = [each.label for each in self.generations if each.profile == repeated]
            raise ValueError(
                f"has rotation: blue-green and generations {', '.join(labels)} in the {repeated} profile, which holds "
                f"one certificate. Set profile: {ProfileSlot(repeated).other} for one of them, or retire it first"
            )
        return self

    def _has_one_slot(self) -> None:
        second = [
            generation.label for generation in self.generations if generation.profile is ProfileSlot.SECOND
        ]
        if second:
            raise ValueError(
                f"has generation {second[0]} with profile: second, which needs rotation: blue-green; rotation is "
                f"{self.rotation}"
            )
        if self.cut_over is CutOver.BOTH:
            raise ValueError(
                f"has cutOver: both, which needs rotation: blue-green; rotation is {self.rotation}"
            )

    @property
    def slots(self) -> tuple[ProfileSlot, ...]:
        """The slots that exist at Mimecast, whether or not anybody is in them."""
        return tuple(ProfileSlot) if self.rotation is RotationMode.BLUE_GREEN else (ProfileSlot.FIRST,)

    @property
    def populated(self) -> frozenset[ProfileSlot]:
        """The slots that people should be in."""
        if self.cut_over is CutOver.BOTH:
            return frozenset(self.slots)
        return frozenset({self.active_generation.profile})

    @property
    def labels(self) -> frozenset[str]:
        """The labels of all generations, including retired ones."""
        return frozenset(
            [generation.label for generation in self.generations] + [entry.label for entry in self.retired]
        )

    @property
    def active_generation(self) -> Generation:
        """The generation that signs."""
        return self.generation(self.active)

    def generation(self, label: str) -> Generation:
        """The generation with this label. Raises KeyError."""
        for generation in self.generations:
            if generation.label == label:
                return generation
        raise KeyError(label)

    def of_slot(self, slot: ProfileSlot) -> Generation | None:
        """The generation whose certificate a profile slot holds: the active one, otherwise its newest."""
        mine = [generation for generation in self.generations if generation.profile is slot]
        if self.active_generation in mine:
            return self.active_generation
        return mine[-1] if mine else None

    @property
    def next_generation(self) -> Generation | None:
        """The generation after the active one, if any."""
        later = self.generations[self.generations.index(self.active_generation) + 1 :]
        return later[0] if later else None

    @property
    def former_generation(self) -> Generation | None:
        """The oldest generation before the active one, if any."""
        earlier = self.generations[: self.generations.index(self.active_generation)]
        return earlier[0] if earlier else None

    def expected_gap(self) -> str:
        """How long people's sign-in may fail while the active generation changes, and how that is known."""
        if self.rotation is RotationMode.SINGLE:
            return (
                f"from up to {PROPAGATION_MINUTES} minutes after Save in the console until the deployment that "
                f"activates the new certificate. Deploy right after Save, and it lasts {PROPAGATION_MINUTES} minutes "
                "at most (Mimecast's own figure; the exact moment is unknown)"
            )
        if self.rotation is RotationMode.METADATA:
            seen = self.metadata_observed
            observed = f"; observed once by {seen.by} at {seen.at}: {seen.evidence}" if seen else ""
            return f"unknown: how often Mimecast reads the metadata again is not documented{observed}"
        return (
            "unknown: whether Mimecast accepts the certificate of either profile for a person in both groups is not "
            "documented. None if it does; if not, from the activation until people have left the old group, "
            f"{self.wait_minutes + PROPAGATION_MINUTES} minutes or more. Try it with the roll-out's pilot first"
        )


def _repeated(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
