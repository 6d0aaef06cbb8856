"""The group that carries the profile, and who is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, model_validator

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.certificates import ProfileSlot
from mimecast_sso.settings.values import EmailAddress, Name, WholeNumber


class RollOut(SettingsSection):
    """The Mimecast group that carries the profile, and who is in it."""

    group: Name = Field(
        "Single sign-on",
        examples=["Single sign-on"],
        description="The Mimecast group that carries the profile: its members sign in through Entra.",
    )
    second_group: Name | None = Field(
        None,
        alias="secondGroup",
        description='The group of the second profile (blue/green rotation); by default the first name with "(second)".',
        examples=["Single sign-on (second)"],
    )
    who: Literal["none", "pilot", "share", "all"] = Field(
        "all",
        examples=["pilot"],
        description="none, pilot (the addresses of pilot), share (pilot and a percentage) or all.",
    )
    pilot: tuple[EmailAddress, ...] = Field(
        (), examples=[["ada@example.com"]], description="The people who are in the group first."
    )
    share: WholeNumber = Field(
        0, description="Percentage of the addresses, chosen by hash.", examples=[10], ge=0, le=100
    )

    def group_of(self, slot: ProfileSlot) -> str:
        """The name of a slot's group."""
        if slot is ProfileSlot.FIRST:
            return self.group
        return self.second_group or f"{self.group} (second)"

    def members(self, addresses: Iterable[str]) -> list[str]:
        """The desired members of the group, sorted.

        A share is chosen by a hash of the address, so that people stay in it and a larger share only adds.
        The pilot is in every choice except none, so that widening removes nobody.
        """
        if self.who == "none":
            return []
        if self.who == "pilot":
            return sorted(set(self.pilot))
        chosen = {address for address in addresses if self.who == "all" or _percentile(address) < self.share}
        return sorted(chosen | set(self.pilot))

    @model_validator(mode="after")
    def _choice_has_what_it_needs(self) -> RollOut:
        if self.who == "pilot" and not self.pilot:
            raise ValueError("with who: pilot also needs pilot (a list of addresses)")
        if self.who == "share" and not self.share:
            raise ValueError("with who: share also needs share (a percentage)")
        if self.second_group == self.group:
            raise ValueError(
                "uses the same name for group and secondGroup; the second profile needs a separate group"
            )
        return self


def _percentile(address: str) -> int:
    return int.from_bytes(hashlib.sha256(address.encode()).digest()[:8], "big") % 100
