"""The configuration that fits two existing tenants: adopting the existing application changes least. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.people import Person
from mimecast_sso.assessment.sign_in import Endpoints
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import HIDE_TAG
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Settings
from mimecast_sso.settings.values import is_guid, is_label
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import email_address, enumerate_some, one_line
from mimecast_sso.text.times import utc_text
from mimecast_sso.text.wording import count
from providers.entra.applications import LiveApplication
from providers.entra.claims import claims_definition, name_id_problem, same_meaning
from providers.mimecast.domains import DomainState

_LIFE_YEARS = 3
"""Validity of a new signing certificate, the same as the portal's."""
_MOST_NOTIFIED = 5
_IDENTITY_PROVIDER = "idp"


@dataclass(frozen=True)
class Fitting:
    """A configuration that fits the tenants.

    Attributes:
        values: The configuration by key, as in a stack file.
        owners: Owners of the application that the configuration names: object id → name.
        people: Assigned users and groups that the configuration names: object id → name.
        notes: What the configuration leaves out, and what to know before deploying it.
    """

    values: Mapping[str, JSON]
    owners: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Statement, ...] = ()


def present_application(snapshot: Snapshot) -> LiveApplication | None:
    """The application to adopt: the requested one, else the one that receives sign-ins."""
    return snapshot.own.value or snapshot.application.value


def fitting(settings: Settings, snapshot: Snapshot) -> Fitting:
    """The configuration for the account of ``settings`` that fits both tenants.

    Region, account, roll-out group and the API application's id are taken from ``settings``.
    """
    live = present_application(snapshot)
    owners = _owners(live, snapshot)
    users, groups, left_out = _assigned(live, snapshot)
    odd = {key: name for key, name in groups.items() if not _is_writable(name)}
    groups = {key: name for key, name in groups.items() if key not in odd}
    values: dict[str, JSON] = {"region": settings.region, "accountCode": settings.account_code}
    if is_guid(snapshot.tenant_id):
        values["tenantId"] = snapshot.tenant_id
    if settings.mimecast_client_id:
        values["mimecastClientId"] = settings.mimecast_client_id
    values |= {
        "application": _application(live, owners, settings) if live else {},
        "assign": {"users": sorted(users.values()), "groups": sorted(groups.values())},
        "domains": [{"name": name, "mode": "require"} for name in _internal_domains(snapshot)],
        "addresses": _book(snapshot),
        "rollOut": {"group": settings.roll_out.group, "who": "none"},
        "certificates": _certificates(live, snapshot.entra_now),
    }
    if not values["application"]:
        del values["application"]
    notes = (*_left_out(left_out), *_odd_groups(sorted(odd.values())), *_before_deploying(live, snapshot))
    return Fitting(values, owners, users | groups, notes)


# -- The application --------------------------------------------------------------------------------------------------


def _application(live: LiveApplication, owners: Mapping[str, str], settings: Settings) -> dict[str, JSON]:
    endpoints = Endpoints.of(settings.region_facts, settings.account_code)
    found: dict[str, JSON] = {"displayName": live.display_name} if _is_writable(live.display_name) else {}
    found["adopt"] = live.client_id
    if not live.sign_on_url and endpoints.idp_initiated_reply_url in live.reply_urls:
        found["signOn"] = _IDENTITY_PROVIDER
    elif live.sign_on_url != settings.region_facts.sign_on_url and endpoints.starts_sign_in(live.sign_on_url):
        found["signOnUrl"] = live.sign_on_url
    emails = list(_addresses(live.notification_emails))[:_MOST_NOTIFIED]
    if emails:
        found["notificationEmails"] = emails
    if not live.assignment_required:
        found["assignmentRequired"] = False
    if HIDE_TAG in live.tags:
        found["hide"] = True
    if owners:
        found["owners"] = sorted(owners)
    if not _manages_claims(live):
        found["claims"] = "verify"
    return found


def _is_writable(name: str) -> bool:
    """Whether a stack file takes a name: one with invisible characters would be refused there."""
    try:
        return bool(one_line(name.strip()))
    except ValueError:
        return False


def _manages_claims(live: LiveApplication) -> bool:
    """Whether this project's policy can be assigned: it replaces neither another owner's policy nor a correct one."""
    if live.policies is None:
        return False
    if not live.policies:
        return True
    policy = live.policies[0]
    if policy.others:
        return False
    return bool(name_id_problem(policy.definition)) or same_meaning(policy.definition, claims_definition())


def _owners(live: LiveApplication | None, snapshot: Snapshot) -> Mapping[str, str]:
    """Owners of the service principal, which a run would otherwise remove; the deploying principal is always one."""
    return {
        each.object_id: each.name or each.object_id
        for each in (live.owners if live else ())
        if each.object_id != snapshot.deployer and is_guid(each.object_id)
    }


