"""The sign-in log of Microsoft Entra ID: permissions, latency, and the refusals that configuration causes.

Sources: Microsoft Graph's "List signIns" (path, permission, licence), "Reporting latency", and "Microsoft Entra
authentication and authorization error codes". The codes of Graph's two refusals are those that callers report.
"""

from __future__ import annotations

from collections.abc import Mapping

SIGN_INS = "/auditLogs/signIns"

UNAVAILABLE: Mapping[str, str] = {
    "Authentication_MSGraphPermissionMissing": (
        "the application permission AuditLog.Read.All is missing: grant it, with an administrator's consent"
    ),
    "Authorization_RequestDenied": (
        "the application permission AuditLog.Read.All is missing: grant it, with an administrator's consent"
    ),
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant": (
        "the tenant has no Microsoft Entra ID P1 licence, without which Graph does not show the sign-in log"
    ),
}
"""By Graph's error code: why the log cannot be read, and the way out."""

LATENCY_MINUTES = 15
"""The time after which nearly every entry exists: the figure for sign-ins in "Reporting latency" is a few minutes."""

RETENTION_DAYS = 30
"""How long Entra keeps its entries with a P1 licence, without which Graph does not show them ("How long does Microsoft
Entra ID store reporting data?")."""

CONFIGURATION_ERRORS: Mapping[int, str] = {
    50011: "the reply URL is not registered",
    50105: "not assigned to the application",
    50146: "no signing key of the application's own",
    75011: "the requested authentication context was not used",
    500113: "no reply URL is registered",
    700016: "no application with this identifier",
    7000112: "the application is disabled",
}
"""AADSTS codes that the application's configuration causes; wrong passwords and prompts are not included."""
