"""The query options that Graph supports for each collection.

Sources: the tables of Microsoft Graph's "Advanced query capabilities on Microsoft Entra ID objects", and the notes
"Supports $filter" of the resource types. Filters on other properties are not simulated.
"""

from __future__ import annotations

from sandbox.entra import objects
from sandbox.entra.odata import Document, Kind

_BASIC = frozenset({"$select", "$filter", "$top", "$skiptoken"})
_ADVANCED = _BASIC | {"$count", "$orderby", "$search"}
_LARGEST_PAGE_OF_LOGS = 1000


def _properties(form: Document) -> frozenset[str]:
    return frozenset(name for name in form if not name.startswith("_"))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


USER = Kind(
    "user",
    _ADVANCED,
    properties=_properties(objects.USER),
    filterable=_words(
        "accountEnabled ageGroup businessPhones city consentProvidedForMinor country createdDateTime creationType"
        " deletedDateTime department displayName employeeId givenName id imAddresses jobTitle mail mailNickname"
        " onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails proxyAddresses"
        " state surname usageLocation userPrincipalName userType"
    ),
    filterable_advanced=_words(
        "companyName employeeHireDate employeeType mobilePhone officeLocation onPremisesImmutableId"
        " onPremisesSamAccountName passwordPolicies postalCode preferredLanguage showInAddressList streetAddress"
    ),
    sortable={
        "displayName": False,
        "userPrincipalName": False,
        "createdDateTime": True,
        "deletedDateTime": True,
    },
    is_directory=True,
)
GROUP = Kind(
    "group",
    _ADVANCED,
    properties=_properties(objects.GROUP),
    filterable=_words(
        "createdDateTime deletedDateTime description displayName groupTypes id mail mailEnabled mailNickname"
        " onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled proxyAddresses securityEnabled"
    ),
    sortable={"displayName": False, "deletedDateTime": True},
    is_directory=True,
)
_BY_AGE = {"displayName": True, "createdDateTime": True, "deletedDateTime": True}
APPLICATION = Kind(
    "application",
    _ADVANCED,
    properties=_properties(objects.APPLICATION),
    filterable=_words(
        "appId applicationTemplateId createdDateTime deletedDateTime displayName id identifierUris publisherDomain"
        " signInAudience tags"
    ),
    sortable=_BY_AGE,
    is_directory=True,
)
SERVICE_PRINCIPAL = Kind(
    "servicePrincipal",
    _ADVANCED,
    properties=_properties(objects.SERVICE_PRINCIPAL),
    filterable=_words(
        "accountEnabled alternativeNames appId appOwnerOrganizationId applicationTemplateId createdDateTime"
        " deletedDateTime displayName homepage id servicePrincipalNames servicePrincipalType tags"
    ),
    sortable=_BY_AGE,
    is_directory=True,
)
RELATED = Kind(
    "directoryObject",
    _ADVANCED,
    properties=USER.properties | GROUP.properties,
    filterable=frozenset({"id"}),
    filterable_advanced=frozenset({"displayName"}),
    sortable={"displayName": True},
    is_directory=True,
    related=True,
)
"""Objects of any type: a group's members, owners, a person's groups. azuread filters owners by id."""
ASSIGNMENT = Kind(
    "appRoleAssignment",
    _BASIC | {"$count"},
    properties=_words(
        "id appRoleId createdDateTime deletedDateTime principalDisplayName principalId principalType"
        " resourceDisplayName resourceId"
    ),
    filterable=frozenset({"principalDisplayName", "resourceId"}),
    is_directory=True,
)
TEMPLATE = Kind("applicationTemplate")
POLICY = Kind("claimsMappingPolicy")
FEDERATED_CREDENTIAL = Kind("federatedIdentityCredential")
OBJECT = Kind("directoryObject")
LOG = Kind("log", largest_page=_LARGEST_PAGE_OF_LOGS)
WHOLE = Kind("list", frozenset({"$select"}))
"""A short list that Graph returns whole."""
