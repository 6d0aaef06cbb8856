"""The product's read calls, made once each on a stack's tenants through the product's own code.

A failed call ends nothing: its response is in the recording. Long lists are read whole only where a deployment
reads them whole; of logs, one page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    GET_INTERNAL_USERS,
    GET_PENDING_DOMAIN,
    INTEGRATIONS_PATH,
    USERS_PATH,
    USERS_PERMISSION,
)
from mimecast_sso.provenance import Known, unknown
from mimecast_sso.settings import Settings
from providers.entra import (
    applications,
    conditional_access,
    default_reply_url,
    directory_audits,
    people,
    sign_ins,
    signing_certificates,
)
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.entra.odata import literal
from providers.mimecast.address_book import list_account, list_addresses
from providers.mimecast.audit import group_changes
from providers.mimecast.client import MimecastClient
from providers.mimecast.directory_connection import read_connection
from providers.mimecast.domains import list_domains
from providers.mimecast.errors import MimecastError
from providers.mimecast.groups import find_group, list_members

_NO_OBJECT = "00000000-0000-0000-0000-000000000000"
_NO_DOMAIN = "fidelity.invalid"
_SIGN_INS_OF = timedelta(days=7)
_AUDITS_OF = timedelta(days=29)
_TEMPLATES = "id,displayName"


@dataclass(frozen=True, slots=True)
class FirstPages:
    """A Graph client whose lists end after their first page."""

    graph: GraphClient

    def list(self, path: str, **query: str) -> Iterator[dict[str, JSON]]:
        """The rows of the first page. Raises GraphError."""
        yield from self.graph.get(path, **query).get("value") or ()

    def get(self, path: str, **query: str) -> dict[str, JSON]:
        """As the client."""
        return self.graph.get(path, **query)

    def patch(self, path: str, values: Mapping[str, JSON]) -> None:
        """Refused: nothing is written here."""
        raise AssertionError(f"PATCH {path} in a recording")

    def batch(self, reads: Iterable[Read]) -> tuple[ReadOutcome, ...]:
        """As the client."""
        return self.graph.batch(reads)

    def now(self) -> datetime:
        """As the client."""
        return self.graph.now()

    def claims(self) -> dict[str, JSON]:
        """As the client."""
        return self.graph.claims()


def visit(
    settings: Settings, graph: GraphClient | GraphError, mimecast: MimecastClient | MimecastError
) -> Snapshot | None:
    """Makes the calls of a snapshot, and those of the other commands. None where Entra cannot be asked at all."""
    snapshot = _snapshot(settings, graph, mimecast) if isinstance(graph, GraphClient) else None
    if isinstance(graph, GraphClient) and snapshot is not None:
        _each(_of_entra(settings, graph, snapshot))
    if isinstance(mimecast, MimecastClient) and (snapshot is None or snapshot.account.value is not None):
        _each(_of_mimecast(settings, mimecast))
    return snapshot


def _snapshot(
    settings: Settings, graph: GraphClient, mimecast: MimecastClient | MimecastError
) -> Snapshot | None:
    record: Known[Record] = unknown("a recording asks no engine")
    with contextlib.suppress(GraphError):
        return take(Scope(settings, graph.cloud, record), graph, mimecast)
    return None


def _each(calls: Iterable[Callable[[], object]]) -> None:
    for call in calls:
        with contextlib.suppress(GraphError, MimecastError):
            call()


def _rows(graph: FirstPages, path: str, **query: str) -> Callable[[], object]:
    return lambda: list(graph.list(path, **query))


# -- Entra ------------------------------------------------------------------------------------------------------------


def _of_entra(settings: Settings, client: GraphClient, snapshot: Snapshot) -> Iterator[Callable[[], object]]:
    graph = FirstPages(client)
    me, name = str(client.claims().get("appid") or _NO_OBJECT), literal(settings.application.display_name)
    yield lambda: client.get("/organization", select="id")
    yield lambda: applications.with_identifier(client, settings.identifier)
    yield lambda: signing_certificates.find_service_principal(graph, settings.identifier)
    yield _rows(graph, "/applications", filter=f"displayName eq {name}", select=applications.HOLDER)
    yield _rows(graph, "/subscribedSkus")
    yield _rows(graph, f"/applications(appId={literal(me)})/federatedIdentityCredentials")
    template = literal("Mimecast Personal Portal")
    yield _rows(graph, "/applicationTemplates", filter=f"displayName eq {template}", select=_TEMPLATES)
    # Absent objects, and pages as short as Graph makes them.
    yield lambda: client.get(f"/applications/{_NO_OBJECT}", select=applications.APPLICATION)
    yield lambda: client.get(f"/servicePrincipals/{_NO_OBJECT}", select=applications.PRINCIPAL)
    yield lambda: client.get(f"/users/{_NO_OBJECT}", select="userType")
    yield lambda: list(islice(client.list("/users", select="id", top="1"), 2))
    yield lambda: client.batch([people.USERS_COUNTED])
    yield from _of_people(settings, client, graph, snapshot)
    yield from _of_application(graph, snapshot)


def _of_people(
    settings: Settings, client: GraphClient, graph: FirstPages, snapshot: Snapshot
) -> Iterator[Callable[[], object]]:
    for group in settings.assign.groups or ("Mimecast",):
        named = people.security_groups(group)
        yield _rows(graph, named.path, **named.query)
    groups = (*snapshot.directory.groups, *snapshot.directory.assigned_groups.values())
    for object_id in [each.object_id for each in groups[:1]]:
        yield partial(applications.nested_groups, client, object_id)
        yield partial(client.batch, [people.members(object_id)])
    persons = sorted(snapshot.directory.accounts.values(), key=lambda each: each.address)
    yield lambda: people.users_with(client, "mail", [each.mail for each in persons if each.mail][:3])
    names = [each.user_principal_name for each in persons if each.user_principal_name]
    yield lambda: people.users_with(client, "userPrincipalName", names[:3])
    yield lambda: people.users_with(client, "id", [each.object_id for each in persons[:3]])
    for person in persons[:2]:
        yield partial(applications.is_guest, client, person.object_id)
        yield partial(people.mailbox_purpose, client, person.object_id)


def _of_application(graph: FirstPages, snapshot: Snapshot) -> Iterator[Callable[[], object]]:
    live, client = snapshot.application.value or snapshot.own.value, graph.graph
    if live is None:
        return
    now = client.now()
    yield lambda: applications.read(graph, live.client_id)
    mine = f"appId eq {literal(live.client_id)}"
    yield _rows(graph, "/applications", filter=mine, select=applications.HOLDER)
    yield lambda: default_reply_url.read(client, live.object_id)
    yield lambda: signing_certificates.read(graph, live.principal_id)
    if live.template_id:
        yield lambda: client.get(f"/applicationTemplates/{live.template_id}", select=_TEMPLATES)
    yield lambda: sign_ins.since(graph, live.client_id, now - _SIGN_INS_OF)
    for each in (live.principal_id, live.object_id):
        yield partial(directory_audits.since, graph, each, now - _AUDITS_OF)
    persons = sorted(each.object_id for each in snapshot.directory.accounts.values() if each.enabled)
    yield lambda: conditional_access.evaluate(client, live.client_id, persons, most=1)


# -- Mimecast ---------------------------------------------------------------------------------------------------------


def _of_mimecast(settings: Settings, client: MimecastClient) -> Iterator[Callable[[], object]]:
    yield lambda: list_domains(client, pending=False)
    yield lambda: client.legacy(GET_PENDING_DOMAIN)
    yield lambda: list_account(client)
    for domain in [each.name for each in settings.domains][:1]:
        yield partial(list_addresses, client, domain)
        yield partial(_short_pages, client, domain)
    yield lambda: list_addresses(client, _NO_DOMAIN)
    yield lambda: client.v2("GET", USERS_PATH, permission=USERS_PERMISSION, params={"pageSize": "1"})
    yield lambda: _group(client, settings.roll_out.group)
    yield lambda: group_changes(client, client.now() - _SIGN_INS_OF, most_pages=1)
    yield lambda: read_connection(client)
    yield lambda: client.v2_list(INTEGRATIONS_PATH, "integrations")


def _group(client: MimecastClient, name: str) -> None:
    group = find_group(client, name)
    if group is not None:
        list_members(client, group)


def _short_pages(client: MimecastClient, domain: str) -> None:
    page: dict[str, JSON] = {"pageSize": 1}
    response = client.legacy(GET_INTERNAL_USERS, {"domain": domain}, page=page)
    if response.next_page:
        client.legacy(GET_INTERNAL_USERS, {"domain": domain}, page={**page, "pageToken": response.next_page})
