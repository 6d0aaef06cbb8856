"""The integration through which Mimecast synchronises addresses from Entra."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import INTEGRATION_DESCRIPTION_LIMIT, UNLINK_LIMITS
from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import DomainName, Name, as_text


class IntegrationMode(StrEnum):
    """What a stack may do with the directory integration at Mimecast."""

    ENSURE = "ensure"
    REQUIRE = "require"


def _unlink_limit(value: object) -> object:
    digits = str(as_text(value)).replace(",", "").strip()
    found = next((each for each in UNLINK_LIMITS if each.replace(",", "") == digits), None)
    if found is None:
        raise ValueError(f"is not one of Mimecast's limits: {'; '.join(UNLINK_LIMITS)}")
    return found


class DirectorySynchronisation(SettingsSection):
    """The integration through which Mimecast synchronises addresses. Without this key, none is managed.

    Properties that are not configured are left unchanged at Mimecast.
    """

    description: Annotated[Name, Field(max_length=INTEGRATION_DESCRIPTION_LIMIT)] = Field(
        examples=["Microsoft Entra ID"],
        description="The integration's description in the console, which identifies it. A change renames it.",
    )
    mode: IntegrationMode = Field(
        IntegrationMode.ENSURE,
        examples=["ensure"],
        description="ensure: a missing integration is created, and the configured properties are enforced. require: "
        "it must exist as configured; nothing is written.",
    )
    tenant_domain: DomainName | None = Field(
        None,
        alias="tenantDomain",
        examples=["example.onmicrosoft.com"],
        description="A domain of the Microsoft 365 tenant. Needed with mode ensure.",
    )
    connector_id: Name | None = Field(
        None,
        alias="connectorId",
        examples=["eNpVjk0LgjAAQP_LzgqbmqG3IBqGh"],
        description="Id of the Mimecast connector that an administrator has authorised in Entra.",
    )
    server_subtype: Literal["standard", "gov"] | None = Field(
        None,
        alias="serverSubtype",
        examples=["standard"],
        description="gov: a tenant in one of Microsoft's government clouds.",
    )
    domains: tuple[DomainName, ...] | None = Field(
        None, examples=[["example.com"]], description="Domains that it is limited to; an empty list: all."
    )
    enabled: bool | None = Field(None, examples=[True], description="Whether it is enabled.")
    acknowledge_disabled_accounts: bool | None = Field(
        None,
        alias="acknowledgeDisabledAccounts",
        examples=[True],
        description="Whether accounts that are disabled in Entra are disabled at Mimecast.",
    )
    delete_users: bool | None = Field(
        None,
        alias="deleteUsers",
        examples=[False],
        description="Whether addresses that are gone from Entra are deleted at Mimecast.",
    )
    sync_guest_users: bool | None = Field(
        None, alias="syncGuestUsers", examples=[False], description="Whether guests are synchronised."
    )
    sync_contacts: bool | None = Field(
        None, alias="syncContacts", examples=[False], description="Whether contacts are synchronised."
    )
    max_unlink: Annotated[str | None, BeforeValidator(_unlink_limit)] = Field(
        None,
        alias="maxUnlink",
        examples=["100"],
        description="How many addresses a run may remove at most: 0, 10, 20, 50, 100, 300, 500, 1,000 … or unlimited.",
    )

    @model_validator(mode="after")
    def _can_be_created(self) -> DirectorySynchronisation:
        if self.mode is IntegrationMode.ENSURE and not self.tenant_domain:
            raise ValueError(
                "with mode: ensure also needs tenantDomain (a domain of the Microsoft 365 tenant)"
            )
        return self

    @property
    def properties(self) -> dict[str, JSON]:
        """The configured properties, with Mimecast's names."""
        given = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in given.items() if key not in ("description", "mode")}
