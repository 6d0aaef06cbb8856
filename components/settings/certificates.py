"""The generations of signing certificates."""

from __future__ import annotations

from pydantic import Field, model_validator

from components.settings.base import Section
from components.settings.values import Label, UtcTime


class Generation(Section):
    """One signing certificate."""

    label: Label = Field(examples=["2026"])
    end_date: UtcTime = Field(alias="endDate", examples=["2029-11-01T00:00:00Z"])


class Certificates(Section):
    """The generations of signing certificates and the one that signs."""

    generations: tuple[Generation, ...] = Field(
        examples=[[{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}]], min_length=1
    )
    active: Label = Field(examples=["2026"])

    @model_validator(mode="after")
    def _active_is_a_generation(self) -> Certificates:
        labels = [generation.label for generation in self.generations]
        if len(set(labels)) != len(labels):
            raise ValueError("has two generations with one label")
        if self.active not in labels:
            raise ValueError(f"has active: {self.active}, but generations hold {', '.join(labels)}")
        return self
