"""The stack configuration as one validated model.

`Settings` is read in two ways: by the Pulumi program from the engine (`from_engine`), and by the commands around
it from the stack file (`from_file`). Both give the same model, and both raise `ConfigurationError`, whose text
names each key, its value, what is allowed, and the YAML line to write.

The namespace of all keys is ``mimecast-sso``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from components.configuration_errors import ConfigurationError, allowed, explain
from components.configuration_values import (
    AccountCode,
    Day,
    DomainName,
    EmailAddress,
    Guid,
    Label,
    PersonName,
    Text,
    UtcTime,
)
from facts.regions import REGIONS, RETIRED_HOSTS, Region

NAMESPACE = "mimecast-sso"
REFUSED = "Refused by guard"
"""How the text of a guard's refusal begins, whoever reads it: program, command, log."""
SECRET = "[secret]"  # noqa: S105  (what stands for a secret that was not decrypted)

SECRET_KEYS = frozenset({"addressPasswords", "dns.tsig.secret", "mimecastClientSecret"})


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


# -- The sections ----------------------------------------------------------------------------------


class SignOn(StrEnum):
    """Where a sign-in from the My Apps tile begins."""

    SERVICE_PROVIDER = "sp"
    IDENTITY_PROVIDER = "idp"


class Ownership(StrEnum):
    """Whether this project writes something, or a person does and it is only checked."""

    MANAGE = "manage"
    VERIFY = "verify"


class Application(_Model):
    """The gallery application in Entra."""

    display_name: Text = Field(
        "Mimecast Personal Portal", alias="displayName", examples=["Mimecast Personal Portal"]
    )
    template: tuple[Text, ...] = Field(
        ("Mimecast Personal Portal", "Mimecast"),
        description="Names of gallery entries, tried in order, or one id.",
        examples=[["Mimecast Personal Portal", "Mimecast"]],
        min_length=1,
    )
    allow_non_gallery: bool = Field(
        False,
        alias="allowNonGallery",
        description="Whether a non-gallery application may be made when no template is found.",
        examples=[True],
    )
    sign_on: SignOn = Field(SignOn.SERVICE_PROVIDER, alias="signOn", examples=["sp"])
    sign_on_url: Text | None = Field(
        None, alias="signOnUrl", description="Overrides the region's sign-on URL.", examples=[None]
    )
    reply_url: Text | None = Field(
        None, alias="replyUrl", description="Overrides the region's reply URL.", examples=[None]
    )
    identifier: Text | None = Field(
        None, description="Overrides the region's identifier (entity id).", examples=[None]
    )
    notification_emails: tuple[EmailAddress, ...] = Field(
        (), alias="notificationEmails", examples=[["identity@example.com"]], max_length=5
    )
    assignment_required: bool = Field(True, alias="assignmentRequired", examples=[True])
    claims: Ownership = Field(Ownership.MANAGE, examples=["manage"])
    adopt: Guid | None = Field(
        None,
        description="Client id of an application to take over instead of making one.",
        examples=["6c000000-0000-4000-8000-000000000001"],
    )

    @field_validator("template", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class Assign(_Model):
    """The people who get the application: users by address, groups by name."""

    users: tuple[EmailAddress, ...] = Field((), examples=[["ada@example.com"]])
    groups: tuple[Text, ...] = Field((), examples=[["Mimecast users"]])
    mode: Ownership = Field(Ownership.MANAGE, examples=["manage"])


class DomainMode(StrEnum):
    """What may be done about a Mimecast domain."""

    ENSURE = "ensure"
    REGISTER = "register"
    REQUIRE = "require"


class InboundType(StrEnum):
    """Which recipients Mimecast accepts mail for, once a domain is registered."""

    ANY = "any"
    KNOWN = "known"
    LDAP = "ldap"
    SMTP = "smtp"


class Domain(_Model):
    """One internal domain at Mimecast."""

    name: DomainName = Field(examples=["example.com"])
    mode: DomainMode = Field(DomainMode.ENSURE, examples=["ensure"])
    inbound_type: InboundType = Field(InboundType.KNOWN, alias="inboundType", examples=["known"])


class Tsig(_Model):
    """The key that signs DNS updates (RFC 8945)."""

    name: Text = Field(examples=["mimecast-proof."])
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        "hmac-sha256", examples=["hmac-sha256"]
    )
    secret: Text = Field(description="Base64. Secret.", examples=["secure: v1:…"])


