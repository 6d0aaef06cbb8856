"""Microsoft Graph application permissions that this project needs, by what it is told to do.

Source: the "Permissions" table of each operation in the Microsoft Graph reference, and the azuread provider's "API
permissions" notes. Each row is satisfied by any one of its permissions, the least one first.
"""

from __future__ import annotations

from dataclasses import dataclass

OWNED = "Application.ReadWrite.OwnedBy"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is done, and the permissions of which one is enough. ``loses``: what is unknown without it."""

    what: str
    one_of: tuple[str, ...]
    loses: str = ""

    def met(self, roles: frozenset[str]) -> str:
        """The least of the held permissions that is enough, or ""."""
        return next((role for role in self.one_of if role in roles), "")


_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_WRITE = ("Application.ReadWrite.All", "Directory.ReadWrite.All")

WRITE_APPLICATION = Need("make and change the application and its certificates", (OWNED, *_WRITE))
READ_APPLICATIONS = Need(
    "find applications by identifier and name", ("Application.Read.All", OWNED, *_WRITE, "Directory.Read.All")
)
WRITE_CLAIMS = Need(
    "make and assign the claims policy (claims: manage)", ("Policy.ReadWrite.ApplicationConfiguration",)
)
READ_CLAIMS = Need(
    "read the claims policy (claims: manage and verify)",
    ("Policy.Read.All", "Policy.Read.ApplicationConfiguration"),
)
WRITE_ASSIGNMENTS = Need("assign people (assign.mode: manage)", ("AppRoleAssignment.ReadWrite.All",))
READ_ASSIGNMENTS = Need(
    "read who is assigned (assign.mode: manage and verify)",
    ("Application.Read.All", "AppRoleAssignment.ReadWrite.All", *_WRITE, "Directory.Read.All"),
)
READ_GROUPS = Need("find groups (assign.groups)", ("Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY))
READ_USERS = Need(
    "read people (assign.users, members of assign.groups, application.owners, the roll-out)",
    ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY),
)

ADD_OWNERS = Need("add owners of the application object (application.owners)", _WRITE)
"""Microsoft's reference ("Add owner") lists `OWNED` with Directory.Read.All as well, and notes that it is not
sufficient; azuread's documentation says that it is. So with that alone it is unknown."""

_UNDONE = "whether a deployment undid what somebody else did to the certificates"

OPTIONAL: tuple[Need, ...] = (
    Need(
        "read subscriptions",
        ("LicenseAssignment.Read.All", "Organization.Read.All", *_DIRECTORY),
        "whether the tenant may assign groups",
    ),
    Need("read Entra's logs", ("AuditLog.Read.All",), f"whether sign-ins succeed at Entra, and {_UNDONE},"),
    Need("read the directory's audit log", ("Directory.Read.All",), _UNDONE),
    Need(
        "evaluate Conditional Access (What If)",
        ("Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"),
        "whether it blocks people's sign-ins",
    ),
    Need("read mailbox settings", ("MailboxSettings.Read",), "which assigned people are shared mailboxes"),
)
"""Rows without which something stays unknown, and nothing fails."""


def needs(
    *, manage_claims: bool, manage_assignments: bool, check_assignments: bool, groups: bool, users: bool
) -> tuple[Need, ...]:
    """The rows that a configuration needs."""
    rows = {
        WRITE_APPLICATION: True,
        READ_APPLICATIONS: True,
        WRITE_CLAIMS: manage_claims,
        READ_CLAIMS: True,
        WRITE_ASSIGNMENTS: manage_assignments,
        READ_ASSIGNMENTS: manage_assignments or check_assignments,
        READ_GROUPS: groups,
        READ_USERS: users,
    }
    return tuple(need for need, wanted in rows.items() if wanted)
