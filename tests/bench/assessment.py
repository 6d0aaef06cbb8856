"""The sign-in forecast for many people, and what a snapshot of both tenants costs.

The forecast is measured alone, on a snapshot in memory. The snapshot is read from a sandbox in which 10,000 people are
direct members of the assigned group, have an address, and are in the roll-out group.
"""

from __future__ import annotations

import json
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mimecast_sso.assessment import assessment
from mimecast_sso.assessment.reading import Scope, take
from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.facts.resource_types import ADDRESS_BOOK
from mimecast_sso.operations.state import read_checkpoint
from mimecast_sso.provenance import How, Known
from mimecast_sso.settings import AddressSource, Settings, from_values
from mimecast_sso.settings.addresses import Addresses
from providers.entra.graph import GraphClient
from providers.mimecast import from_environment
from tests.assessment.worlds import GROUP, World, account, address, assigned, attested, deployed, values
from tests.assessment.worlds import application as portal
from tests.bench.figures import Figure, megabytes, seconds, timed
from tests.support.sandboxes import seed_document, started

PEOPLE = 10_000
MOST_MEGABYTES = 100
MOST_CALLS = 700
"""A call lists at most 100 addresses or members at Mimecast; Graph takes 20 requests a batch, 15 people a request."""


def measure() -> Iterator[tuple[str, Figure]]:
    """``forecast_10000_s`` and ``_mb``, ``snapshot_10000_s`` and ``_calls``, and ``snapshot_s`` of a small account.

    ``addresses_100000_mb``: the most memory while a state and a CSV file with as many addresses are read.
    """
    people = [f"person{number:05d}@example.com" for number in range(PEOPLE)]
    settings, world = _world(people)
    snapshot = world.snapshot(settings)

    def forecast() -> None:
        found = assessment.of(settings, snapshot, settings.addresses.explicit, stack="prod-eu")
        assert len(found.forecast.people) == PEOPLE

    yield "forecast_10000_s", seconds(min(timed(forecast) for _ in range(3)))
    tracemalloc.start()
    forecast()
    yield "forecast_10000_mb", megabytes(tracemalloc.get_traced_memory()[1] / 1e6)
    tracemalloc.stop()
    yield "addresses_100000_mb", megabytes(_addresses(100_000))
    taken, calls = _read(people)
    yield "snapshot_10000_s", seconds(taken)
    yield "snapshot_10000_calls", Figure(calls, "")
    if calls > MOST_CALLS:
        raise SystemExit(
            f"a snapshot of {PEOPLE} people takes {calls} calls, and {MOST_CALLS} are its budget"
        )
    taken, _ = _read(people[:4])
    yield "snapshot_s", seconds(taken)


def _world(people: list[str]) -> tuple[Settings, World]:
    document = attested(
        values(
            assign={"groups": [GROUP]},
            addresses={"list": [{"address": each} for each in people]},
        )
    )
    settings = from_values(document)
    accounts = [account(each) for each in people]
    world = World(
        application=portal(assigned=(assigned(GROUP, "Group"),)),
        accounts=accounts,
        groups={GROUP: accounts},
        members=set(people),
        addresses={each: address(each) for each in people},
        deployed=deployed(settings, members=frozenset(people)),
    )
    return settings, world


def _addresses(number: int) -> float:
    """Millions of bytes. Raises SystemExit above the budget."""
    book = {f"person{each:06d}@example.com": {"name": f"Person {each}"} for each in range(number)}
    properties = {"addresses": book, "created": list(book)}
    state = {
        "resources": [{"urn": "book", "type": ADDRESS_BOOK, "inputs": properties, "outputs": properties}]
    }
    rows = "".join(f"{address},{entry['name']}\n" for address, entry in book.items())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "people.csv").write_text(f"address,name\n{rows}")
        (Path(folder) / "state.json").write_text(json.dumps({"checkpoint": {"latest": state}}))
        del book, properties, state, rows
        tracemalloc.start()
        record = in_state(read_checkpoint(Path(folder) / "state.json")["resources"])
        people = Addresses(source=AddressSource.CSV, csv="people.csv").read_csv(Path(folder))
        most = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    if len(people) != number or record.book is None or len(record.book.addresses) != number:
        raise SystemExit("addresses were lost")
    if most > MOST_MEGABYTES:
        raise SystemExit(f"{number:,} addresses take {most:.0f} MB, and {MOST_MEGABYTES} are the budget")
    return most


def _read(people: list[str]) -> tuple[float, int]:
    """Seconds and calls of one snapshot."""
    document = seed_document()
    document["users"] += [
        {"displayName": each, "mail": each, "userPrincipalName": each, "password": "none"} for each in people
    ]
    document["groups"] = [{"displayName": GROUP, "members": people}]
    document["mimecast"] |= {
        "domains": [{"name": "example.com"}],
        "users": [{"emailAddress": each, "name": each} for each in people],
        "groups": [{"description": "Personal Portal single sign-on", "members": people}],
    }
    settings = from_values(
        values(assign={"groups": [GROUP]}, rollOut={"group": "Personal Portal single sign-on", "who": "all"})
    )
    scope = Scope(settings, CLOUDS["public"], Known(Record(), How.RECORDED, "nothing deployed"), ())
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder), document) as running,
        running.entered(),
    ):
        with _counted() as calls:
            begin = time.perf_counter()
            snapshot = take(scope, GraphClient(running.env), from_environment(running.env))
            taken = time.perf_counter() - begin
        assert len(snapshot.everybody) == len(people), snapshot.groups
        return taken, len(calls)


@contextmanager
def _counted() -> Iterator[list[str]]:
    """The requests that this process sends meanwhile; a batch is one."""
    calls: list[str] = []
    send = requests.Session.send

    def counting(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        calls.append(str(request.url))
        return send(session, request, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", counting)
        yield calls
