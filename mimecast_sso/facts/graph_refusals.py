"""Why Microsoft Graph refuses a request, and the way out, by its error code and message.

Sources: Microsoft Graph's "Error responses and resource types", "Resolve Microsoft Graph authorization errors" and
"Throttling guidance"; "Microsoft Entra service limits and restrictions"; "Deletion and recovery of applications FAQ";
issues of terraform-provider-azuread (#806 on identifiers, #1388 on deleting SAML applications, #1764 on parallel
writes). Graph's messages are part of the contract of clients: several causes share the code ``Request_BadRequest``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True)
class GraphRefusal:
    """One kind of refusal.

    Attributes:
        pattern: Found in ``code: message`` of the refusal, whatever the letter case.
        cause: The cause, as a sentence without its full stop.
        way_out: What to do, as the same. ``{preflight}``, ``{rerun}`` and ``{refresh}`` stand for commands,
            ``{permissions}`` for what the refused object needs.
        status: The HTTP status; 0 for any.
    """

    pattern: str
    cause: str
    way_out: str
    status: int = 0


_RERUN: Final = "Rerun in a few minutes: {rerun}"
_GRANT: Final = (
    "Grant {permissions} to the application of ARM_CLIENT_ID, with an administrator's consent; a role from Privileged "
    "Identity Management must be active during the whole run. {preflight} names what is missing"
)

REFUSALS: Final[Sequence[GraphRefusal]] = (
    GraphRefusal(
        "DeletingSamlSpNotAllowed",
        "Entra deletes no application in SAML mode that still has an identifier on a domain which the tenant has not "
        "verified",
        "Remove the identifiers on the application's page in the Entra portal, then: {rerun}",
    ),
    GraphRefusal(
        r"Another object with the same value for property identifierUris",
        "another application has this identifier, or a deleted one, which keeps it for 30 days",
        "Find that application with {preflight}; adopt, restore or permanently delete it, then: {rerun}",
    ),
    GraphRefusal(
        r"Another object with the same value for property userPrincipalName",
        "another user has this user principal name",
        "Choose another address in mimecast-sso:testAccount, or delete that user, then: {rerun}",
    ),
    GraphRefusal(
        r"Another object with the same value for property|Request_MultipleObjectsWithSameKeyValue|ObjectConflict",
        "Entra has another object with this name or identifier",
        "If this run created it, the next one finds it: {refresh}. Otherwise {preflight} names it",
    ),
    GraphRefusal(
        r"Permission being assigned already exists|added object references already exist",
        "it was assigned outside this stack, or by an earlier run whose response was lost",
        "Rerun with a refresh, which imports what exists: {refresh}",
    ),
    GraphRefusal(
        r"HostNameNotOnVerifiedDomain|Failed to add identifier URI|tenant verified domain",
        "Entra accepts an identifier on Mimecast's domain only for an application in SAML mode, and that setting can "
        "take minutes to take effect; a policy of the tenant may also restrict identifiers",
        f"{_RERUN}. If it is refused again, an administrator must exempt this application from the tenant's policy for "
        "identifier URIs",
    ),
    GraphRefusal(
        r"Not a valid reference update|does not reference a valid application object",
        "the object that it refers to was created a moment ago and is not visible everywhere in Entra yet",
        _RERUN,
    ),
    GraphRefusal(
        r"cannot be deleted or updated unless disabled first",
        "Entra removes a role or permission of an application only after it was disabled",
        "Disable it on the application's page in the Entra portal, then: {rerun}",
    ),
    GraphRefusal(
        r"Directory_QuotaExceeded|object quota limit",
        "the tenant or the deploying principal has reached its limit of objects; deleted ones count for 30 days",
        "Permanently delete objects that nobody needs, or have the limit raised, then: {rerun}",
    ),
    GraphRefusal(
        r"Directory_ResourceSizeExceeded",
        "the object has as many values as Entra allows",
        "Remove credentials or owners that are not needed, then: {rerun}",
    ),
    GraphRefusal(
        r"Directory_ConcurrencyViolation|ConcurrencyViolation|concurrent",
        "another change of the same object was under way",
        f"{_RERUN}. If it repeats, something else changes the application as well",
    ),
    GraphRefusal(
        r"TooManyRequests|Request_Throttled|throttl",
        "Entra limits the number of requests, and the limit was still exceeded after several retries",
        f"{_RERUN}. Other programs that use the tenant count, too",
    ),
    GraphRefusal(
        r"NonPremiumTenant|licen[cs]e|premium",
        "the tenant has no licence for this (Microsoft Entra ID P1 for groups)",
        "Buy it, or assign people instead of groups (mimecast-sso:assign.users), then: {rerun}",
    ),
    GraphRefusal(
        r"Authorization_RequestDenied|Authorization_IdentityNotFound|AccessDenied|Insufficient privileges|"
        r"MSGraphPermissionMissing|accessDenied",
        "the deploying principal lacks a permission or role, or may change only what it owns and does not own this",
        _GRANT,
    ),
    GraphRefusal(
        r"InvalidAuthenticationToken|AuthenticationError|Authentication_ExpiredToken|CompactToken",
        "the access token was not accepted: it expired, was revoked, or a Conditional Access policy ended it",
        "Sign in again (az login), or renew the credential of ARM_CLIENT_ID, then: {rerun}",
    ),
    GraphRefusal(
        r"Request_ResourceNotFound|ResourceNotFound|itemNotFound",
        "Entra does not have it: it was deleted outside this stack, or was created a moment ago and is not visible "
        "everywhere yet",
        "Rerun with a refresh, which reads the live state first: {refresh}",
    ),
    GraphRefusal(
        r"[Ii]nvalid value specified for property|property .{0,60} (?:is invalid|invalid)|"
        r"(?:exceeds|longer than) .{0,40}(?:length|characters)",
        "Entra does not accept the value of a property, which its message names",
        "Correct the setting with that value, then: {rerun}",
    ),
    GraphRefusal(
        "", "Entra does not have it", "Rerun with a refresh, which reads the live state first: {refresh}", 404
    ),
    GraphRefusal("", "the deploying principal may not do this", _GRANT, 403),
    GraphRefusal(
        "", "the access token was not accepted", "Renew the credential of ARM_CLIENT_ID, then: {rerun}", 401
    ),
    GraphRefusal("", "another change of the same object was under way", _RERUN, 409),
    GraphRefusal("", "the object changed while it was being written", _RERUN, 412),
    GraphRefusal("", "Entra limits the number of requests", _RERUN, 429),
    GraphRefusal(
        "", "a proxy requires a sign-in", "Set user and password in HTTPS_PROXY, then: {rerun}", 407
    ),
)
"""The first that fits applies."""

_SERVER = GraphRefusal("", "Entra's service failed or is overloaded, also after several retries", _RERUN)
_OTHER = GraphRefusal(
    "",
    "Entra refused the request, and no documentation explains it further",
    "Compare the message below with the settings of this object, and run {preflight}; then: {rerun}",
)


def refusal_of(status: int, code: str, message: str) -> GraphRefusal:
    """The kind of a refusal of Graph."""
    text = f"{code}: {message}"
    for each in REFUSALS:
        if each.pattern and re.search(each.pattern, text, re.IGNORECASE):
            return each
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _SERVER
    return next((each for each in REFUSALS if not each.pattern and each.status == status), _OTHER)
