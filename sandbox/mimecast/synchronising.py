"""Runs of directory synchronisation: a requested run starts after the response.

All EMU: a run takes ``mimecast.sync_seconds`` (0.2), and ends at the first call after that. A run of a Microsoft 365
integration reads the users of its tenant (the first one if it names none) whose mail address is in an internal domain
of the account and, if the integration names domains, in one of these. It creates missing users, disables and enables
those that it owns as in the tenant (``acknowledgeDisabledAccounts``), and with ``deleteUsers`` deletes those that the
tenant does not have, unless they are more than ``maxUnlink``. It does not touch the account's own addresses. With a
tenant that the sandbox does not have, the run fails: ``status`` becomes ``error``, and the time of the last run stays.
Nothing runs on a schedule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.entra import objects, tenancy
from sandbox.mimecast import clock, directory_sync, users
from sandbox.mimecast.envelope import ItemError
from sandbox.world import World

_SECONDS = 0.2
_TYPE = "created_by_ldap_sync"


def advance(world: World) -> None:
    """End the runs that are due by now."""
    due = world.now() - timedelta(seconds=float(world.setting("mimecast.sync_seconds", _SECONDS)))
    for connection in world.all(directory_sync.CONNECTIONS):
        if connection["syncRunning"] and connection.get("started"):
            if datetime.fromisoformat(connection["started"]) > due:
                continue
            with world.transaction():
                _end(world, connection)


def _end(world: World, connection: dict[str, Any]) -> None:
    ended = connection | {"syncRunning": False, "started": None}
    if connection["serverType"] != directory_sync.MICROSOFT_365:
        directory_sync.put(world, ended | _success(world))
        return
    people = _people(world, connection)
    if people is None:
        directory_sync.put(world, ended | {"status": "error"})
        return
    _take_over(world, connection, people)
    directory_sync.put(world, ended | _success(world))


def _success(world: World) -> dict[str, Any]:
    return {"status": "ok", "lastSync": clock.on_the_wire(world.now().isoformat())}


def _people(world: World, connection: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """The tenant's users by mail address; ``None`` where there is no such tenant."""
    tenant = _tenant(world, connection["tenantDomain"])
    if tenant is None:
        return None
    with world.of_tenant(tenant):
        found = world.all(objects.USERS)
    guests = connection["syncGuestUsers"]
    return {
        each["mail"].lower(): each
        for each in found
        if each["mail"] and (guests or each["userType"] != "Guest")
    }


def _tenant(world: World, domain: str) -> str | None:
    """The tenant whose documents to read (`World.of_tenant`), by one of its domains."""
    if not domain or world.get(objects.DOMAINS, domain.casefold()):
        return ""
    return tenancy.further(world, domain)


def _take_over(world: World, connection: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]]) -> None:
    account = connection["account"]
    covered = {
        address: person for address, person in people.items() if _covers(world, connection, account, address)
    }
    for address, person in covered.items():
        _take(world, connection, address, person)
    if connection["deleteUsers"]:
        _unlink(world, connection, covered.keys())


def _covers(world: World, connection: Mapping[str, Any], account: str, address: str) -> bool:
    domain = address.rpartition("@")[2]
    try:
        users.check_domain(world, account, address)
    except ItemError:
        return False
    return not connection["domains"] or domain in connection["domains"]


def _take(world: World, connection: Mapping[str, Any], address: str, person: Mapping[str, Any]) -> None:
    name, disabled = person["displayName"] or "", person["accountEnabled"] is False
    known = users.anywhere(world, address)
    if known is None:
        world.delete(users.USERS, address)  # the remains of a purge
        state = {"accountDisabled": disabled and connection["acknowledgeDisabledAccounts"]}
        users.add(world, connection["account"], address, name, source="ldap", addressType=_TYPE, **state)
    elif known["account"] == connection["account"] and known["source"] == "ldap":
        state = {"accountDisabled": disabled} if connection["acknowledgeDisabledAccounts"] else {}
        users.put(world, known | {"name": name, **state})


def _unlink(world: World, connection: Mapping[str, Any], kept: Collection[str]) -> None:
    owned = [each for each in users.of_account(world, connection["account"]) if each["source"] == "ldap"]
    gone = [each["emailAddress"] for each in owned if each["emailAddress"] not in kept]
    limit = connection["maxUnlink"].replace(",", "")
    if not limit.isdigit() or len(gone) <= int(limit):
        for address in gone:
            world.delete(users.USERS, address)
