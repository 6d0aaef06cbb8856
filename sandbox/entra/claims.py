"""The claims of an assertion: name identifier and attributes.

Sources: Microsoft's "Claims mapping policy type", "Customize SAML token claims" and "SAML token claims reference".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mimecast_sso.facts.entra import NAMEID_CLAIM
from mimecast_sso.saml import names
from sandbox.entra import sign_in_methods
from sandbox.entra.objects import POLICIES, POLICY_IDS
from sandbox.entra.odata import Document
from sandbox.world import World

_XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT = "http://schemas.microsoft.com/identity/claims"
_AUTHENTICATION_METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"

# The sources that a policy may use: the directory's names.
_SOURCES: Mapping[str, str] = {
    "mail": "mail",
    "userprincipalname": "userPrincipalName",
    "displayname": "displayName",
    "givenname": "givenName",
    "surname": "surname",
    "employeeid": "employeeId",
    "department": "department",
    "jobtitle": "jobTitle",
    "mailnickname": "mailNickname",
    "objectid": "id",
    "onpremisessamaccountname": "onPremisesSamAccountName",
    "onpremisesuserprincipalname": "onPremisesUserPrincipalName",
}


class MissingNameIdError(Exception):
    """The user has no value for the name identifier's source property."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The subject's name identifier with its format, and the attributes by name."""

    name_id: str
    name_id_format: str
    attributes: Mapping[str, tuple[str, ...]]


def issue(
    world: World, tenant: str, principal: Document, user: Document, requested_format: str | None
) -> Claims:
    """The claims about ``user`` for the application behind ``principal``.

    Raises:
        MissingNameIdError
    """
    policy = _policy(world, principal)
    schema = policy.get("ClaimsSchema", [])
    basic = str(policy.get("IncludeBasicClaimSet", "true")).lower() == "true"
    attributes = _basic_claims(tenant, user) if basic else {}
    if basic:
        attributes[_AUTHENTICATION_METHODS] = sign_in_methods.references(sign_in_methods.of(world, user))
    name_id, name_id_format = user["userPrincipalName"], requested_format or names.FORMAT_EMAIL
    for entry in schema:
        value = _value(entry, user)
        if entry.get("SamlClaimType") == NAMEID_CLAIM:
            if not value:
                raise MissingNameIdError(entry.get("ID"))
            name_id, name_id_format = value, entry.get("SamlNameIdFormat") or name_id_format
        elif entry.get("SamlClaimType") and value:
            attributes[entry["SamlClaimType"]] = (value,)
    return Claims(name_id, name_id_format, attributes)


def has_policy(principal: Document) -> bool:
    """Whether a claims mapping policy is assigned; Entra then requires an application-specific signing key."""
    return bool(principal[POLICY_IDS])


def _policy(world: World, principal: Document) -> Document:
    for identifier in principal[POLICY_IDS]:
        policy = world.get(POLICIES, identifier)
        if policy is not None:
            parsed: Document = json.loads(policy["definition"][0])["ClaimsMappingPolicy"]
            return parsed
    return {}


def _value(entry: Document, user: Document) -> str | None:
    if "Value" in entry:
        return str(entry["Value"])
    if entry.get("Source") != "user":
        return None
    name = _SOURCES.get(str(entry.get("ID", "")).lower())
    return None if name is None else user[name]


def _basic_claims(tenant: str, user: Document) -> dict[str, tuple[str, ...]]:
    claims = {
        f"{_MICROSOFT}/tenantid": tenant,
        f"{_MICROSOFT}/objectidentifier": user["id"],
        f"{_MICROSOFT}/displayname": user["displayName"],
        f"{_MICROSOFT}/identityprovider": f"https://sts.windows.net/{tenant}/",
        f"{_XMLSOAP}/givenname": user["givenName"],
        f"{_XMLSOAP}/surname": user["surname"],
        f"{_XMLSOAP}/emailaddress": user["mail"],
        f"{_XMLSOAP}/name": user["userPrincipalName"],
    }
    return {name: (value,) for name, value in claims.items() if value}
