"""The console's authentication profile, its attestations, and the evidence."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal, cast

from pydantic import Field

from mimecast_sso.facts.attestation_documents import Attestation, EvidenceDocument
from mimecast_sso.settings.base import SettingsSection
from mimecast_sso.settings.certificates import ProfileSlot
from mimecast_sso.settings.values import Name, Prose, UtcTime, WholeNumber


class Enforce(SettingsSection):
    """The Mimecast sign-ins that the profile enforces SAML for."""

    personal_portal: bool = Field(
        True,
        alias="personalPortal",
        examples=[True],
        description="The Personal Portal and Mimecast's other web applications.",
    )
    administration_console: bool = Field(
        False, alias="administrationConsole", examples=[False], description="The Administration Console."
    )
    end_user_applications: bool = Field(
        False,
        alias="endUserApplications",
        examples=[False],
        description="Mimecast for Outlook, mobile and desktop applications.",
    )


class Contexts(SettingsSection):
    """Authentication contexts that Mimecast requests; both must be off for Entra."""

    password_protected: bool = Field(
        False,
        alias="passwordProtected",
        examples=[False],
        description="PasswordProtectedTransport; Entra refuses it for people who signed in otherwise (AADSTS75011).",
    )
    integrated: bool = Field(False, examples=[False], description="Integrated Windows authentication.")


class Confirmed(SettingsSection):
    """An attestation that the console holds the values with this fingerprint."""

    fingerprint: Prose = Field(examples=["v1:…"], description="Fingerprint of the critical values.")
    by: Name = Field(examples=["ada@example.com"], description="Who attests.")
    at: UtcTime = Field(examples=["2026-11-01T09:00:00Z"], description="When, by Mimecast's clock.")
    evidence: Prose = Field(examples=["change CHG-1042, screenshot attached"], description="The evidence.")

    def document(self) -> Attestation:
        """The attestation as stored in the stack file and in state."""
        return {"fingerprint": self.fingerprint, "by": self.by, "at": self.at, "evidence": self.evidence}


class CapturedRequest(SettingsSection):
    """A sign-in request that Mimecast sent, compared with the form of a fingerprint; nothing else of the sign-in."""

    fingerprint: Prose = Field(
        examples=["v1:…"], description="Fingerprint of the form with which the request was compared."
    )
    at: UtcTime = Field(description="When Mimecast issued it.", examples=["2026-11-01T09:30:00Z"])
    by: Prose = Field(description="Who recorded it.", examples=["ada@example.com"])
    issuer: Prose = Field(
        examples=["https://eu-api.mimecast.com/sso/CUK25A118"], description="The request's issuer."
    )
    destination: Prose | None = Field(
        None, examples=["https://login.microsoftonline.com/…/saml2"], description="Where it was sent."
    )
    reply_url: Prose | None = Field(
        None,
        alias="replyUrl",
        examples=["https://eu-api.mimecast.com/login/saml"],
        description="The assertion consumer service that it names.",
    )
    contexts: tuple[Prose, ...] = Field(
        (), examples=[[]], description="The requested authentication contexts."
    )
    differs: tuple[Literal["issuer", "destination", "replyUrl", "contexts", "enforcement"], ...] = Field(
        (), description="The aspects that differ from the form.", examples=[["destination"]]
    )


class ReadConsole(SettingsSection):
    """A copy of the console's forms that had the critical values of a fingerprint. The copy itself is not kept."""

    fingerprint: Prose = Field(examples=["v1:…"], description="Fingerprint of the critical values.")
    at: UtcTime = Field(
        examples=["2026-11-01T09:00:00Z"], description="When it was recorded, by Mimecast's clock."
    )
    host: Name = Field(description="The console's host name.", examples=["login-eu.mimecast.com"])


class ConsoleChange(SettingsSection):
    """The last event of Mimecast's audit log about profiles or application settings."""

    at: UtcTime = Field(examples=["2026-11-02T09:00:00Z"], description="When.")
    event: Prose = Field(
        examples=["Existing Authentication Profile Changed"], description="The audit log's name for it."
    )
    by: Prose = Field(examples=["administrator@example.com"], description="Who changed the console.")


