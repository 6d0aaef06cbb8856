"""Users, which the console calls internal addresses.

Documented: the fields, five items per update-user, that an update with only an address reads, that no call deletes a
user, up to a thousand addresses per purge call, and that neither directory-synchronised users nor administrators are
purged. Recorded: the rows of get-internal-users. EMU: codes for duplicates and passwords, order (by address),
addresses returned in lower case, the time after which a purged address disappears (setting
``mimecast.purge_seconds``). The setting ``mimecast.visibility_seconds`` hides new users from lists for a while.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from sandbox.mimecast import accounts, audit, clock, ids, passwords, rest
from sandbox.mimecast.envelope import Function, Item, ItemError, Page, Result, each, flag, listing, text
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

USERS = "mimecast.users"

_EDIT = "Directories | Internal | Edit"
_READ = "Directories | Internal | Read"
_GROUPS_READ = "Directories | Groups | Read"
_GROUPS_EDIT = "Directories | Groups | Edit"
_PURGE = "Directories | Internal | Purge Address"
_UNPURGE = "Directories | Internal | Remove Address from Purge List"

_ADDRESS = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,253}")
_LONGEST_ADDRESS = 254
_FLAGS = (
    "forcePasswordChange",
    "passwordNeverExpires",
    "accountLocked",
    "accountDisabled",
    "allowSmtp",
    "allowPop",
)
_UPDATE_LIMIT = 5
_PURGE_LIMIT = 1000
_PURGE_SECONDS = 86_400
_SHORTEST_PASSWORD = 8


def find(world: World, account: str, address: str) -> dict[str, Any] | None:
    """The account's user or alias of that address."""
    user = world.get(USERS, address.lower())
    if user is None or user["account"] != account or _is_purged(world, user):
        return None
    return user


def anywhere(world: World, address: str) -> dict[str, Any] | None:
    """The user of that address in any account: addresses are unique across Mimecast."""
    user = world.get(USERS, address.lower())
    return None if user is None or _is_purged(world, user) else user


def add(world: World, account: str, address: str, name: str, **properties: Any) -> dict[str, Any]:
    """Store a user; an existing one is not changed."""
    existing = find(world, account, address)
    if existing is not None:
        return existing
    now = world.now().isoformat()
    user = {
        "number": ids.next_number(world),
        "account": account,
        "emailAddress": address.lower(),
        "name": name,
        "domain": address.lower().rpartition("@")[2],
        "password": None,
        **dict.fromkeys(_FLAGS, False),
        "allowSmtp": True,
        "allowPop": True,
        "addressType": "created_manually",
        "source": "cloud",
        "aliasFor": None,
        "purged": None,
        "created": now,
        "updated": now,
        **properties,
    }
    put(world, user)
    return user


def put(world: World, user: dict[str, Any]) -> None:
    """Save a user."""
    world.put(USERS, user["emailAddress"], user)


def of_account(world: World, account: str) -> list[dict[str, Any]]:
    """The account's users and aliases, by address."""
    return _documents(world, addresses(world, account))


def addresses(world: World, account: str, domain: str = "", created_before: str = "") -> Sequence[str]:
    """The sorted addresses of the account's users and aliases, optionally of one domain.

    A long listing must not read every user for each page, so the order is cached until a user changes.
    """
    found = world.derived(USERS, _directory).get((account, domain), _NOBODY)
    if not found.purged and not created_before:
        return found.addresses
    users = _documents(world, found.addresses)
    return [
        str(user["emailAddress"])
        for user in users
        if not _is_purged(world, user) and (not created_before or user["created"] <= created_before)
    ]


@dataclass(slots=True)
class _Listed:
    addresses: list[str] = field(default_factory=list)
    purged: bool = False


_NOBODY = _Listed()


def _directory(documents: Iterable[tuple[str, dict[str, Any]]]) -> dict[tuple[str, str], _Listed]:
    """Addresses by account, and by account and domain."""
    found: dict[tuple[str, str], _Listed] = defaultdict(_Listed)
    for address, user in documents:
        for domain in ("", user["domain"]):
            listed = found[user["account"], domain]
            listed.addresses.append(address)
            listed.purged = listed.purged or bool(user["purged"])
    for listed in found.values():
        listed.addresses.sort()
    return dict(found)


def _documents(world: World, found: Iterable[str]) -> list[dict[str, Any]]:
    return [user for address in found if (user := world.get(USERS, address)) is not None]


def address_in(item: Item, field: str = "emailAddress") -> str:
    """An e-mail address in an item, in lower case.

    Raises:
        ItemError: blank or malformed.
    """
    given = text(item, field).strip().lower()
    if not given:
        raise ItemError("err_validation_blank", "must not be blank", field=field)
    if len(given) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(given):
        raise ItemError("err_validation_invalid_email_address", "is not an e-mail address", field=field)
    return given


