"""The types of the resources that commands look for in a stack's state, as it spells them."""

from __future__ import annotations

from typing import Final

STACK: Final = "pulumi:pulumi:Stack"

APPLICATION_FROM_TEMPLATE: Final = "azuread:index/applicationFromTemplate:ApplicationFromTemplate"
APPLICATION_IDENTIFIER: Final = "azuread:index/applicationIdentifierUri:ApplicationIdentifierUri"
APPLICATION_OWNER: Final = "azuread:index/applicationOwner:ApplicationOwner"
APP_ROLE_ASSIGNMENT: Final = "azuread:index/appRoleAssignment:AppRoleAssignment"
SERVICE_PRINCIPAL: Final = "azuread:index/servicePrincipal:ServicePrincipal"
SIGNING_CERTIFICATE: Final = (
    "azuread:index/servicePrincipalTokenSigningCertificate:ServicePrincipalTokenSigningCertificate"
)

ACTIVE_SIGNING_CERTIFICATE: Final = "pulumi-python:dynamic/entra:ActiveSigningCertificate"
RETIRED_SIGNING_CERTIFICATE: Final = "pulumi-python:dynamic/entra:RetiredSigningCertificate"

AUTHENTICATION_PROFILE: Final = "pulumi-python:dynamic/mimecast:AuthenticationProfile"
GROUP_MEMBERSHIP: Final = "pulumi-python:dynamic/mimecast:GroupMembership"
