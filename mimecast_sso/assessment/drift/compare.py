"""What a snapshot and its record say, property by property. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from mimecast_sso.assessment import unread
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import entra, mimecast
from mimecast_sso.assessment.drift.finding import Finding, Part, Severity
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.provenance import Statement
from mimecast_sso.settings.drift import Drift

_OF_INTEREST = frozenset(
    {
        unread.SnapshotPart.RECORD,
        unread.SnapshotPart.OWN,
        unread.SnapshotPart.HOLDERS,
        unread.SnapshotPart.DOMAINS,
        unread.SnapshotPart.ADDRESSES,
        unread.SnapshotPart.GROUPS,
        unread.SnapshotPart.POLICIES,
    }
)


def find(assessment: Assessment) -> tuple[Finding, ...]:
    """Every difference between the record and the snapshot, the most urgent first; nothing before a deployment."""
    if assessment.snapshot.record.value is None or assessment.desired.record.application is None:
        return ()
    found = (*entra.find(assessment), *mimecast.find(assessment))
    failing, today = _failing(assessment), assessment.snapshot.entra_now.date()
    judged = [_expected(_judged(each, failing), assessment.settings.drift, today) for each in found]
    return tuple(sorted(judged, key=lambda each: (each.severity.rank, each.id)))


def not_looked_at(assessment: Assessment) -> Iterator[Statement]:
    """What could not be read, so that nothing is said of it."""
    return unread.each(unread.parts(assessment.snapshot, _OF_INTEREST, assessment.desired.application))


def _failing(assessment: Assessment) -> frozenset[Reason]:
    """Why people fail now who are sent to Entra."""
    return frozenset(each.reason for each in assessment.forecast.broken.values() if each.reason is not None)


def _judged(finding: Finding, failing: frozenset[Reason]) -> Finding:
    """Urgent where people fail for what it causes."""
    urgent = finding.part is not Part.UNMANAGED and finding.reasons & failing
    return replace(finding, severity=Severity.URGENT) if urgent else finding


def _expected(finding: Finding, drift: Drift, today: date) -> Finding:
    expected = drift.expects(finding.path, today)
    if expected is None:
        return finding
    return replace(finding, severity=Severity.INFO, expected=str(expected))
