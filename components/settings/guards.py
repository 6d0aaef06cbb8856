"""The guards that are lifted, by name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.settings.base import Section
from components.settings.values import Day, Text

GuardName = Literal["allow-destroy"]


class GuardOverride(Section):
    """A guard that is lifted, by name, for a stated reason, until a date (inclusive)."""

    name: GuardName = Field(examples=["allow-destroy"])
    reason: Text = Field(examples=["tenant is being retired, change CHG-1042"])
    until: Day = Field(examples=["2026-12-31"])
