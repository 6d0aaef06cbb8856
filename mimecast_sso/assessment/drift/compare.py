"""What a snapshot and its record say, property by property. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import entra, mimecast
from mimecast_sso.assessment.drift.finding import Finding, Severity
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.settings.drift import Drift


def find(assessment: Assessment) -> tuple[Finding, ...]:
    """Every difference between the record and the snapshot, the most urgent first; nothing before a deployment."""
    recorded = assessment.desired.record.application
    if recorded is None:
        return ()
    found = (*entra.find(assessment, recorded), *mimecast.find(assessment))
    failing, today = _failing(assessment), assessment.snapshot.entra_now.date()
    judged = [_expected(_judged(each, failing), assessment.settings.drift, today) for each in found]
    return tuple(sorted(judged, key=lambda each: (each.severity.rank, each.id)))


def not_looked_at(assessment: Assessment) -> Iterator[Statement]:
    """What could not be read, so that nothing is said of it."""
    snapshot = assessment.snapshot
    parts: tuple[tuple[str, Known[Any]], ...] = (
        ("what this stack deployed", snapshot.record),
        ("the application", snapshot.own),
        ("other applications with the identifier", snapshot.holders),
        ("domains at Mimecast", snapshot.domains),
        ("addresses at Mimecast", snapshot.addresses),
        ("the directory integration at Mimecast", snapshot.integration),
        *((f"the {slot} roll-out group", group) for slot, group in snapshot.groups.items()),
    )
    for subject, known in parts:
        if not known.is_known:
            yield Statement(f"{subject} could not be read", How.UNKNOWN, known.source, Verdict.UNKNOWN)
    record, application = assessment.desired.record, assessment.desired.application
    if record.application is not None and record.principal is None:
        why = "the last deployment did not get as far as its service principal"
        yield Statement("the application could not be compared", How.UNKNOWN, why, Verdict.UNKNOWN)
    if application is not None and application.policies is None:
        why = "the permission Policy.Read.All is missing"
        yield Statement("claims policies could not be read", How.UNKNOWN, why, Verdict.UNKNOWN)


def _failing(assessment: Assessment) -> frozenset[Reason]:
    """Why people fail now who are sent to Entra."""
    return frozenset(each.reason for each in assessment.forecast.broken.values() if each.reason is not None)


def _judged(finding: Finding, failing: frozenset[Reason]) -> Finding:
    """Urgent where people fail for what it causes."""
    return replace(finding, severity=Severity.URGENT) if finding.reasons & failing else finding


def _expected(finding: Finding, drift: Drift, today: date) -> Finding:
    expected = drift.expects(finding.path, today)
    if expected is None:
        return finding
    return replace(finding, severity=Severity.INFO, expected=str(expected))
