"""The application permissions that each kind of request requires.

Source: the "Permissions" table of each operation in the Microsoft Graph reference, and "Microsoft Graph permissions
reference" for the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from sandbox.entra.graph import GraphError, denied, one_of
from sandbox.entra.objects import OWNERS
from sandbox.entra.odata import Document
from sandbox.entra.tokens import Caller

_DIRECTORY_READ = ("Directory.Read.All", "Directory.ReadWrite.All")
_APPLICATION_WRITE = ("Application.ReadWrite.All", "Directory.ReadWrite.All")
_OWNED = "Application.ReadWrite.OwnedBy"

READ_APPLICATIONS = one_of("Application.Read.All", _OWNED, *_APPLICATION_WRITE, "Directory.Read.All")
LIST_DELETED_APPLICATIONS = one_of("Application.Read.All", *_APPLICATION_WRITE, "Directory.Read.All")
"""Microsoft's reference does not list ``Application.ReadWrite.OwnedBy`` for lists of deleted items."""
WRITE_APPLICATIONS = one_of(_OWNED, *_APPLICATION_WRITE)
READ_FEDERATED = one_of("Application.Read.All", _OWNED, "Application.ReadWrite.All")
READ_ASSIGNMENTS = one_of("Application.Read.All", "AppRoleAssignment.ReadWrite.All", *_APPLICATION_WRITE)
WRITE_ASSIGNMENTS = one_of("AppRoleAssignment.ReadWrite.All") & one_of(
    "Application.Read.All", _OWNED, *_APPLICATION_WRITE, "Directory.Read.All"
)
READ_POLICIES = one_of("Policy.Read.All", "Policy.Read.ApplicationConfiguration")
WRITE_POLICIES = one_of("Policy.ReadWrite.ApplicationConfiguration")
ASSIGN_POLICIES = WRITE_POLICIES & READ_POLICIES & WRITE_APPLICATIONS
READ_USERS = one_of("User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", *_DIRECTORY_READ)
WRITE_USERS = one_of("User.ReadWrite.All", "Directory.ReadWrite.All")
READ_GROUPS = one_of("Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", *_DIRECTORY_READ)
WRITE_GROUPS = one_of("Group.ReadWrite.All", "Directory.ReadWrite.All")
READ_MAILBOXES = one_of("MailboxSettings.Read", "MailboxSettings.ReadWrite")
READ_DOMAINS = one_of("Domain.Read.All", "Domain.ReadWrite.All", *_DIRECTORY_READ)
READ_ORGANIZATION = one_of("Organization.Read.All", "Domain.Read.All", "User.Read.All", *_DIRECTORY_READ)

ROLE_IDS: Mapping[str, str] = {
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
    "Policy.ReadWrite.ApplicationConfiguration": "be74164b-cff1-491c-8741-e671cb536e13",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.Read.ConditionalAccess": "37730810-e9ba-4e46-b07e-8ca78d182097",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
    "Domain.Read.All": "dbb9058a-0e50-45d7-ae91-66909b5d4664",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
}
"""App roles of the Microsoft Graph service principal, by value."""


def check_owned(caller: Caller, document: Document) -> None:
    """Check that a caller who may write only what it owns does own the object.

    Raises:
        GraphError: 403.
    """
    if not set(_APPLICATION_WRITE) & set(caller.roles) and caller.object_id not in document[OWNERS]:
        raise denied()


def check_log_reader(caller: Caller, *requested: str) -> None:
    """Check that a caller who reads a log has all of these permissions; the error code is the one that callers report.

    Raises:
        GraphError: 403.
    """
    missing = [role for role in requested if role not in caller.roles]
    if missing:
        raise GraphError(
            HTTPStatus.FORBIDDEN,
            "Authentication_MSGraphPermissionMissing",
            "The principal does not have required Microsoft Graph permission(s): "
            f"{', '.join(missing)} to call this API.",
        )
