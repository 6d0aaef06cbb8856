"""What the last deployment made, as the program's guards want to know it; the program cannot read its own state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mimecast_sso.facts.resource_types import (
    ACTIVE_SIGNING_CERTIFICATE,
    APP_ROLE_ASSIGNMENT,
    APPLICATION_IDENTIFIER,
    APPLICATION_OWNER,
    STACK,
)


def summary(resources: Iterable[Mapping[str, Any]]) -> str:
    """The value of `mimecast_sso.settings.DEPLOYED`; every value is "" or empty where nothing was deployed yet."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["type"], []).append(resource.get("outputs") or {})
    stack = next(iter(by_type.get(STACK, ())), {})
    identifier = next(iter(by_type.get(APPLICATION_IDENTIFIER, ())), {})
    active = next(iter(by_type.get(ACTIVE_SIGNING_CERTIFICATE, ())), {})
    return json.dumps(
        {
            "identifier": str(identifier.get("identifierUri") or ""),
            "account_code": str(stack.get("accountCode") or ""),
            "region": str(stack.get("region") or ""),
            "issuer": str(stack.get("issuer") or ""),
            "active": str(active.get("activeThumbprint") or ""),
            "owners": sorted(str(each["ownerObjectId"]) for each in by_type.get(APPLICATION_OWNER, ())),
            "assigned": sorted(
                str(each["principalObjectId"]) for each in by_type.get(APP_ROLE_ASSIGNMENT, ())
            ),
        }
    )
