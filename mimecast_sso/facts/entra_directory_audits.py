"""The directory audit log of Microsoft Entra ID: names, permissions, latency and retention.

Sources:

- Microsoft Graph's "List directoryAudits" and "directoryAudit resource type": path, both permissions, filters by
  ``activityDateTime`` and by ``targetResources/any(t:t/id eq …)``;
- "Microsoft Entra data retention": seven days without a licence, 30 with P1 or P2;
- "Azure Active Directory reporting latencies": 95 % of the entries after two minutes, 99 % after five; the page that
  replaced it ("Log latency in Microsoft Entra ID") gives no figures;
- "Audit log activities" (Microsoft Purview) and "Microsoft Entra audit log categories and activities": the names of the
  activities that change credentials, owners, app role assignments and applications;
- entries published from real tenants (a study of the log's completeness, detection rules for added credentials):
  ``KeyDescription`` with the credentials before and after, as a JSON list of texts
  ``[KeyIdentifier=…,KeyType=…,KeyUsage=…,DisplayName=…]``, ``[]`` for none; ``Included Updated Properties`` with the
  names of what was changed.

Assumed, because no source shows it: ``KeyIdentifier`` is the ``keyId`` for certificates as it is for passwords,
and that a change of the active certificate is shown as `PREFERRED_CERTIFICATE`, if at all.
"""

from __future__ import annotations

from collections.abc import Mapping

DIRECTORY_AUDITS = "/auditLogs/directoryAudits"

ADDED_CREDENTIALS = "Add service principal credentials"
REMOVED_CREDENTIALS = "Remove service principal credentials"
CREDENTIALS_ACTIVITIES = (
    ADDED_CREDENTIALS,
    REMOVED_CREDENTIALS,
    "Certificates and secrets management",
)
"""Parts of the names of activities that change credentials."""

CREDENTIALS = "KeyDescription"
PREFERRED_CERTIFICATE = "PreferredTokenSigningKeyThumbprint"
UPDATED_PROPERTIES = "Included Updated Properties"

RETENTION_DAYS = 30
RETENTION_DAYS_FREE = 7
LATENCY_MINUTES = 15
"""The time after which an entry is expected to exist: three times the 99th percentile."""

_PERMISSIONS = (
    "the application permissions AuditLog.Read.All and Directory.Read.All are both needed: grant what is missing, with "
    "an administrator's consent"
)
UNAVAILABLE: Mapping[str, str] = {
    "Authentication_MSGraphPermissionMissing": _PERMISSIONS,
    "Authorization_RequestDenied": _PERMISSIONS,
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant": (
        "this tenant has no licence with which Graph shows the log"
    ),
}
"""By Graph's error code: why the log cannot be read, and the way out."""

ABSENT = "Graph does not offer the log in this cloud; Microsoft lists it for all clouds but China's"
