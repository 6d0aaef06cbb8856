"""The Mimecast part of a seed document.

Besides account, application and administrator, which are required, ``mimecast`` may have ``domains``
(``name``, and properties such as ``sendOnly``), ``users`` (``emailAddress``, ``name``, and properties such as
``source``), ``groups`` (``description``, ``members``, and properties), ``addresses`` (``domain``, ``count``,
``source``: that many numbered users) and ``directoryConnections`` (``description``, and properties such as
``lastSync``).
"""

from __future__ import annotations

import hashlib
from typing import Any

from mimecast_sso.facts.regions import REGIONS
from sandbox import tenants
from sandbox.mimecast import accounts, directory_sync, domains, groups, oauth, passwords, policy, users
from sandbox.world import World

_LDAP_TYPE = "created_by_ldap_sync"


def seed(world: World, document: dict[str, Any]) -> None:
    """Add missing objects; change no existing ones.

    Raises:
        ValueError: the region is unknown.
    """
    requested = document.get("mimecast")
    if requested is None:
        return
    account = requested["accountCode"]
    if requested["region"] not in REGIONS:
        raise ValueError(f"unknown region {requested['region']}; the regions are {', '.join(REGIONS)}")
    if world.get(accounts.ACCOUNTS, account) is None:
        _add_account(world, requested)
    if world.get(oauth.APPLICATIONS, requested["clientId"]) is None:
        application = {
            "clientId": requested["clientId"],
            "clientSecret": requested["clientSecret"],
            "account": account,
        }
        world.put(oauth.APPLICATIONS, requested["clientId"], application)
    _add_content(world, account, requested)


def _add_account(world: World, requested: dict[str, Any]) -> None:
    account = requested["accountCode"]
    digits = int(hashlib.sha256(account.encode()).hexdigest(), 16) % 10**9
    administrator = requested["administrator"]
    world.put(
        accounts.ACCOUNTS,
        account,
        {
            "accountCode": account,
            "region": requested["region"],
            "name": requested.get("name", f"Example {account}"),
            "mimecastId": f"01-{digits // 10**5:04d}-{digits % 10**5:05d}",
            "rootFolder": groups.add_root(world, account),
            "administrator": {
                "emailAddress": administrator["emailAddress"].lower(),
                "password": passwords.hashed(administrator["password"]),
            },
        },
    )
    policy.add_defaults(world, account)


def _add_content(world: World, account: str, requested: dict[str, Any]) -> None:
    for domain in requested.get("domains", []):
        properties = {key: value for key, value in domain.items() if key != "name"}
        if domains.internal(world, account, domain["name"]) is None:
            domains.add_internal(world, account, domain["name"], **properties)
    for user in requested.get("users", []):
        _add_user(world, account, dict(user))
    for each in requested.get("addresses", []):
        _add_numbered(world, account, each)
    for group in requested.get("groups", []):
        _add_group(world, account, dict(group))
    known = {each["description"] for each in directory_sync.of_account(world, account)}
    for connection in requested.get("directoryConnections", []):
        if connection["description"] not in known:
            directory_sync.add(world, account, **connection)


def _add_user(world: World, account: str, user: dict[str, Any]) -> None:
    address, name = user.pop("emailAddress"), user.pop("name", "")
    if user.get("password"):
        user["password"] = passwords.hashed(user["password"])
    if user.get("source") == "ldap":
        user.setdefault("addressType", _LDAP_TYPE)
    users.add(world, account, address, name, **user)


def _add_numbered(world: World, account: str, requested: dict[str, Any]) -> None:
    source = requested.get("source", "cloud")
    for number in range(1, requested["count"] + 1):
        user = {"emailAddress": tenants.address(number, requested["domain"]), "name": f"User {number}"}
        _add_user(world, account, {**user, "source": source})


def _add_group(world: World, account: str, requested: dict[str, Any]) -> None:
    description, members = requested.pop("description"), requested.pop("members", [])
    if groups.named(world, account, description):
        return
    root = (world.get(accounts.ACCOUNTS, account) or {})["rootFolder"]
    group = groups.add(world, account, description, root, **requested)
    for who in members:
        groups.add_member(world, group, who)
