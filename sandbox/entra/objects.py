"""Directory objects: their collections, and their complete form in Graph.

Every known property is present, null if unset: clients distinguish absent properties from null ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mimecast_sso.facts.entra import LONGEST_APPLICATION_NAME
from sandbox.entra.graph import bad_request, is_visible, not_found
from sandbox.entra.odata import Document
from sandbox.world import World

APPLICATIONS = "entra.applications"
SERVICE_PRINCIPALS = "entra.servicePrincipals"
USERS = "entra.users"
GROUPS = "entra.groups"
TEMPLATES = "entra.templates"
POLICIES = "entra.policies"
ASSIGNMENTS = "entra.assignments"
DOMAINS = "entra.domains"
MAILBOXES = "entra.mailboxes"
PASSWORDS = "entra.passwords"

# Stored in a document, never returned as a property of the object.
OWNERS = "_owners"
POLICY_IDS = "_claimsMappingPolicies"
MEMBERS = "_members"
FEDERATED = "_federatedIdentityCredentials"

_NESTED = frozenset({"api", "info", "publicClient", "samlSingleSignOnSettings", "spa", "web"})

APPLICATION: Document = {
    "id": None,
    "appId": None,
    "applicationTemplateId": None,
    "displayName": None,
    "description": None,
    "notes": None,
    "createdDateTime": None,
    "deletedDateTime": None,
    "disabledByMicrosoftStatus": None,
    "defaultRedirectUri": None,
    "groupMembershipClaims": None,
    "identifierUris": [],
    "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None,
    "publisherDomain": None,
    "samlMetadataUrl": None,
    "serviceManagementReference": None,
    "signInAudience": "AzureADMyOrg",
    "tags": [],
    "optionalClaims": None,
    "oauth2RequirePostResponse": False,
    "api": {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": None,
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
    },
    "appRoles": [],
    "info": {
        "logoUrl": None,
        "marketingUrl": None,
        "privacyStatementUrl": None,
        "supportUrl": None,
        "termsOfServiceUrl": None,
    },
    "keyCredentials": [],
    "passwordCredentials": [],
    "requiredResourceAccess": [],
    "publicClient": {"redirectUris": []},
    "spa": {"redirectUris": []},
    "web": {
        "homePageUrl": None,
        "logoutUrl": None,
        "redirectUris": [],
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
    },
    OWNERS: [],
    FEDERATED: [],
}

SERVICE_PRINCIPAL: Document = {
    "id": None,
    "appId": None,
    "applicationTemplateId": None,
    "appOwnerOrganizationId": None,
    "displayName": None,
    "appDisplayName": None,
    "appDescription": None,
    "createdDateTime": None,
    "deletedDateTime": None,
    "description": None,
    "disabledByMicrosoftStatus": None,
    "notes": None,
    "accountEnabled": True,
    "alternativeNames": [],
    "appRoleAssignmentRequired": False,
    "appRoles": [],
    "homepage": None,
    "info": None,
    "loginUrl": None,
    "logoutUrl": None,
    "notificationEmailAddresses": [],
    "oauth2PermissionScopes": [],
    "preferredSingleSignOnMode": None,
    "preferredTokenSigningKeyThumbprint": None,
    "replyUrls": [],
    "samlMetadataUrl": None,
    "samlSingleSignOnSettings": None,
    "servicePrincipalNames": [],
    "servicePrincipalType": "Application",
    "signInAudience": "AzureADMyOrg",
    "tags": [],
    "tokenEncryptionKeyId": None,
    "keyCredentials": [],
    "passwordCredentials": [],
    OWNERS: [],
    POLICY_IDS: [],
}

GROUP: Document = {
    "id": None,
    "displayName": None,
    "description": None,
    "classification": None,
    "createdDateTime": None,
    "deletedDateTime": None,
    "expirationDateTime": None,
    "groupTypes": [],
    "isAssignableToRole": None,
    "mail": None,
    "mailEnabled": False,
    "mailNickname": None,
    "membershipRule": None,
    "membershipRuleProcessingState": None,
    "onPremisesDomainName": None,
    "onPremisesNetBiosName": None,
    "onPremisesSamAccountName": None,
    "onPremisesSecurityIdentifier": None,
    "onPremisesSyncEnabled": None,
    "preferredLanguage": None,
    "proxyAddresses": [],
    "resourceBehaviorOptions": [],
    "resourceProvisioningOptions": [],
    "securityEnabled": True,
    "securityIdentifier": None,
    "theme": None,
    "visibility": None,
    "writebackConfiguration": {"isEnabled": None, "onPremisesGroupType": None},
    OWNERS: [],
    MEMBERS: [],
}

_USER_TEXTS = (
    "ageGroup city companyName consentProvidedForMinor country createdDateTime creationType deletedDateTime"
    " department employeeHireDate employeeId employeeOrgData employeeType externalUserState faxNumber givenName"
    " jobTitle mail mailNickname mobilePhone officeLocation onPremisesDistinguishedName onPremisesDomainName"
    " onPremisesImmutableId onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled"
    " onPremisesUserPrincipalName passwordPolicies postalCode preferredLanguage showInAddressList state"
    " streetAddress surname usageLocation"
)

USER: Document = {
    "id": None,
    "displayName": None,
    "userPrincipalName": None,
    "accountEnabled": True,
    "userType": "Member",
    "businessPhones": [],
    "imAddresses": [],
    "otherMails": [],
    "proxyAddresses": [],
    **dict.fromkeys(_USER_TEXTS.split()),
}


_LONGEST: Mapping[str, int] = {
    "description": 1024,
    "displayName": LONGEST_APPLICATION_NAME,
    "mailNickname": 64,
    "notes": 1024,
}
"""Maximum lengths in characters, as documented for the resource types."""
_SINGLE_LINE = frozenset({"displayName", "mailNickname"})


def new(form: Document, **values: Any) -> Document:
    """A new object of a form, with these properties set."""
    # A form is JSON; a round trip through text is ten times as fast as copy.deepcopy.
    copied: Document = json.loads(json.dumps(form))
    return {**copied, **values}


def merge(document: Document, changes: Mapping[str, Any], *, read_only: Iterable[str] = ()) -> Document:
    """The object after a PATCH: complex properties are merged, others replaced.

    Raises:
        GraphError: an unknown or read-only property.
    """
    merged = dict(document)
    for name, value in changes.items():
        if name.startswith("_") or name not in document:
            raise bad_request(f"Invalid property '{name}'.")
        if name in read_only:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if name in _LONGEST:
            check_text(name, value, _LONGEST[name])
        if name in _NESTED and isinstance(value, dict):
            merged[name] = {**(document[name] or {}), **value}
        else:
            merged[name] = value
    return merged


def check_text(name: str, value: object, longest: int) -> None:
    """Refuse values that are not strings, too long, or (assumed) names with control characters such as line breaks.

    Raises:
        GraphError
    """
    if value is None:
        return
    if (
        not isinstance(value, str)
        or len(value) > longest
        or (name in _SINGLE_LINE and any(character < " " for character in value))
    ):
        raise bad_request(f"Invalid value specified for property '{name}'.")


def shown(document: Document) -> Document:
    """The object without the values stored beside its properties."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def find(world: World, collection: str, identifier: str) -> Document:
    """An object by its id.

    Raises:
        GraphError: 404, also for a new object that is not visible yet.
    """
    document = world.get(collection, identifier.casefold())
    if document is None or not is_visible(world, identifier):
        raise not_found(identifier)
    return document


def save(world: World, collection: str, document: Document) -> None:
    """Store an object under its id."""
    world.put(collection, document["id"], document)


_TYPES: Mapping[str, str] = {
    USERS: "#microsoft.graph.user",
    GROUPS: "#microsoft.graph.group",
    SERVICE_PRINCIPALS: "#microsoft.graph.servicePrincipal",
    APPLICATIONS: "#microsoft.graph.application",
}


def directory_object(world: World, identifier: str) -> tuple[str, Document] | None:
    """Any object of the directory with its collection, or ``None``."""
    for collection in _TYPES:
        document = world.get(collection, identifier.casefold())
        if document is not None:
            return collection, document
    return None


def references(world: World, identifiers: Iterable[str]) -> list[Document]:
    """Directory objects as owner and member lists show them, with their type."""
    found = (directory_object(world, identifier) for identifier in identifiers)
    return [{"@odata.type": _TYPES[item[0]], **shown(item[1])} for item in found if item is not None]
