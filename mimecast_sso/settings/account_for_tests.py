"""The account that the tutorial tests single sign-on with."""

from __future__ import annotations

from pydantic import Field

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import EmailAddress, Name


class AccountForTests(SettingsSection):
    """An account that the stack creates in Entra to test sign-ins with, and deletes again; off by default."""

    address: EmailAddress = Field(
        description="Its user principal name and mail address: unused, and in a domain that both tenants have.",
        examples=["sso-test@example.com"],
    )
    display_name: Name = Field(
        "Single sign-on test account",
        alias="displayName",
        description="Its display name in Entra and at Mimecast.",
    )
