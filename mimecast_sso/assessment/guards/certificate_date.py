"""Guard `certificate-date`: no certificate is created that has expired already, or is valid for too long.

Entra refuses such dates. The run would fail half-way, and until then its preview would look as if people kept their
sign-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.facts.certificate_life import LONGEST_LIFE_YEARS, latest_expiry
from mimecast_sso.text.times import utc_time

_GUARD = "certificate-date"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to create a certificate with an expiry that Entra refuses, by its clock; an existing one may have any."""
    desired, snapshot = assessment.desired, assessment.snapshot
    if desired.destroys or not snapshot.record.is_known:
        return
    for generation in assessment.settings.certificates.generations:
        wrong, remedy = _wrong(utc_time(generation.end_date), snapshot.entra_now)
        if wrong and desired.thumbprint_of(generation.label) is None:
            yield GuardFinding(
                _GUARD,
                f"the certificate of generation {generation.label} would be created with an expiry that {wrong} "
                f"({generation.end_date}), which Entra refuses",
                remedy=f"set {remedy} for {generation.label} in mimecast-sso:certificates",
                final=True,
            )


def _wrong(end: datetime, now: datetime) -> tuple[str, str]:
    """The problem with an expiry, if any, and what to set instead."""
    latest = latest_expiry(now)
    if end <= now:
        return "has passed", "a later endDate"
    if end > latest:
        most = f"{latest:%Y-%m-%d}T00:00:00Z"
        return f"is more than {LONGEST_LIFE_YEARS} years away", f'endDate: "{most}", or earlier,'
    return "", ""
