"""The types of the resources that commands look up in a stack's state."""

from __future__ import annotations

from typing import Final

OF_THE_ENGINE: Final = "pulumi:"
"""Prefix of the types of stacks and providers, which are in no tenant."""
STACK: Final = "pulumi:pulumi:Stack"
PERSONAL_PORTAL_SSO: Final = "mimecast-sso:index:PersonalPortalSso"

APPLICATION_FROM_TEMPLATE: Final = "azuread:index/applicationFromTemplate:ApplicationFromTemplate"
APPLICATION_IDENTIFIER: Final = "azuread:index/applicationIdentifierUri:ApplicationIdentifierUri"
APPLICATION_REDIRECT_URIS: Final = "azuread:index/applicationRedirectUris:ApplicationRedirectUris"
APPLICATION_OWNER: Final = "azuread:index/applicationOwner:ApplicationOwner"
APP_ROLE_ASSIGNMENT: Final = "azuread:index/appRoleAssignment:AppRoleAssignment"
CLAIMS_MAPPING_POLICY: Final = "azuread:index/claimsMappingPolicy:ClaimsMappingPolicy"
CLAIMS_MAPPING_POLICY_ASSIGNMENT: Final = (
    "azuread:index/servicePrincipalClaimsMappingPolicyAssignment:"
    "ServicePrincipalClaimsMappingPolicyAssignment"
)
SERVICE_PRINCIPAL: Final = "azuread:index/servicePrincipal:ServicePrincipal"
SIGNING_CERTIFICATE: Final = (
    "azuread:index/servicePrincipalTokenSigningCertificate:ServicePrincipalTokenSigningCertificate"
)
USER: Final = "azuread:index/user:User"

ACCOUNT_PASSWORD: Final = "pulumi-python:dynamic/entra:AccountPassword"  # noqa: S105 (a type)
ACTIVE_SIGNING_CERTIFICATE: Final = "pulumi-python:dynamic/entra:ActiveSigningCertificate"
DEFAULT_REPLY_URL: Final = "pulumi-python:dynamic/entra:DefaultReplyUrl"
RETIRED_SIGNING_CERTIFICATE: Final = "pulumi-python:dynamic/entra:RetiredSigningCertificate"

ADDRESS_BOOK: Final = "pulumi-python:dynamic/mimecast:AddressBook"
AUTHENTICATION_PROFILE: Final = "pulumi-python:dynamic/mimecast:AuthenticationProfile"
DIRECTORY_INTEGRATION: Final = "pulumi-python:dynamic/mimecast:DirectoryIntegration"
DOMAIN: Final = "pulumi-python:dynamic/mimecast:Domain"
DOMAIN_VERIFICATION: Final = "pulumi-python:dynamic/mimecast:DomainVerification"
GROUP: Final = "pulumi-python:dynamic/mimecast:Group"
GROUP_MEMBERSHIP: Final = "pulumi-python:dynamic/mimecast:GroupMembership"

OF_MANY_ITEMS: Final = frozenset({ADDRESS_BOOK, GROUP_MEMBERSHIP})
"""Some of their items may be written although the resource fails."""


def is_retained(type_: str, urn: str) -> bool:
    """Whether an engine that deletes a resource only forgets it, so that its object stays.

    Certificates stay until their principal goes, and assignments that a person manages: these are children of the
    principal, others of the component.
    """
    if type_ == APP_ROLE_ASSIGNMENT:
        types = urn.split("::")[2].split("$")
        return SERVICE_PRINCIPAL in types[:-1]
    return type_ == SIGNING_CERTIFICATE
