"""Directory synchronisation: the directories that are the source of an account's users, their settings and runs.

Observed: the fields of a row of get-connection (public clients print them, with ``status`` ``ok`` and ``serverType``
``active_directory``), the response of execute-sync (``type``, ``syncStatus`` ``started``), and in a public client's
contract check the fields of a Microsoft 365 integration, its limits (120 and 240 characters, values of ``maxUnlink``
and ``serverSubtype``), that ``maxUnlink`` is returned as a number, and that creating one returns 201 with its ``id``.
Permissions: Mimecast's catalogue. EMU: the kind of a connection to Microsoft 365, the name of the array in the v2 list
and that its rows have the fields of a single integration, that descriptions may repeat, that PATCH and DELETE return
204, error codes, a response without content to sync-requests, and everything that a run does
(`sandbox.mimecast.synchronising`). Integrations of Active Directory and Google are seeded and cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.mimecast import audit, clock, ids, rest
from sandbox.mimecast.envelope import Function, Item, Page, Result
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

CONNECTIONS = "mimecast.directoryConnections"
MICROSOFT_365 = "azure_active_directory"

_READ = "Services | Directory Sync | Read"
_EDIT = "Services | Directory Sync | Edit"
_DESCRIPTION_LIMIT = 120
_INFO_LIMIT = 240
_UNLINK_LIMITS = (
    *("0", "10", "20", "50", "100", "300", "500", "1,000", "2,000", "5,000", "10,000", "50,000", "100,000"),
    "unlimited",
)
_DEFAULTS: Item = {
    "enabled": True,
    "info": "",
    "serverType": MICROSOFT_365,
    "status": "ok",
    "syncRunning": False,
    "domains": [],
    "acknowledgeDisabledAccounts": True,
    "deleteUsers": False,
    "syncGuestUsers": False,
    "syncContacts": False,
    "maxUnlink": "unlimited",
}
_OF_MICROSOFT_365: Item = {"connectorId": "", "clientId": "", "tenantDomain": "", "serverSubtype": "standard"}


def add(world: World, account: str, description: str, **properties: Any) -> dict[str, Any]:
    """Store a connection; ``lastSync`` is an ISO time or ``now``; without it, it has never run.

    Raises:
        ValueError: an unknown property, or a malformed time.
    """
    known = _DEFAULTS | _OF_MICROSOFT_365
    unknown = sorted(properties.keys() - known.keys() - {"lastSync"})
    if unknown:
        raise ValueError(f"a directory connection has no {', '.join(unknown)}")
    last = properties.pop("lastSync", None)
    last = world.now().isoformat() if last == "now" else last
    number = ids.next_number(world)
    connection: dict[str, Any] = {
        **known,
        **properties,
        "number": number,
        "account": account,
        "description": description,
        "lastSync": None if last is None else clock.on_the_wire(last),
        "started": None,
    }
    put(world, connection)
    return connection


def put(world: World, connection: dict[str, Any]) -> None:
    """Save a connection."""
    world.put(CONNECTIONS, str(connection["number"]), connection)


def of_account(world: World, account: str) -> list[dict[str, Any]]:
    """The account's connections, oldest first."""
    return [_whole(each) for each in world.of_account(CONNECTIONS, account)]


def _whole(connection: dict[str, Any]) -> dict[str, Any]:
    """A connection, completed with the properties that earlier versions did not store."""
    return _OF_MICROSOFT_365 | {"started": None} | connection


def request(world: World, account: str) -> list[dict[str, Any]]:
    """Start a run of every enabled connection that is not running; return all enabled ones."""
    enabled = [each for each in of_account(world, account) if each["enabled"]]
    for connection in enabled:
        if not connection["syncRunning"]:
            put(world, connection | {"syncRunning": True, "started": world.now().isoformat()})
    return enabled


# ---------------------------------------------------------------- as returned to clients


def _document(world: World, connection: dict[str, Any], last_sync: str) -> Item:
    shown = {"id": ids.encode(world, ids.Kind.CONNECTION, connection["account"], connection["number"])}
    for name in ("description", *_DEFAULTS):
        shown[name] = connection[name]
    return shown if connection["lastSync"] is None else {**shown, last_sync: connection["lastSync"]}


def _integration(connection: dict[str, Any]) -> Item:
    """A single Microsoft 365 integration, without id, status and kind."""
    names = ("description", *_DEFAULTS, *_OF_MICROSOFT_365)
    shown = {name: connection[name] for name in names if name not in ("serverType", "status")}
    limit = shown["maxUnlink"].replace(",", "")
    shown["maxUnlink"] = int(limit) if limit.isdigit() else limit
    return shown if connection["lastSync"] is None else shown | {"lastSyncDateTime": connection["lastSync"]}


