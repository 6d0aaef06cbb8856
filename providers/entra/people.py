"""Read people and groups of the directory with few calls; writes nothing.

Facts, from Microsoft Graph's "List users", "List groups", "List group members", "user" and "mailboxSettings":

- a ``$filter`` with ``in`` takes 15 values at most;
- a group's members come page by page, with the selected properties that the caller may read;
- ``userType`` is ``Member`` or ``Guest``;
- no property of a user identifies a shared mailbox. ``mailboxSettings/userPurpose`` does (``user``, ``shared``,
  ``room``, …), one call per person, with the permission MailboxSettings.Read.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mimecast_sso.facts.json_types import JSON
from providers.entra.batching import READS_PER_CALL, Read, number_of
from providers.entra.errors import ObjectNotFound
from providers.entra.odata import literal
from providers.entra.protocols import GraphReads

USER = "id,displayName,mail,userPrincipalName,accountEnabled,userType"
_USER_TYPE = "#microsoft.graph.user"
_GROUP_TYPE = "#microsoft.graph.group"
VALUES_PER_FILTER = 15
ROWS_PER_PAGE = "999"
USERS_COUNTED = number_of("/users")
"""The number of users of the tenant."""


@dataclass(frozen=True, slots=True)
class User:
    """A user from Graph; ``None`` is a property that this caller may not read, "" an empty one."""

    object_id: str
    display_name: str
    mail: str
    user_principal_name: str | None
    enabled: bool | None
    guest: bool | None


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """A group's direct members. ``others`` counts devices, contacts and service principals."""

    users: tuple[User, ...]
    nested_groups: tuple[str, ...]
    others: int


def users_with(graph: GraphReads, property_: str, values: Sequence[str]) -> list[User]:
    """The users whose ``mail``, ``userPrincipalName`` or ``id`` is among the values. Raises GraphError."""
    reads = (users(property_, chunk) for chunk in chunks(values))
    return [user_of(row) for read in reads for row in graph.list(read.path, **read.query)]


def users(property_: str, values: Iterable[str]) -> Read:
    """The users whose ``mail``, ``userPrincipalName`` or ``id`` is among the values, fifteen at most (`chunks`)."""
    return Read("/users", {"filter": f"{property_} in ({','.join(map(literal, values))})", "select": USER})


def is_listing_cheaper(users: int, lookups: int) -> bool:
    """Whether all users of the tenant take fewer calls, a page each, than this many look-ups in batches."""
    return math.ceil(users / int(ROWS_PER_PAGE)) < math.ceil(lookups / READS_PER_CALL)


def everybody(graph: GraphReads) -> Iterator[User]:
    """All users of the tenant, page after page. Raises GraphError."""
    return map(user_of, graph.list("/users", select=USER, top=ROWS_PER_PAGE))


def security_groups(name: str) -> Read:
    """The object ids of the security groups with this display name."""
    named = f"displayName eq {literal(name)} and securityEnabled eq true"
    return Read("/groups", {"filter": named, "select": "id"})


def members(group: str) -> Read:
    """The direct members of the group with this object id, for `members_of`."""
    return Read(f"/groups/{group}/members", {"select": USER, "top": ROWS_PER_PAGE})


def members_of(rows: Sequence[Mapping[str, JSON]]) -> GroupMembers:
    """A group's direct members, from Graph's rows."""
    users = [user_of(row) for row in rows if row.get("@odata.type") == _USER_TYPE]
    nested = [
        str(row.get("displayName") or row["id"]) for row in rows if row.get("@odata.type") == _GROUP_TYPE
    ]
    return GroupMembers(tuple(users), tuple(nested), len(rows) - len(users) - len(nested))


def mailbox_purpose(graph: GraphReads, user: str) -> str:
    """The purpose of a user's mailbox: ``shared``, ``user``, …; "" without a mailbox.

    Raises GraphError: Refused without the permission MailboxSettings.Read.
    """
    try:
        return str(graph.get(f"/users/{user}/mailboxSettings/userPurpose").get("value") or "")
    except ObjectNotFound:
        return ""


def user_of(row: Mapping[str, JSON]) -> User:
    """A user, from Graph's row (`USER`)."""
    kind = row.get("userType")
    name = row.get("userPrincipalName")
    return User(
        object_id=str(row["id"]),
        display_name=str(row.get("displayName") or ""),
        # One string for all equal ones: both names are often the same, and those of addresses at Mimecast.
        mail=sys.intern(str(row.get("mail") or "")),
        user_principal_name=None if name is None else sys.intern(str(name)),
        enabled=row.get("accountEnabled"),
        guest=None if kind is None else str(kind).lower() == "guest",
    )


def chunks(values: Iterable[str], size: int = VALUES_PER_FILTER) -> Iterator[list[str]]:
    """Split the values into lists that fit one ``$filter``."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