def _addresses(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            yield email_address(text)
        except ValueError:
            continue


def _certificates(live: LiveApplication | None, now: datetime) -> dict[str, JSON]:
    """The generation of the active certificate, by its expiry; a new one if no certificate is valid."""
    active = live.certificates.active(now) if live else None
    if active is None or not active.is_valid(now):
        label, end = f"{now:%Y}", datetime(now.year + _LIFE_YEARS, now.month, 1, tzinfo=UTC)
    else:
        label = active.label if is_label(active.label) else f"{active.not_before:%Y}"
        end = active.not_after
    return {"generations": [{"label": label, "endDate": utc_text(end)}], "active": label}


# -- People and domains -----------------------------------------------------------------------------------------------


def _assigned(
    live: LiveApplication | None, snapshot: Snapshot
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Assigned users by address, groups by name, and the names of those that the configuration cannot list."""
    users: dict[str, str] = {}
    groups: dict[str, str] = {}
    left_out: list[str] = []
    for each in live.assigned if live else ():
        if each.kind == "Group":
            groups[each.principal_id] = each.name
        elif each.kind == "User":
            address = _address_of(snapshot.directory.accounts.get(each.principal_id), snapshot)
            if address:
                users[each.principal_id] = address
            else:
                left_out.append(each.name)
    return users, groups, left_out


def _address_of(account: Person | None, snapshot: Snapshot) -> str:
    """The text that identifies the account: its mail address, else its user principal name.

    A user principal name takes precedence, and a mail address of several accounts identifies none.
    """
    if account is None:
        return ""
    by_upn = snapshot.by_name_id["upn"]
    for text in _addresses(filter(None, (account.mail, account.user_principal_name))):
        meant = (by_upn[text],) if text in by_upn else snapshot.by_mail.get(text, ())
        if [each.object_id for each in meant] == [account.object_id]:
            return text
    return ""


def _internal_domains(snapshot: Snapshot) -> list[str]:
    found = snapshot.domains.value or {}
    return sorted(name for name, status in found.items() if status.state is DomainState.INTERNAL)


def _book(snapshot: Snapshot) -> dict[str, JSON]:
    """An address book that writes nothing: it only checks if a directory is synchronised, else it is empty."""
    synchronised = any(each.synchronised for each in (snapshot.addresses.value or {}).values())
    return {"source": "synchronised"} if synchronised else {"list": []}


# -- What to know -----------------------------------------------------------------------------------------------------


def _left_out(names: list[str]) -> Iterator[Statement]:
    if names:
        verb = "is" if len(names) == 1 else "are"
        yield _note(
            f"{count(len(names), 'assigned user')} {verb} left out of assign.users, because their mail address and "
            f"user principal name could not be read or are ambiguous: {enumerate_some(sorted(names))}. They stay "
            "assigned"
        )


def _odd_groups(names: list[str]) -> Iterator[Statement]:
    if names:
        verb, whose = ("is", "its name holds") if len(names) == 1 else ("are", "their names hold")
        yield _note(
            f"{count(len(names), 'assigned group')} {verb} left out of assign.groups, because {whose} invisible "
            f"characters: {enumerate_some(names)}. Rename in Entra and rerun assess; until then assignments stay"
        )


def _before_deploying(live: LiveApplication | None, snapshot: Snapshot) -> Iterator[Statement]:
    if live is not None:
        return
    for deleted in snapshot.deleted.value or ():
        yield _note(
            f"A deleted application {quoted(deleted.display_name)} (client id {deleted.client_id}) has the identifier. "
            f"Restore it before {deleted.until:%Y-%m-%d} and rerun assess, or delete it permanently"
        )
    for namesake in snapshot.namesakes.value or ():
        yield _note(
            f"An application {quoted(namesake.name)} (client id {namesake.client_id}) has no identifier "
            f"yet. To adopt it, rerun assess with --client-id {namesake.client_id}"
        )
    if not snapshot.template:
        yield _note(
            "Entra's gallery has no entry named in mimecast-sso:application.template. Correct the name, or set "
            "mimecast-sso:application.allowNonGallery: true"
        )


def _note(text: str) -> Statement:
    return Statement(text, How.LIVE, "Microsoft Graph", Verdict.WARNS)


def names_of(desired: Desired) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Owners and people that a configuration names, by object id, in the form of a `Fitting`."""
    directory = desired.snapshot.directory
    people = {each.object_id: each.address for each in directory.users}
    people |= {each.object_id: each.name for each in directory.groups}
    return directory.owners, people
