"""Facts about Microsoft Entra ID that this project relies on.

Sources: Microsoft's "Configure a SAML application with the Graph API" and "Instantiate an application template"
(the id of the non-gallery template per cloud), the identity platform's and Graph's lists of national cloud
endpoints, "Federation metadata" (per-application signing certificates need the ``appid`` parameter), and for
the tags' meanings the azuread provider's ``feature_tags``. For deleted items: "Deletion and recovery of applications
FAQ"; for the lengths of names the issues microsoft-graph-docs#10565 (templates) and the "application" resource type.

Unknown, because no public page states it: the issuer of the two US government clouds (assumed to be the public
one's), the address of My Apps there and in China, and the non-gallery template of the DoD cloud (assumed to be
that of the other government cloud). Compare the issuer with ``entityID`` in the tenant's federation metadata.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

NAMEID_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
NAMEID_FORMAT_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
EMAIL_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"

USER_ROLE_NAMES: tuple[str, ...] = ("User", "msiam_access")
"""App roles that a gallery application brings for people, in order of preference (their ids differ by template)."""

DEFAULT_ACCESS_ROLE_ID = "00000000-0000-0000-0000-000000000000"
"""The "default access" role; Graph accepts it only for applications without an enabled role for users."""

ENTERPRISE_TAG = "WindowsAzureActiveDirectoryIntegratedApp"
"""Without it, the portal's list of enterprise applications omits the application."""
GALLERY_TAG = "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1"
CUSTOM_TAG = "WindowsAzureActiveDirectoryCustomSingleSignOnApplication"
HIDE_TAG = "HideApp"
"""Keeps the tile out of My Apps and the Microsoft 365 launcher."""

DELETED_ITEMS_DAYS = 30
"""How long a deleted application or service principal can be restored, and keeps its identifiers."""

LONGEST_TEMPLATE_NAME = 90
"""The longest display name, in characters, for instantiating a template (reported, not documented)."""
LONGEST_APPLICATION_NAME = 256

PREMIUM_PLANS: dict[str, str] = {
    "41781fb2-bc02-4b7c-bd55-b576c07bb09d": "Entra ID P1",
    "eec0eb4f-6444-4f95-aba0-50c24d67f998": "Entra ID P2",
}
"""Service plans that allow assigning groups to applications (Microsoft's "Product names and service plan ids")."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One Entra cloud. ``login_host`` serves sign-in, ``issuer_host`` is in the issuer (entity id) of a tenant."""

    name: str
    login_host: str
    issuer_host: str
    graph_host: str
    my_apps_url: str
    non_gallery_template: str
    portal: str
    """Host of the administrators' portal."""

    def issuer(self, tenant_id: str) -> str:
        """The SAML entity id of a tenant, with its final slash."""
        return f"https://{self.issuer_host}/{tenant_id}/"

    def login_url(self, tenant_id: str) -> str:
        """The single sign-on endpoint of a tenant; the same one serves sign-out."""
        return f"https://{self.login_host}/{tenant_id}/saml2"

    def single_sign_on_page(self, principal_id: str, client_id: str) -> str:
        """The portal's page "Single sign-on" of an enterprise application, as the portal shows its address."""
        return (
            f"https://{self.portal}/#view/Microsoft_AAD_IAM/ManagedAppMenuBlade/~/SignOn"
            f"/objectId/{principal_id}/appId/{client_id}"
        )

    def graph_request(self, method: str, path: str, body: object = None) -> str:
        """A request to Microsoft Graph as a command of the Azure CLI, quoted for a shell; ``body`` is any JSON."""
        request = f"az rest --method {method} --url {shlex.quote(f'https://{self.graph_host}/v1.0/{path}')}"
        return request if body is None else f"{request} --body {shlex.quote(json.dumps(body))}"

    def metadata_url(self, tenant_id: str, client_id: str) -> str:
        """The federation metadata with the signing certificates of one application."""
        return (
            f"https://{self.login_host}/{tenant_id}/federationmetadata/2007-06/federationmetadata.xml"
            f"?appid={client_id}"
        )


_PUBLIC = Cloud(
    "public",
    "login.microsoftonline.com",
    "sts.windows.net",
    "graph.microsoft.com",
    "https://myapps.microsoft.com",
    "8adf8e6e-67b2-4cf2-a259-e3dc5476c621",
    "entra.microsoft.com",
)
_CHINA = Cloud(
    "china",
    "login.partner.microsoftonline.cn",
    "sts.chinacloudapi.cn",
    "microsoftgraph.chinacloudapi.cn",
    "https://myapps.azure.cn",
    "5a532e38-1581-4918-9658-008dc27c1d68",
    "entra.microsoftonline.cn",
)
_US_GOVERNMENT = Cloud(
    "usgovernment",
    "login.microsoftonline.us",
    "sts.windows.net",
    "graph.microsoft.us",
    "https://myapps.microsoft.us",
    "4602d0b4-76bb-404b-bca9-2652e1a39c6d",
    "entra.microsoft.us",
)
_DOD = Cloud(
    "usgovernmentl5",
    "login.microsoftonline.us",
    "sts.windows.net",
    "dod-graph.microsoft.us",
    "https://myapps.microsoft.us",
    "4602d0b4-76bb-404b-bca9-2652e1a39c6d",
    "entra.microsoft.us",
)

CLOUDS: dict[str, Cloud] = {
    "public": _PUBLIC,
    "global": _PUBLIC,
    "usgovernment": _US_GOVERNMENT,
    "usgovernmentl4": _US_GOVERNMENT,
    "l4": _US_GOVERNMENT,
    "usgovernmentl5": _DOD,
    "dod": _DOD,
    "china": _CHINA,
}
"""By the names that azuread's ``ARM_ENVIRONMENT`` uses; ``canary``, Microsoft's own cloud, is left out."""
