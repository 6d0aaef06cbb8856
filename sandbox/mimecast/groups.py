"""Profile groups (folders) and their members.

Documented: names are not unique, find matches part of a name, a group with members or child groups cannot be deleted,
members are addresses or whole domains, notes have at most 100 characters, special groups refuse writes. Recorded:
adding a member twice fails with ``err_folder_group_member_already_exists``. Observed by clients: an unpaged
find-groups stops at 999. EMU: codes for an unknown and for a non-empty group, responses of update and delete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.mimecast import accounts, audit, ids, rest, users
from sandbox.mimecast.envelope import Function, Item, ItemError, Page, each, listing, require, text
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

GROUPS = "mimecast.groups"
MEMBERS = "mimecast.members"
FORMER_MEMBERS = "mimecast.formerMembers"

_GROUPS_READ = "Directories | Groups | Read"
_GROUPS_EDIT = "Directories | Groups | Edit"
_SYNC_READ = "Services | Directory Sync | Read"
_SYNC_EDIT = "Services | Directory Sync | Edit"

_SPECIAL = ("Permitted Senders", "Blocked Senders")
_WRITE_LIMIT = 10
_UNPAGED_LIMIT = 999
_LONGEST_NOTES = 100


def add_root(world: World, account: str) -> int:
    """Create an account's root folder and default groups. Returns the root's number."""
    root = ids.next_number(world)
    for name in _SPECIAL:
        add(world, account, name, root, special=True)
    return root


def add(world: World, account: str, description: str, parent: int, **properties: Any) -> dict[str, Any]:
    """Store a group."""
    number = ids.next_number(world)
    group = {
        "number": number,
        "account": account,
        "description": description,
        "parent": parent,
        "source": "cloud",
        "special": False,
        "created": world.now().isoformat(),
        **properties,
    }
    world.put(GROUPS, str(number), group)
    return group


def named(world: World, account: str, description: str) -> list[dict[str, Any]]:
    """The account's groups with exactly that name: names are not unique."""
    return [group for group in of_account(world, account) if group["description"] == description]


def of_account(world: World, account: str) -> list[dict[str, Any]]:
    """The account's groups, oldest first."""
    return world.of_account(GROUPS, account)


def members_of(world: World, number: int) -> list[dict[str, Any]]:
    """The members of a group, oldest first."""
    return [world.get(MEMBERS, key) or {} for key in _member_keys(world, number)]


def _member_keys(world: World, number: int) -> Sequence[str]:
    # One page of a long list must not require reading all members.
    return world.derived(MEMBERS, _keys_by_group).get(number, ())


