"""The sign-in log: written by the SAML endpoint, read by ``GET /auditLogs/signIns``.

Sources: Microsoft Graph's "List signIns" and "signIn resource type" (properties, newest first, permission, P1
licence), and "Reporting latency" (entries come minutes late). Codes of the two refusals are those that callers
report: ``Authentication_MSGraphPermissionMissing`` and ``Authentication_RequestFromNonPremiumTenantOrB2CTenant``.

Settings: ``entra.sign_in_log_delay_seconds`` (the delay before entries appear; default: 0) and ``entra.premium``
(whether the tenant has the licence; default: true).
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response

from sandbox.entra import kinds, service_principals
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import Call, GraphError, Operation
from sandbox.entra.odata import Document
from sandbox.entra.permissions import check_log_reader
from sandbox.world import World

ENTRIES = "entra.signInLog"

_CODE = re.compile(r"AADSTS(\d+): (.*)", re.DOTALL)


def record(
    world: World,
    principal: Document,
    user: Document,
    refusal: str = "",
    *,
    conditional_access: str = "notApplied",
) -> None:
    """Log a sign-in to an application; ``refusal`` is Entra's message if it issued no assertion."""
    identifier = str(uuid.uuid4())
    application = service_principals.shown(world, principal)["displayName"]
    entry: Document = {
        "id": identifier,
        "createdDateTime": on_the_wire(world.now()),
        "userDisplayName": user["displayName"],
        "userPrincipalName": user["userPrincipalName"],
        "userId": user["id"],
        "appId": principal["appId"],
        "appDisplayName": application,
        "ipAddress": "127.0.0.1",
        "clientAppUsed": "Browser",
        "correlationId": str(uuid.uuid4()),
        "conditionalAccessStatus": conditional_access,
        "isInteractive": True,
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "riskEventTypes": [],
        "riskEventTypes_v2": [],
        "resourceDisplayName": application,
        "resourceId": principal["appId"],
        "status": _status(refusal),
        "deviceDetail": None,
        "location": None,
        "appliedConditionalAccessPolicies": [],
    }
    world.put(ENTRIES, identifier, entry)


def _status(refusal: str) -> Document:
    match = _CODE.match(refusal)
    return {
        # A refusal without an error code is still an error.
        "errorCode": int(match[1]) if match else int(bool(refusal)),
        "failureReason": (match[2] if match else refusal) or None,
        "additionalDetails": None,
    }


def _list(call: Call) -> Response:
    world = call.world
    check_log_reader(call.caller, "AuditLog.Read.All")
    if not world.setting("entra.premium", default=True):
        raise GraphError(
            HTTPStatus.FORBIDDEN,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )
    late = timedelta(seconds=world.setting("entra.sign_in_log_delay_seconds", 0))
    until = world.now() - late
    seen = (
        entry for entry in world.all(ENTRIES) if datetime.fromisoformat(entry["createdDateTime"]) <= until
    )
    return call.many(reversed(list(seen)))


OPERATIONS = (Operation("GET", "/auditLogs/signIns", _list, kind=kinds.LOG),)
