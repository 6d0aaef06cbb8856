"""Passwords (client secrets) of applications and service principals.

Source: Microsoft Graph's "application: addPassword", "application: removePassword", the same of service principals,
and "passwordCredential resource type": the generated secret is in the response only, the hint has its first three
characters, and it ends after two years by default. The activity of an application is named as in "Microsoft Entra audit
log categories and activities". Assumed: the refusals. A secret that was added signs nobody in: only seeded clients can.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial

from starlette.responses import Response

from mimecast_sso.facts.entra import LONGEST_APPLICATION_NAME
from sandbox.entra import directory_audit_log, objects
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import Call, Operation, bad_request, new_id, no_content
from sandbox.entra.objects import APPLICATIONS, SERVICE_PRINCIPALS
from sandbox.entra.odata import Document
from sandbox.entra.permissions import WRITE_APPLICATIONS, check_owned

_LIST = "passwordCredentials"
_LIFE = timedelta(days=2 * 365)
_HINT = 3
_LOGGED = "Update application – Certificates and secrets management"  # noqa: RUF001 (Microsoft's dash)
_Act = Callable[..., Response]


def _add(call: Call, collection: str) -> Response:
    holder = objects.find(call.world, collection, call.path["id"])
    check_owned(call.caller, holder)
    requested = call.document().get("passwordCredential") or {}
    unknown = requested.keys() - {"displayName", "startDateTime", "endDateTime"}
    if unknown:
        raise bad_request(f"Invalid property '{min(unknown)}'.")
    objects.check_text("displayName", requested.get("displayName"), LONGEST_APPLICATION_NAME)
    start = _time(requested, "startDateTime", call.world.now().replace(microsecond=0))
    end = _time(requested, "endDateTime", start + _LIFE)
    if end <= start:
        raise bad_request("Key credential end date is invalid.")
    secret = secrets.token_urlsafe(30)
    credential: Document = {
        "customKeyIdentifier": None,
        "displayName": requested.get("displayName"),
        "endDateTime": on_the_wire(end),
        "hint": secret[:_HINT],
        "keyId": new_id(),
        "secretText": None,
        "startDateTime": on_the_wire(start),
    }
    _save(call, collection, holder, [*holder[_LIST], credential])
    return call.one({**credential, "secretText": secret})


def _remove(call: Call, collection: str) -> Response:
    holder = objects.find(call.world, collection, call.path["id"])
    check_owned(call.caller, holder)
    requested = str(call.document().get("keyId") or "").casefold()
    left = [each for each in holder[_LIST] if each["keyId"].casefold() != requested]
    if len(left) == len(holder[_LIST]):
        raise bad_request("No password credential found with keyId.")
    _save(call, collection, holder, left)
    return no_content()


def _save(call: Call, collection: str, holder: Document, passwords: list[Document]) -> None:
    before = deepcopy(holder)
    holder[_LIST] = passwords
    objects.save(call.world, collection, holder)
    if collection == SERVICE_PRINCIPALS:
        directory_audit_log.record(call.world, call.caller, before, holder)
    else:
        directory_audit_log.note(call.world, call.caller, holder, _LOGGED, "KeyDescription")


def _time(requested: Document, name: str, otherwise: datetime) -> datetime:
    if not requested.get(name):
        return otherwise
    try:
        found = datetime.fromisoformat(str(requested[name])).replace(microsecond=0)
    except ValueError as error:
        raise bad_request(f"Invalid value specified for property '{name}'.") from error
    if found.tzinfo is None:
        raise bad_request(f"Invalid value specified for property '{name}'.")
    return found


def _operations(path: str, collection: str) -> Iterator[Operation]:
    acts: tuple[tuple[str, _Act], ...] = (("addPassword", _add), ("removePassword", _remove))
    for verb, act in acts:
        yield Operation(
            "POST",
            f"/{path}/{{id}}/{verb}",
            partial(act, collection=collection),
            WRITE_APPLICATIONS,
            context="microsoft.graph.passwordCredential",
        )


OPERATIONS: tuple[Operation, ...] = (
    *_operations("applications", APPLICATIONS),
    *_operations("servicePrincipals", SERVICE_PRINCIPALS),
)
