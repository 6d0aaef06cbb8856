"""Mimecast's API: the calls this project makes, with their limits and permissions.

Sources: Mimecast's API 2.0 catalogue (permissions, paging), the API 1.0 endpoint pages (items per request),
the rate limiting page (headers, milliseconds). Groups are called profile groups in the console.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GLOBAL_GATEWAY = "https://api.services.mimecast.com"
"""Serves every grid; ``uk-api`` and ``us-api`` keep the data of a call in one country."""

HOST_SUFFIX = ".mimecast.com"
TOKEN_PATH = "/oauth/token"  # noqa: S105  (a path)

RATE_LIMIT_REMAINING = "X-RateLimit-Remaining"
RATE_LIMIT_RESET = "X-RateLimit-Reset"
"""Milliseconds until at least one call is allowed again: not seconds, and not a point in time."""
RETRY_AFTER = "Retry-After"
"""Seconds or a date (RFC 9110, 10.2.3). Mimecast does not document it; its Terraform provider reads it."""

DEFAULT_TOKEN_SECONDS = 300
"""Assumed lifetime of a token if the response does not state it."""

PROOF_RECORD_TYPE = "TXT"
LEGACY_INBOUND_TYPES = ("any", "known", "ldap", "smtp")

CREDENTIALS_PAGE = "Integrations > API and Platform Integrations > Mimecast API 2.0 > Generate Keys"
ACCOUNT_PAGE = "Account > Account Settings"
DOMAINS_PAGE = "Directories > Internal Directories > Register New Domain"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the legacy family: always POST, envelope ``meta``/``data``/``fail``."""

    path: str
    permission: str
    """The permission that the API application's role needs."""
    reads: bool = False
    """Whether the call changes nothing, so that it can be repeated after a lost response."""
    page_size: int | None = None
    """The most rows a page may be asked for, or ``None`` for a call without pages."""
    secret: bool = False
    """Whether the request carries a password, so that nothing of the response's text is shown."""


_REGISTER = "Directories | Internal | Register New Domain"
_INTERNAL_READ = "Directories | Internal | Read"
_INTERNAL_EDIT = "Directories | Internal | Edit"
_GROUPS_EDIT = "Directories | Groups | Edit"
_SYNC_READ = "Services | Directory Sync | Read"
_SYNC_EDIT = "Services | Directory Sync | Edit"

GET_ACCOUNT = Endpoint("/api/account/get-account", "Account | Dashboard | Read", reads=True)

SINGLE_SIGN_ON_PACKAGE = re.compile(r"single[\s-]*sign|\bSSO\b", re.IGNORECASE)
"""Text that the name of a package with single sign-on is assumed to contain: Mimecast publishes no list of packages."""

GET_INTERNAL_DOMAIN = Endpoint("/api/domain/get-internal-domain", _INTERNAL_READ, reads=True)
GET_PENDING_DOMAIN = Endpoint("/api/domain/get-pending-domain", _REGISTER, reads=True)
CREATE_DOMAIN = Endpoint("/api/domain/create-domain", _REGISTER)
VERIFY_DOMAIN = Endpoint("/api/domain/verify-domain", _REGISTER)
DELETE_PENDING_DOMAIN = Endpoint("/api/domain/delete-pending-domain", _REGISTER)

GENERATE_TOKEN_PATH = "/domain/cloud-gateway/v1/pending-domains/generate-token"  # noqa: S105  (a path)
INTERNAL_DOMAINS_PATH = "/domain/cloud-gateway/v1/internal-domains"

# No source says how many users a page may hold; 100 is the documented limit of the v2 family.
GET_INTERNAL_USERS = Endpoint("/api/user/get-internal-users", _INTERNAL_READ, reads=True, page_size=100)
CREATE_USER = Endpoint("/api/user/create-user", _INTERNAL_EDIT, secret=True)
UPDATE_USER = Endpoint("/api/user/update-user", _INTERNAL_EDIT, secret=True)

# An update that names nothing but the address changes nothing and returns the user's settings (observed in a public
# client; the vendor documents the response). No listing of the legacy family shows who is disabled.
READ_USER = Endpoint("/api/user/update-user", _INTERNAL_EDIT, reads=True)
USERS_PER_UPDATE = 5
"""Documented for update-user, which `READ_USER` is as well."""

USERS_PATH = "/user/cloud-gateway/v1/users"
"""All users and aliases of the account, 100 per page, with ``disabled`` (fields as a public client reads them)."""
USERS_PERMISSION = _INTERNAL_READ

FIND_GROUPS = Endpoint("/api/directory/find-groups", _GROUPS_EDIT, reads=True, page_size=500)
CREATE_GROUP = Endpoint("/api/directory/create-group", _GROUPS_EDIT)
UPDATE_GROUP = Endpoint("/api/directory/update-group", _SYNC_EDIT)
DELETE_GROUP = Endpoint("/api/directory/delete-group", _GROUPS_EDIT)
GET_GROUP_MEMBERS = Endpoint("/api/directory/get-group-members", _SYNC_READ, reads=True, page_size=500)
ADD_GROUP_MEMBER = Endpoint("/api/directory/add-group-member", _GROUPS_EDIT)
REMOVE_GROUP_MEMBER = Endpoint("/api/directory/remove-group-member", _SYNC_EDIT)

GET_CONNECTION = Endpoint("/api/directory/get-connection", _SYNC_READ, reads=True)
INTEGRATIONS_PATH = "/directory/cloud-gateway/v1/integrations"
"""The v2 counterpart of `GET_CONNECTION`."""
MICROSOFT_365_PATH = f"{INTEGRATIONS_PATH}/m365"
INTEGRATION_READ, INTEGRATION_EDIT = _SYNC_READ, _SYNC_EDIT
INTEGRATION_DESCRIPTION_LIMIT = 120
"""Characters; a public client that was written against the vendor's contract checks it."""
UNLINK_LIMITS = (
    *("0", "10", "20", "50", "100", "300", "500", "1,000", "2,000", "5,000", "10,000", "50,000", "100,000"),
    "unlimited",
)
"""What ``maxUnlink`` may be when it is written; reading may give a number instead (the same client)."""

EXECUTE_SYNC = Endpoint("/api/directory/execute-sync", _SYNC_EDIT)
"""Requests a run of every directory connection. May respond with 504 although it started one (a public client)."""
SYNC_REQUESTS_PATH = f"{INTEGRATIONS_PATH}/sync-requests"
"""The v2 counterpart of `EXECUTE_SYNC`; the catalogue lists it under `INTEGRATION_READ`."""
SYNCHRONISATION_PAGE = "Services > Directory Synchronization"

MEMBERS_PER_REQUEST = 10
"""Documented for remove-group-member; used for add-group-member as well, whose limit nobody states."""