class Evidence(SettingsSection):
    """Evidence after the confirmation. Written by ``mimecast-sso verify`` and ``confirm --read-back``."""

    request: CapturedRequest | None = None
    read_back: ReadConsole | None = Field(None, alias="readBack")
    change: ConsoleChange | None = None

    def document(self) -> EvidenceDocument:
        """The evidence as stored in the stack file and in state."""
        return cast("EvidenceDocument", self.model_dump(mode="json", by_alias=True, exclude_none=True))


_HISTORY: Any = Field(
    (),
    description="Earlier attestations, the oldest first. Written by the command confirm.",
    examples=[[]],
)


class SecondProfile(SettingsSection):
    """Attestations of the second profile of a blue/green rotation; its values follow from the first."""

    confirmed: Confirmed | None = None
    evidence: Evidence | None = None
    history: tuple[Confirmed, ...] = _HISTORY


class AuthenticationProfile(SettingsSection):
    """The console's authentication profile and its binding, which a person sets from the run sheet."""

    description: Name = Field(
        "Microsoft Entra ID single sign-on",
        examples=["Microsoft Entra ID single sign-on"],
        description="The profile's name in the console.",
    )
    provider: Literal["Azure Active Directory", "Microsoft Entra ID"] = Field(
        "Azure Active Directory",
        examples=["Azure Active Directory"],
        description="The entry of the console's list for Entra.",
    )
    source: Literal["certificate", "metadata"] = Field(
        "certificate",
        description="Whether the form contains the certificate, or the metadata URL, which Mimecast then monitors.",
        examples=["certificate"],
    )
    allow_single_sign_on: bool = Field(
        True,
        alias="allowSingleSignOn",
        examples=[True],
        description="Whether people may start a sign-in in My Apps.",
    )
    enforce: Enforce = Enforce()
    contexts: Contexts = Contexts()
    application_settings: Name = Field(
        "Single sign-on",
        alias="applicationSettings",
        examples=["Single sign-on"],
        description="The name of the definition that binds the profile to the roll-out group.",
    )
    confirmed: Confirmed | None = None
    evidence: Evidence | None = None
    history: tuple[Confirmed, ...] = _HISTORY
    second: SecondProfile = SecondProfile()
    stale_after_days: WholeNumber = Field(
        365,
        alias="staleAfterDays",
        description="After how many days a confirmation has to be renewed.",
        examples=[365],
        ge=1,
        le=365_000,  # Dates begin in the year 1.
    )

    def description_of(self, slot: ProfileSlot) -> str:
        """The profile's name."""
        return _named(self.description, slot)

    def application_settings_of(self, slot: ProfileSlot) -> str:
        """The name of the definition that binds it to its group."""
        return _named(self.application_settings, slot)

    def confirmed_of(self, slot: ProfileSlot) -> Confirmed | None:
        """The attestation of the profile in a slot."""
        return self.second.confirmed if slot is ProfileSlot.SECOND else self.confirmed

    def evidence_of(self, slot: ProfileSlot) -> Evidence | None:
        """The evidence about the profile in a slot since its attestation."""
        return self.second.evidence if slot is ProfileSlot.SECOND else self.evidence

    def known(
        self, today: date, slot: ProfileSlot = ProfileSlot.FIRST, *, group_created: str = ""
    ) -> EvidenceDocument | None:
        """The evidence as stored in state, with the day on which the confirmation expired, if it has.

        A confirmation from before the roll-out group was created (the time as in confirmations) is about another one.
        """
        evidence, confirmed = self.evidence_of(slot), self.confirmed_of(slot)
        known: EvidenceDocument = evidence.document() if evidence else {}
        if confirmed:
            ends = date.fromisoformat(confirmed.at[:10]) + timedelta(days=self.stale_after_days)
            if ends < today:
                known["expired"] = ends.isoformat()
            elif confirmed.at < group_created:
                known["expired"] = confirmed.at[:10]
        return known or None


def _named(name: str, slot: ProfileSlot) -> str:
    return f"{name} (second)" if slot is ProfileSlot.SECOND else name
