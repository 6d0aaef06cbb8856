"""Drift: what differs between the last deployment and both tenants, and what exists there unmanaged. Pure.

`find` compares a snapshot with the record it carries. An engine that refreshes reads the same objects one by one; both
ways give the same findings (`mimecast_sso.operations.drift`).
"""

from mimecast_sso.assessment.drift.compare import find, not_looked_at
from mimecast_sso.assessment.drift.finding import Change, Finding, Part, Severity

__all__ = ["Change", "Finding", "Part", "Severity", "find", "not_looked_at"]
