"""``/directory/deletedItems``: restorable applications and service principals.

Sources: Microsoft Graph's "List deletedItems", "Get deleted item", "Restore deleted item" and "Permanently delete
item" (permissions, the type in the path, a service principal is restored by its own call), and "Restore a soft deleted
enterprise application" (a service principal is restored without its policies). Assumed: the error codes of refused
restores, and that role assignments are restored. Users and groups are deleted permanently at once.
"""

from __future__ import annotations

from starlette.responses import Response

from sandbox.entra import (
    applications,
    directory_audit_log,
    kinds,
    objects,
    recycle_bin,
    service_principals,
)
from sandbox.entra.graph import Call, Operation, no_content, not_found, not_simulated
from sandbox.entra.objects import APPLICATIONS, SERVICE_PRINCIPALS
from sandbox.entra.odata import Document
from sandbox.entra.permissions import (
    LIST_DELETED_APPLICATIONS,
    READ_APPLICATIONS,
    WRITE_APPLICATIONS,
    check_owned,
)

_ANY_TYPE = "microsoft.graph."
_CASTS = (_ANY_TYPE, "graph.")
"""Prefixes of a type in a path; Microsoft's own libraries use the short one."""

_NAMES = {APPLICATIONS: "application", SERVICE_PRINCIPALS: "service principal"}
_PURGED = {APPLICATIONS: "Hard Delete application", SERVICE_PRINCIPALS: "Hard delete service principal"}
"""Activity names, spelled as in the audit log."""


def _list_others(call: Call) -> Response:
    raise not_simulated(f"deleted items of the type {_ANY_TYPE}{call.path['type']}")


def _get(call: Call) -> Response:
    collection, document = _found(call)
    return call.one(_with_type(collection, document))


def _list_applications(call: Call) -> Response:
    return call.many(map(objects.shown, recycle_bin.items(call.world, APPLICATIONS)))


def _list_principals(call: Call) -> Response:
    return call.many(map(_shown_principal, recycle_bin.items(call.world, SERVICE_PRINCIPALS)))


def _restore(call: Call) -> Response:
    collection, deleted = _found(call)
    check_owned(call.caller, deleted)
    if collection == APPLICATIONS:
        restored = applications.restore(call.world, deleted)
    else:
        restored = service_principals.restore(call.world, deleted)
    recycle_bin.purge(call.world, collection, deleted["id"])
    directory_audit_log.note(call.world, call.caller, restored, f"Restore {_NAMES[collection]}")
    return call.one(_with_type(collection, restored))


def _purge(call: Call) -> Response:
    collection, document = _found(call)
    check_owned(call.caller, document)
    recycle_bin.purge(call.world, collection, document["id"])
    directory_audit_log.note(call.world, call.caller, document, _PURGED[collection])
    return no_content()


def _found(call: Call) -> tuple[str, Document]:
    found = recycle_bin.find(call.world, call.path["id"])
    if found is None:
        raise not_found(call.path["id"])
    return found


def _with_type(collection: str, document: Document) -> Document:
    if collection == APPLICATIONS:
        return {"@odata.type": "#microsoft.graph.application", **objects.shown(document)}
    return {"@odata.type": "#microsoft.graph.servicePrincipal", **_shown_principal(document)}


def _shown_principal(document: Document) -> Document:
    # Properties that mirror the application were stored on deletion.
    keys = [{**item, "key": None} for item in document["keyCredentials"]]
    return {**objects.shown(document), "keyCredentials": keys}


_PATH = "/directory/deletedItems"
_OBJECT = "directoryObjects"

OPERATIONS: tuple[Operation, ...] = (
    *(
        Operation(
            "GET", f"{_PATH}/{cast}{name}", handler, LIST_DELETED_APPLICATIONS, kinds.OBJECT, f"{name}s"
        )
        for cast in _CASTS
        for name, handler in (("application", _list_applications), ("servicePrincipal", _list_principals))
    ),
    *(
        Operation("GET", f"{_PATH}/{cast}{{type}}", _list_others, READ_APPLICATIONS, kinds.OBJECT)
        for cast in _CASTS
    ),
    Operation("GET", f"{_PATH}/{{id}}", _get, READ_APPLICATIONS, context=_OBJECT),
    Operation("POST", f"{_PATH}/{{id}}/restore", _restore, WRITE_APPLICATIONS, context=_OBJECT),
    Operation("DELETE", f"{_PATH}/{{id}}", _purge, WRITE_APPLICATIONS),
)
