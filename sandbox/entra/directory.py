"""Users, groups, domains and the organisation.

Sources: Microsoft Graph's resource types "user", "mailboxSettings", "group", "domain" and "organization".
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.responses import Response

from sandbox.entra import directory_audit_log, kinds, objects, odata_filter
from sandbox.entra.clock import on_the_wire
from sandbox.entra.graph import (
    Call,
    GraphError,
    Operation,
    bad_request,
    is_visible,
    new_id,
    no_content,
    not_found,
    start_lag,
)
from sandbox.entra.objects import ASSIGNMENTS, DOMAINS, GROUPS, MAILBOXES, MEMBERS, OWNERS, PASSWORDS, USERS
from sandbox.entra.odata import Document
from sandbox.entra.owners import bound, reference_operations
from sandbox.entra.permissions import (
    READ_DOMAINS,
    READ_GROUPS,
    READ_MAILBOXES,
    READ_ORGANIZATION,
    READ_USERS,
    WRITE_GROUPS,
    WRITE_USERS,
)
from sandbox.entra.tokens import TENANT, TENANTS
from sandbox.world import INDEXED, World

# Users


def find_user(world: World, name: str) -> Document | None:
    """A user by object id or user principal name."""
    by_id = world.get(USERS, name.casefold())
    if by_id is not None:
        return by_id
    return next(iter(world.having(USERS, "userPrincipalName", [name])), None)


def groups_of(world: World, identifier: str) -> list[Document]:
    """The groups that have the object as a direct member."""
    return [group for group in world.all(GROUPS) if identifier in group[MEMBERS]]


def new_user(world: World, body: Document, password: str) -> Document:
    """Add a user.

    Raises:
        GraphError: an unknown property, or a missing or taken user principal name.
    """
    name = body.get("userPrincipalName")
    if not name or not body.get("displayName"):
        raise bad_request("One or more properties contains invalid values: userPrincipalName, displayName.")
    if find_user(world, name) is not None:
        raise bad_request("Another object with the same value for property userPrincipalName already exists.")
    blank = objects.new(
        objects.USER,
        id=new_id(),
        mailNickname=name.partition("@")[0],
        createdDateTime=on_the_wire(world.now()),
    )
    user = objects.merge(blank, body, read_only=("id",))
    objects.save(world, USERS, user)
    world.put(PASSWORDS, user["id"], {"password": password})
    return user


def _list_users(call: Call) -> Response:
    return call.many(item for item in _candidates(call) if is_visible(call.world, item["id"]))


def _candidates(call: Call) -> list[Document]:
    """Candidates for the request's filter: the users with the names that it lists, or all."""
    sought = odata_filter.named(kinds.USER, call.query)
    if sought is None or sought[0] not in (*INDEXED, "id"):
        return call.world.all(USERS)
    name, texts = sought
    if name == "id":
        found = (call.world.get(USERS, text.casefold()) for text in dict.fromkeys(texts))
        return [user for user in found if user is not None]
    return call.world.having(USERS, name, texts)


def _user(call: Call) -> Document:
    user = find_user(call.world, call.path["id"])
    if user is None or not is_visible(call.world, user["id"]):
        raise not_found(call.path["id"])
    return user


def _get_user(call: Call) -> Response:
    return call.one(_user(call))


def _create_user(call: Call) -> Response:
    body = call.document()
    profile = body.pop("passwordProfile", None) or {}
    user = new_user(call.world, body, str(profile.get("password", "")))
    start_lag(call.world, user["id"])
    return call.created(user)


def _update_user(call: Call) -> Response:
    user = _user(call)
    body = {name: value for name, value in call.document().items() if name != "id"}
    profile = body.pop("passwordProfile", None)
    if profile:
        call.world.put(PASSWORDS, user["id"], {"password": str(profile.get("password", ""))})
    objects.save(call.world, USERS, objects.merge(user, body))
    return no_content()


def _delete_user(call: Call) -> Response:
    user = _user(call)
    _forget(call.world, user["id"])
    call.world.delete(PASSWORDS, user["id"])
    call.world.delete(USERS, user["id"])
    directory_audit_log.note(call.world, call.caller, user, "Delete user")
    return no_content()


def _get_manager(call: Call) -> Response:
    _user(call)
    raise not_found("manager")


def _get_user_purpose(call: Call) -> Response:
    """The kind of a person's mailbox: the seeded ``userPurpose``, else that of an ordinary user."""
    user = _user(call)
    if not user["mail"]:
        message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        raise GraphError(HTTPStatus.NOT_FOUND, "MailboxNotEnabledForRESTAPI", message)
    mailbox = call.world.get(MAILBOXES, user["id"]) or {"userPurpose": "user"}
    return call.one({"value": mailbox["userPurpose"]})


def _list_groups_of_user(call: Call) -> Response:
    user = _user(call)
    return call.many(
        objects.references(call.world, (group["id"] for group in groups_of(call.world, user["id"])))
    )


def _forget(world: World, identifier: str) -> None:
    """Remove references to an object: memberships, ownerships and role assignments."""
    for group in world.all(GROUPS):
        if identifier in {*group[MEMBERS], *group[OWNERS]}:
            for key in (MEMBERS, OWNERS):
                group[key] = [item for item in group[key] if item != identifier]
            objects.save(world, GROUPS, group)
    for assignment in world.all(ASSIGNMENTS):
        if assignment["principalId"] == identifier:
            world.delete(ASSIGNMENTS, assignment["id"])


# Groups


