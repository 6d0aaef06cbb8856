"""How long signing certificates live, and when people are told that one ends.

Source of Entra's own figures: Microsoft's "Manage certificates for federated single sign-on" (three years unless
another end is given; reminders go out 60, 30 and 7 days before the end, to at most five addresses, and may not be sent
for applications that were configured through Graph) and "servicePrincipal: addTokenSigningCertificate".
"""

LONGEST_LIFE_YEARS = 3

ENTRA_REMINDERS_DAYS = (60, 30, 7)
"""When Entra itself sends a mail."""

WARNING_DAYS = (60, 30, 14, 7, 3, 1)
"""Entra's reminders and three more: a rotation wants weeks, so it begins at the first and is done by the second."""

FAILING_DAYS = 7
"""From here on commands that check fail: the mark of Entra's last reminder."""