def _get_connection(caller: Caller, _: list[Item], __: Page) -> Result:
    found = of_account(caller.world, caller.account)
    return Result(data=[_document(caller.world, each, "lastSync") for each in found])


def _execute_sync(caller: Caller, _: list[Item], __: Page) -> Result:
    kinds = dict.fromkeys(each["serverType"].upper() for each in request(caller.world, caller.account))
    return Result(data=[{"type": kind, "syncStatus": "started"} for kind in kinds])


def _list_integrations(call: rest.Call) -> Response:
    world = call.caller.world
    found = of_account(world, call.caller.account)
    return call.page("integrations", found, lambda each: _document(world, each, "lastSyncDateTime"))


def _request_sync(call: rest.Call) -> Response:
    request(call.caller.world, call.caller.account)
    return Response(status_code=204)


# ---------------------------------------------------------------- Microsoft 365 integrations


def _get(call: rest.Call) -> Response:
    return JSONResponse(_integration(_found(call)))


def _create(call: rest.Call) -> Response:
    requested = _checked(call.body())
    for name in ("description", "tenantDomain"):
        if not requested.get(name):
            raise rest.RestError(400, "err_validation_null", f"{name} must not be null")
    caller = call.caller
    created = add(caller.world, caller.account, requested.pop("description"), **requested)
    return JSONResponse(
        {"id": ids.encode(caller.world, ids.Kind.CONNECTION, caller.account, created["number"])},
        status_code=201,
    )


def _update(call: rest.Call) -> Response:
    put(call.caller.world, _found(call) | _checked(call.body()))
    return Response(status_code=204)


def _delete(call: rest.Call) -> Response:
    caller, connection = call.caller, _found(call)
    caller.world.delete(CONNECTIONS, str(connection["number"]))
    info = f"Directory integration {connection['description']} deleted"
    audit.record(caller.world, caller.account, audit.Event.INTEGRATION_DELETED, "", info)
    return Response(status_code=204)


def _found(call: rest.Call) -> dict[str, Any]:
    connection = call.caller.world.get(CONNECTIONS, str(call.identified("id", ids.Kind.CONNECTION)))
    of_caller = connection is not None and connection["account"] == call.caller.account
    if connection is None or not of_caller or connection["serverType"] != MICROSOFT_365:
        raise rest.not_found()
    return _whole(connection)


def _is_text(limit: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= limit


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "description": lambda value: _is_text(_DESCRIPTION_LIMIT)(value) and bool(value.strip()),
    "info": _is_text(_INFO_LIMIT),
    "domains": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "connectorId": _is_text(_INFO_LIMIT),
    "tenantDomain": lambda value: isinstance(value, str) and "." in value,
    "serverSubtype": lambda value: value in ("standard", "gov"),
    "maxUnlink": lambda value: value in _UNLINK_LIMITS,
    **dict.fromkeys(
        ("enabled", "acknowledgeDisabledAccounts", "deleteUsers", "syncGuestUsers", "syncContacts"), _is_flag
    ),
}
WRITABLE = frozenset(_CHECKS)
"""The properties that a client may write."""


def _checked(body: Item) -> Item:
    """Check the properties that a client writes."""
    for name, value in body.items():
        check = _CHECKS.get(name)
        if check is None:
            raise rest.RestError(400, "err_deserialise", f"Payload is malformed: {name}")
        if not check(value):
            raise rest.RestError(400, "err_validation_invalid", f"{name} is not valid")
    return dict(body)


FUNCTIONS = {
    "/api/directory/get-connection": Function(_get_connection, _READ),
    "/api/directory/execute-sync": Function(_execute_sync, _EDIT),
}

_PATH = "/directory/cloud-gateway/v1/integrations"
ROUTES = (
    rest.Route("GET", _PATH, _list_integrations, _READ, rest.PAGED),
    rest.Route("POST", f"{_PATH}/sync-requests", _request_sync, _READ),  # (from the catalogue)
    rest.Route("POST", f"{_PATH}/m365", _create, _EDIT),
    rest.Route("GET", f"{_PATH}/m365/{{id}}", _get, _READ),
    rest.Route("PATCH", f"{_PATH}/m365/{{id}}", _update, _EDIT),
    rest.Route("DELETE", f"{_PATH}/m365/{{id}}", _delete, _EDIT),
)