def check_password(world: World, password: str) -> None:
    """Refuse a password that is too short (EMU: the vendor's limits are not documented).

    Raises:
        ItemError: too short.
    """
    shortest = int(world.setting("mimecast.shortest_password", _SHORTEST_PASSWORD))
    if len(password) < shortest:
        raise ItemError(
            "err_validation_password", f"must have {shortest} characters or more", field="password"
        )


def forbidden_address() -> ItemError:
    """The error for an address that the account does not manage, or that does not exist."""
    message = "0003 Forbidden To Perform Operation For Address"
    return ItemError("err_xdk_operation_forbidden_for_address", message)


def check_domain(world: World, account: str, address: str) -> None:
    """Check that the address is in an internal domain of the account in which people can sign in.

    Raises:
        ItemError: it is not.
    """
    domain = world.get("mimecast.domains", f"{account}/{address.rpartition('@')[2]}")
    if domain is None or domain["state"] != "internal" or domain["sendOnly"]:
        raise forbidden_address()


def _is_purged(world: World, user: dict[str, Any]) -> bool:
    if not user["purged"]:
        return False
    delay = timedelta(seconds=float(world.setting("mimecast.purge_seconds", _PURGE_SECONDS)))
    return datetime.fromisoformat(user["purged"]) + delay <= world.now()


def _visible(world: World, account: str, domain: str = "") -> Sequence[str]:
    delay = float(world.setting("mimecast.visibility_seconds", 0))
    latest = (world.now() - timedelta(seconds=delay)).isoformat() if delay else ""
    return addresses(world, account, domain, latest)


# ---------------------------------------------------------------- create, update, list


def _create_user(caller: Caller, item: Item) -> Item:
    world = caller.world
    address = address_in(item)
    name = text(item, "name")
    properties: dict[str, Any] = {"forcePasswordChange": flag(item, "forcePasswordChange")}
    if "password" in item:
        check_password(world, text(item, "password"))
        properties["password"] = passwords.hashed(text(item, "password"))
    check_domain(world, caller.account, address)
    if anywhere(world, address):
        raise ItemError("err_user_already_exists", "User already exists")
    world.delete(USERS, address)  # the remains of a purge
    user = add(world, caller.account, address, name, **properties)
    return {"emailAddress": address, "id": _id(world, user)}


def _id(world: World, user: dict[str, Any]) -> str:
    return ids.encode(world, ids.Kind.USER, user["account"], user["number"])


def _update_user(caller: Caller, item: Item) -> Item:
    world = caller.world
    user = find(world, caller.account, address_in(item))
    if user is None or user["aliasFor"]:
        raise forbidden_address()
    changed = {**user, **{name: flag(item, name, user[name]) for name in _FLAGS}}
    changed["name"] = text(item, "name", user["name"])
    if "archiveStartDate" in item:
        try:
            changed["archiveStartDate"] = clock.from_the_wire(text(item, "archiveStartDate")).isoformat()
        except ValueError as error:
            raise ItemError(
                "err_validation_date", "must be a date and time", field="archiveStartDate"
            ) from error
    if "password" in item:
        check_password(world, text(item, "password"))
        changed["password"] = passwords.hashed(text(item, "password"))
        info = f"Password reset for user: {user['emailAddress']} User Password Changed"
        audit.record(world, caller.account, audit.Event.PASSWORD, "", info)
    if changed != user:
        put(world, {**changed, "updated": world.now().isoformat()})
    return {
        "emailAddress": user["emailAddress"],
        "name": changed["name"],
        **{name: changed[name] for name in _FLAGS},
    }


def _get_internal_users(caller: Caller, item: Item, page: Page) -> tuple[Item, Item]:
    domain = text(item, "domain").lower()
    chosen, pagination = page.cut(_visible(caller.world, caller.account, domain))
    rows = [
        {
            "name": user["name"],
            "emailAddress": user["emailAddress"],
            "domain": user["domain"],
            "alias": user["aliasFor"] is not None,
            "addressType": user["addressType"],
            "source": user["source"],
        }
        for user in _documents(caller.world, chosen)
    ]
    return {"users": rows, "userCount": len(rows)}, pagination


def _list_users(call: rest.Call) -> Response:
    world = call.caller.world

    def document(address: str) -> Item:
        return _v2_document(world, world.get(USERS, address) or {})

    return call.page("users", _visible(world, call.caller.account), document)


def _v2_document(world: World, user: dict[str, Any]) -> Item:
    return {
        "id": _id(world, user),
        "emailAddress": user["emailAddress"],
        "name": user["name"],
        "domain": user["domain"],
        "type": "user",
        "internal": True,
        "disabled": user["accountDisabled"],
        "createdDateTime": clock.on_the_wire(user["created"]),
        "updatedDateTime": clock.on_the_wire(user["updated"]),
        "addressType": user["addressType"],
        "isAlias": user["aliasFor"] is not None,
        "source": user["source"],
    }


# ---------------------------------------------------------------- aliases


