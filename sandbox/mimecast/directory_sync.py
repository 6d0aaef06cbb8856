"""Directory synchronisation: the directories that an account takes its users from, and their last run.

Observed: the fields of a row of get-connection (public clients print them, with ``status`` ``ok`` and ``serverType``
``active_directory``), and those of a single v2 integration, which calls the time ``lastSyncDateTime``. EMU: the kind
of a connection to Microsoft 365, the name of the array in the v2 list, and that its rows have the fields of a single
integration. Connections are seeded and never synchronise.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sandbox.mimecast import clock, ids, rest
from sandbox.mimecast.envelope import Answer, Function, Item, Page
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

CONNECTIONS = "mimecast.directoryConnections"

_PERMISSION = "Services | Directory Sync | Read"
_KIND = "azure_active_directory"
_DEFAULTS: Item = {
    "enabled": True,
    "info": "",
    "serverType": _KIND,
    "status": "ok",
    "syncRunning": False,
    "domains": [],
    "acknowledgeDisabledAccounts": True,
    "deleteUsers": False,
    "syncGuestUsers": False,
    "syncContacts": False,
    "maxUnlink": "unlimited",
}


def add(world: World, account: str, description: str, **properties: Any) -> None:
    """Put a connection into the world; ``lastSync`` is an ISO time or ``now``; without it, it never ran.

    Raises:
        ValueError: an unknown property, or a malformed time.
    """
    unknown = sorted(properties.keys() - _DEFAULTS.keys() - {"lastSync"})
    if unknown:
        raise ValueError(f"a directory connection has no {', '.join(unknown)}")
    last = properties.pop("lastSync", None)
    last = world.now().isoformat() if last == "now" else last
    number = ids.next_number(world)
    connection: Item = {
        **_DEFAULTS,
        **properties,
        "number": number,
        "account": account,
        "description": description,
        "lastSync": None if last is None else clock.on_the_wire(last),
    }
    world.put(CONNECTIONS, str(number), connection)


def of_account(world: World, account: str) -> list[dict[str, Any]]:
    """The account's connections, oldest first."""
    return world.of_account(CONNECTIONS, account)


def _document(world: World, connection: dict[str, Any], last_sync: str) -> Item:
    shown = {"id": ids.encode(world, ids.Kind.CONNECTION, connection["account"], connection["number"])}
    for name in ("description", *_DEFAULTS):
        shown[name] = connection[name]
    return shown if connection["lastSync"] is None else {**shown, last_sync: connection["lastSync"]}


def _get_connection(caller: Caller, _: list[Item], __: Page) -> Answer:
    found = of_account(caller.world, caller.account)
    return Answer(data=[_document(caller.world, each, "lastSync") for each in found])


def _list_integrations(call: rest.Call) -> Response:
    world = call.caller.world
    found = of_account(world, call.caller.account)
    return call.page("integrations", found, lambda each: _document(world, each, "lastSyncDateTime"))


FUNCTIONS = {"/api/directory/get-connection": Function(_get_connection, _PERMISSION)}

ROUTES = (
    rest.Route(
        "GET", "/directory/cloud-gateway/v1/integrations", _list_integrations, _PERMISSION, rest.PAGED
    ),
)