class Dns(_Model):
    """Who publishes the proof record of a domain."""

    publish: Literal["none", "rfc2136"] = Field("none", examples=["rfc2136"])
    server: Text | None = Field(None, description="host or host:port", examples=["ns1.example.com"])
    zone: DomainName | None = Field(None, examples=["example.com"])
    tsig: Tsig | None = None

    @model_validator(mode="after")
    def _complete(self) -> Dns:
        if self.publish == "rfc2136" and not (self.server and self.zone and self.tsig):
            raise ValueError("with publish: rfc2136 also needs server, zone and tsig (name, secret)")
        return self


class AddressSource(StrEnum):
    """Where the Mimecast addresses come from."""

    EXPLICIT = "explicit"
    CSV = "csv"
    ASSIGNED = "assigned"
    SYNCHRONISED = "synchronised"


class Removal(StrEnum):
    """What becomes of an address that leaves the configuration; Mimecast has no call that deletes one."""

    DISABLE = "disable"
    FORGET = "forget"
    REFUSE = "refuse"


class Address(_Model):
    """One Mimecast user."""

    address: EmailAddress = Field(examples=["ada@example.com"])
    name: PersonName | None = Field(None, description="The global name.", examples=["Ada Example"])
    password_version: Text | None = Field(
        None,
        alias="passwordVersion",
        description="Any text; changing it sets the password of addressPasswords anew.",
        examples=["1"],
    )


