"""What a seed document makes in the directory. Whatever is there already stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.credentials import USER_PASSWORD
from sandbox.entra import applications, directory, objects, service_principals
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
from sandbox.world import World

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_OBJECT_ID = "5a4db0c5-0000-4000-8000-000000000003"
_ORGANISATION = "Contoso"
_DEPLOYER_NAME = "Single sign-on deployment"


def seed(world: World, document: Mapping[str, Any]) -> None:
    """Add tenant, deploying principal, templates, people and groups that are not there yet.

    Raises:
        KeyError, TypeError, ValueError: the document does not have the agreed form, or a group names somebody
            who is no user.
    """
    if "tenant" in document:
        _seed_tenant(world, document["tenant"])
    if "deployer" in document:
        _seed_deployer(world, document["deployer"])
    for wanted in document.get("templates", []):
        template = applications.template(wanted["displayName"], wanted.get("id"))
        _add(world, TEMPLATES, template)
    for user in document.get("users", []):
        _seed_user(world, user)
    for group in document.get("groups", []):
        _seed_group(world, group["displayName"], group.get("members", []))
    for application in document.get("applications", []):
        _seed_application(world, application)


def _add(world: World, collection: str, document: dict[str, Any]) -> None:
    if world.get(collection, document["id"]) is None:
        objects.save(world, collection, document)


def _seed_tenant(world: World, tenant: Mapping[str, Any]) -> None:
    if world.get(TENANTS, TENANT) is None:
        world.put(TENANTS, TENANT, {"id": tenant["id"], "displayName": _ORGANISATION})
    _add(world, DOMAINS, directory.domain(tenant["domain"], initial=True))
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
    properties = {key: value for key, value in user.items() if key not in ("password", "userPurpose")}
    made = directory.new_user(world, properties, user.get("password") or USER_PASSWORD)
    if "userPurpose" in user:
        world.put(MAILBOXES, made["id"], {"userPurpose": user["userPurpose"]})


def _seed_group(world: World, name: str, members: Iterable[str]) -> None:
    group = next((item for item in world.all(GROUPS) if item["displayName"] == name), None)
    if group is None:
        nickname = "".join(letter for letter in name if letter.isalnum()).lower()
        group = directory.new_group(world, {"displayName": name, "mailNickname": nickname})
    identifiers = [_user_id(world, member) for member in members]
    missing = [identifier for identifier in identifiers if identifier not in group[MEMBERS]]
    if missing:
        group[MEMBERS] += missing
        objects.save(world, GROUPS, group)


def _seed_application(world: World, wanted: Mapping[str, Any]) -> None:
    """An application as somebody made it in the portal, who also made the deploying principal an owner of it."""
    if any(item["appId"] == wanted["clientId"] for item in world.all(APPLICATIONS)):
        return
    template = next(item for item in world.all(TEMPLATES) if item["publisher"] == "Mimecast")
    application = applications.from_template(world, template, wanted["displayName"])
    application |= {"appId": wanted["clientId"], "identifierUris": [wanted["identifier"]]}
    application["web"]["redirectUris"] = [wanted["replyUrl"]]
    principal = service_principals.from_template(world, application, is_gallery=True)
    principal |= {"preferredSingleSignOnMode": "saml", "loginUrl": wanted["signOnUrl"]}
    application[OWNERS] = principal[OWNERS] = [item["objectId"] for item in world.all(DEPLOYERS)]
    objects.save(world, APPLICATIONS, application)
    objects.save(world, SERVICE_PRINCIPALS, principal)


def _user_id(world: World, address: str) -> str:
    wanted = address.casefold()
    for user in world.all(USERS):
        if wanted in {(user["mail"] or "").casefold(), user["userPrincipalName"].casefold()}:
            return str(user["id"])
    raise ValueError(f"no user has the address {address}")