def _primary(caller: Caller, item: Item, field: str) -> dict[str, Any]:
    user = find(caller.world, caller.account, address_in(item, field))
    if user is None or user["aliasFor"]:
        raise forbidden_address()
    return user


def _alias_document(alias: dict[str, Any]) -> Item:
    return {
        "domain": alias["domain"],
        "isInternal": True,
        "alias": alias["emailAddress"],
        "aliasDisplayName": alias["name"],
        "aliasFor": alias["aliasFor"],
        "type": alias["addressType"],
    }


def _get_aliases(caller: Caller, items: list[Item], _: Page) -> Result:
    """The response is not documented (EMU: the items of update-alias)."""
    result = Result()
    for item in items:
        try:
            primary = _primary(caller, item, "emailAddress")["emailAddress"]
        except ItemError as error:
            result.fail.append({"key": item, "errors": [error.as_document()]})
            continue
        aliases = [user for user in of_account(caller.world, caller.account) if user["aliasFor"] == primary]
        result.data += [_alias_document(alias) for alias in aliases]
    return result


def _update_alias(caller: Caller, item: Item) -> Item:
    primary = _primary(caller, item, "aliasFor")
    address = address_in(item, "alias")
    check_domain(caller.world, caller.account, address)
    taken = anywhere(caller.world, address)
    if taken is not None and taken["aliasFor"] is None:
        raise ItemError("err_user_already_exists", "User already exists")
    alias = taken or add(caller.world, caller.account, address, "")
    alias = {**alias, "aliasFor": primary["emailAddress"]}
    put(caller.world, alias)
    return _alias_document(alias)


def _remove_alias(caller: Caller, item: Item) -> None:
    primary = _primary(caller, item, "aliasFor")
    alias = find(caller.world, caller.account, address_in(item, "alias"))
    if alias is None or alias["aliasFor"] != primary["emailAddress"]:
        raise forbidden_address()
    caller.world.delete(USERS, alias["emailAddress"])
    info = f"Alias {alias['emailAddress']} of {primary['emailAddress']} removed"
    audit.record(caller.world, caller.account, audit.Event.USER, "", info)


# ---------------------------------------------------------------- purge list


def _purge_addresses(item: Item) -> list[str]:
    addresses = item["emailAddresses"]
    if not isinstance(addresses, list) or not 1 <= len(addresses) <= _PURGE_LIMIT:
        raise ItemError("err_validation_size", f"1 to {_PURGE_LIMIT} addresses", field="emailAddresses")
    return [address_in({"emailAddress": address}) for address in addresses]


def _add_to_purge_list(caller: Caller, item: Item) -> None:
    found = [find(caller.world, caller.account, address) for address in _purge_addresses(item)]
    users = [user for user in found if user is not None]
    if len(users) < len(found) or any(_is_unpurgeable(caller, user) for user in users):
        raise forbidden_address()
    for user in users:
        put(caller.world, {**user, "purged": caller.world.now().isoformat()})
        audit.record(
            caller.world,
            caller.account,
            audit.Event.USER,
            "",
            f"{user['emailAddress']} was put on the purge list",
        )


def _is_unpurgeable(caller: Caller, user: dict[str, Any]) -> bool:
    account = caller.world.get(accounts.ACCOUNTS, caller.account) or {}
    return bool(user["source"] == "ldap" or user["emailAddress"] == account["administrator"]["emailAddress"])


def _remove_from_purge_list(caller: Caller, item: Item) -> None:
    for address in _purge_addresses(item):
        user = find(caller.world, caller.account, address)
        if user is None or not user["purged"]:
            raise forbidden_address()
        put(caller.world, {**user, "purged": None})
        info = f"{user['emailAddress']} was removed from the purge list"
        audit.record(caller.world, caller.account, audit.Event.USER, "", info)


FUNCTIONS = {
    "/api/user/create-user": Function(each(_create_user, "emailAddress"), _EDIT),
    "/api/user/update-user": Function(each(_update_user, "emailAddress"), _EDIT, _UPDATE_LIMIT),
    "/api/user/get-internal-users": Function(listing(_get_internal_users), _READ, 1),
    "/api/user/get-aliases": Function(_get_aliases, _GROUPS_READ),
    "/api/user/update-alias": Function(each(_update_alias, "aliasFor", "alias"), _GROUPS_EDIT, _UPDATE_LIMIT),
    "/api/user/remove-alias": Function(each(_remove_alias, "aliasFor", "alias"), _GROUPS_EDIT, _UPDATE_LIMIT),
    "/api/user/add-to-purge-list": Function(each(_add_to_purge_list, "emailAddresses"), _PURGE, 1),
    "/api/user/remove-from-purge-list": Function(
        each(_remove_from_purge_list, "emailAddresses"), _UNPURGE, 1
    ),
}

ROUTES = (rest.Route("GET", "/user/cloud-gateway/v1/users", _list_users, _READ, rest.PAGED),)
