"""What is there before a run: read once, before anything is registered, for guards, warnings and components alike."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pulumi
import pulumi_azuread as azuread
from pydantic import ValidationError

from mimecast_sso.assessment import gallery_template, live_tenant, people, roll_out
from mimecast_sso.assessment.guards.situation import Deployed, Principal, Situation, Strangers
from mimecast_sso.assessment.live_tenant import LiveTenant
from mimecast_sso.assessment.lookups import ask_or_stop
from mimecast_sso.assessment.people import EntraGroup, Person
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import How, Known, live, unknown
from mimecast_sso.settings import DEPLOYED, Address, AddressSource, Lane, Settings
from providers.entra import credentials
from providers.entra.applications import assigned
from providers.entra.errors import CredentialsMissing, GraphError
from providers.entra.graph import shared_client
from providers.entra.signing_certificates import Graph, find_service_principal
from providers.entra.signing_certificates import read as read_certificates
from providers.mimecast import MimecastError, from_environment
from providers.mimecast.accounts import Account, read_account
from providers.mimecast.client import MimecastClient
from providers.mimecast.groups import find_group, list_members
from providers.mimecast.session import Session

_PRINCIPAL = "appId,applicationTemplateId,accountEnabled,appRoleAssignmentRequired"


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. ``addresses`` are those of the configured source, in normal form."""

    cloud: Cloud
    deployer: azuread.GetClientConfigResult
    entra_now: datetime
    """Entra's own time."""
    users: list[Person]
    groups: list[EntraGroup]
    addresses: list[Address]
    mimecast: LiveTenant | MimecastError
    situation: Situation


def take(settings: Settings, root: Path, today: date) -> Survey:
    """Reads both sides. Raises RunError where Entra cannot be asked for people or the gallery, or does not know them.

    What else cannot be read is unknown in the situation, with the reason.
    """
    cloud = _cloud()
    client = _client(settings)
    account = _account(client)
    session = client if isinstance(client, MimecastError) else _session(client, settings)
    deployer = ask_or_stop(
        "Entra could not be reached or refused the ARM_* credentials", azuread.get_client_config
    )
    graph = _graph()
    users = people.find_users(graph, settings.assign.users)
    groups = people.find_groups(graph, settings.assign.groups)
    everybody = people.assigned(users, groups)
    addresses = _addresses(settings, everybody, root)
    mimecast = _tenant(session, settings, addresses, everybody)
    principal = _principal(graph, settings.identifier)
    situation = Situation(
        settings=settings,
        today=today,
        cloud=cloud,
        tenant_id=deployer.tenant_id,
        account=account,
        members=_members(session, settings),
        principal=principal,
        mimecast=unknown(str(mimecast)) if isinstance(mimecast, MimecastError) else live(mimecast),
        assigned=tuple(everybody),
        assigned_ids=frozenset({*(user.object_id for user in users), *(group.object_id for group in groups)}),
        own_addresses=_own(settings, addresses),
        wanted=tuple(roll_out.members(settings.roll_out, [person.address for person in addresses])),
        strangers=live(Strangers()),
        deployed=_deployed(os.environ),
        template=_template(settings, cloud, principal.value),
    )
    situation = replace(situation, strangers=_strangers(graph, situation))
    return Survey(cloud, deployer, graph.now(), users, groups, addresses, mimecast, situation)


def _cloud() -> Cloud:
    try:
        return credentials.cloud(os.environ)
    except CredentialsMissing as error:
        raise pulumi.RunError(f"{error}.") from None


# -- Entra ----------------------------------------------------------------------------------------------------


def _graph() -> Graph:
    try:
        return shared_client()
    except GraphError as error:
        raise pulumi.RunError(f"Entra could not be asked: {error}") from None


def _principal(graph: Graph, identifier: str) -> Known[Principal]:
    try:
        found = find_service_principal(graph, identifier)
        if found is None:
            return Known(None, How.LIVE)
        shown = graph.get(f"/servicePrincipals/{found}", select=_PRINCIPAL)
        principal = Principal(
            object_id=found,
            client_id=str(shown.get("appId") or ""),
            template_id=str(shown.get("applicationTemplateId") or ""),
            enabled=shown.get("accountEnabled") is True,
            assignment_required=shown.get("appRoleAssignmentRequired") is True,
            certificates=read_certificates(graph, found),
            assigned=frozenset(each.principal_id for each in assigned(graph, found)),
            now=graph.now(),
        )
    except GraphError as error:
        return unknown(str(error))
    return live(principal)


