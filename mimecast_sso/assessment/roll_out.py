"""Who is in the roll-out group: the choice that decides whose sign-in goes through Entra."""

from __future__ import annotations

from collections.abc import Iterable

from mimecast_sso.settings import RollOut
from providers.mimecast.groups import choose_members


def members(roll_out: RollOut, addresses: Iterable[str]) -> list[str]:
    """The addresses that belong in the group, sorted."""
    return choose_members(roll_out.who, roll_out.pilot, roll_out.share, addresses)
