"""The resource types that the stand-in knows. A new one is a row here, and a class with its table and calls."""

from __future__ import annotations

from sandbox.azuread.resources.app_role_assignment import AppRoleAssignment
from sandbox.azuread.resources.application import (
    ApplicationFromTemplate,
    ApplicationIdentifierUri,
    ApplicationOwner,
    ApplicationRedirectUris,
)
from sandbox.azuread.resources.base import ResourceType
from sandbox.azuread.resources.claims_mapping import (
    ClaimsMappingPolicy,
    ServicePrincipalClaimsMappingPolicyAssignment,
)
from sandbox.azuread.resources.service_principal import ServicePrincipal
from sandbox.azuread.resources.signing_certificate import ServicePrincipalTokenSigningCertificate
from sandbox.azuread.resources.user import User

TYPES: tuple[ResourceType, ...] = (
    ApplicationFromTemplate(),
    ApplicationIdentifierUri(),
    ApplicationOwner(),
    ApplicationRedirectUris(),
    AppRoleAssignment(),
    ClaimsMappingPolicy(),
    ServicePrincipal(),
    ServicePrincipalClaimsMappingPolicyAssignment(),
    ServicePrincipalTokenSigningCertificate(),
    User(),
)

RESOURCES: dict[str, ResourceType] = {kind.table.token: kind for kind in TYPES}
"""By type token."""