def _keys_by_group(documents: Iterable[tuple[str, dict[str, Any]]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, member in documents:
        found.setdefault(member["group"], []).append(key)
    return found


def add_member(world: World, group: dict[str, Any], who: str, notes: str = "") -> dict[str, Any]:
    """Add an address, or a whole domain given as ``@domain``.

    Raises:
        ItemError: it is already a member.
    """
    key = f"{group['number']}/{who}"
    if world.get(MEMBERS, key) is not None:
        raise ItemError("err_folder_group_member_already_exists", "Group member already exists")
    member = {
        "number": ids.next_number(world),
        "group": group["number"],
        "who": who,
        "notes": notes,
        "added": world.now().isoformat(),
    }
    world.put(MEMBERS, key, member)
    info = f"Action Performed - Added {who.removeprefix('@')} to {group['description']}"
    audit.record(world, group["account"], audit.Event.FOLDER, "", info)
    return member


def remove_member(world: World, group: dict[str, Any], who: str) -> None:
    """Remove a member; its membership period is kept, because sign-ins notice removals late.

    Raises:
        ItemError: it is not a member.
    """
    key = f"{group['number']}/{who}"
    member = world.get(MEMBERS, key)
    if member is None:
        raise ItemError("err_folder_email_address_not_found", "Email address is not found in the group")
    world.delete(MEMBERS, key)
    period = {"added": member["added"], "removed": world.now().isoformat()}
    world.put(FORMER_MEMBERS, key, {"periods": [*_former_periods(world, key), period]})
    info = f"Action Performed - Removed {who.removeprefix('@')} from {group['description']}"
    audit.record(world, group["account"], audit.Event.FOLDER, "", info)


def was_member(world: World, number: int, who: str, moment: datetime) -> bool:
    """Whether an address, or ``@domain``, was a member of a group at a given time, in any membership period."""
    key = f"{number}/{who}"
    member = world.get(MEMBERS, key)
    if member is not None and datetime.fromisoformat(member["added"]) <= moment:
        return True
    return any(
        datetime.fromisoformat(period["added"]) <= moment < datetime.fromisoformat(period["removed"])
        for period in _former_periods(world, key)
    )


def _former_periods(world: World, key: str) -> list[dict[str, Any]]:
    former = world.get(FORMER_MEMBERS, key) or {}
    if "removed" in former:  # Earlier versions kept only the last period.
        return [former]
    periods: list[dict[str, Any]] = former.get("periods", [])
    return periods


# ---------------------------------------------------------------- groups


def _root(caller: Caller) -> int:
    account = caller.world.get(accounts.ACCOUNTS, caller.account) or {}
    root: int = account["rootFolder"]
    return root


def _get(caller: Caller, number: int) -> dict[str, Any]:
    group = caller.world.get(GROUPS, str(number))
    if group is None or group["account"] != caller.account:
        raise ItemError("err_folder_not_found", "Group is not found")
    return group


def _identified(caller: Caller, item: Item) -> dict[str, Any]:
    return _get(caller, ids.decode(caller.world, ids.Kind.FOLDER, text(item, "id")))


def _writable(group: dict[str, Any]) -> dict[str, Any]:
    if group["special"] or group["source"] == "ldap":
        raise users.forbidden_address()
    return group


def _id(caller: Caller, number: int) -> str:
    return ids.encode(caller.world, ids.Kind.FOLDER, caller.account, number)


def _description(item: Item) -> str:
    description = text(item, "description")
    if not description.strip():
        raise ItemError("err_validation_blank", "must not be blank", field="description")
    return description


def _parent(caller: Caller, item: Item) -> int:
    root = _root(caller)
    if "parentId" not in item:
        return root
    number = ids.decode(caller.world, ids.Kind.FOLDER, text(item, "parentId"))
    if number != root:
        _get(caller, number)
    return number


class _Documents:
    """Groups in the API's format; counts are read once for all. ``children`` is the key of the child group count."""

    def __init__(self, caller: Caller, children: str) -> None:
        self._caller = caller
        self._children = children
        self._child_counts = Counter(group["parent"] for group in of_account(caller.world, caller.account))

    def __call__(self, group: dict[str, Any]) -> Item:
        """The document of one group."""
        return {
            "id": _id(self._caller, group["number"]),
            "description": group["description"],
            "source": group["source"],
            "parentId": _id(self._caller, group["parent"]),
            "userCount": len(_member_keys(self._caller.world, group["number"])),
            self._children: self._child_counts[group["number"]],
        }


def _find(caller: Caller, query: str, source: str) -> list[dict[str, Any]]:
    delay = timedelta(seconds=float(caller.world.setting("mimecast.visibility_seconds", 0)))
    latest = (caller.world.now() - delay).isoformat()
    return [
        group
        for group in of_account(caller.world, caller.account)
        if query.lower() in group["description"].lower()
        and source in ("", group["source"])
        and group["created"] <= latest
    ]


def _create_group(caller: Caller, item: Item) -> Item:
    group = add(caller.world, caller.account, _description(item), _parent(caller, item))
    info = f"Action Performed - Created {group['description']}"
    audit.record(caller.world, caller.account, audit.Event.FOLDER, "", info)
    return _Documents(caller, "folderCount")(group)


def _find_groups(caller: Caller, item: Item, page: Page) -> tuple[Item, Item]:
    query, source = text(item, "query"), text(item, "source")
    groups = _find(caller, query, source)
    if page == Page():
        chosen, pagination = Page(0, _UNPAGED_LIMIT).cut(groups[:_UNPAGED_LIMIT])
        # The limit of 999 is final: there is no next page, and clients see 999 of 999.
    else:
        chosen, pagination = page.cut(groups)
    document = _Documents(caller, "folderCount")
    echoed: Item = {name: item[name] for name in ("query", "source") if name in item}
    return {**echoed, "folders": [document(group) for group in chosen]}, pagination


def _update_group(caller: Caller, item: Item) -> Item:
    group = _writable(_identified(caller, item))
    if "description" in item and _description(item) != group["description"]:
        info = f"Action Performed - Renamed {group['description']} to {_description(item)}"
        audit.record(caller.world, caller.account, audit.Event.FOLDER, "", info)
        group["description"] = _description(item)
    if "parentId" in item:
        group["parent"] = _parent(caller, item)
    caller.world.put(GROUPS, str(group["number"]), group)
    return _Documents(caller, "folderCount")(group)


def _delete_group(caller: Caller, item: Item) -> None:
    group = _writable(_identified(caller, item))
    children = [
        child for child in of_account(caller.world, caller.account) if child["parent"] == group["number"]
    ]
    if children or members_of(caller.world, group["number"]):
        raise ItemError("err_folder_not_empty", "Group has members or child groups")
    caller.world.delete(GROUPS, str(group["number"]))
    info = f"Action Performed - Deleted {group['description']}"
    audit.record(caller.world, caller.account, audit.Event.FOLDER, "", info)


# ---------------------------------------------------------------- members


def _who(item: Item) -> str:
    """The member named in an item, an address or ``@domain``; exactly one of the two fields must be set."""
    given = [name for name in ("emailAddress", "domain") if item.get(name)]
    if len(given) != 1:
        message = "either emailAddress or domain must be given"
        raise ItemError("err_validation_at_least_one_not_null", message, field="emailAddress")
    if given == ["domain"]:
        return "@" + text(item, "domain").lower().removeprefix("@")
    return users.address_in(item)


def _notes(item: Item, name: str) -> str:
    notes = text(item, name)
    if len(notes) > _LONGEST_NOTES:
        raise ItemError("err_validation_size", f"at most {_LONGEST_NOTES} characters", field=name)
    return notes


def _add_group_member(caller: Caller, item: Item) -> Item:
    group = _writable(_identified(caller, item))
    who = _who(item)
    member = add_member(caller.world, group, who, _notes(item, "notes"))
    link = ids.encode(caller.world, ids.Kind.FOLDER_LINK, caller.account, member["number"])
    return {"id": link, **_link_document(caller, group, who)}


def _link_document(caller: Caller, group: dict[str, Any], who: str) -> Item:
    named_by = "domain" if who.startswith("@") else "emailAddress"
    return {
        "folderId": _id(caller, group["number"]),
        named_by: who.removeprefix("@"),
        "internal": _is_internal(caller, who),
    }


def _is_internal(caller: Caller, who: str) -> bool:
    domain = caller.world.get("mimecast.domains", f"{caller.account}/{who.rpartition('@')[2]}")
    return domain is not None and domain["state"] == "internal"


def _remove_group_member(caller: Caller, item: Item) -> Item:
    group = _writable(_identified(caller, item))
    who = _who(item)
    remove_member(caller.world, group, who)
    return _link_document(caller, group, who)


def _member_document(caller: Caller, key: str, notes: str) -> Item:
    member = caller.world.get(MEMBERS, key) or {}
    who = member["who"]
    user = users.find(caller.world, caller.account, who) or {}
    return {
        "emailAddress": "" if who.startswith("@") else who,
        "domain": who.rpartition("@")[2],
        "internal": _is_internal(caller, who),
        "type": user.get("addressType", ""),
        "name": user.get("name", ""),
        notes: member["notes"],
    }


def _get_group_members(caller: Caller, item: Item, page: Page) -> tuple[Item, Item]:
    group = _identified(caller, item)
    chosen, pagination = page.cut(_member_keys(caller.world, group["number"]), total=False)
    return {"groupMembers": [_member_document(caller, key, "notes") for key in chosen]}, pagination


FUNCTIONS = {
    "/api/directory/create-group": Function(each(_create_group, "description"), _GROUPS_EDIT, _WRITE_LIMIT),
    "/api/directory/find-groups": Function(listing(_find_groups), _GROUPS_EDIT, 1),
    "/api/directory/update-group": Function(each(_update_group, "id"), _SYNC_EDIT, _WRITE_LIMIT),
    "/api/directory/delete-group": Function(each(_delete_group, "id"), _GROUPS_EDIT, _WRITE_LIMIT),
    "/api/directory/add-group-member": Function(each(_add_group_member, "id"), _GROUPS_EDIT),
    "/api/directory/remove-group-member": Function(
        each(_remove_group_member, "id"), _SYNC_EDIT, _WRITE_LIMIT
    ),
    "/api/directory/get-group-members": Function(listing(_get_group_members, "id"), _SYNC_READ, 1),
}


# ---------------------------------------------------------------- v2 operations


def _by_path(call: rest.Call) -> dict[str, Any]:
    number = call.identified("group_id", ids.Kind.FOLDER)
    try:
        return _get(call.caller, number)
    except ItemError as error:
        raise rest.not_found() from error


def _list_groups(call: rest.Call) -> Response:
    groups = _find(call.caller, call.query.get("query", ""), call.query.get("source", ""))
    return call.page("groups", groups, _Documents(call.caller, "groupCount"))


def _post_group(call: rest.Call) -> Response:
    body = call.body()
    require(body, "description")
    return JSONResponse({"id": _create_group(call.caller, body)["id"]})


def _get_group(call: rest.Call) -> Response:
    document = _Documents(call.caller, "groupCount")(_by_path(call))
    return JSONResponse({name: value for name, value in document.items() if name != "id"})


def _list_members(call: rest.Call) -> Response:
    members = _member_keys(call.caller.world, _by_path(call)["number"])
    return call.page("groupMembers", members, lambda key: _member_document(call.caller, key, "note"))


def _post_members(call: rest.Call) -> Response:
    group = _writable(_by_path(call))

    def add_one(item: Item) -> None:
        add_member(call.caller.world, group, _who(item), _notes(item, "note"))

    return _member_results(call, add_one)


def _remove_members(call: rest.Call) -> Response:
    group = _writable(_by_path(call))
    return _member_results(call, lambda item: remove_member(call.caller.world, group, _who(item)))


def _member_results(call: rest.Call, work: Callable[[Item], None]) -> Response:
    """``results`` in the order of the request; failed rows have no details (EMU)."""
    results = []
    for item in call.items_of("groupMembers"):
        try:
            work(item)
        except ItemError:
            results.append({"success": False})
        else:
            results.append({"success": True})
    return JSONResponse({"results": results})


_BASE = "/directory/cloud-gateway/v1/groups"

# The permissions are the catalogue's, including the odd ones.
ROUTES = (
    rest.Route("GET", _BASE, _list_groups, _GROUPS_READ, rest.PAGED | {"query", "source"}),
    rest.Route("POST", _BASE, _post_group, _GROUPS_EDIT),
    rest.Route("GET", f"{_BASE}/{{group_id}}", _get_group, _GROUPS_READ),
    rest.Route("GET", f"{_BASE}/{{group_id}}/members", _list_members, _GROUPS_READ, rest.PAGED),
    rest.Route("POST", f"{_BASE}/{{group_id}}/members", _post_members, _GROUPS_READ),
    rest.Route("POST", f"{_BASE}/{{group_id}}/remove-members", _remove_members, _SYNC_EDIT),
)