def new_group(
    world: World, body: Document, members: Iterable[str] = (), owners: Iterable[str] = ()
) -> Document:
    """Add a group.

    Raises:
        GraphError: an unknown property, or no name.
    """
    if not body.get("displayName"):
        raise bad_request("Property 'displayName' is required.")
    blank = objects.new(objects.GROUP, id=new_id(), createdDateTime=on_the_wire(world.now()))
    group = objects.merge(blank, body, read_only=("id",))
    group[MEMBERS] = list(members)
    group[OWNERS] = list(owners)
    objects.save(world, GROUPS, group)
    return group


def _list_groups(call: Call) -> Response:
    documents = call.world.all(GROUPS)
    return call.many(objects.shown(item) for item in documents if is_visible(call.world, item["id"]))


def _get_group(call: Call) -> Response:
    return call.one(objects.shown(objects.find(call.world, GROUPS, call.path["id"])))


def _create_group(call: Call) -> Response:
    body = call.document()
    members = bound(body, "members")
    group = new_group(call.world, body, members, bound(body))
    start_lag(call.world, group["id"])
    return call.created(objects.shown(group))


def _update_group(call: Call) -> Response:
    group = objects.find(call.world, GROUPS, call.path["id"])
    body = {name: value for name, value in call.document().items() if name != "id"}
    objects.save(call.world, GROUPS, objects.merge(group, body))
    return no_content()


def _delete_group(call: Call) -> Response:
    group = objects.find(call.world, GROUPS, call.path["id"])
    _forget(call.world, group["id"])
    call.world.delete(GROUPS, group["id"])
    directory_audit_log.note(call.world, call.caller, group, "Delete group")
    return no_content()


def _list_transitive_members(call: Call) -> Response:
    group = objects.find(call.world, GROUPS, call.path["id"])
    return call.many(objects.references(call.world, _transitive_members(call.world, group, set())))


def _transitive_members(world: World, group: Document, seen: set[str]) -> list[str]:
    found: list[str] = []
    for identifier in group[MEMBERS]:
        if identifier in seen:
            continue
        seen.add(identifier)
        found.append(identifier)
        nested = world.get(GROUPS, identifier)
        if nested is not None:
            found += _transitive_members(world, nested, seen)
    return found


def _list_groups_of_group(call: Call) -> Response:
    group = objects.find(call.world, GROUPS, call.path["id"])
    return call.many(
        objects.references(call.world, (item["id"] for item in groups_of(call.world, group["id"])))
    )


# The rest


def domain(name: str, *, initial: bool = False, default: bool = False) -> Document:
    """A verified domain of the tenant."""
    return {
        "id": name,
        "authenticationType": "Managed",
        "availabilityStatus": None,
        "isAdminManaged": True,
        "isDefault": default,
        "isInitial": initial,
        "isRoot": True,
        "isVerified": True,
        "passwordNotificationWindowInDays": None,
        "passwordValidityPeriodInDays": None,
        "state": None,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
    }


def _list_domains(call: Call) -> Response:
    return call.many(call.world.all(DOMAINS))


def _get_domain(call: Call) -> Response:
    return call.one(objects.find(call.world, DOMAINS, call.path["id"]))


def _list_organization(call: Call) -> Response:
    tenant = call.world.get(TENANTS, TENANT) or {}
    domains = [
        {
            "name": item["id"],
            "isDefault": item["isDefault"],
            "isInitial": item["isInitial"],
            "type": "Managed",
        }
        for item in call.world.all(DOMAINS)
    ]
    return call.many(
        [{"id": tenant.get("id"), "displayName": tenant.get("displayName"), "verifiedDomains": domains}]
    )


def _get_directory_object(call: Call) -> Response:
    found = objects.references(call.world, [call.path["id"]])
    if not found:
        raise not_found(call.path["id"])
    return call.one(found[0])


_MEMBER_LISTS = [
    operation
    for name, key in (("members", MEMBERS), ("owners", OWNERS))
    for operation in reference_operations(
        f"/groups/{{id}}/{name}", GROUPS, key, read=READ_GROUPS, write=WRITE_GROUPS
    )
]

_OBJECTS = "directoryObjects"

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/users", _list_users, READ_USERS, kinds.USER),
    Operation("POST", "/users", _create_user, WRITE_USERS),
    Operation("GET", "/users/{id}", _get_user, READ_USERS),
    Operation("PATCH", "/users/{id}", _update_user, WRITE_USERS),
    Operation("DELETE", "/users/{id}", _delete_user, WRITE_USERS),
    Operation("GET", "/users/{id}/manager", _get_manager, READ_USERS),
    Operation("GET", "/users/{id}/mailboxSettings/userPurpose", _get_user_purpose, READ_MAILBOXES),
    Operation("GET", "/users/{id}/memberOf", _list_groups_of_user, READ_GROUPS, kinds.RELATED, _OBJECTS),
    Operation("GET", "/groups", _list_groups, READ_GROUPS, kinds.GROUP),
    Operation("POST", "/groups", _create_group, WRITE_GROUPS),
    Operation("GET", "/groups/{id}", _get_group, READ_GROUPS),
    Operation("PATCH", "/groups/{id}", _update_group, WRITE_GROUPS),
    Operation("DELETE", "/groups/{id}", _delete_group, WRITE_GROUPS),
    Operation(
        "GET",
        "/groups/{id}/transitiveMembers",
        _list_transitive_members,
        READ_GROUPS,
        kinds.RELATED,
        _OBJECTS,
    ),
    Operation("GET", "/groups/{id}/memberOf", _list_groups_of_group, READ_GROUPS, kinds.RELATED, _OBJECTS),
    *_MEMBER_LISTS,
    Operation("GET", "/domains", _list_domains, READ_DOMAINS, kinds.WHOLE),
    Operation("GET", "/domains/{id}", _get_domain, READ_DOMAINS),
    Operation("GET", "/organization", _list_organization, READ_ORGANIZATION, kinds.WHOLE),
    Operation("GET", "/directoryObjects/{id}", _get_directory_object),
)
