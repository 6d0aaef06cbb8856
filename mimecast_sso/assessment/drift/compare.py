"""Compare a snapshot with its record, property by property. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from mimecast_sso.assessment import unread
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift import account_for_tests, entra, mimecast
from mimecast_sso.assessment.drift.access import ACCESS_POLICY
from mimecast_sso.assessment.drift.finding import Finding, Part, Severity
from mimecast_sso.assessment.drift.forms import ASSIGNMENT
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings.drift import Drift

_OF_INTEREST = frozenset(
    {
        unread.SnapshotPart.RECORD,
        unread.SnapshotPart.OWN,
        unread.SnapshotPart.HOLDERS,
        unread.SnapshotPart.DOMAINS,
        unread.SnapshotPart.ADDRESSES,
        unread.SnapshotPart.INTEGRATION,
        unread.SnapshotPart.GROUPS,
        unread.SnapshotPart.POLICIES,
        unread.SnapshotPart.FEDERATED,
    }
)


_EDITOR = "Entra: claims of the portal's editor"


def find(assessment: Assessment) -> tuple[Finding, ...]:
    """Every difference between the record and the snapshot, the most urgent first; nothing before a deployment."""
    recorded = assessment.desired.record.application
    if recorded is None:
        return ()

    def everywhere(of: Assessment) -> Iterator[Finding]:
        yield from entra.find(of, recorded)
        yield from mimecast.find(of)

    found = (*everywhere(assessment), *account_for_tests.find(assessment, everywhere))
    today = assessment.snapshot.entra_now.date()
    judged = [_expected(_judged(each, assessment), assessment.settings.drift, today) for each in found]
    return tuple(sorted(judged, key=lambda each: (each.severity.rank, each.id)))


def unmanaged(assessment: Assessment) -> tuple[Finding, ...]:
    """What exists and this stack does not manage, unless it is expected or configured; the most urgent first."""
    return tuple(
        each
        for each in find(assessment)
        if each.part is Part.UNMANAGED
        and each.object != ACCESS_POLICY
        and not each.expected
        and not (each.change.desired and each.change.desired == each.change.live)
    )


def not_looked_at(assessment: Assessment) -> Iterator[Statement]:
    """What could not be read and is therefore not compared."""
    of_interest = unread.parts(assessment.snapshot, _OF_INTEREST, assessment.desired.application)
    yield from unread.each(of_interest)
    record = assessment.desired.record
    if record.application is not None and record.principal is None:
        why = "the last deployment did not get as far as its service principal"
        yield Statement("the application could not be compared", How.UNKNOWN, why, Verdict.UNKNOWN)


def not_readable(assessment: Assessment) -> Iterator[Statement]:
    """What no supported API shows, and whether it decides who can sign in."""
    live = assessment.snapshot.own.value
    if live is None or live.policies is None:
        return
    why = (
        "only the beta version of Microsoft Graph shows them, which Microsoft does not support for production"
    )
    if live.policies:
        text = "not compared; Entra ignores them while a claims policy is assigned"
        yield Statement(text, How.UNKNOWN, why, Verdict.NOTE, _EDITOR)
    else:
        text = "not compared, and they decide the NameID while no claims policy is assigned"
        yield Statement(text, How.UNKNOWN, why, Verdict.NOT_POSSIBLE, _EDITOR)


def _judged(finding: Finding, assessment: Assessment) -> Finding:
    """Raise a finding to urgent if people who are sent to Entra fail now for a reason that it causes."""
    broken = assessment.forecast.broken
    concerned = _concerned(finding, assessment)
    failing = {each.reason for person, each in broken.items() if concerned is None or person in concerned}
    return replace(finding, severity=Severity.URGENT) if finding.reasons & failing else finding


def _concerned(finding: Finding, assessment: Assessment) -> Collection[str] | None:
    """The addresses whose sign-in a finding can affect; None for everybody's."""
    if finding.object == mimecast.ADDRESS or finding.aspect == mimecast.MEMBER:
        # A member may be a whole domain, as @example.com.
        whole = finding.key.startswith("@")
        return {
            each
            for each in assessment.forecast.broken
            if each == finding.key or (whole and each.endswith(finding.key))
        }
    account = assessment.snapshot.directory.accounts.get(finding.key)
    if finding.object == ACCESS_POLICY:
        return _blocked_by(finding.key, assessment)
    return account.names if finding.object == ASSIGNMENT and account is not None else None


def _blocked_by(policy_id: str, assessment: Assessment) -> frozenset[str]:
    sample, accounts = assessment.snapshot.access.value, assessment.snapshot.directory.accounts
    applying = sample.applying if sample else {}
    concerned = (
        who for who, policies in applying.items() if any(each.policy_id == policy_id for each in policies)
    )
    return frozenset[str]().union(*(accounts[who].names for who in concerned if who in accounts))


def _expected(finding: Finding, drift: Drift, today: date) -> Finding:
    expected = drift.expects(finding.path, today)
    if expected is None:
        return finding
    return replace(finding, severity=Severity.INFO, expected=str(expected))
