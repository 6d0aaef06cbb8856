"""This machine's clock compared with a vendor's: dates are judged by the vendor's."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Final

from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.text.wording import count

MATTERS: Final = timedelta(minutes=5)
"""From this difference on, Entra refuses assertions that clients sign with this machine's time (AADSTS700024)."""
_UNITS: Final = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def difference(machine: datetime, vendor: datetime, whose: str) -> Statement | None:
    """Warn if this machine's clock differs from a vendor's so much that it matters."""
    ahead = machine - vendor
    if abs(ahead) < MATTERS:
        return None
    unit, name = next(each for each in _UNITS if abs(ahead) >= each[0])
    apart = count(round(abs(ahead) / unit), name)
    # A sandbox's clock is moved on purpose.
    way_out = "" if "SANDBOX_INSTANCE" in os.environ else "; set this machine's"
    return Statement(
        f"This machine's clock is {apart} {'ahead of' if ahead > timedelta() else 'behind'} {whose}'s. Dates are "
        f"judged by {whose}'s clock, where it is {vendor:%Y-%m-%d %H:%M} UTC{way_out}",
        How.LIVE,
        "Date header",
        Verdict.WARNS,
        "clock",
    )
