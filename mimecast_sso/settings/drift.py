"""Drift that is known and accepted for a limited time."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase

from pydantic import Field

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import Day, Prose, Text
from mimecast_sso.text import foreign


class ExpectedDrift(SettingsSection):
    """Drift that reports show as expected until a date (inclusive)."""

    path: Text = Field(
        description="The path that reports print beside a finding; * stands for any characters.",
        examples=["service-principal.notes"],
    )
    reason: Prose = Field(
        examples=["renamed for the migration, change CHG-1042"], description="Why it is expected."
    )
    until: Day = Field(examples=["2026-12-31"], description="The last day; after that it is reported again.")

    def means(self, path: str) -> bool:
        """Whether it is about a path: the very one that a report prints, as it prints it, or by ``*``."""
        return foreign.code(self.path) == foreign.code(path) or fnmatchcase(path, self.path)

    def __str__(self) -> str:
        return f"{self.reason}, until {self.until}"


class Drift(SettingsSection):
    """How drift is reported."""

    expected: tuple[ExpectedDrift, ...] = ()

    def expects(self, path: str, today: date) -> ExpectedDrift | None:
        """The entry that makes drift at a path expected today; of several, the one with the latest date."""
        valid = [each for each in self.expected if each.until >= today and each.means(path)]
        return max(valid, key=lambda each: each.until, default=None)
