"""Selects the authentication profile of a person, and delays changes made in the console.

Documented: a profile takes effect through an application settings definition bound to a group, people in no bound
group get the default definition, and a change takes up to 15 minutes. EMU: for people in several bound groups the
oldest definition applies, but an identity provider's response is accepted if it matches the profile of any of these
groups, unless the setting ``mimecast.accepts_any_bound_profile`` is false; the delay of a change is the setting
``mimecast.propagation_seconds`` (default 0).

Profiles and settings keep all saved versions, as ``{"at": time, "values": …}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mimecast_sso.facts.profile_form import FIELDS, PROVIDER_NAMES, Control, FormSection
from mimecast_sso.facts.regions import Region
from sandbox.mimecast import groups, ids
from sandbox.world import World

PROFILES = "mimecast.profiles"
SETTINGS = "mimecast.applicationSettings"

PROFILE_FIELDS = tuple(field for field in FIELDS if field.section is FormSection.PROFILE)
SETTINGS_FIELDS = tuple(field for field in FIELDS if field.section is FormSection.SETTINGS)

_DEFAULT_PROFILE = "Default Authentication Profile"
_DEFAULT_SETTINGS = "Default Application Settings"
_SINCE_EVER = datetime.min.replace(tzinfo=UTC)
_TICKED_AT_FIRST = ("passwordProtectedContext", "integratedAuthenticationContext")

Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Profile:
    """An authentication profile as currently in effect; ``form`` by ``FormField.key``."""

    number: int
    account: str
    form: Form

    @property
    def is_set_up(self) -> bool:
        """Whether it has an identity provider."""
        return all(self.form[key] for key in ("issuerUrl", "loginUrl", "certificate"))

    @property
    def enforces_portal(self) -> bool:
        """Whether people must sign in to the Personal Portal through the identity provider."""
        return self.is_set_up and bool(self.form["enforcePersonalPortal"])

    def entity_id(self, region: Region) -> str:
        """Mimecast's entity id towards the profile's identity provider."""
        if self.form["provider"] in PROVIDER_NAMES:
            return region.identifier(self.account)
        return f"{region.host}.{self.account}"


def blank_form() -> Form:
    """The form of a new profile: both contexts selected, everything else empty."""
    return {
        field.key: field.key in _TICKED_AT_FIRST if field.control is Control.CHECK_BOX else ""
        for field in PROFILE_FIELDS
    }


def add_defaults(world: World, account: str) -> None:
    """Create an account's default profile and application settings."""
    form = {**blank_form(), "description": _DEFAULT_PROFILE}
    number = _save(world, PROFILES, account, None, form, at=_SINCE_EVER)
    values = {"applicationSettings": _DEFAULT_SETTINGS, "group": None, "settingsProfile": number}
    _save(world, SETTINGS, account, None, values, at=_SINCE_EVER)


def save_profile(world: World, account: str, number: int | None, form: Form) -> int:
    """Save a profile; without a number, as a new one. Returns its number."""
    return _save(world, PROFILES, account, number, form, at=world.now())


def save_settings(world: World, account: str, number: int | None, values: Form) -> int:
    """Save an application settings definition; without a number, as a new one. Returns its number."""
    return _save(world, SETTINGS, account, number, values, at=world.now())


def _save(
    world: World, collection: str, account: str, number: int | None, values: Form, *, at: datetime
) -> int:
    chosen = number if number is not None else ids.next_number(world)
    document = world.get(collection, str(chosen)) or {"number": chosen, "account": account, "versions": []}
    document["versions"].append({"at": at.isoformat(), "values": values})
    world.put(collection, str(chosen), document)
    return chosen


def saved(world: World, collection: str, account: str) -> list[tuple[int, Form]]:
    """Number and latest values of the account's profiles or definitions, in effect or not."""
    return [
        (document["number"], document["versions"][-1]["values"])
        for document in world.of_account(collection, account)
    ]


def profile(world: World, number: int) -> Profile | None:
    """The profile as currently in effect, or ``None`` if it is not yet."""
    document = world.get(PROFILES, str(number))
    values = _counting(world, document) if document else None
    return None if document is None or values is None else Profile(number, document["account"], values)


def profiles(world: World, account: str) -> list[Profile]:
    """The account's profiles as currently in effect."""
    found = [profile(world, number) for number, _ in saved(world, PROFILES, account)]
    return [each for each in found if each is not None]


def accounts_of_issuer(world: World, issuer: str) -> Sequence[str]:
    """The accounts with a profile version that names this identity provider."""
    return world.derived(PROFILES, _accounts_by_issuer).get(issuer, ())


def monitoring_accounts(world: World) -> Sequence[str]:
    """The accounts with a profile version that monitors metadata."""
    return world.derived(PROFILES, _monitoring)


def _accounts_by_issuer(documents: Iterable[tuple[str, Form]]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for _, document in documents:
        for version in document["versions"]:
            found.setdefault(version["values"]["issuerUrl"], {})[document["account"]] = None
    return {issuer: [*accounts] for issuer, accounts in found.items()}


def _monitoring(documents: Iterable[tuple[str, Form]]) -> list[str]:
    monitoring = (
        document["account"]
        for _, document in documents
        if any(version["values"]["monitorMetadataUrl"] for version in document["versions"])
    )
    return [*dict.fromkeys(monitoring)]


def effective(world: World, account: str, address: str) -> Profile | None:
    """The profile that currently applies to a person."""
    return next(iter(_effective(world, account, address)), None)


def accepting(world: World, account: str, address: str) -> list[Profile]:
    """The profiles that currently may accept an identity provider's response for a person."""
    found = _effective(world, account, address)
    return found if accepts_any(world) else found[:1]


def accepts_any(world: World) -> bool:
    """Whether people in several bound groups may sign in by the profile of any of them."""
    return bool(world.setting("mimecast.accepts_any_bound_profile", default=True))


def _effective(world: World, account: str, address: str) -> list[Profile]:
    """The profiles of a person's groups, oldest definition first; the default one for people in none."""
    default: int | None = None
    mine: list[int] = []
    for document in world.of_account(SETTINGS, account):
        values = _counting(world, document)
        if values is None:
            continue
        if values["group"] is None:
            default = values["settingsProfile"]
        elif _is_member(world, values["group"], address):
            mine.append(values["settingsProfile"])
    numbers = mine or ([] if default is None else [default])
    found = (profile(world, number) for number in numbers)
    return [each for each in found if each is not None]


def _horizon(world: World) -> datetime:
    """The time up to which changes are in effect."""
    return world.now() - timedelta(seconds=float(world.setting("mimecast.propagation_seconds", 0)))


def _counting(world: World, document: dict[str, Any]) -> Form | None:
    horizon = _horizon(world)
    values = [
        version["values"]
        for version in document["versions"]
        if datetime.fromisoformat(version["at"]) <= horizon
    ]
    return values[-1] if values else None


def _is_member(world: World, group: int, address: str) -> bool:
    horizon = _horizon(world)
    return any(
        groups.was_member(world, group, who, horizon) for who in (address, "@" + address.rpartition("@")[2])
    )
