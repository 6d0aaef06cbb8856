"""What the last deployment made, as the program's guards want to know it; the program cannot read its own state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_STACK = "pulumi:pulumi:Stack"
_IDENTIFIER = "azuread:index/applicationIdentifierUri:ApplicationIdentifierUri"
_ACTIVE = "pulumi-python:dynamic/entra:ActiveSigningCertificate"
_OWNER = "azuread:index/applicationOwner:ApplicationOwner"
_ASSIGNMENT = "azuread:index/appRoleAssignment:AppRoleAssignment"


def summary(resources: Iterable[Mapping[str, Any]]) -> str:
    """The value of `components.settings.DEPLOYED`; every value is "" or empty where nothing was deployed yet."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["type"], []).append(resource.get("outputs") or {})
    stack = next(iter(by_type.get(_STACK, ())), {})
    identifier = next(iter(by_type.get(_IDENTIFIER, ())), {})
    active = next(iter(by_type.get(_ACTIVE, ())), {})
    return json.dumps(
        {
            "identifier": str(identifier.get("identifierUri") or ""),
            "account_code": str(stack.get("accountCode") or ""),
            "region": str(stack.get("region") or ""),
            "issuer": str(stack.get("issuer") or ""),
            "active": str(active.get("activeThumbprint") or ""),
            "owners": sorted(str(each["ownerObjectId"]) for each in by_type.get(_OWNER, ())),
            "assigned": sorted(str(each["principalObjectId"]) for each in by_type.get(_ASSIGNMENT, ())),
        }
    )
