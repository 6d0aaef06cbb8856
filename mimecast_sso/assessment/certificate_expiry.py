"""Expiry of the signing certificate, read live from Entra, for previews and deployments. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.provenance import How, Statement, Verdict
from providers.entra import certificate_expiry
from providers.entra.certificate_expiry import Expiry


def threshold(snapshot: Snapshot, end_date: str) -> str:
    """The warning threshold that was reached, as the stack's output shows it."""
    if not snapshot.application.is_known:
        return certificate_expiry.UNKNOWN
    return certificate_expiry.threshold(end_date, snapshot.entra_now)


def statement(snapshot: Snapshot, trusted: Mapping[str, str], stack: str) -> Statement | None:
    """Warn if a threshold was reached or the expiry is unknown; ``trusted``: the certificates attested at Mimecast."""
    known = snapshot.application
    if not known.is_known:
        return known.states("When the signing certificate expires is unknown")
    if known.value is None:
        return None
    expiry = Expiry(known.value.certificates, snapshot.entra_now, trusted, stack)
    if not expiry.warns:
        return None
    return Statement(". ".join(expiry.lines()), How.LIVE, "Microsoft Graph", Verdict.WARNS)
