"""The desired console form, from the settings and from Entra's values."""

from __future__ import annotations

from typing import TypeVar

from mimecast_sso.settings import ProfileSlot, Settings

T = TypeVar("T")


def console_form(
    settings: Settings, slot: ProfileSlot, *, issuer: str, login_url: str, metadata_url: T, certificate: T
) -> dict[str, str | bool | T]:
    """The values by key of `mimecast_sso.facts.profile_form.FIELDS`.

    ``metadata_url`` and ``certificate`` may be outputs, whose values are known only after a deployment.
    """
    desired = settings.authentication_profile
    by_metadata = desired.source == "metadata"
    return {
        "description": desired.description_of(slot),
        "enforceAdministrationConsole": desired.enforce.administration_console,
        "enforcePersonalPortal": desired.enforce.personal_portal,
        "enforceEndUserApplications": desired.enforce.end_user_applications,
        "provider": desired.provider,
        "metadataUrl": metadata_url if by_metadata else "",
        "monitorMetadataUrl": by_metadata,
        "issuerUrl": issuer,
        "loginUrl": login_url,
        "logoutUrl": login_url,
        "certificate": certificate,
        "passwordProtectedContext": desired.contexts.password_protected,
        "integratedAuthenticationContext": desired.contexts.integrated,
        "allowSingleSignOn": desired.allow_single_sign_on,
        "applicationSettings": desired.application_settings_of(slot),
        "group": settings.roll_out.group_of(slot),
        "settingsProfile": desired.description_of(slot),
    }