def _template(settings: Settings, cloud: Cloud, there: Principal | None) -> str:
    if settings.application.adopt:
        return ""
    return gallery_template.find(settings.application, cloud, there.template_id if there else "")


def _strangers(graph: Graph, situation: Situation) -> Known[Strangers]:
    if not situation.unmatched:
        return live(Strangers())
    try:
        found = tuple(people.find_by_mail(graph, situation.unmatched))
        principal = situation.principal.value
        # Without the stack's state it is unknown whose these assignments are; that they are there, is not.
        removed = situation.removed if situation.deployed.is_known else frozenset[str]()
        remaining = principal.assigned - situation.assigned_ids - removed if principal else frozenset[str]()
        direct = {person.object_id for person in found} & remaining
        groups = sorted(remaining - direct) if len(direct) < len(found) else []
        return live(Strangers(found, frozenset(direct | people.ids_in_groups(graph, groups))))
    except GraphError as error:
        return unknown(str(error))


# -- Mimecast -------------------------------------------------------------------------------------------------


def _client(settings: Settings) -> MimecastClient | MimecastError:
    try:
        return from_environment(
            client_id=settings.mimecast_client_id or "",
            client_secret=str(settings.mimecast_client_secret or ""),
        )
    except MimecastError as error:
        return error


def _session(client: MimecastClient, settings: Settings) -> Session:
    return Session(client, settings.account_code, settings.region)


def _account(client: MimecastClient | MimecastError) -> Known[Account]:
    if isinstance(client, MimecastError):
        return unknown(str(client))
    try:
        return live(read_account(client))
    except MimecastError as error:
        return unknown(str(error))


def _members(session: Session | MimecastError, settings: Settings) -> Known[Mapping[Lane, frozenset[str]]]:
    if isinstance(session, MimecastError):
        return unknown(str(session))
    found: dict[Lane, frozenset[str]] = {}
    try:
        for lane in settings.certificates.lanes:
            group = find_group(session.client, settings.roll_out.group_of(lane))
            found[lane] = frozenset(list_members(session.client, group)) if group else frozenset()
    except MimecastError as error:
        return unknown(str(error))
    return live(found)


def _tenant(
    session: Session | MimecastError,
    settings: Settings,
    addresses: Sequence[Address],
    assigned_people: Sequence[Person],
) -> LiveTenant | MimecastError:
    if isinstance(session, MimecastError):
        return session
    # Of assigned people too: who of them is not at Mimecast is said in every run.
    wanted = {person.address for person in addresses}
    wanted |= {person.mail.lower() for person in assigned_people if person.mail}
    wanted |= set(settings.roll_out.pilot)
    try:
        return live_tenant.read(session, settings.domains, sorted(wanted))
    except MimecastError as error:
        return error


# -- The addresses of the configured source -------------------------------------------------------------------


def _addresses(settings: Settings, everybody: Sequence[Person], root: Path) -> list[Address]:
    book = settings.addresses
    if book.source is AddressSource.EXPLICIT:
        return list(book.explicit)
    if book.source is AddressSource.CSV:
        return list(book.read_csv(root))
    # Assigned people; synchronised ones are the same people, whom the address book then only checks.
    found = (_address_of(person) for person in everybody if person.mail and person.enabled)
    return list({address.address: address for address in found if address}.values())


def _address_of(person: Person) -> Address | None:
    try:
        return Address(address=person.mail, name=person.display_name or None)
    except ValidationError as error:
        reason = str(error.errors()[0].get("ctx", {}).get("error", "is malformed"))
        pulumi.log.warn(f"{person.address} is left out: in Entra, mail or display name {reason}")
        return None


def _own(settings: Settings, addresses: Sequence[Address]) -> frozenset[str]:
    if settings.addresses.source is AddressSource.SYNCHRONISED:
        return frozenset()
    return frozenset(person.address for person in addresses)


# -- The stack's state ----------------------------------------------------------------------------------------


def _deployed(environment: Mapping[str, str]) -> Known[Deployed]:
    text = environment.get(DEPLOYED)
    if not text:
        return unknown("the run was not started by mimecast-sso, which reads the stack's state")
    values = json.loads(text)
    sets = {name: frozenset(values[name]) for name in ("assigned", "owners")}
    return Known(Deployed(**{**values, **sets}), How.RECORDED, "the stack's state")
