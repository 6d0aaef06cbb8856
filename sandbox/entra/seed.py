"""Seeds the directory. Existing objects are not changed.

Besides tenant and deployer, which are required, a document may have ``templates``; ``users`` with any property of a
user (such as ``accountEnabled``, or ``userType`` ``Guest``) and ``password``, ``userPurpose`` and ``signInMethod``;
``groups``, whose ``members`` are addresses, or names of groups; ``applications``; ``conditionalAccess``: policies with
``displayName``, ``state``, ``applications`` (client ids, or ``All``), ``users`` (addresses, or ``All``) and
``groups`` by name, ``excludeApplications``, ``excludeUsers`` and ``excludeGroups`` likewise, and ``grantControls``
(``block``, ``mfa``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.credentials import USER_PASSWORD
from sandbox.entra import (
    applications,
    conditional_access,
    directory,
    objects,
    service_principals,
    sign_in_methods,
    tenancy,
)
from sandbox.entra.objects import (
    APPLICATIONS,
    DOMAINS,
    GROUPS,
    MAILBOXES,
    MEMBERS,
    OWNERS,
    SERVICE_PRINCIPALS,
    TEMPLATES,
    USERS,
)
from sandbox.entra.permissions import ROLE_IDS
from sandbox.entra.tokens import DEPLOYERS, TENANT, TENANTS
from sandbox.world import INDEXED, World

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_OBJECT_ID = "5a4db0c5-0000-4000-8000-000000000003"
_ORGANISATION = "Contoso"
_BESIDE = ("password", "signInMethod", "userPurpose")
_DEPLOYER_NAME = "Single sign-on deployment"


def seed(world: World, document: Mapping[str, Any]) -> None:
    """Add missing tenant, deploying principal, templates, users, groups, applications and policies.

    Raises:
        KeyError, TypeError, ValueError: the document is malformed, or a group names an unknown user.
    """
    with world.of_tenant(tenancy.of_seed(world, document["tenant"]) if "tenant" in document else ""):
        _seed(world, document)


def _seed(world: World, document: Mapping[str, Any]) -> None:
    if "tenant" in document:
        _seed_tenant(world, document["tenant"])
    if "deployer" in document:
        _seed_deployer(world, document["deployer"])
    for requested in document.get("templates", []):
        template = applications.template(requested["displayName"], requested.get("id"))
        _add(world, TEMPLATES, template)
    for user in document.get("users", []):
        _seed_user(world, user)
    # All of them first: a group may be a member of an earlier one.
    groups = [(_group(world, group["displayName"]), group) for group in document.get("groups", [])]
    for identifier, group in groups:
        _seed_members(world, identifier, group.get("members", []))
    for application in document.get("applications", []):
        _seed_application(world, application)
    for policy in document.get("conditionalAccess", []):
        _seed_policy(world, policy)


def _add(world: World, collection: str, document: dict[str, Any]) -> None:
    if world.get(collection, document["id"]) is None:
        objects.save(world, collection, document)


def _seed_tenant(world: World, tenant: Mapping[str, Any]) -> None:
    if world.get(TENANTS, TENANT) is None:
        world.put(TENANTS, TENANT, {"id": tenant["id"], "displayName": _ORGANISATION})
    _add(world, DOMAINS, directory.domain(tenant["domain"], initial=True))
    for name in tenant.get("domains", ()):
        _add(world, DOMAINS, directory.domain(name))
    _add(world, TEMPLATES, applications.non_gallery_template())
    roles = [_graph_role(value, identifier) for value, identifier in ROLE_IDS.items()]
    _add(
        world,
        SERVICE_PRINCIPALS,
        objects.new(
            objects.SERVICE_PRINCIPAL,
            id=GRAPH_OBJECT_ID,
            appId=GRAPH_APP_ID,
            displayName="Microsoft Graph",
            appDisplayName="Microsoft Graph",
            appRoles=roles,
            servicePrincipalNames=[GRAPH_APP_ID, "https://graph.microsoft.com"],
        ),
    )


def _graph_role(value: str, identifier: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "allowedMemberTypes": ["Application"],
        "description": value,
        "displayName": value,
        "isEnabled": True,
        "origin": "Application",
        "value": value,
    }


def _seed_deployer(world: World, deployer: Mapping[str, Any]) -> None:
    if world.get(DEPLOYERS, deployer["clientId"]) is None:
        world.put(DEPLOYERS, deployer["clientId"], {"displayName": _DEPLOYER_NAME, **deployer})
    _add(
        world,
        SERVICE_PRINCIPALS,
        objects.new(
            objects.SERVICE_PRINCIPAL,
            id=deployer["objectId"],
            appId=deployer["clientId"],
            displayName=_DEPLOYER_NAME,
            appDisplayName=_DEPLOYER_NAME,
            servicePrincipalNames=[deployer["clientId"]],
        ),
    )


def _seed_user(world: World, user: Mapping[str, Any]) -> None:
    name = user["userPrincipalName"]
    if directory.find_user(world, name) is not None:
        return
    domain = name.partition("@")[2].casefold()
    first = not any(item["isDefault"] for item in world.all(DOMAINS))
    _add(world, DOMAINS, directory.domain(domain, default=first))
    properties = {key: value for key, value in user.items() if key not in _BESIDE}
    created = directory.new_user(world, properties, user.get("password") or USER_PASSWORD)
    if "userPurpose" in user:
        world.put(MAILBOXES, created["id"], {"userPurpose": user["userPurpose"]})
    if "signInMethod" in user:
        sign_in_methods.choose(world, created["id"], user["signInMethod"])


def _group(world: World, name: str) -> str:
    """The object id of the group of that name, created if missing."""
    existing = _group_id(world, name)
    if existing is not None:
        return existing
    nickname = "".join(letter for letter in name if letter.isalnum()).lower()
    return str(directory.new_group(world, {"displayName": name, "mailNickname": nickname})["id"])


def _seed_members(world: World, group_id: str, members: Iterable[str]) -> None:
    """Add members: users by address, groups by name."""
    group = world.get(GROUPS, group_id) or {}
    groups = {str(item["displayName"]): str(item["id"]) for item in reversed(world.all(GROUPS))}
    identifiers = [groups.get(member) or _user_id(world, member) for member in members]
    already = set(group[MEMBERS])
    missing = [identifier for identifier in identifiers if identifier not in already]
    if missing:
        group[MEMBERS] += missing
        objects.save(world, GROUPS, group)


def _seed_application(world: World, requested: Mapping[str, Any]) -> None:
    """Add an application as if created in the portal, with the deploying principal as an owner."""
    if any(item["appId"] == requested["clientId"] for item in world.all(APPLICATIONS)):
        return
    template = next(item for item in world.all(TEMPLATES) if item["publisher"] == "Mimecast")
    application = applications.from_template(world, template, requested["displayName"])
    application |= {"appId": requested["clientId"], "identifierUris": [requested["identifier"]]}
    application["web"]["redirectUris"] = [requested["replyUrl"]]
    principal = service_principals.from_template(world, application, is_gallery=True)
    principal |= {"preferredSingleSignOnMode": "saml", "loginUrl": requested["signOnUrl"]}
    application[OWNERS] = principal[OWNERS] = [item["objectId"] for item in world.all(DEPLOYERS)]
    objects.save(world, APPLICATIONS, application)
    objects.save(world, SERVICE_PRINCIPALS, principal)


def _seed_policy(world: World, requested: Mapping[str, Any]) -> None:
    name = requested["displayName"]
    if any(policy["displayName"] == name for policy in world.all(conditional_access.POLICIES)):
        return

    def people(key: str) -> list[str]:
        return [each if each == "All" else _user_id(world, each) for each in requested.get(key, [])]

    def groups(key: str) -> list[str]:
        return [_required_group(world, each) for each in requested.get(key, [])]

    conditional_access.add(
        world,
        name,
        state=requested.get("state", conditional_access.ENABLED),
        controls=requested.get("grantControls", []),
        users={
            "includeUsers": people("users"),
            "excludeUsers": people("excludeUsers"),
            "includeGroups": groups("groups"),
            "excludeGroups": groups("excludeGroups"),
        },
        applications={
            "includeApplications": requested["applications"],
            "excludeApplications": requested.get("excludeApplications", []),
        },
    )


def _required_group(world: World, name: str) -> str:
    identifier = _group_id(world, name)
    if identifier is None:
        raise ValueError(f"no group is named {name}")
    return identifier


def _group_id(world: World, name: str) -> str | None:
    return next((str(item["id"]) for item in world.all(GROUPS) if item["displayName"] == name), None)


def _user_id(world: World, address: str) -> str:
    for name in INDEXED:
        for user in world.having(USERS, name, [address]):
            return str(user["id"])
    raise ValueError(f"no user has the address {address}")
