"""Cloud groups and their members, who are the people that the bound authentication profile applies to.

Group names are not unique at Mimecast and its search finds parts of names, so a group is found by its exact name,
and two with the same name are refused. A member is an address, or a whole domain written ``@example.com``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    ADD_GROUP_MEMBER,
    CREATE_GROUP,
    DELETE_GROUP,
    FIND_GROUPS,
    GET_GROUP_MEMBERS,
    MEMBERS_PER_REQUEST,
    REMOVE_GROUP_MEMBER,
    UPDATE_GROUP,
    Endpoint,
)
from mimecast_sso.facts.mimecast_errors import MEMBER_ABSENT, MEMBER_EXISTS
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import domain_name, email_address, enumerate_some, same_key
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import (
    AmbiguousGroup,
    GroupNotFound,
    MimecastError,
    PartlyDone,
    UnclearOutcome,
)
from providers.mimecast.responses import LegacyResponse
from providers.mimecast.settling import appeared, settle

_log = logging.getLogger(__name__)

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class CloudGroup:
    """A group at Mimecast; ``secure_id`` is opaque."""

    name: str
    secure_id: str
    parent_id: str
    child_count: int


def find_group(client: MimecastClient, name: str, parent_id: str | None = None) -> CloudGroup | None:
    """The cloud group called exactly ``name`` (below ``parent_id``, if given), or ``None``.

    Raises AmbiguousGroup if there are several.
    """
    rows = client.legacy_list(
        FIND_GROUPS,
        {"query": name, "source": "cloud"},
        "folders",
        lambda row: (str(row.get("id") or ""), row),
    )
    groups = [
        _group(row)
        for row in rows.values()
        if row.get("description") == name
        and row.get("source", "cloud") == "cloud"
        and (parent_id is None or row.get("parentId") == parent_id)
    ]
    if len(groups) > 1:
        raise AmbiguousGroup(
            f"Mimecast has {len(groups)} cloud groups called {quoted(name)}; rename all but one "
            "(Directories > Profile Groups), or configure another name"
        )
    return groups[0] if groups else None


class GroupList:
    """Groups by name, each looked up once until a group is written. Thread-safe."""

    def __init__(self, client: MimecastClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._groups: dict[str, CloudGroup | None] = {}

    def find(self, name: str) -> CloudGroup | None:
        """As `find_group`."""
        with self._lock:
            if name not in self._groups:
                self._groups[name] = find_group(self._client, name)
            return self._groups[name]

    def forget(self) -> None:
        """Drop the cached groups; to be called around every write."""
        with self._lock:
            self._groups.clear()


def require_group(client: MimecastClient, name: str) -> CloudGroup:
    """The group called ``name``. Raises GroupNotFound or AmbiguousGroup."""
    group = find_group(client, name)
    if group is None:
        raise GroupNotFound(f"Mimecast has no cloud group called {quoted(name)}")
    return group


def provide_group(
    client: MimecastClient, name: str, sleep: Callable[[float], None] = time.sleep
) -> tuple[CloudGroup, bool]:
    """Find or create the group called ``name``; return it and whether this call created it."""
    existing = find_group(client, name)
    if existing is not None:
        return existing, False
    # Names are not unique: a second call would create a second group. So look several times, then give up.
    return settle(
        lambda: _create(client, name), lambda: appeared(partial(find_group, client, name), sleep)
    ), True


def _create(client: MimecastClient, name: str) -> CloudGroup:
    response = client.legacy(CREATE_GROUP, {"description": name}).accepted(
        f"create the group {quoted(name)} (mimecast-sso:rollOut.group)"
    )
    if not (response.data and response.data[0].get("id")):
        raise UnclearOutcome(
            f"Mimecast's response does not show the group {quoted(name)}",
            method="POST",
            path=CREATE_GROUP.path,
        )
    return _group(response.data[0] | {"description": name})


def rename_group(client: MimecastClient, old: str, new: str) -> CloudGroup:
    """Rename a group in place, so that application settings bound to it stay bound. Repeatable."""
    already = find_group(client, new)
    group = find_group(client, old)
    if already is not None:
        if group is not None:
            raise AmbiguousGroup(
                f"The group {quoted(old)} cannot be renamed: Mimecast already has a group {quoted(new)}"
            )
        return already
    if group is None:
        raise GroupNotFound(f"Mimecast has no cloud group called {quoted(old)} to rename to {quoted(new)}")

    def rename() -> CloudGroup:
        client.legacy(UPDATE_GROUP, {"id": group.secure_id, "description": new}).accepted(
            f"rename the group {quoted(old)} to {quoted(new)} (mimecast-sso:rollOut.group)"
        )
        return require_group(client, new)

    return settle(rename, lambda: find_group(client, new))


def remove_group(client: MimecastClient, name: str, *, created: bool) -> None:
    """Delete an empty group that this stack ``created``; otherwise keep it, and log why."""
    group = find_group(client, name)
    if group is None:
        return
    if not created:
        _log.warning("The Mimecast group %s is kept: it existed before this stack", quoted(name))
        return
    if list_members(client, group) or group.child_count:
        _log.warning("The Mimecast group %s is kept: it still has members or child groups", quoted(name))
        return

    def delete() -> bool:
        response = client.legacy(DELETE_GROUP, {"id": group.secure_id})
        if response.failures and find_group(client, name) is not None:
            response.accepted(f"delete the group {quoted(name)}")
        return True

    settle(delete, lambda: find_group(client, name) is None)


# -- Members --------------------------------------------------------------------------------------------------


def member_name(text: str) -> str:
    """A member in normal form: ``ada@example.com``, or ``@example.com`` for a whole domain. Raises ValueError."""
    if text.strip().startswith("@"):
        return f"@{domain_name(text.strip()[1:])}"
    return email_address(text)


def normal_member(text: str) -> str:
    """A member from the vendor in normal form, where it has one."""
    return f"@{same_key(text[1:])}" if text.startswith("@") else same_key(text)


def list_members(client: MimecastClient, group: CloudGroup) -> set[str]:
    """All members of a group, in normal form."""
    item = {"id": group.secure_id}
    return set(client.legacy_list(GET_GROUP_MEMBERS, item, "groupMembers", lambda row: (_member(row), None)))


def change_members(
    client: MimecastClient, group: CloudGroup, *, add: Collection[str], remove: Collection[str]
) -> set[str]:
    """Add and remove members, and return who is in the group afterwards.

    Members that are already correct are skipped. After a lost response the group is listed again, and only the rest is
    done.

    Raises PartlyDone if some members could not be added or removed; the others stay changed.
    """
    problems: dict[str, MimecastError] = {}
    for _ in range(_ROUNDS):
        present = list_members(client, group)
        to_add = sorted(set(add) - present)
        to_remove = sorted(set(remove) & present)
        if not to_add and not to_remove:
            return present
        problems = _write(client, group, ADD_GROUP_MEMBER, to_add, MEMBER_EXISTS)
        problems |= _write(client, group, REMOVE_GROUP_MEMBER, to_remove, MEMBER_ABSENT)
        if not any(isinstance(problem, UnclearOutcome) for problem in problems.values()):
            break
    if problems:
        first = next(iter(problems.values()))
        raise PartlyDone(
            f"{len(problems)} of {len(to_add) + len(to_remove)} members of the Mimecast group "
            f"{quoted(group.name)} could not be changed: "
            f"{enumerate_some(sorted(problems))}. The first: {first}. Rerun to change the rest"
        )
    return (present | set(to_add)) - set(to_remove)


def _write(
    client: MimecastClient, group: CloudGroup, endpoint: Endpoint, members: list[str], harmless: str
) -> dict[str, MimecastError]:
    """Write in batches; return the failed members with reasons. ``harmless`` is the code of a change already made."""
    problems: dict[str, MimecastError] = {}
    for batch in _batches(members, MEMBERS_PER_REQUEST):
        items = [{"id": group.secure_id, **_item(member)} for member in batch]
        try:
            response = client.legacy(endpoint, *items)
        except UnclearOutcome as lost:
            problems |= dict.fromkeys(batch, lost)
            continue
        problems |= _refused(response, batch, harmless)
    return problems


def _refused(response: LegacyResponse, batch: list[str], harmless: str) -> dict[str, MimecastError]:
    problems: dict[str, MimecastError] = {}
    for failure in response.failures:
        if failure.code == harmless:
            continue
        member = _member(failure.key)
        affected = [member] if member in batch else batch
        problems |= {name: response.rejection(failure, f"change the member {name}") for name in affected}
    return problems


def _group(row: dict[str, JSON]) -> CloudGroup:
    return CloudGroup(
        name=str(row.get("description") or ""),
        secure_id=str(row.get("id") or ""),
        parent_id=str(row.get("parentId") or ""),
        child_count=int(row.get("folderCount") or 0),
    )


def _member(row: dict[str, JSON]) -> str:
    # A whole domain is listed with an empty address.
    address = str(row.get("emailAddress") or "")
    return normal_member(address or f"@{row.get('domain') or ''}")


def _item(member: str) -> dict[str, str]:
    return {"domain": member[1:]} if member.startswith("@") else {"emailAddress": member}


def _batches(members: Iterable[str], size: int) -> Iterable[list[str]]:
    iterator = iter(members)
    while batch := list(islice(iterator, size)):
        yield batch
