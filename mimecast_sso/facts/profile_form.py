"""The console's authentication profile form, field by field, in the form's order.

Sources: Mimecast's administrator guides "Authentication Profiles" and "Configuring SAML for Microsoft Entra ID",
the vendor tutorial of 2016 to 2018 for the older labels, and PingFederate's Mimecast page. Nothing on this form
can be read or written by a public API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Control(StrEnum):
    """The kind of control of a form's field."""

    TEXT = "text"
    TEXT_AREA = "text area"
    CHECK_BOX = "check box"
    SELECT = "drop-down"


class FormSection(StrEnum):
    """The console dialogue that shows the field, with the path to it."""

    PROFILE = "Authentication profile"
    SETTINGS = "Application settings"


CONSOLE_PATHS: dict[FormSection, str] = {
    FormSection.PROFILE: "Users & Groups > Applications > Authentication Profiles > New Authentication Profile",
    FormSection.SETTINGS: "Users & Groups > Applications > New Application Settings",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field: ``key`` in configuration and state, ``label`` as the console prints it today."""

    key: str
    label: str
    control: Control
    section: FormSection
    critical: bool
    """Whether a wrong value breaks sign-in or locks people out (critical), or only looks wrong (cosmetic)."""
    former_label: str | None = None


_PROFILE = FormSection.PROFILE
_SETTINGS = FormSection.SETTINGS

FormValues: TypeAlias = Mapping[str, str | bool]
"""The values of a form by the key of each field: true or false for a check box."""

FIELDS: tuple[FormField, ...] = (
    FormField("description", "Description", Control.TEXT, _PROFILE, critical=False),
    FormField(
        "enforceAdministrationConsole",
        "Enforce SAML Authentication for Administration Console",
        Control.CHECK_BOX,
        _PROFILE,
        critical=True,
    ),
    FormField(
        "enforcePersonalPortal",
        "Enforce SAML Authentication for Mimecast Web Apps",
        Control.CHECK_BOX,
        _PROFILE,
        critical=True,
        former_label="Enforce SAML Authentication for Mimecast Personal Portal",
    ),
    FormField(
        "enforceEndUserApplications",
        "Enforce SAML Authentication for End User Applications",
        Control.CHECK_BOX,
        _PROFILE,
        critical=True,
    ),
    FormField("provider", "Provider", Control.SELECT, _PROFILE, critical=False),
    FormField("metadataUrl", "Metadata URL", Control.TEXT, _PROFILE, critical=False),
    FormField("monitorMetadataUrl", "Monitor Metadata URL", Control.CHECK_BOX, _PROFILE, critical=True),
    FormField("issuerUrl", "Issuer URL", Control.TEXT, _PROFILE, critical=True),
    FormField("loginUrl", "Login URL", Control.TEXT, _PROFILE, critical=True),
    FormField("logoutUrl", "Logout URL", Control.TEXT, _PROFILE, critical=False),
    FormField(
        "certificate",
        "Identity Provider Certificate (Metadata)",
        Control.TEXT_AREA,
        _PROFILE,
        critical=True,
    ),
    FormField(
        "passwordProtectedContext",
        "Use Password Protected Context",
        Control.CHECK_BOX,
        _PROFILE,
        critical=True,
    ),
    FormField(
        "integratedAuthenticationContext",
        "Use Integrated Authentication Context",
        Control.CHECK_BOX,
        _PROFILE,
        critical=True,
    ),
    FormField("allowSingleSignOn", "Allow Single Sign On", Control.CHECK_BOX, _PROFILE, critical=True),
    FormField(
        "applicationSettings", "Application Settings Description", Control.TEXT, _SETTINGS, critical=True
    ),
    FormField("group", "Group", Control.TEXT, _SETTINGS, critical=True),
    FormField("settingsProfile", "Authentication Profile", Control.SELECT, _SETTINGS, critical=True),
)

PROVIDER_NAMES: tuple[str, ...] = ("Azure Active Directory", "Microsoft Entra ID")
"""The drop-down's entry for Entra, older name first; which one a console shows depends on its age."""

PROPAGATION_MINUTES = 15
"""How long a change of application settings may take to reach everybody (Mimecast's figure)."""

TICKED = "ticked"
UNTICKED = "not ticked"
"""How a run sheet writes the state of a check box."""
