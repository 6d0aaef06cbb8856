"""Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal, as Pulumi components.

The smallest program reads its stack's configuration, forecasts who can sign in before, during and after the run, and
deploys both sides::

    import pulumi

    from mimecast_sso import PersonalPortalSso, PersonalPortalSsoArgs, assess, judge, settings_from_engine

    assessment = assess(settings_from_engine(pulumi.runtime.get_config_env()))
    judge(assessment)
    sso = PersonalPortalSso("portal", PersonalPortalSsoArgs(assessment))
    pulumi.export("identifier", sso.identifier)

Everything in ``__all__`` is public: it changes only with a note in the release. Names are loaded when they are used, so
that importing the package takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.gallery_application import GalleryApplication, GalleryApplicationArgs
    from components.mimecast_tenant import (
        AddressArgs,
        ChainArgs,
        DomainArgs,
        IntegrationArgs,
        MimecastTenant,
        MimecastTenantArgs,
        Proof,
        PublishProof,
    )
    from components.personal_portal_sso import PersonalPortalSso, PersonalPortalSsoArgs
    from components.signing_certificates import (
        ImportedCertificate,
        SigningCertificates,
        SigningCertificatesArgs,
    )
    from mimecast_sso.assessment.assessment import Assessment
    from mimecast_sso.assessment.forecast import SignInForecast
    from mimecast_sso.assessment.program import assess, judge
    from mimecast_sso.assessment.snapshot import Snapshot
    from mimecast_sso.settings import ConfigurationError, Settings
    from mimecast_sso.settings import from_engine as settings_from_engine
    from mimecast_sso.settings import from_values as settings_from_values
    from providers.entra.graph import GraphClient
    from providers.mimecast.client import Credentials as MimecastCredentials
    from providers.tenants import EntraCredentials, TenantsProvider, TenantsProviderArgs

__all__ = [
    "AddressArgs",
    "Assessment",
    "ChainArgs",
    "ConfigurationError",
    "DomainArgs",
    "EntraCredentials",
    "GalleryApplication",
    "GalleryApplicationArgs",
    "GraphClient",
    "ImportedCertificate",
    "IntegrationArgs",
    "MimecastCredentials",
    "MimecastTenant",
    "MimecastTenantArgs",
    "PersonalPortalSso",
    "PersonalPortalSsoArgs",
    "Proof",
    "PublishProof",
    "Settings",
    "SignInForecast",
    "SigningCertificates",
    "SigningCertificatesArgs",
    "Snapshot",
    "TenantsProvider",
    "TenantsProviderArgs",
    "assess",
    "judge",
    "settings_from_engine",
    "settings_from_values",
]

_HOMES = {
    "components.gallery_application": ("GalleryApplication", "GalleryApplicationArgs"),
    "components.mimecast_tenant": (
        "AddressArgs",
        "ChainArgs",
        "DomainArgs",
        "IntegrationArgs",
        "MimecastTenant",
        "MimecastTenantArgs",
        "Proof",
        "PublishProof",
    ),
    "components.personal_portal_sso": ("PersonalPortalSso", "PersonalPortalSsoArgs"),
    "components.signing_certificates": (
        "ImportedCertificate",
        "SigningCertificates",
        "SigningCertificatesArgs",
    ),
    "mimecast_sso.assessment.assessment": ("Assessment",),
    "mimecast_sso.assessment.forecast": ("SignInForecast",),
    "mimecast_sso.assessment.program": ("assess", "judge"),
    "mimecast_sso.assessment.snapshot": ("Snapshot",),
    "mimecast_sso.settings": ("ConfigurationError", "Settings"),
    "providers.entra.graph": ("GraphClient",),
    "providers.tenants": ("EntraCredentials", "TenantsProvider", "TenantsProviderArgs"),
}
"""Module → the names that are re-exported from it unchanged."""
_RENAMED = {
    "MimecastCredentials": ("providers.mimecast.client", "Credentials"),
    "settings_from_engine": ("mimecast_sso.settings", "from_engine"),
    "settings_from_values": ("mimecast_sso.settings", "from_values"),
}
_PUBLIC = {name: (home, name) for home, names in _HOMES.items() for name in names} | _RENAMED


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, attribute = _PUBLIC[name]
    return getattr(import_module(home), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
