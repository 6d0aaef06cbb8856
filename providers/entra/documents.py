"""The objects in responses of Microsoft Graph, checked against the documented types.

Each response becomes a `Document` before anything reads it. Graph omits a property, or sends null, where it is empty or
where the caller may not read it. So the types are checked at once, and a property that a reader needs is missed when it
is read. Both raise Unreachable, because nothing is known about such an object.

Source: the resource types of Microsoft Graph v1.0 that this project reads.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.times import graph_time
from providers.entra.errors import Unreachable


class Document(dict[str, JSON]):
    """An object of the response to ``request``. Without a value, ``document[name]`` raises Unreachable."""

    def __init__(self, values: Mapping[str, JSON], request: str) -> None:
        super().__init__(values)
        self.request = request

    def __getitem__(self, name: str) -> JSON:
        """The value. Raises Unreachable where it is missing, null or an empty text."""
        value = self.get(name)
        if value is None or value == "":
            raise _undocumented(self.request, f'"{name}" is missing')
        return value


def document(method: str, path: str, body: Mapping[str, JSON]) -> Document:
    """The body of a response. Raises Unreachable where a property has another type than documented."""
    request = f"Microsoft Graph, {method} {path}"
    try:
        return _document(body, request)
    except RecursionError:
        raise _undocumented(request, "it is nested too deeply") from None


def _document(values: Mapping[str, JSON], request: str) -> Document:
    for name, value in values.items():
        what = _TYPES.get(name)
        if what is not None and value is not None and not _CHECKS[what](value):
            raise _undocumented(request, f'"{name}" is not {what}')
    return Document({name: _inner(value, request) for name, value in values.items()}, request)


def _inner(value: JSON, request: str) -> JSON:
    if isinstance(value, dict):
        return _document(value, request)
    return [_inner(each, request) for each in value] if isinstance(value, list) else value


def _undocumented(request: str, what: str) -> Unreachable:
    return Unreachable(f"{request}: the response is not as documented: {what}")


def _is_time(value: object) -> bool:
    try:
        graph_time(value)
    except (ValueError, OverflowError):
        return False
    return isinstance(value, str)


def _is_base64(value: object) -> bool:
    try:
        b64decode(str(value))
    except (ValueError, binascii.Error):
        return False
    return isinstance(value, str)


def _are(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(each, kind) for each in value)


_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "a time": _is_time,
    "a base64 text": _is_base64,
    "a number": lambda value: isinstance(value, int),
    "true or false": lambda value: isinstance(value, bool),
    "an object": lambda value: isinstance(value, dict),
    "a list of strings": _are(str),
    "a list of objects": _are(dict),
}
_OF_TYPE = {
    "a text": (
        "@odata.type activityDisplayName analysisReasons appId appRoleId applicationTemplateId customKeyIdentifier "
        "defaultRedirectUri description displayName failureReason groupMembershipClaims id issuer keyId loginUrl mail "
        "name newValue notes oldValue operator preferredSingleSignOnMode preferredTokenSigningKeyThumbprint "
        "principalDisplayName principalId principalType relayState result servicePlanId servicePrincipalId state "
        "subject tokenEncryptionKeyId usage userId userPrincipalName userType"
    ),
    "a time": ("activityDateTime createdDateTime deletedDateTime endDateTime modifiedDateTime startDateTime"),
    "a base64 text": "key",
    "a number": "errorCode",
    "true or false": "accountEnabled appRoleAssignmentRequired isEnabled policyApplies",
    "an object": (
        "app claimsMatchingExpression grantControls initiatedBy optionalClaims samlSingleSignOnSettings status user web"
    ),
    "a list of strings": (
        "allowedMemberTypes alternativeNames builtInControls definition identifierUris notificationEmailAddresses "
        "redirectUris tags"
    ),
    "a list of objects": (
        "accessToken appRoles idToken keyCredentials modifiedProperties passwordCredentials saml2Token servicePlans "
        "targetResources"
    ),
}
_TYPES = {name: what for what, names in _OF_TYPE.items() for name in names.split()}
"""By name: each of these has the same type in all resource types that are read."""
