"""Users.

Calls and messages: hashicorp/terraform-provider-azuread, `internal/services/users`. Properties that the sandbox's Graph
does not have are refused by it, by name.
"""

from __future__ import annotations

from typing import Any

from sandbox.azuread import validation
from sandbox.azuread.graph import Document, FailedError, Graph, naming
from sandbox.azuread.resources.base import MINUTE, ResourceType, known_parts, parts
from sandbox.azuread.schema import Property, Shape, Table, computed, optional, required
from sandbox.azuread.wire import Properties

# String properties: output names to Graph's names.
_INPUTS = {
    "ageGroup": "ageGroup", "city": "city", "companyName": "companyName",
    "consentProvidedForMinor": "consentProvidedForMinor", "country": "country", "department": "department",
    "displayName": "displayName", "employeeHireDate": "employeeHireDate", "employeeId": "employeeId",
    "employeeType": "employeeType", "faxNumber": "faxNumber", "givenName": "givenName", "jobTitle": "jobTitle",
    "mail": "mail", "mailNickname": "mailNickname", "mobilePhone": "mobilePhone",
    "officeLocation": "officeLocation", "onpremisesImmutableId": "onPremisesImmutableId", "postalCode": "postalCode",
    "preferredLanguage": "preferredLanguage", "state": "state", "streetAddress": "streetAddress",
    "surname": "surname", "usageLocation": "usageLocation", "userPrincipalName": "userPrincipalName",
}  # fmt: skip
_COMPUTED = {
    "aboutMe": "aboutMe", "creationType": "creationType", "externalUserState": "externalUserState",
    "objectId": "id", "onpremisesDistinguishedName": "onPremisesDistinguishedName",
    "onpremisesDomainName": "onPremisesDomainName", "onpremisesSamAccountName": "onPremisesSamAccountName",
    "onpremisesSecurityIdentifier": "onPremisesSecurityIdentifier",
    "onpremisesUserPrincipalName": "onPremisesUserPrincipalName", "userType": "userType",
}  # fmt: skip
_FILLED_IN = frozenset({"mail", "mailNickname", "onpremisesImmutableId"})
_REQUIRED = frozenset({"displayName", "userPrincipalName"})
_LISTS = {"businessPhones": "businessPhones", "otherMails": "otherMails"}
_SEEN = {"imAddresses": "imAddresses", "proxyAddresses": "proxyAddresses"}


def _input(name: str) -> Property:
    if name in _REQUIRED:
        return required(name, validate=validation.not_empty)
    return Property(name, optional=True, computed=name in _FILLED_IN)


class User(ResourceType):
    table = Table(
        "User",
        tuple(
            sorted(
                (
                    *map(_input, _INPUTS),
                    *map(computed, _COMPUTED),
                    optional("accountEnabled", Shape.BOOLEAN, default=True),
                    Property("businessPhones", Shape.STRINGS, optional=True, computed=True),
                    optional("costCenter"),
                    optional("disablePasswordExpiration", Shape.BOOLEAN),
                    optional("disableStrongPassword", Shape.BOOLEAN),
                    optional("division"),
                    optional("forcePasswordChange", Shape.BOOLEAN),
                    *(computed(name, Shape.STRINGS) for name in _SEEN),
                    optional("managerId"),
                    computed("onpremisesSyncEnabled", Shape.BOOLEAN),
                    optional("otherMails", Shape.STRING_SET),
                    # Computed in the published plugin's schema. Graph never returns it, so the input is kept.
                    optional("password", secret=True),
                    optional("showInAddressList", Shape.BOOLEAN, default=True),
                ),
                key=lambda row: row.name,
            )
        ),
    )
    ID = "/users/([^/]+)"
    create_seconds = 10 * MINUTE

    def create(self, graph: Graph, planned: Properties) -> str:
        _refuse_what_is_missing(planned)
        if not planned.get("password"):
            raise FailedError("[password] `password` is required when creating a new user")
        body = _settings(planned, {})
        body["mailNickname"] = planned.get("mailNickname") or planned["userPrincipalName"].partition("@")[0]
        body["passwordProfile"] = _password(planned)
        with naming("Creating user"):
            return f"/users/{graph.post('/users', body)['id']}"

    def read(self, graph: Graph, resource_id: str) -> Properties | None:
        found = parts(self.ID, resource_id)
        if found is None:
            return None
        with naming(f'retrieving User (User: "{found[0]}")'):
            live = graph.find(resource_id)
        if live is None:
            return None
        policies = str(live.get("passwordPolicies") or "")
        return {
            "id": resource_id,
            **{name: live.get(key) or "" for name, key in {**_INPUTS, **_COMPUTED}.items()},
            **{name: live.get(key) or [] for name, key in {**_LISTS, **_SEEN}.items()},
            "accountEnabled": bool(live.get("accountEnabled")),
            "disablePasswordExpiration": "DisablePasswordExpiration" in policies,
            "disableStrongPassword": "DisableStrongPassword" in policies,
            "onpremisesSyncEnabled": bool(live.get("onPremisesSyncEnabled")),
            "managerId": "",
            "showInAddressList": live.get("showInAddressList") is not False,
        }

    def update(self, graph: Graph, resource_id: str, olds: Properties, planned: Properties) -> None:
        _refuse_what_is_missing(planned)
        body = _settings(planned, olds)
        if any(planned.get(name) != olds.get(name) for name in ("password", "forcePasswordChange")):
            body["passwordProfile"] = _password(planned)
        with naming(f'Could not update User (User: "{known_parts(self.ID, resource_id)[0]}")'):
            graph.patch(resource_id, body)

    def delete(self, graph: Graph, resource_id: str, olds: Properties) -> None:
        with naming(f'Deleting User (User: "{known_parts(self.ID, resource_id)[0]}")'):
            graph.delete(resource_id)


def _refuse_what_is_missing(planned: Properties) -> None:
    """Refuse properties that the sandbox's Graph does not keep."""
    for name in ("managerId", "costCenter", "division"):
        if planned.get(name):
            raise FailedError(f"[{name}] the sandbox does not simulate this property of a user")


def _password(planned: Properties) -> Document:
    return {
        "forceChangePasswordNextSignIn": bool(planned.get("forcePasswordChange")),
        "password": planned.get("password"),
    }


def _settings(planned: Properties, olds: Properties) -> Document:
    """The properties that are set, or were set and no longer are; Graph fills in the rest."""
    body: Document = {"accountEnabled": planned.get("accountEnabled") is not False}
    if planned.get("showInAddressList") is False or olds.get("showInAddressList") is False:
        body["showInAddressList"] = planned.get("showInAddressList") is not False
    policies = [
        policy
        for name, policy in (
            ("disablePasswordExpiration", "DisablePasswordExpiration"),
            ("disableStrongPassword", "DisableStrongPassword"),
        )
        if planned.get(name)
    ]
    if policies or olds.get("disablePasswordExpiration") or olds.get("disableStrongPassword"):
        body["passwordPolicies"] = ", ".join(policies)
    for name, key in {**_INPUTS, **_LISTS}.items():
        value: Any = planned.get(name)
        if _is_stated(value):
            body[key] = value
        elif _is_stated(olds.get(name)):
            body[key] = [] if name in _LISTS else None
    return body


def _is_stated(value: Any) -> bool:
    return isinstance(value, (str, list)) and bool(value)
