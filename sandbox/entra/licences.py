"""The tenant's subscriptions that affect what Entra allows.

Source: Microsoft Graph's "subscribedSku resource type" and "List subscribedSkus"; ids of plans from Microsoft's
"Product names and service plan identifiers for licensing".
"""

from __future__ import annotations

from starlette.responses import Response

from mimecast_sso.facts.entra import PREMIUM_PLANS
from sandbox.entra import kinds
from sandbox.entra.graph import Call, Operation, one_of
from sandbox.entra.odata import Document

_READ = one_of(
    "LicenseAssignment.Read.All",
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_PLAN = next(identifier for identifier, name in PREMIUM_PLANS.items() if name == "Entra ID P1")
_PART = "AAD_PREMIUM"


def _list(call: Call) -> Response:
    # The tenant has P1 by default: without it, groups could not be assigned.
    held = call.world.setting("entra.premium", default=True)
    return call.many([_sku()] if held else [])


def _sku() -> Document:
    return {
        "id": f"sandbox_{_PLAN}",
        "skuId": _PLAN,
        "skuPartNumber": _PART,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": 0,
        "prepaidUnits": {"enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0},
        "servicePlans": [
            {
                "servicePlanId": _PLAN,
                "servicePlanName": _PART,
                "provisioningStatus": "Success",
                "appliesTo": "User",
            }
        ],
    }


OPERATIONS: tuple[Operation, ...] = (Operation("GET", "/subscribedSkus", _list, _READ, kinds.WHOLE),)
