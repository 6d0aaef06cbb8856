"""The gallery application in Entra, and the people it is assigned to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import EmailAddress, Guid, Name, Owner, WebAddress

_LONGEST_NAME: Final = 256
"""Maximum length of an application's display name (Microsoft Graph, "application resource type")."""
_LONGEST_GROUP_NAME: Final = 256
"""Maximum length of a group's display name (Microsoft Graph, "group resource type")."""
_LONGEST_REPLY_URL: Final = 256
"""The azuread provider's limit; it refuses longer ones only once the application exists."""
_LONGEST_NAME_FROM_GALLERY: Final = 90
"""The limit of "applicationTemplate: instantiate"; reported in microsoft-graph-docs#10565."""


class SignOn(StrEnum):
    """Where a sign-in from the My Apps tile begins."""

    SERVICE_PROVIDER = "sp"
    IDENTITY_PROVIDER = "idp"


class Ownership(StrEnum):
    """Whether this project writes an object, or only checks what a person sets."""

    MANAGE = "manage"
    VERIFY = "verify"


class Application(SettingsSection):
    """The gallery application in Entra."""

    display_name: Name = Field(
        "Mimecast Personal Portal",
        alias="displayName",
        description="At most 90 characters, the gallery's limit; 256 for an adopted application.",
        examples=["Mimecast Personal Portal"],
        max_length=_LONGEST_NAME,
    )
    template: tuple[Name, ...] = Field(
        ("Mimecast Personal Portal", "Mimecast"),
        description="Names of gallery entries, tried in order, or one id. Used when the application is created; it "
        "keeps its entry afterwards.",
        examples=[["Mimecast Personal Portal", "Mimecast"]],
        min_length=1,
    )
    allow_non_gallery: bool = Field(
        False,
        alias="allowNonGallery",
        description="Whether a non-gallery application may be created if no template is found.",
        examples=[True],
    )
    sign_on: SignOn = Field(
        SignOn.SERVICE_PROVIDER,
        alias="signOn",
        description="What the My Apps tile opens. sp: Mimecast's sign-in page. idp: the portal directly.",
        examples=["sp"],
    )
    sign_on_url: WebAddress | None = Field(
        None, alias="signOnUrl", description="Overrides the region's sign-on URL.", examples=[None]
    )
    reply_url: WebAddress | None = Field(
        None,
        alias="replyUrl",
        description="Overrides the region's reply URL.",
        examples=[None],
        max_length=_LONGEST_REPLY_URL,
    )
    identifier: Name | None = Field(
        None, description="Overrides the region's identifier (entity id).", examples=[None]
    )
    notification_emails: tuple[EmailAddress, ...] = Field(
        (),
        alias="notificationEmails",
        examples=[["identity@example.com"]],
        max_length=5,
        description="Whom Entra notifies by mail before the certificate expires; five at most.",
    )
    assignment_required: bool = Field(
        True,
        alias="assignmentRequired",
        description="Whether only assigned people get an assertion; if not, Mimecast alone decides who signs in.",
        examples=[True],
    )
    hide: bool = Field(
        False,
        description="Whether My Apps hides the tile. Signing in is not affected.",
        examples=[True],
    )
    owners: tuple[Owner, ...] = Field(
        (),
        description="Owners of application object and service principal besides the deploying principal: user "
        "principal names, or object ids.",
        examples=[["identity@example.com"]],
    )
    claims: Ownership = Field(
        Ownership.MANAGE,
        examples=["manage"],
        description="manage: this stack assigns the claims policy. verify: a person does; the stack only checks it.",
    )
    adopt: Guid | None = Field(
        None,
        description="Client id of an application to adopt instead of creating one.",
        examples=["6c000000-0000-4000-8000-000000000001"],
    )

    @property
    def named_owners(self) -> list[str]:
        """Owners by user principal name, which have to be looked up in Entra."""
        return [owner for owner in self.owners if "@" in owner]

    @field_validator("template", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _gallery_takes_the_name(self) -> Application:
        # As Graph counts: an emoji is two.
        length = len(self.display_name.encode("utf-16-le")) // 2
        if self.adopt is None and length > _LONGEST_NAME_FROM_GALLERY:
            raise ValueError(
                f"has a displayName of {length} characters; Entra's gallery takes "
                f"{_LONGEST_NAME_FROM_GALLERY} at most. Shorten it"
            )
        return self


class Assign(SettingsSection):
    """The people to whom the application is assigned: users by address, groups by name."""

    users: tuple[EmailAddress, ...] = Field(
        (),
        examples=[["ada@example.com"]],
        description="User principal names, or mail addresses of one account each.",
    )
    groups: tuple[Annotated[Name, Field(max_length=_LONGEST_GROUP_NAME)], ...] = Field(
        (),
        examples=[["Mimecast users"]],
        description="Display names of security groups. Entra assigns direct members only.",
    )
    mode: Ownership = Field(
        Ownership.MANAGE,
        examples=["manage"],
        description="manage: this stack writes the assignments. verify: a person does; the stack only checks them.",
    )
