"""The audit log: the call that reads it, its log-on events, and events about objects that decide about sign-ins.

Documented: the path, the permission, and that an event has ``auditType``, ``category``, ``eventInfo``,
``eventTime`` and ``user``. Recorded (test data of Elastic's Mimecast integration): the types in `LOG_ON_EVENTS`;
no recording shows a log-on over SAML, so whether one that fails validation is logged at all, and with whose address,
is unknown. **Assumed**: everything in `SIGN_IN_EVENTS` and `SIGN_IN_CATEGORIES`. No public source
shows the event of a change of an authentication profile or of application settings; so any event is taken for one
whose type contains such words, or whose details do where the category is the account's own.

Groups: one event of the type `GROUP_EVENT` is recorded, for a deleted group. Its details are ``Action Performed -
Deleted New Folder by johndoe@example.com<John Doe> Date: 2021-10-11 Time: 19:23:10 +0100 IP: … Application: …``.
**Assumed**: added and removed members are logged in the same form (`group_change`), a whole domain without its ``@``,
and so are renamed groups. The text names the group, not its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mimecast_sso.facts.mimecast_api import Endpoint

GET_AUDIT_EVENTS = Endpoint("/api/audit/get-audit-events", "Account | Logs | Read", reads=True, page_size=100)

LOG_ON_EVENTS: Mapping[str, bool] = {"User Logged On": True, "Logon Authentication Failed": False}
"""Types of events that are log-ons, and whether the person got in."""

GROUP_EVENT = "Folder Log Entry"
"""The type of an event of a group or its members (recorded; its details are not documented)."""

# The group's name ends at the author of the recorded form, or at the date, with or without a comma.
_END = r"(?: by \S+<[^<>]*>)?,? Date: \d{4}-\d\d-\d\d,? Time: .*"
_GROUP_DETAILS = re.compile(
    r"Action Performed - (?P<action>Added|Removed) (?P<member>\S+) (?:to|from) (?P<group>.+?)" + _END,
    re.DOTALL,
)
_RENAMED = re.compile(r"Action Performed - Renamed (?P<names>.+?)" + _END, re.DOTALL)
_NO_MEMBER = re.compile(r"Action Performed - (?:Created|Deleted|Renamed|Moved) ")


@dataclass(frozen=True, slots=True)
class GroupMembershipText:
    """A parsed change of a membership: the member, an address or ``@domain``, and the group's name."""

    member: str
    group: str
    joined: bool


def group_change(details: str) -> GroupMembershipText | None:
    """Parse the details of an event of a group; None if they do not name a member who joined or left. Assumed."""
    found = _GROUP_DETAILS.fullmatch(details)
    if found is None:
        return None
    member = found["member"].lower()
    whole_domain = "@" not in member
    return GroupMembershipText(
        f"@{member}" if whole_domain else member, found["group"], found["action"] == "Added"
    )


def tells_no_member(details: str) -> bool:
    """Whether an event is about the group itself, such as its creation. Assumed, except for deletions."""
    return _NO_MEMBER.match(details) is not None


def new_name(details: str, group: str) -> str:
    """The name that an event gives to the group of this name; "" if it renames no such group. Assumed."""
    found, before = _RENAMED.fullmatch(details), f"{group} to "
    return found["names"].removeprefix(before) if found and found["names"].startswith(before) else ""


def loses_group(details: str, group: str) -> bool:
    """Whether an event is the deletion or renaming of a group, which application settings are bound to.

    Settings stay bound to a renamed group, and to no group that is created later under the former name.
    """
    found = _LOST.match(details)
    return found is not None and _name_ends(details[found.end() :], group)


_LOST = re.compile(r"Action Performed - (?:Deleted|Renamed) ")
_END_OF_NAME = re.compile(r"(?: by \S+<| to |,? Date: |$)")


def _name_ends(text: str, group: str) -> bool:
    return bool(group) and text.startswith(group) and _END_OF_NAME.match(text, len(group)) is not None


SIGN_IN_EVENTS: tuple[str, ...] = ("authentication profile", "application setting")
"""Words, in lower case, in the type or the details of an event. Assumed: see above."""

SIGN_IN_CATEGORIES: tuple[str, ...] = ("account_logs",)
"""Categories whose details are searched as well. Assumed: see above."""


def touches_sign_in(audit_type: str, category: str, details: str) -> bool:
    """Whether an event is taken for a change of a profile or of application settings."""
    text = f"{audit_type} {details if category in SIGN_IN_CATEGORIES else ''}".lower()
    return any(words in text for words in SIGN_IN_EVENTS)
