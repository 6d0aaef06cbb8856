"""Claims mapping policies, stored byte for byte.

Source: Microsoft Graph's "claimsMappingPolicy resource type".
"""

from __future__ import annotations

import json

from starlette.responses import Response

from sandbox.entra import directory_audit_log, kinds, objects
from sandbox.entra.graph import Call, Operation, bad_request, new_id, no_content
from sandbox.entra.objects import POLICIES, POLICY_IDS, SERVICE_PRINCIPALS
from sandbox.entra.odata import Document
from sandbox.entra.permissions import READ_APPLICATIONS, READ_POLICIES, WRITE_POLICIES

_KIND = "ClaimsMappingPolicy"
_PATH = "/policies/claimsMappingPolicies"


def _list(call: Call) -> Response:
    return call.many(call.world.all(POLICIES))


def _create(call: Call) -> Response:
    blank: Document = {
        "id": new_id(),
        "definition": None,
        "deletedDateTime": None,
        "description": None,
        "displayName": None,
        "isOrganizationDefault": False,
    }
    policy = objects.merge(blank, call.document(), read_only=("id",))
    _check(policy)
    objects.save(call.world, POLICIES, policy)
    return call.created(policy)


def _get(call: Call) -> Response:
    return call.one(objects.find(call.world, POLICIES, call.path["id"]))


def _update(call: Call) -> Response:
    policy = objects.find(call.world, POLICIES, call.path["id"])
    body = {name: value for name, value in call.document().items() if name != "id"}
    changed = objects.merge(policy, body)
    _check(changed)
    objects.save(call.world, POLICIES, changed)
    return no_content()


def _delete(call: Call) -> Response:
    policy = objects.find(call.world, POLICIES, call.path["id"])
    for principal in call.world.all(SERVICE_PRINCIPALS):
        if policy["id"] in principal[POLICY_IDS]:
            principal[POLICY_IDS].remove(policy["id"])
            objects.save(call.world, SERVICE_PRINCIPALS, principal)
    call.world.delete(POLICIES, policy["id"])
    directory_audit_log.note(call.world, call.caller, policy, "Delete policy")
    return no_content()


def _applies_to(call: Call) -> Response:
    policy = objects.find(call.world, POLICIES, call.path["id"])
    holders = (item["id"] for item in call.world.all(SERVICE_PRINCIPALS) if policy["id"] in item[POLICY_IDS])
    return call.many(objects.references(call.world, holders))


def _check(policy: Document) -> None:
    definition = policy["definition"]
    try:
        (text,) = definition
        valid = _KIND in json.loads(text)
    except (TypeError, ValueError):
        valid = False
    if not valid or not policy["displayName"]:
        raise bad_request("Property definition has an invalid value.")


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", _PATH, _list, READ_POLICIES, kinds.POLICY),
    Operation("POST", _PATH, _create, WRITE_POLICIES),
    Operation("GET", f"{_PATH}/{{id}}", _get, READ_POLICIES),
    Operation(
        "GET",
        f"{_PATH}/{{id}}/appliesTo",
        _applies_to,
        READ_POLICIES & READ_APPLICATIONS,
        kinds.OBJECT,
        "directoryObjects",
    ),
    Operation("PATCH", f"{_PATH}/{{id}}", _update, WRITE_POLICIES),
    Operation("DELETE", f"{_PATH}/{{id}}", _delete, WRITE_POLICIES),
)
