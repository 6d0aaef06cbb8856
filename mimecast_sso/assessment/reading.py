"""Read a snapshot: one bounded read of both tenants, with this project's clients and without an engine.

Entra is read in three rounds, each a few calls whatever the number of objects; Mimecast at the same time. A failed part
is unknown in the snapshot, with the reason; only invalid credentials end the reading.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from mimecast_sso.assessment import clocks
from mimecast_sso.assessment.entra_reading import EntraReader
from mimecast_sso.assessment.mimecast_reading import MimecastReader, MimecastSide
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.provenance import Known
from mimecast_sso.settings import Settings
from providers.entra.protocols import GraphReads
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a snapshot.

    Attributes:
        record: What the last deployment recorded.
        addresses: The configured addresses that are known without reading Entra, and the pilot.
        everybody: Whether to read everybody at Mimecast, not only these and people who are assigned or in a group.
        log_since: Since when Mimecast's audit log is wanted; None: only as much as the forecast needs.
    """

    settings: Settings
    cloud: Cloud
    record: Known[Record]
    addresses: Collection[str] = ()
    everybody: bool = False
    log_since: datetime | None = None


def take(scope: Scope, graph: GraphReads, mimecast: MimecastClient | MimecastError) -> Snapshot:
    """Read both tenants. Raises GraphError if Entra cannot be reached at all."""
    with ThreadPoolExecutor(max_workers=1) as aside:
        reader = MimecastReader(scope.settings, scope.record.value or Record(), scope.log_since)
        mimecast_side = aside.submit(reader.groups_and_account, mimecast)
        entra = EntraReader(graph, scope.settings, scope.record.value or Record())
        entra.objects(expected=len(scope.addresses))
        clock = clocks.difference(datetime.now(UTC), graph.now(), "Entra")  # At once after a response.
        side: MimecastSide = mimecast_side.result()
        everybody = reader.everybody(side) if scope.everybody else None
        entra.people({*scope.addresses, *side.people, *((everybody and everybody.value) or ())}, side.people)
        names = frozenset[str]().union(*(each.names for each in entra.directory.accounts.values()))
        addresses = everybody or reader.addresses({*scope.addresses, *side.people, *names}, side)
    return Snapshot(
        cloud=scope.cloud,
        tenant_id=entra.tenant_id,
        deployer=entra.deployer,
        entra_now=graph.now(),
        mimecast_now=side.now or graph.now(),
        clock=clock,
        application=entra.application,
        own=entra.own,
        own_is_gone=entra.own_is_gone,
        holders=entra.holders,
        deleted=entra.deleted,
        deleted_principal=entra.deleted_principal,
        deployer_roles=entra.deployer_roles,
        namesakes=entra.namesakes,
        template=entra.template,
        directory=entra.directory,
        access=entra.access,
        account=side.account,
        domains=side.domains,
        addresses=addresses,
        groups=side.groups,
        moved=side.moved,
        log=side.log,
        connections=side.connections,
        integration=side.integration,
        record=scope.record,
    )
