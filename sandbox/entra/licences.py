"""What the tenant has subscribed to, as far as it decides what Entra allows.

Source: Microsoft Graph's "subscribedSku resource type" and "List subscribedSkus"; ids of plans from Microsoft's
"Product names and service plan identifiers for licensing".
"""

from __future__ import annotations

from starlette.responses import Response

from facts.entra import PREMIUM_PLANS
from sandbox.entra.graph import Call, Operation, one_of
from sandbox.entra.odata import Document

_READ = one_of(
    "LicenseAssignment.Read.All",
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_PARTS = {"Entra ID P1": "AAD_PREMIUM", "Entra ID P2": "AAD_PREMIUM_P2"}


def _list(call: Call) -> Response:
    # The tenant has P1 unless the setting says otherwise: without it, groups could not be assigned.
    held: list[str] = call.world.setting("entra.premium_plans", ["Entra ID P1"])
    return call.many(
        _sku(identifier, _PARTS[name]) for identifier, name in PREMIUM_PLANS.items() if name in held
    )


def _sku(plan: str, part: str) -> Document:
    return {
        "id": f"sandbox_{plan}",
        "skuId": plan,
        "skuPartNumber": part,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": 0,
        "prepaidUnits": {"enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0},
        "servicePlans": [
            {
                "servicePlanId": plan,
                "servicePlanName": part,
                "provisioningStatus": "Success",
                "appliesTo": "User",
            }
        ],
    }


OPERATIONS: tuple[Operation, ...] = (Operation("GET", "/subscribedSkus", _list, _READ),)
