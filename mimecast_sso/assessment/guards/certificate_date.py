"""Guard `certificate-date`: no certificate is created that has expired already.

Entra refuses such a date. The run would fail half-way, and until then its preview would look as if people kept their
sign-in.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards.finding import GuardFinding
from mimecast_sso.text.times import utc_time

_GUARD = "certificate-date"


def find(assessment: Assessment) -> Iterator[GuardFinding]:
    """Refuse to create a certificate whose expiry has passed by Entra's clock; an existing one may have expired."""
    desired, snapshot = assessment.desired, assessment.snapshot
    if desired.destroys or not snapshot.record.is_known:
        return
    for generation in assessment.settings.certificates.generations:
        passed = utc_time(generation.end_date) <= snapshot.entra_now
        if passed and desired.thumbprint_of(generation.label) is None:
            yield GuardFinding(
                _GUARD,
                f"the certificate of generation {generation.label} would be created with an expiry that has passed "
                f"({generation.end_date}), which Entra refuses",
                remedy=f"set a later endDate for {generation.label} in mimecast-sso:certificates",
                final=True,
            )
