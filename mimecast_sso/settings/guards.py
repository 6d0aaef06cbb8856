"""Guard overrides, and facts that a person attests because no API shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import Day, Prose, UtcTime

GuardName = Literal[
    "last-sign-in-method",
    "certificate-mismatch",
    "unprepared-people",
    "administrators",
    "account",
    "allow-destroy",
]

FactName = Literal["mimecast-emergency-access", "entra-emergency-access"]


class GuardOverride(SettingsSection):
    """A guard that is overridden, by name, for a stated reason, until a date (inclusive)."""

    name: GuardName = Field(examples=["allow-destroy"], description="The guard.")
    reason: Prose = Field(
        examples=["tenant is being retired, change CHG-1042"], description="Why it is overridden."
    )
    until: Day = Field(examples=["2026-12-31"], description="The last day of the override.")

    def __str__(self) -> str:
        return f"{self.name} until {self.until}: {self.reason}"


class Attestation(SettingsSection):
    """A person's attestation of a fact that a guard needs and no API shows."""

    fact: FactName = Field(
        description="mimecast-emergency-access: a second Super Administrator signs in to Mimecast with a cloud "
        "password, and no profile of this project reaches that account. entra-emergency-access: an emergency "
        "account of Entra can sign in and administer when single sign-on, multi-factor or Conditional Access fail.",
        examples=["mimecast-emergency-access"],
    )
    by: Prose = Field(examples=["ada@example.com"], description="Who attests.")
    at: UtcTime = Field(examples=["2026-11-01T09:00:00Z"], description="When.")
    evidence: Prose = Field(
        examples=["signed in with it on that day, change CHG-1042"], description="The evidence."
    )

    def __str__(self) -> str:
        return f"{self.by}, {self.at}: {self.evidence}"
