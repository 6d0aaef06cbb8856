"""The whole stack configuration as one validated model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.regions import REGION_NAMES, REGIONS, RETIRED_HOSTS, Region
from mimecast_sso.settings.account_for_tests import AccountForTests
from mimecast_sso.settings.addresses import Addresses, AddressSource
from mimecast_sso.settings.application import Application, Assign, Ownership
from mimecast_sso.settings.authentication_profile import AuthenticationProfile
from mimecast_sso.settings.base import SECRET, SettingsSection
from mimecast_sso.settings.certificates import Certificates, RotationMode
from mimecast_sso.settings.directory_synchronisation import DirectorySynchronisation
from mimecast_sso.settings.domains import Dns, Domain
from mimecast_sso.settings.drift import Drift
from mimecast_sso.settings.guards import Attestation, FactName, GuardName, GuardOverride
from mimecast_sso.settings.roll_out import RollOut
from mimecast_sso.settings.values import AccountCode, EmailAddress, Guid, Label, Name, as_text
from mimecast_sso.text.names import same_key

_RETIRED_URL = re.compile(r"^(?:https?://)?(?P<host>[^/]+)", re.IGNORECASE)


def _region(value: object) -> object:
    if isinstance(value, str) and value in REGIONS:
        return value
    name = str(value).strip().lower()
    code = name if name in REGIONS else REGION_NAMES.get(name)
    if code:
        raise ValueError(f"is not a region's code; that region is {code} ({REGIONS[code].name})")
    codes = ", ".join(f"{each.code} ({each.name})" for each in REGIONS.values())
    raise ValueError(f"is not a region's code. The codes are {codes}")


class Settings(SettingsSection):
    """The whole stack configuration."""

    region: Annotated[str, BeforeValidator(_region)] = Field(
        description="The Mimecast grid that holds the account.",
        examples=["eu"],
        json_schema_extra={"enum": [*REGIONS]},
    )
    account_code: AccountCode = Field(alias="accountCode", description="In capitals.", examples=["CUK25A118"])
    application: Application = Application()
    assign: Assign = Assign()
    pilot: tuple[EmailAddress, ...] = Field(
        (),
        description="The people who try it first: assigned in Entra and added to the roll-out group, unless assign or "
        "rollOut differ.",
        examples=[["ada@example.com"]],
    )
    domains: tuple[Domain, ...] = Field((), examples=[[{"name": "example.com"}]])
    dns: Dns = Dns()
    addresses: Addresses = Addresses()
    directory_synchronisation: DirectorySynchronisation | None = Field(
        None,
        alias="directorySynchronisation",
        description="The integration through which Mimecast synchronises addresses. Without it, none is managed.",
        examples=[{"description": "Microsoft Entra ID", "tenantDomain": "example.onmicrosoft.com"}],
    )
    address_passwords: JSON = Field(
        None, alias="addressPasswords", description="Secret: address → {password, confirmation}."
    )
    authentication_profile: AuthenticationProfile = Field(
        AuthenticationProfile(), alias="authenticationProfile"
    )
    roll_out: RollOut = Field(RollOut(), alias="rollOut")
    certificates: Certificates = Field(
        examples=[{"generations": [{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}], "active": "2026"}]
    )
    guards: tuple[GuardOverride, ...] = ()
    attested: tuple[Attestation, ...] = Field(
        (),
        description="Facts that guards need and no API shows; each is valid for as long as a confirmation.",
    )
    drift: Drift = Drift()
    account_for_tests: AccountForTests | None = Field(
        None,
        alias="testAccount",
        description="An account to test sign-ins with, created by the stack; none by default.",
        examples=[{"address": "sso-test@example.com"}],
    )
    tenant_id: Guid | None = Field(
        None,
        alias="tenantId",
        description="The Entra tenant; credentials of another one are refused.",
        examples=["6c000000-0000-4000-8000-000000000002"],
    )
    tags: tuple[Label, ...] = Field(
        (),
        description="Tags for `--select tag=…` of fleet commands, and for rings and layers.",
        examples=[["ring-1"]],
    )
    mimecast_client_id: Name | None = Field(
        None, alias="mimecastClientId", description="Prefer MIMECAST_CLIENT_ID in the environment."
    )
    mimecast_client_secret: JSON = Field(
        None,
        alias="mimecastClientSecret",
        description="Secret. Prefer MIMECAST_CLIENT_SECRET in the environment.",
    )

    @model_validator(mode="before")
    @classmethod
    def _pilot_is_assigned_and_rolled_out(cls, values: JSON) -> JSON:
        pilot = _listed(values.get("pilot")) if isinstance(values, dict) else None
        if not pilot:
            return values
        return (
            {"assign": {"users": pilot}, "rollOut": {"who": "pilot", "pilot": pilot}}
            | values
            | {"pilot": pilot}
        )

    @field_validator("domains", mode="before")
    @classmethod
    def _names_are_domains(cls, value: object) -> object:
        value = _listed(value)
        if isinstance(value, list):
            return [{"name": entry} if isinstance(entry, str) else entry for entry in value]
        return value

    @field_validator("tags", mode="before")
    @classmethod
    def _tags_are_a_list(cls, value: object) -> object:
        return _listed(value)

    @field_validator("certificates", mode="before")
    @classmethod
    def _a_day_is_the_first_certificate(cls, value: object) -> object:
        text = as_text(value)
        if not isinstance(text, str):
            return value
        day = text.strip().removesuffix("T00:00:00Z")
        return {"generations": [{"label": day[:4], "endDate": f"{day}T00:00:00Z"}], "active": day[:4]}

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for key, url, given in self._overrides():
            match = _RETIRED_URL.match(url or "")
            host = match["host"].lower() if match else ""
            if host in RETIRED_HOSTS:
                raise ValueError(f"has application.{key} = {url}, but {self._retired(host, given)}")
        self._profile_suits_rotation()
        self._passwords_are_there()
        self._test_account_is_nobody()
        names = {domain.name for domain in self.domains}
        if len(names) != len(self.domains):
            raise ValueError("domains names a domain twice")
        return self

    def _profile_suits_rotation(self) -> None:
        source, rotation = self.authentication_profile.source, self.certificates.rotation
        if rotation is RotationMode.METADATA and source != "metadata":
            raise ValueError(
                "has certificates.rotation: metadata, but the profile's form contains a certificate. Set "
                "authenticationProfile.source: metadata"
            )
        if rotation is RotationMode.BLUE_GREEN and source == "metadata":
            raise ValueError(
                "has certificates.rotation: blue-green and authenticationProfile.source: metadata. Two profiles that "
                "follow one metadata address hold the same certificate; set source: certificate"
            )

    def _passwords_are_there(self) -> None:
        passwords = self.address_passwords
        if passwords == SECRET:
            return  # Read without its passphrase; the deployment reads them.
        if not isinstance(passwords, dict | None):
            raise ValueError("has addressPasswords that are not a map of addresses")  # noqa: TRY004  (pydantic wants it)
        known: dict[str, JSON] = {}
        for key, entry in (passwords or {}).items():
            address = same_key(str(key))
            if address in known:
                # The key is not shown: it is in the secret.
                raise ValueError(
                    "has addressPasswords in which one address occurs twice, in different spellings"
                )
            known[address] = entry
        for person in self.addresses.explicit:
            if not person.password_version:
                continue
            entry = known.get(person.address)
            if not isinstance(entry, dict) or not entry.get("password"):
                raise ValueError(
                    f"has a passwordVersion for {person.address}, but addressPasswords has no password for "
                    f"{person.address}. Set the secret map: address → password, confirmation"
                )
            if entry["password"] != entry.get("confirmation"):
                raise ValueError(
                    f"has addressPasswords in which password and confirmation of {person.address} differ"
                )

    def _test_account_is_nobody(self) -> None:
        if self.account_for_tests is None:
            return
        address = self.account_for_tests.address
        listed = {each.address for each in self.addresses.explicit}
        named = {*self.assign.users, *self.pilot, *self.roll_out.pilot, *self.application.owners, *listed}
        if address in named:
            raise ValueError(
                f"has testAccount.address: {address}, and names the same address for a person. The test account is "
                "assigned, provisioned and rolled out by itself: leave it out of assign, addresses and rollOut"
            )
        if self.assign.mode is not Ownership.MANAGE:
            raise ValueError(
                "has a testAccount, which needs assign.mode: manage, because the stack assigns it"
            )
        if self.addresses.source is AddressSource.SYNCHRONISED:
            raise ValueError(
                "has a testAccount and addresses.source: synchronised, so the stack cannot provision it at Mimecast. "
                "Create a test account in the directory that is synchronised, and remove the key"
            )
        domains = {domain.name for domain in self.domains}
        if domains and address.rpartition("@")[2] not in domains:
            raise ValueError(
                f"has testAccount.address: {address}, which is in none of the configured domains. Use an address of "
                f"{', '.join(sorted(domains))}"
            )

    def _overrides(self) -> tuple[tuple[str, str | None, str], ...]:
        """Key, configured value and the region's value of each override."""
        region, application = self.region_facts, self.application
        return (
            ("signOnUrl", application.sign_on_url, region.sign_on_url),
            ("replyUrl", application.reply_url, region.reply_url),
            ("identifier", application.identifier, region.identifier(self.account_code)),
        )

    def _retired(self, host: str, given: str) -> str:
        """The problem with a host of the old tutorials, and the remedy; ``given`` is the region's value."""
        found = f"{host} is a host name from tutorials of 2016 to 2018 and is no longer in use"
        region = RETIRED_HOSTS[host]
        if region in (None, self.region):
            return f"{found}. Remove the key: region {self.region} gives {given}"
        return (
            f"{found}; it belonged to region {region}, and this stack's region is {self.region}. Remove the key if the "
            f"account is in {self.region}, or set mimecast-sso:region to {region}"
        )

    @property
    def region_facts(self) -> Region:
        """The row of the region table."""
        return REGIONS[self.region]

    @property
    def identifier(self) -> str:
        """The entity id that Mimecast uses towards Entra."""
        return self.application.identifier or self.region_facts.identifier(self.account_code)

    @property
    def reply_url(self) -> str:
        """The assertion consumer service of sign-ins that start at Mimecast."""
        return self.application.reply_url or self.region_facts.reply_url

    @property
    def sign_on_url(self) -> str:
        """The page that starts a sign-in at Mimecast."""
        return self.application.sign_on_url or self.region_facts.sign_on_url

    def rolled_out(self, addresses: Iterable[str]) -> list[str]:
        """The desired members of the group, sorted: `RollOut.members` of these addresses, and the test account.

        The test account comes before anybody else: it is in the group unless rollOut.who is none.
        """
        members = self.roll_out.members(addresses)
        if self.account_for_tests is None or self.roll_out.who == "none":
            return members
        return sorted({*members, self.account_for_tests.address})

    def overrides(self, name: GuardName, today: date) -> bool:
        """Whether a guard is overridden today."""
        return self.override(name, today) is not None

    def override(self, name: GuardName, today: date) -> GuardOverride | None:
        """The override of a guard today, the one with the latest date."""
        return self.override_named(name, today)

    def override_named(self, name: str, today: date) -> GuardOverride | None:
        """The override of a guard by its name, the one with the latest date; the name may be of a final guard."""
        valid = [guard for guard in self.guards if guard.name == name and guard.until >= today]
        return max(valid, key=lambda guard: guard.until, default=None)

    def attestation(self, fact: FactName, today: date) -> Attestation | None:
        """The latest attestation of a fact, if it is no older than ``authenticationProfile.staleAfterDays``."""
        oldest = today - timedelta(days=self.authentication_profile.stale_after_days)
        valid = [
            entry for entry in self.attested if entry.fact == fact and entry.at[:10] >= oldest.isoformat()
        ]
        return max(valid, key=lambda entry: entry.at, default=None)


def _listed(value: object) -> object:
    """Expand a text into the list that it abbreviates: ``pulumi new`` and ``pulumi config set`` write text."""
    return [entry.strip() for entry in value.split(",")] if isinstance(value, str) else value
