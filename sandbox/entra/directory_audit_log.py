"""The directory audit log: changes of applications, owners and assignments; deletions and restorations.

``GET /auditLogs/directoryAudits``. Creations are not logged; of users and groups, only deletions are.

Sources: Microsoft Graph's "List directoryAudits", "directoryAudit resource type", "targetResource resource type" and
"auditActivityInitiator resource type" (properties, filters, newest first, both permissions), "Microsoft Entra data
retention" (30 days with P1 or P2, seven without), "Audit log activities" and "Microsoft Entra audit log categories and
activities" (the names of the activities and their categories). Assumed: that the deletion of an application is logged
for its service principal too, and that the object itself is the only target. The values of
``KeyDescription``, a JSON list of texts before and after, are as published from real tenants for passwords.

Settings:

- ``entra.directory_audit_delay_seconds``: the delay before entries appear; default: 0;
- ``entra.directory_audit_keys``: ``lists`` (all credentials before and after; the default) or ``differences`` (only
those added or removed): which of these Entra logs for a service principal is not documented;
- ``entra.directory_audit_activations``: whether a change of the active certificate is logged with its values;
default: true. Not documented;
- ``entra.premium``: whether the tenant has P1; default: true.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from mimecast_sso.facts.entra_directory_audits import (
    ADDED_CREDENTIALS,
    CREDENTIALS,
    PREFERRED_CERTIFICATE,
    REMOVED_CREDENTIALS,
    RETENTION_DAYS,
    RETENTION_DAYS_FREE,
    UPDATED_PROPERTIES,
)
from sandbox.entra import kinds
from sandbox.entra.graph import Call, Operation
from sandbox.entra.odata import Document
from sandbox.entra.permissions import check_log_reader
from sandbox.entra.tokens import Caller
from sandbox.world import World

ENTRIES = "entra.directoryAuditLog"

_UPDATED = "Update service principal"
_PREFERRED = "preferredTokenSigningKeyThumbprint"
_SECRET_LISTS = ("keyCredentials", "passwordCredentials")


def record(world: World, caller: Caller, before: Document, after: Document) -> None:
    """Log a caller's changes of a service principal. No change, no entry."""
    changed = [name for name in before if not name.startswith("_") and before[name] != after[name]]
    if not changed:
        return
    had, has = _descriptions(before), _descriptions(after)
    kept = [item for item in had if item in has]
    for activity, old, new in ((REMOVED_CREDENTIALS, had, kept), (ADDED_CREDENTIALS, kept, has)):
        if old != new:
            values = [
                _property(CREDENTIALS, *_shown(world, old, new)),
                _property(UPDATED_PROPERTIES, None, CREDENTIALS),
            ]
            _note(world, caller, after, activity, values)
    names = [name[0].upper() + name[1:] for name in changed if name not in _SECRET_LISTS]
    if names:
        values = [*_activation(world, before, after), _property(UPDATED_PROPERTIES, None, ", ".join(names))]
        _note(world, caller, after, _UPDATED, values)


def _descriptions(principal: Document) -> list[str]:
    """Each credential in the log's format."""
    kinds = [(item, item["type"], item["usage"]) for item in principal["keyCredentials"]]
    kinds += [(item, "Password", "Verify") for item in principal["passwordCredentials"]]
    return [
        f"[KeyIdentifier={item['keyId']},KeyType={kind},KeyUsage={usage},DisplayName={item['displayName']}]"
        for item, kind, usage in kinds
    ]


def _shown(world: World, old: list[str], new: list[str]) -> tuple[list[str] | None, list[str] | None]:
    if world.setting("entra.directory_audit_keys", "lists") == "lists":
        return old, new
    removed, added = [item for item in old if item not in new], [item for item in new if item not in old]
    return removed or None, added or None


def _activation(world: World, before: Document, after: Document) -> Iterator[Document]:
    old, new = before[_PREFERRED], after[_PREFERRED]
    if old != new and world.setting("entra.directory_audit_activations", default=True):
        yield _property(PREFERRED_CERTIFICATE, [old] if old else [], [new] if new else [])


def _property(name: str, old: Any, new: Any) -> Document:
    return {
        "displayName": name,
        "oldValue": None if old is None else json.dumps(old),
        "newValue": None if new is None else json.dumps(new),
    }


def note(world: World, caller: Caller, target: Document, activity: str, *names: str) -> None:
    """Log a caller's activity on an object; ``names`` are the changed properties."""
    _note(
        world,
        caller,
        target,
        activity,
        [_property(UPDATED_PROPERTIES, None, ", ".join(names))] if names else [],
    )


_OPERATIONS = {"delete": "Delete", "hard": "Delete"}
"""By an activity's first word."""

_KINDS = (
    ("servicePrincipalType", "ServicePrincipal", "ApplicationManagement"),
    ("identifierUris", "Application", "ApplicationManagement"),
    ("userPrincipalName", "User", "UserManagement"),
    ("groupTypes", "Group", "GroupManagement"),
    ("definition", "Policy", "Policy"),
)
"""A property that only one kind of object has: that kind's type and category in the log."""


def _note(world: World, caller: Caller, target: Document, activity: str, values: list[Document]) -> None:
    identifier = f"Directory_{uuid.uuid4()}"
    kind, category = next(row[1:] for row in _KINDS if row[0] in target)
    if "appId" in target:
        values = [*values, _property("TargetId.ServicePrincipalNames", None, target["appId"])]
    entry: Document = {
        "id": identifier,
        "category": category,
        "correlationId": str(uuid.uuid4()),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": f"{world.now():%Y-%m-%dT%H:%M:%S.%f}0Z",
        "loggedByService": "Core Directory",
        "operationType": _OPERATIONS.get(activity.lower().split()[0], "Update"),
        "initiatedBy": _initiator(caller),
        "targetResources": [
            {
                "id": target["id"],
                "displayName": target["displayName"],
                "type": kind,
                "userPrincipalName": target.get("userPrincipalName"),
                "groupType": None,
                "modifiedProperties": values,
            }
        ],
        "additionalDetails": [],
    }
    world.put(ENTRIES, identifier, entry)


def _initiator(caller: Caller) -> Document:
    if caller.user_principal_name:
        user = {
            "id": caller.object_id,
            "displayName": None,
            "userPrincipalName": caller.user_principal_name,
            "ipAddress": "127.0.0.1",
        }
        return {"user": user, "app": None}
    app = {
        "appId": caller.client_id,
        "displayName": caller.display_name,
        "servicePrincipalId": caller.object_id,
        "servicePrincipalName": None,
    }
    return {"user": None, "app": app}


def _list(call: Call) -> Response:
    world = call.world
    check_log_reader(call.caller, "AuditLog.Read.All", "Directory.Read.All")
    late = timedelta(seconds=world.setting("entra.directory_audit_delay_seconds", 0))
    days = RETENTION_DAYS if world.setting("entra.premium", default=True) else RETENTION_DAYS_FREE
    first, last = world.now() - timedelta(days=days), world.now() - late
    seen = [
        entry
        for entry in world.all(ENTRIES)
        if first <= datetime.fromisoformat(entry["activityDateTime"]) <= last
    ]
    return call.many(reversed(seen))


OPERATIONS = (Operation("GET", "/auditLogs/directoryAudits", _list, kind=kinds.LOG),)