class Addresses(_Model):
    """The addresses that people sign in to the portal with."""

    source: AddressSource = Field(AddressSource.EXPLICIT, examples=["explicit"])
    explicit: tuple[Address, ...] = Field((), alias="list", examples=[[{"address": "ada@example.com"}]])
    csv: Text | None = Field(
        None, description="A file with a header line: address,name", examples=["stacks/people.csv"]
    )
    on_removal: Removal = Field(Removal.FORGET, alias="onRemoval", examples=["forget"])
    adopt: tuple[EmailAddress, ...] = Field(
        (),
        description="Existing addresses that may be changed to what is wanted.",
        examples=[["ada@example.com"]],
    )

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> Addresses:
        if self.source is AddressSource.CSV and not self.csv:
            raise ValueError("with source: csv also needs csv (the file)")
        if self.source is not AddressSource.EXPLICIT and self.explicit:
            raise ValueError(f"has a list, which source: {self.source} does not use")
        seen: set[str] = set()
        for entry in self.explicit:
            if entry.address in seen:
                raise ValueError(f"names {entry.address} twice")
            seen.add(entry.address)
        return self

    def read_csv(self, root: Path) -> tuple[Address, ...]:
        """The rows of the CSV file (columns address, name, optionally passwordVersion). Raises ConfigurationError."""
        found: dict[str, tuple[int, Address]] = {}
        problems: list[str] = []
        for number, row in self._csv_rows(root):
            try:
                person = _csv_address(row)
                if person.address in found:
                    problems.append(
                        f"line {number}: {person.address} is there already, in line {found[person.address][0]}"
                    )
                found.setdefault(person.address, (number, person))
            except ValidationError as error:
                detail = error.errors()[0]
                problems.append(f"line {number}: {'.'.join(map(str, detail['loc']))}: {allowed(detail)}")
            except ValueError as error:
                problems.append(f"line {number}: {error}")
        if problems:
            raise ConfigurationError(_first_problems(self.csv or "", problems))
        return tuple(person for _, person in found.values())

    def _csv_rows(self, root: Path) -> list[tuple[int, dict[str | None, Any]]]:
        key = f"{NAMESPACE}:addresses.csv names {self.csv}"
        try:
            text = (root / (self.csv or "")).read_text(encoding="utf-8-sig")
            reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            columns = list(reader.fieldnames or ())
            rows: list[tuple[int, dict[str | None, Any]]] = [(reader.line_num, row) for row in reader]
        except OSError as error:
            raise ConfigurationError([f"{key}, which cannot be read: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise ConfigurationError([f"{key}, which is not text in UTF-8; save it as CSV UTF-8"]) from None
        except csv.Error as error:
            raise ConfigurationError([f"{key}, which is not CSV: {error}"]) from None
        if "address" not in columns or not set(columns) <= _CSV_COLUMNS:
            wanted = "address,name (and passwordVersion, if wanted), separated by commas"
            raise ConfigurationError(
                [f"{key}, whose first line must name the columns {wanted}; it is {_shown(','.join(columns))}"]
            )
        return rows


_CSV_COLUMNS = frozenset({"address", "name", "passwordVersion"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PROBLEMS_SHOWN = 20
_LONGEST_SHOWN = 60


def _csv_address(row: Mapping[str | None, Any]) -> Address:
    if None in row:
        raise ValueError(
            "has more cells than the first line; put a cell that holds a comma into quotation marks"
        )
    name = row.get("name") or ""
    if name.startswith(_FORMULA_STARTS):
        raise ValueError(
            f"name: {_shown(name)} begins like a formula, which a spreadsheet would run; correct the name"
        )
    return Address.model_validate({key: value for key, value in row.items() if value})


def _first_problems(file: str, problems: list[str]) -> list[str]:
    shown = [f"{file}, {problem}" for problem in problems[:_PROBLEMS_SHOWN]]
    rest = len(problems) - len(shown)
    return [*shown, f"{file}: and {rest} more lines that cannot be used"] if rest else shown


def _shown(text: str) -> str:
    """A user's text for a message: short, on one line, without control characters."""
    return json.dumps(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…", ensure_ascii=True)


class Enforce(_Model):
    """For which Mimecast sign-ins the profile enforces SAML."""

    personal_portal: bool = Field(True, alias="personalPortal", examples=[True])
    administration_console: bool = Field(False, alias="administrationConsole", examples=[False])
    end_user_applications: bool = Field(False, alias="endUserApplications", examples=[False])


class Contexts(_Model):
    """Authentication contexts that Mimecast asks for; both must be off for Entra."""

    password_protected: bool = Field(False, alias="passwordProtected", examples=[False])
    integrated: bool = Field(False, examples=[False])


class Confirmed(_Model):
    """A person's word that the console holds the values with this fingerprint."""

    fingerprint: Text = Field(examples=["v1:…"])
    by: Text = Field(examples=["ada@example.com"])
    at: UtcTime = Field(examples=["2026-11-01T09:00:00Z"])
    evidence: Text = Field(examples=["change CHG-1042, screenshot attached"])


class CapturedRequest(_Model):
    """A sign-in request that Mimecast sent, compared with the form of a fingerprint; nothing else of the sign-in."""

    fingerprint: Text = Field(examples=["v1:…"])
    at: UtcTime = Field(description="When Mimecast issued it.", examples=["2026-11-01T09:30:00Z"])
    by: Text = Field(description="Who recorded it.", examples=["ada@example.com"])
    issuer: Text = Field(examples=["https://eu-api.mimecast.com/sso/CUK25A118"])
    destination: Text | None = Field(None, examples=["https://login.microsoftonline.com/…/saml2"])
    reply_url: Text | None = Field(
        None, alias="replyUrl", examples=["https://eu-api.mimecast.com/login/saml"]
    )
    contexts: tuple[Text, ...] = Field((), examples=[[]])
    differs: tuple[Literal["issuer", "destination", "replyUrl", "contexts"], ...] = Field(
        (), description="What is not as wanted.", examples=[["destination"]]
    )


class ConsoleChange(_Model):
    """The last event of Mimecast's audit log that touches profiles or application settings."""

    at: UtcTime = Field(examples=["2026-11-02T09:00:00Z"])
    event: Text = Field(examples=["Existing Authentication Profile Changed"])
    by: Text = Field(examples=["administrator@example.com"])


class Evidence(_Model):
    """What was seen after the confirmation. Written by ``mimecast-sso verify``."""

    request: CapturedRequest | None = None
    change: ConsoleChange | None = None

    def document(self) -> dict[str, Any]:
        """As it stands in the stack's file and in state."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class AuthenticationProfile(_Model):
    """The console's authentication profile and its binding, which a person sets from the run sheet."""

    description: Text = Field(
        "Microsoft Entra ID single sign-on", examples=["Microsoft Entra ID single sign-on"]
    )
    provider: Literal["Azure Active Directory", "Microsoft Entra ID"] = Field(
        "Azure Active Directory", examples=["Azure Active Directory"]
    )
    source: Literal["certificate", "metadata"] = Field(
        "certificate",
        description="Whether the form gets the certificate, or the metadata URL which it then monitors.",
        examples=["certificate"],
    )
    allow_single_sign_on: bool = Field(True, alias="allowSingleSignOn", examples=[True])
    enforce: Enforce = Enforce()
    contexts: Contexts = Contexts()
    application_settings: Text = Field(
        "Single sign-on", alias="applicationSettings", examples=["Single sign-on"]
    )
    confirmed: Confirmed | None = None
    evidence: Evidence | None = None
    stale_after_days: int = Field(
        365,
        alias="staleAfterDays",
        description="After how many days a confirmation has to be given anew.",
        examples=[365],
        ge=1,
    )

    def known(self, today: date) -> dict[str, Any] | None:
        """The evidence as state has it, with the end of the confirmation (a day) when that has come."""
        known = self.evidence.document() if self.evidence else {}
        if self.confirmed:
            ends = date.fromisoformat(self.confirmed.at[:10]) + timedelta(days=self.stale_after_days)
            if ends < today:
                known["expired"] = ends.isoformat()
        return known or None


class RollOut(_Model):
    """The Mimecast group that carries the profile, and who is in it."""

    group: Text = Field("Single sign-on", examples=["Single sign-on"])
    who: Literal["none", "pilot", "share", "all"] = Field("all", examples=["pilot"])
    pilot: tuple[EmailAddress, ...] = Field((), examples=[["ada@example.com"]])
    share: int = Field(
        0, description="Per cent of the addresses, chosen by hash.", examples=[10], ge=0, le=100
    )

    @model_validator(mode="after")
    def _choice_has_what_it_needs(self) -> RollOut:
        if self.who == "pilot" and not self.pilot:
            raise ValueError("with who: pilot also needs pilot (a list of addresses)")
        if self.who == "share" and not self.share:
            raise ValueError("with who: share also needs share (per cent)")
        return self


class Generation(_Model):
    """One signing certificate."""

    label: Label = Field(examples=["2026"])
    end_date: UtcTime = Field(alias="endDate", examples=["2029-11-01T00:00:00Z"])


class Certificates(_Model):
    """The generations of signing certificates and the one that signs."""

    generations: tuple[Generation, ...] = Field(
        examples=[[{"label": "2026", "endDate": "2029-11-01T00:00:00Z"}]], min_length=1
    )
    active: Label = Field(examples=["2026"])

    @model_validator(mode="after")
    def _active_is_a_generation(self) -> Certificates:
        labels = [generation.label for generation in self.generations]
        if len(set(labels)) != len(labels):
            raise ValueError("has two generations with one label")
        if self.active not in labels:
            raise ValueError(f"has active: {self.active}, but generations hold {', '.join(labels)}")
        return self


GuardName = Literal["allow-destroy"]


class GuardOverride(_Model):
    """A guard that is lifted, by name, for a stated reason, until a date (inclusive)."""

    name: GuardName = Field(examples=["allow-destroy"])
    reason: Text = Field(examples=["tenant is being retired, change CHG-1042"])
    until: Day = Field(examples=["2026-12-31"])


_RETIRED_URL = re.compile(r"^(?:https?://)?(?P<host>[^/]+)", re.IGNORECASE)


class Settings(_Model):
    """The whole stack configuration."""

    region: Literal["eu", "de", "us", "usb", "uspcom", "ca", "za", "au", "jer"] = Field(
        description="The Mimecast grid that holds the account.", examples=["eu"]
    )
    account_code: AccountCode = Field(alias="accountCode", description="In capitals.", examples=["CUK25A118"])
    application: Application = Application()
    assign: Assign = Assign()
    domains: tuple[Domain, ...] = Field((), examples=[[{"name": "example.com"}]])
    dns: Dns = Dns()
    addresses: Addresses = Addresses()
    address_passwords: Any = Field(
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
    mimecast_client_id: Text | None = Field(
        None, alias="mimecastClientId", description="Rather MIMECAST_CLIENT_ID in the environment."
    )
    mimecast_client_secret: Any = Field(
        None, alias="mimecastClientSecret", description="Secret. Rather MIMECAST_CLIENT_SECRET."
    )

    @field_validator("domains", mode="before")
    @classmethod
    def _names_are_domains(cls, value: object) -> object:
        if isinstance(value, list):
            return [{"name": entry} if isinstance(entry, str) else entry for entry in value]
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for key, url, wanted in self._overrides():
            match = _RETIRED_URL.match(url or "")
            host = match["host"].lower() if match else ""
            if host in RETIRED_HOSTS:
                raise ValueError(
                    f"has application.{key} = {url}, but {host} stands in tutorials of 2016 to 2018 and is not in use; "
                    f"remove the key, or write {wanted}"
                )
        self._passwords_are_there()
        names = {domain.name for domain in self.domains}
        if len(names) != len(self.domains):
            raise ValueError("domains names one domain twice")
        return self

    def _passwords_are_there(self) -> None:
        passwords = self.address_passwords
        if passwords == SECRET:
            return  # Read without its passphrase; the deployment will see them.
        if not isinstance(passwords, dict | None):
            raise ValueError("has addressPasswords that are not a map of addresses")  # noqa: TRY004  (pydantic wants it)
        known = {address.lower(): entry for address, entry in (passwords or {}).items()}
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

    def _overrides(self) -> tuple[tuple[str, str | None, str], ...]:
        region, application = REGIONS[self.region], self.application
        return (
            ("signOnUrl", application.sign_on_url, region.sign_on_url),
            ("replyUrl", application.reply_url, region.reply_url),
            ("identifier", application.identifier, region.identifier(self.account_code)),
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

    def overrides(self, name: GuardName, today: date) -> bool:
        """Whether a guard is lifted today."""
        return any(guard.name == name and guard.until >= today for guard in self.guards)


# -- Reading ---------------------------------------------------------------------------------------

SCALARS = frozenset({"region", "accountCode", "mimecastClientId", "mimecastClientSecret"})


def from_engine(config: Mapping[str, str]) -> Settings:
    """Settings from the engine's flat map of full keys to text (structured values are JSON text).

    Keys of other namespaces are left alone. Raises ConfigurationError.
    """
    values: dict[str, Any] = {}
    for full_key, text in config.items():
        namespace, _, key = full_key.partition(":")
        if namespace != NAMESPACE:
            continue
        values[key] = text if key in SCALARS else _structured(key, text)
    return from_values(values)


def _structured(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # The model says what is wrong with it, naming the key.


def from_file(path: Path) -> Settings:
    """Settings from a stack file; secrets stay encrypted and read as ``[secret]``. Raises ConfigurationError."""
    return from_values(read_values(path))


def read_values(path: Path) -> dict[str, Any]:
    """The keys of this project's namespace in a stack file, secrets replaced by ``[secret]``."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigurationError([f"The stack file {path} cannot be read: {error.strerror}."]) from None
    except yaml.YAMLError as error:
        raise ConfigurationError([f"The stack file {path} is not valid YAML: {error}"]) from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ConfigurationError([f"The stack file {path} has no config: section."])
    prefix = f"{NAMESPACE}:"
    return {
        key.removeprefix(prefix): _without_secrets(value)
        for key, value in config.items()
        if key.startswith(prefix)
    }


def domains_elsewhere(settings: Settings, stack: str, folder: Path) -> list[str]:
    """Domains that another stack file of the same account names as well, one text each.

    Two stacks that both may register a domain, or set its inbound type, undo each other's work. Where both only
    require it, nothing is written and nothing is wrong. Files that cannot be read are left to their own stacks.
    """
    mine = {domain.name: domain.mode for domain in settings.domains}
    problems = []
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        if path.name == f"Pulumi.{stack}.yaml":
            continue
        for domain in _domains_of_account(path, settings.account_code):
            modes = {domain.mode, mine.get(domain.name, DomainMode.REQUIRE)}
            if domain.name in mine and modes != {DomainMode.REQUIRE}:
                problems.append(
                    f"{NAMESPACE}:domains names {domain.name} in {folder.name}/Pulumi.{stack}.yaml and in "
                    f"{folder.name}/{path.name}, both for account {settings.account_code}: two stacks would write the "
                    "same domain. Name it in one of them, or set its mode to require in both"
                )
    return problems


def _domains_of_account(path: Path, account_code: str) -> tuple[Domain, ...]:
    try:
        other = from_file(path)
    except ConfigurationError:
        return ()
    return other.domains if other.account_code == account_code else ()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return SECRET
        return {key: _without_secrets(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_secrets(entry) for entry in value]
    return value


def from_values(values: Mapping[str, Any]) -> Settings:
    """Settings from plain values by key. Raises ConfigurationError."""
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        problems = explain(error, Settings, namespace=NAMESPACE, secrets=SECRET_KEYS)
        raise ConfigurationError(problems) from None
