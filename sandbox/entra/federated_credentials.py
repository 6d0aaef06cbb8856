"""Federated identity credentials of an application.

Source: Microsoft Graph's "federatedIdentityCredential resource type" and "List federatedIdentityCredentials" (form,
permissions). Assumed: how the directory's audit log names a change. Updates and matching expressions are not simulated.
"""

from __future__ import annotations

from starlette.responses import Response

from sandbox.entra import directory_audit_log, kinds, objects
from sandbox.entra.graph import Call, Operation, bad_request, new_id, no_content, not_found
from sandbox.entra.objects import APPLICATIONS, FEDERATED
from sandbox.entra.odata import Document
from sandbox.entra.permissions import READ_FEDERATED, WRITE_APPLICATIONS, check_owned

_PATH = "/applications/{id}/federatedIdentityCredentials"
_MOST = 20
_REQUIRED = ("name", "issuer", "subject", "audiences")


def _list(call: Call) -> Response:
    return call.many(_of(objects.find(call.world, APPLICATIONS, call.path["id"])))


def _create(call: Call) -> Response:
    application = objects.find(call.world, APPLICATIONS, call.path["id"])
    check_owned(call.caller, application)
    body, existing = call.document(), _of(application)
    missing = next((name for name in _REQUIRED if not body.get(name)), None)
    if missing:
        raise bad_request(f"Property {missing} is invalid.")
    if any(each["name"] == body["name"] for each in existing):
        raise bad_request("FederatedIdentityCredential with the same name already exists.")
    if len(existing) >= _MOST:
        raise bad_request("The number of federated identity credentials exceeds the limit.")
    created: Document = {"description": None, **body, "id": new_id()}
    _save(call, application, [*existing, created])
    return call.created(created)


def _delete(call: Call) -> Response:
    application = objects.find(call.world, APPLICATIONS, call.path["id"])
    check_owned(call.caller, application)
    requested = call.path["credential"]
    left = [each for each in _of(application) if requested not in (each["id"], each["name"])]
    if len(left) == len(_of(application)):
        raise not_found(requested)
    _save(call, application, left)
    return no_content()


def _of(application: Document) -> list[Document]:
    found: list[Document] = application.get(FEDERATED) or []  # Worlds of earlier releases have none.
    return found


def _save(call: Call, application: Document, credentials: list[Document]) -> None:
    application[FEDERATED] = credentials
    objects.save(call.world, APPLICATIONS, application)
    directory_audit_log.note(
        call.world, call.caller, application, "Update application", "FederatedIdentityCredentials"
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", _PATH, _list, READ_FEDERATED, kinds.FEDERATED_CREDENTIAL),
    Operation("POST", _PATH, _create, WRITE_APPLICATIONS),
    Operation("DELETE", f"{_PATH}/{{credential}}", _delete, WRITE_APPLICATIONS),
)
