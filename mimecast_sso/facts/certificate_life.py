"""Validity of signing certificates, and the reminders before they expire.

Source of Entra's own figures: Microsoft's "Manage certificates for federated single sign-on" (three years unless
another expiry is given; reminders go out 60, 30 and 7 days before expiry, to at most five addresses, and may not be
sent for applications that were configured through Graph) and "servicePrincipal: addTokenSigningCertificate".
"""

LONGEST_LIFE_YEARS = 3

ENTRA_REMINDERS_DAYS = (60, 30, 7)
"""When Entra itself sends a reminder."""

WARNING_DAYS = (60, 30, 14, 7, 3, 1)
"""Entra's reminders and three more: a rotation takes weeks, so it starts at the first and ends by the second."""

FAILING_DAYS = 7
"""Checks fail from this threshold on: the one of Entra's last reminder."""
