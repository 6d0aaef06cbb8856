"""Validity of signing certificates, and the reminders before they expire.

Source of Entra's own figures: Microsoft's "Manage certificates for federated single sign-on" (three years unless
another expiry is given; reminders go out 60, 30 and 7 days before expiry, to at most five addresses, and may not be
sent for applications that were configured through Graph) and "servicePrincipal: addTokenSigningCertificate".
"""

from __future__ import annotations

from datetime import datetime

LONGEST_LIFE_YEARS = 3
"""Of a certificate that Entra creates; an imported one may be valid longer."""


def latest_expiry(now: datetime) -> datetime:
    """The latest expiry of a certificate that is created now."""
    day = 28 if (now.month, now.day) == (2, 29) else now.day  # Three years after a leap year is none.
    return now.replace(year=now.year + LONGEST_LIFE_YEARS, day=day)


ENTRA_REMINDERS_DAYS = (60, 30, 7)
"""When Entra itself sends a reminder."""

WARNING_DAYS = (60, 30, 14, 7, 3, 1)
"""Entra's reminders and three more: a rotation takes weeks, so it starts at the first and ends by the second."""

FAILING_DAYS = 7
"""Checks fail from this threshold on: the one of Entra's last reminder."""
