"""The internal domains at Mimecast, and who publishes their proof."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.values import DomainName, Name, Text


class DomainMode(StrEnum):
    """What a stack may do with a Mimecast domain."""

    ENSURE = "ensure"
    REGISTER = "register"
    REQUIRE = "require"


class InboundType(StrEnum):
    """Which recipients Mimecast accepts mail for, once a domain is registered."""

    ANY = "any"
    KNOWN = "known"
    LDAP = "ldap"
    SMTP = "smtp"


class Domain(SettingsSection):
    """One internal domain at Mimecast."""

    name: DomainName = Field(examples=["example.com"], description="The domain.")
    mode: DomainMode = Field(
        DomainMode.ENSURE,
        examples=["ensure"],
        description="ensure: an existing internal domain is used unchanged, a missing one is registered. "
        "register: the inbound type is set as well. require: nothing is written.",
    )
    inbound_type: InboundType = Field(
        InboundType.KNOWN,
        alias="inboundType",
        examples=["known"],
        description="Recipients that Mimecast accepts mail for, once the domain is registered.",
    )


class Tsig(SettingsSection):
    """The key that signs DNS updates (RFC 8945)."""

    name: Name = Field(examples=["mimecast-proof."], description="The name of the key.")
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        "hmac-sha256", examples=["hmac-sha256"], description="The algorithm that signs updates."
    )
    secret: Text = Field(description="Base64. Secret.", examples=["secure: v1:…"])


class Dns(SettingsSection):
    """Who publishes the proof record of a domain."""

    publish: Literal["none", "rfc2136"] = Field(
        "none",
        examples=["rfc2136"],
        description="none: by hand, or by your own resource. rfc2136: by a signed DNS update.",
    )
    record: Literal["TXT", "CNAME"] = Field(
        "TXT",
        description="The form of the proof that is published: TXT at the domain itself, or CNAME at <code>.<domain>.",
        examples=["CNAME"],
    )
    server: Name | None = Field(None, description="host or host:port", examples=["ns1.example.com"])
    zone: DomainName | None = Field(None, examples=["example.com"], description="The zone that is updated.")
    tsig: Tsig | None = None

    def publishes(self, domain: str) -> bool:
        """Whether the proof record of a domain is published: its zone is updated."""
        inside = domain == self.zone or domain.endswith(f".{self.zone}")
        return self.publish == "rfc2136" and inside

    @model_validator(mode="after")
    def _complete(self) -> Dns:
        if self.publish == "rfc2136" and not (self.server and self.zone and self.tsig):
            raise ValueError("with publish: rfc2136 also needs server, zone and tsig (name, secret)")
        return self
