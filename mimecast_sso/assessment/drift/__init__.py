"""Drift: differences between the last deployment and both tenants, and unmanaged objects. Pure.

`find` compares a snapshot with the record in it. A refreshing engine reads the same objects one by one; both
ways give the same findings (`mimecast_sso.operations.drift`).
"""

from mimecast_sso.assessment.drift.compare import find, not_looked_at, not_readable, unmanaged
from mimecast_sso.assessment.drift.finding import Change, Finding, Part, Severity

__all__ = ["Change", "Finding", "Part", "Severity", "find", "not_looked_at", "not_readable", "unmanaged"]
