"""The budget of calls (``mimecast_calls.toml``), enforced by counting the gateway's requests."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from providers.mimecast.resources import (
    AddressBookProvider,
    AuthenticationProfileProvider,
    DirectoryIntegrationProvider,
    DomainProvider,
    DomainVerificationProvider,
    GroupMembershipProvider,
    GroupProvider,
)
from tests.providers.plugin import Plugin, running
from tests.providers.test_mimecast_profile import FORM, THUMBPRINT
from tests.providers.test_mimecast_resources import CONFIG, TSIG
from tests.support.sandboxes import RunningSandbox, seed_document, started

BUDGET = tomllib.loads(Path(__file__).with_name("mimecast_calls.toml").read_text())
GATEWAY = "api.services.mimecast.com"
COUNTS = {"example.com": 230, "second.example": 120}
IMPORTED = 1_200

Properties = dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"] |= {
        "domains": [{"name": name} for name in (*COUNTS, "imported.example", "few.example")],
        "addresses": [{"domain": name, "count": count} for name, count in COUNTS.items()],
    }
    document["dns"]["zones"].append({"name": "proof.example", "tsig": TSIG})
    with started(tmp_path_factory.mktemp("calls"), document) as sandbox:
        yield sandbox


@contextmanager
def counted(world: RunningSandbox, calls: list[int]) -> Iterator[Plugin]:
    """A provider process of its own; how many calls it made is added to ``calls``."""
    before = len(world.control.journal(host=GATEWAY))
    with running(world.env) as plugin:
        plugin.configure(**CONFIG)
        yield plugin
    calls.append(len(world.control.journal(host=GATEWAY)) - before)


def book(names: dict[str, str], on_removal: str = "disable") -> Properties:
    return {
        "addresses": {address: {"name": name} for address, name in names.items()},
        "onRemoval": on_removal,
        "adopt": [],
    }


def test_a_refresh_of_a_whole_stack(world: RunningSandbox) -> None:
    people = {
        user["emailAddress"]: user["name"]
        for user in world.control.documents("mimecast.users")
        if user["emailAddress"].startswith("user-")
    }
    assert len(people) == sum(COUNTS.values())
    desired = {"group": "Refreshed", "members": sorted(people)[:30], "hold": False}
    stack: list[tuple[Any, str, Properties]] = []
    with counted(world, []) as plugin:
        for name in COUNTS:
            inputs: Properties = {"domain": name, "mode": "ensure", "inboundType": "known"}
            stack.append((DomainProvider, *plugin.create(DomainProvider, inputs)))
            proof = {"domain": name, "proofValue": "", "publish": "none"}
            stack.append((DomainVerificationProvider, *plugin.create(DomainVerificationProvider, proof)))
        stack.append((AddressBookProvider, *plugin.create(AddressBookProvider, book(people))))
        stack.append((GroupProvider, *plugin.create(GroupProvider, {"description": "Refreshed"})))
        stack.append((GroupMembershipProvider, *plugin.create(GroupMembershipProvider, desired)))
    calls: list[int] = []
    with counted(world, calls) as plugin:
        for provider, id_, outputs in stack:
            assert plugin.read(provider, id_, outputs)[:2] == (id_, outputs), "nothing changed"
    pages = sum(math.ceil(count / BUDGET["refresh"]["addresses_per_call"]) for count in COUNTS.values())
    assert calls[0] <= pages + BUDGET["refresh"]["plus"]


def test_each_operation_stays_within_its_budget_of_calls(world: RunningSandbox) -> None:
    with running(world.env) as plugin, running(world.env) as later:
        for each in (plugin, later):
            each.configure(**CONFIG)
            each.read(GroupProvider, "x", {"description": "x"})  # Token and account, once for the process.
        spent = spend_all(plugin, later, world)
    budget = BUDGET["calls"]
    assert spent.keys() == budget.keys()
    over = {
        operation: (spent[operation], most) for operation, most in budget.items() if spent[operation] > most
    }
    assert over == {}, f"operation: (calls, budget); all: {spent}"


def spend_all(plugin: Plugin, later: Plugin, world: RunningSandbox) -> dict[str, int]:
    """Does every operation once; how many calls each made."""
    spent: dict[str, int] = {}

    def spend(operation: str, work: Callable[[Plugin], Any]) -> Any:
        before = len(world.control.journal(host=GATEWAY))
        result = work(plugin)
        spent[operation] = len(world.control.journal(host=GATEWAY)) - before
        return result

    domain = {"domain": "proof.example", "mode": "ensure", "inboundType": "known"}
    _, made = spend("domain: register", lambda p: p.create(DomainProvider, domain))
    proof = {"domain": "proof.example", "proofValue": made["proofValue"], "publish": "rfc2136"}
    spend("verification: published and seen", lambda p: p.create(DomainVerificationProvider, proof))
    spend("verification: already verified", lambda p: p.create(DomainVerificationProvider, proof))
    spend("domain: found as it is", lambda p: p.create(DomainProvider, domain))

    group = {"description": "Counted"}
    spend("group: create", lambda p: p.create(GroupProvider, group))
    spend("group: found as it is", lambda p: p.create(GroupProvider, group))
    members = {"group": "Counted", "members": [f"m{n:02d}@example.com" for n in range(25)], "hold": False}
    _, inside = spend("membership: add 25", lambda p: p.create(GroupMembershipProvider, members))
    spend("membership: nothing to do", lambda p: p.create(GroupMembershipProvider, members))
    spend("membership: remove 25", lambda _: later.delete_here(GroupMembershipProvider, "Counted", inside))

    three = book({f"p{number}@few.example": "Person" for number in range(3)})
    _, outputs = spend("book: create 3 of 3", lambda p: p.create(AddressBookProvider, three))
    spend("book: nothing to do", lambda p: p.update(AddressBookProvider, "b", outputs, three))
    renamed = three | {"addresses": three["addresses"] | {"p0@few.example": {"name": "Other"}}}
    outputs = spend("book: rename 1 of 3", lambda p: p.update(AddressBookProvider, "b", outputs, renamed))
    spend("book: disable 3", lambda _: later.delete_here(AddressBookProvider, "b", outputs))

    entra: Properties = {
        "description": "Entra",
        "mode": "ensure",
        "properties": {"tenantDomain": "contoso.example"},
    }
    spend("integration: create", lambda p: p.create(DirectoryIntegrationProvider, entra))
    _, kept = spend("integration: found as it is", lambda p: p.create(DirectoryIntegrationProvider, entra))
    limited = entra | {"properties": entra["properties"] | {"maxUnlink": "100"}}
    spend(
        "integration: change one property",
        lambda p: p.update(DirectoryIntegrationProvider, "i", kept, limited),
    )

    def profile(plugin: Plugin) -> None:
        id_, made = plugin.create(AuthenticationProfileProvider, {"form": FORM, "thumbprint": THUMBPRINT})
        plugin.read(AuthenticationProfileProvider, id_, made)
        plugin.delete(AuthenticationProfileProvider, id_, made)

    spend("profile: everything", profile)
    return spent


def test_many_new_addresses(world: RunningSandbox) -> None:
    budget = BUDGET["import"]
    calls: list[int] = []
    people = {f"person{number:05d}@imported.example": f"Person {number}" for number in range(IMPORTED)}
    with counted(world, calls) as plugin:
        _, outputs = plugin.create(AddressBookProvider, book(people))
    assert len(outputs["created"]) == IMPORTED
    files = math.ceil(IMPORTED / budget["addresses_per_file"])
    pages = math.ceil(IMPORTED / budget["addresses_per_call"])
    assert calls[0] <= files * budget["calls_per_file"] + pages + budget["plus"]
