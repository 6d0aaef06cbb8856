"""The types that commands look for are those that the SDKs and the program's own resources register."""

from __future__ import annotations

import pulumi_azuread as azuread
import pytest

from mimecast_sso.facts import resource_types
from providers.entra import resources as entra
from providers.mimecast import resources as mimecast

AZUREAD = {
    resource_types.APPLICATION_FROM_TEMPLATE: azuread.ApplicationFromTemplate,
    resource_types.APPLICATION_IDENTIFIER: azuread.ApplicationIdentifierUri,
    resource_types.APPLICATION_OWNER: azuread.ApplicationOwner,
    resource_types.APP_ROLE_ASSIGNMENT: azuread.AppRoleAssignment,
    resource_types.SERVICE_PRINCIPAL: azuread.ServicePrincipal,
    resource_types.SIGNING_CERTIFICATE: azuread.ServicePrincipalTokenSigningCertificate,
}
OWN = {
    resource_types.ACTIVE_SIGNING_CERTIFICATE: entra.ActiveSigningCertificate,
    resource_types.RETIRED_SIGNING_CERTIFICATE: entra.RetiredSigningCertificate,
    resource_types.AUTHENTICATION_PROFILE: mimecast.AuthenticationProfile,
    resource_types.GROUP_MEMBERSHIP: mimecast.GroupMembership,
}


@pytest.mark.parametrize("type_", AZUREAD)
def test_type_names_of_azuread_are_those_of_its_sdk(type_: str) -> None:
    assert AZUREAD[type_].pulumi_type == type_


@pytest.mark.parametrize("type_", OWN)
def test_type_names_of_this_project_are_those_of_its_resources(type_: str) -> None:
    assert f"pulumi-python:{OWN[type_]._resource_type_name}" == type_
