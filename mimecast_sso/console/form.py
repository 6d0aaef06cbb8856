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
    wanted = settings.authentication_profile
    by_metadata = wanted.source == "metadata"
    return {
        "description": wanted.description_of(slot),
        "enforceAdministrationConsole": wanted.enforce.administration_console,
        "enforcePersonalPortal": wanted.enforce.personal_portal,
        "enforceEndUserApplications": wanted.enforce.end_user_applications,
        "provider": wanted.provider,
        "metadataUrl": metadata_url if by_metadata else "",
        "monitorMetadataUrl": by_metadata,
        "issuerUrl": issuer,
        "loginUrl": login_url,
        "logoutUrl": login_url,
        "certificate": certificate,
        "passwordProtectedContext": wanted.contexts.password_protected,
        "integratedAuthenticationContext": wanted.contexts.integrated,
        "allowSingleSignOn": wanted.allow_single_sign_on,
        "applicationSettings": wanted.application_settings_of(slot),
        "group": settings.roll_out.group_of(slot),
        "settingsProfile": wanted.description_of(slot),
    }
