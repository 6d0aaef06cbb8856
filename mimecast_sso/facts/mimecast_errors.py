"""Mimecast's error codes, their meaning, and how it is known.

Sources: Mimecast's API 1.0 and 2.0 reference (response codes), recorded responses and error handling in public
clients. The vendor documents no complete list; a code that is not here is shown as it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How a code is known."""

    DOCUMENTED = "documented"
    OBSERVED = "observed in recordings or public clients"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class VendorCode:
    """One error code; ``meaning`` is a clause that a message can end with."""

    code: str
    meaning: str
    certainty: Certainty


_OBSERVED = Certainty.OBSERVED
_ASSUMED = Certainty.ASSUMED

INVALID_CLIENT = "invalid_client_identifier"
INVALID_ACCESS_TOKEN = "invalid_access_token"  # noqa: S105  (a code, not a token)
TOKEN_EXPIRED = "token_expired"  # noqa: S105
TOKEN_VERIFICATION_FAILED = "token_verification_failed"  # noqa: S105
UNAUTHORIZED_REQUEST = "Unauthorized Request"
APP_FORBIDDEN = "app_forbidden"
ENDPOINT_UNKNOWN = "endpoint_evaluation_failed_1"
INTERNAL_SERVER_ERROR = "internal_server_error_1"
FORBIDDEN_FOR_ADDRESS = "err_xdk_operation_forbidden_for_address"
MEMBER_EXISTS = "err_folder_group_member_already_exists"
MEMBER_ABSENT = "err_folder_email_address_not_found"
GROUP_NOT_EMPTY = "err_folder_not_empty"
DOMAIN_EXISTS = "err_domain_already_exists"
USER_EXISTS = "err_user_already_exists"

CODES: dict[str, VendorCode] = {
    entry.code: entry
    for entry in (
        VendorCode(INVALID_CLIENT, "the client id or the client secret is wrong", _OBSERVED),
        VendorCode(INVALID_ACCESS_TOKEN, "the access token is not valid", _OBSERVED),
        VendorCode(TOKEN_EXPIRED, "the access token has expired", _OBSERVED),
        VendorCode(TOKEN_VERIFICATION_FAILED, "the gateway could not verify the access token", _OBSERVED),
        VendorCode(UNAUTHORIZED_REQUEST, "the gateway could not verify the access token", _OBSERVED),
        VendorCode(
            APP_FORBIDDEN,
            "the API application lacks the product or its role lacks the permission",
            _OBSERVED,
        ),
        VendorCode(ENDPOINT_UNKNOWN, "the gateway does not know this path", _OBSERVED),
        VendorCode(INTERNAL_SERVER_ERROR, "the vendor's server failed", _OBSERVED),
        VendorCode(
            FORBIDDEN_FOR_ADDRESS,
            "the address is not in a domain of this account, or the object is a protected one",
            _OBSERVED,
        ),
        VendorCode(MEMBER_EXISTS, "the address is already a member of the group", _OBSERVED),
        VendorCode(MEMBER_ABSENT, "the group has no such member", _OBSERVED),
        VendorCode(GROUP_NOT_EMPTY, "the group still has members or child groups", _ASSUMED),
        VendorCode(DOMAIN_EXISTS, "a Mimecast account already manages the domain", _ASSUMED),
        VendorCode(USER_EXISTS, "the address already exists", _ASSUMED),
        VendorCode("err_validation_null", "a mandatory field is missing", _OBSERVED),
        VendorCode("err_validation_blank", "a field is empty", _OBSERVED),
        VendorCode("err_validation_invalid_email_address", "this is not an e-mail address", _OBSERVED),
        VendorCode("err_deserialise", "the request holds nulls or is malformed", _OBSERVED),
        VendorCode("err_developer_key", "the application id is not valid", _OBSERVED),
        VendorCode("err_xdk_binding_expired", "the access key of API 1.0 has expired", _OBSERVED),
    )
}

REFUSED_BEFORE_PROCESSING = frozenset(
    {INVALID_ACCESS_TOKEN, TOKEN_EXPIRED, TOKEN_VERIFICATION_FAILED, UNAUTHORIZED_REQUEST}
)
"""Codes of the gateway: the request never reached the function behind it."""


def meaning(code: str) -> str:
    """The meaning of ``code``; an empty string if no source explains it."""
    entry = CODES.get(code)
    return entry.meaning if entry else ""
