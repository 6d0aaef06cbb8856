"""Who is in the roll-out group: the choice that decides whose sign-in goes through Entra."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from components.settings import RollOut


def members(roll_out: RollOut, addresses: Iterable[str]) -> list[str]:
    """The addresses that belong in the group, sorted.

    A share is chosen by a hash of the address, so that the same people stay in it and a greater share only adds.
    """
    if roll_out.who == "none":
        return []
    if roll_out.who == "pilot":
        return sorted(roll_out.pilot)
    if roll_out.who == "share":
        return sorted(address for address in addresses if _percentile(address) < roll_out.share)
    return sorted(addresses)


def _percentile(address: str) -> int:
    return int.from_bytes(hashlib.sha256(address.encode()).digest()[:8], "big") % 100
