"""Microsoft Graph application permissions that this project needs, by configuration.

Source: the "Permissions" table of each operation in the Microsoft Graph reference, and the azuread provider's "API
permissions" notes. Each row is satisfied by any one of its permissions, the least one first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OWNED = "Application.ReadWrite.OwnedBy"


@dataclass(frozen=True, slots=True)
class Need:
    """An operation and its permissions, one of which is sufficient. ``loses``: what is unknown without it."""

    what: str
    one_of: tuple[str, ...]
    loses: str = ""

    def met(self, roles: frozenset[str]) -> str:
        """The least privileged of the granted permissions that is sufficient, or ""."""
        return next((role for role in self.one_of if role in roles), "")


_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
WRITE_ALL = ("Application.ReadWrite.All", "Directory.ReadWrite.All")
"""Each lets a program change applications that it does not own."""

WRITE_APPLICATION = Need("create and change the application and its certificates", (OWNED, *WRITE_ALL))
READ_APPLICATIONS = Need(
    "find applications by identifier and name",
    ("Application.Read.All", OWNED, *WRITE_ALL, "Directory.Read.All"),
)
WRITE_CLAIMS = Need(
    "create and assign the claims policy (claims: manage)", ("Policy.ReadWrite.ApplicationConfiguration",)
)
READ_CLAIMS = Need(
    "read the claims policy (claims: manage and verify)",
    ("Policy.Read.All", "Policy.Read.ApplicationConfiguration"),
)
WRITE_ASSIGNMENTS = Need("assign people (assign.mode: manage)", ("AppRoleAssignment.ReadWrite.All",))
READ_ASSIGNMENTS = Need(
    "read who is assigned (assign.mode: manage and verify)",
    ("Application.Read.All", "AppRoleAssignment.ReadWrite.All", *WRITE_ALL, "Directory.Read.All"),
)
WRITE_USERS = Need(
    "create and delete the test account (testAccount)", ("User.ReadWrite.All", "Directory.ReadWrite.All")
)
READ_GROUPS = Need("find groups (assign.groups)", ("Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY))
READ_USERS = Need(
    "read people (assign.users, members of assign.groups, application.owners, the roll-out)",
    ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY),
)

ADD_OWNERS = Need("add owners of the application object (application.owners)", WRITE_ALL)
"""Microsoft's reference ("Add owner") lists `OWNED` with Directory.Read.All as well, and notes that it is not
sufficient; azuread's documentation says that it is. So Directory.Read.All alone counts as unknown."""

_UNDONE = "whether a deployment undid external changes of the certificates"

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
"""Optional rows: without them something stays unknown, but nothing fails."""


def needs(
    *,
    manage_claims: bool,
    manage_assignments: bool,
    check_assignments: bool,
    groups: bool,
    users: bool,
    account: bool = False,
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
        WRITE_USERS: account,
    }
    return tuple(need for need, desired in rows.items() if desired)


PREVIEW: tuple[Need, ...] = (READ_APPLICATIONS, READ_CLAIMS, READ_USERS, READ_GROUPS)
"""The rows for previews and drift reports: reading only, whatever a deployment may write."""

PREVIEW_ROLES: Mapping[str, str] = {
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
}
"""The application permissions of a preview identity and their ids in the public cloud; the last two show who changed
what. Source: "Microsoft Graph permissions reference", column "Application"."""

GRAPH = "00000003-0000-0000-c000-000000000000"
"""The client id of Microsoft Graph in every tenant."""

_READS = re.compile(r"[A-Za-z-]+\.Read(?:Basic)?(?:\.[A-Za-z-]+)*")
"""Name patterns of permissions that only read; any other may write."""

_READING_DIRECTORY_ROLES = frozenset(
    {
        "0997a1d0-0d1d-4acb-b408-d5ca73121e90",  # in every token; no role
        "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",  # Directory Readers
        "f2ef992c-3afb-46b9-b7cf-a126ee74c451",  # Global Reader
        "5d6b6bb7-de71-4623-b4af-96380a352509",  # Security Reader
        "4a5d8f65-41da-4de4-8968-e035b65339cf",  # Reports Reader
    }
)
"""Source: "Microsoft Entra built-in roles", template ids."""


def that_write(roles: Iterable[str]) -> tuple[str, ...]:
    """The application permissions that are not known to be read-only, sorted."""
    return tuple(sorted(role for role in roles if not _READS.fullmatch(role)))


def directory_roles_that_write(template_ids: Iterable[str]) -> tuple[str, ...]:
    """The directory roles (claim ``wids``) that are not known to be read-only, sorted."""
    return tuple(sorted(set(template_ids) - _READING_DIRECTORY_ROLES))
