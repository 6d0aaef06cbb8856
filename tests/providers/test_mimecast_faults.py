"""Every write, and what may become of it: failed before, answer lost after, process killed after the answer.

Whatever happened, running the same operation again leaves exactly what was asked, once. The ids of the
parametrised tests are the table: write and kind of fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from providers.mimecast.resources import (
    AddressBookProvider,
    DomainProvider,
    DomainVerificationProvider,
    GroupMembershipProvider,
    GroupProvider,
)
from sandbox import credentials
from tests.providers.plugin import CallError, Plugin, running
from tests.providers.test_mimecast_resources import CONFIG
from tests.support.sandboxes import ACCOUNT_CODE, RunningSandbox, seed_document, started

Properties = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """One call that changes something: how to get there, how to do it, and what must be true afterwards."""

    path: str
    prepare: Callable[[Plugin, str], Any]
    run: Callable[[Plugin, str, Any], None]
    live: Callable[[RunningSandbox, str], Any]
    expected: Callable[[str], Any]


def nothing(_plugin: Plugin, _name: str) -> None:
    return None


def domain(name: str) -> Properties:
    return {"domain": f"{name}.faults.example", "mode": "ensure", "inboundType": "known"}


def book(name: str, label: str) -> Properties:
    return {"addresses": {f"{name}@example.com": {"name": label}}, "onRemoval": "disable", "adopt": []}


def membership(name: str, *members: str) -> Properties:
    return {"group": name, "members": sorted(members), "hold": False}


def named(world: RunningSandbox, collection: str, key: str, value: str) -> list[Properties]:
    return [document for document in world.control.documents(collection) if document.get(key) == value]


def states(world: RunningSandbox, name: str) -> list[str]:
    return [d["state"] for d in named(world, "mimecast.domains", "domain", f"{name}.faults.example")]


def groups_called(world: RunningSandbox, name: str) -> int:
    return len(named(world, "mimecast.groups", "description", name))


def members_of(plugin: Plugin, name: str) -> list[str]:
    found: list[str] = plugin.read(GroupMembershipProvider, name, membership(name))[1]["members"]
    return found


def users_called(world: RunningSandbox, name: str) -> list[tuple[str, bool]]:
    found = named(world, "mimecast.users", "emailAddress", f"{name}@example.com")
    return [(user["name"], bool(user.get("accountDisabled"))) for user in found]


def group_with_member(plugin: Plugin, name: str) -> Properties:
    plugin.create(GroupProvider, {"description": name})
    return plugin.create(GroupMembershipProvider, membership(name, f"{name}@example.com"))[1]


def pending(plugin: Plugin, name: str) -> Properties:
    return plugin.create(DomainProvider, domain(name))[1]


def published(plugin: Plugin, name: str) -> Properties:
    outputs = pending(plugin, name)
    return {"domain": outputs["domain"], "proofValue": outputs["proofValue"], "publish": "rfc2136"}


def void(_: object) -> None:
    return None


def names_in(world: RunningSandbox, group: str) -> list[str]:
    with running(world.env) as plugin:
        plugin.configure(**CONFIG)
        return members_of(plugin, group)


WRITES = {
    "create-domain": Write(
        "/api/domain/create-domain",
        nothing,
        lambda plugin, name, _: void(plugin.create(DomainProvider, domain(name))),
        states,
        lambda _: ["pending"],
    ),
    "delete-pending-domain": Write(
        "/api/domain/delete-pending-domain",
        pending,
        lambda plugin, name, before: plugin.delete(DomainProvider, name, before),
        states,
        lambda _: [],
    ),
    "verify-domain": Write(
        "/api/domain/verify-domain",
        published,
        lambda plugin, _, before: void(plugin.create(DomainVerificationProvider, before)),
        states,
        lambda _: ["internal"],
    ),
    "create-user": Write(
        "/api/user/create-user",
        nothing,
        lambda plugin, name, _: void(plugin.create(AddressBookProvider, book(name, "New"))),
        users_called,
        lambda _: [("New", False)],
    ),
    "update-user name": Write(
        "/api/user/update-user",
        lambda plugin, name: plugin.create(AddressBookProvider, book(name, "Old"))[1],
        lambda plugin, name, before: void(plugin.update(AddressBookProvider, "b", before, book(name, "New"))),
        users_called,
        lambda _: [("New", False)],
    ),
    "update-user disable": Write(
        "/api/user/update-user",
        lambda plugin, name: plugin.create(AddressBookProvider, book(name, "Old"))[1],
        lambda plugin, _, before: plugin.delete(AddressBookProvider, "b", before),
        users_called,
        lambda _: [("Old", True)],
    ),
    "create-group": Write(
        "/api/directory/create-group",
        nothing,
        lambda plugin, name, _: void(plugin.create(GroupProvider, {"description": name})),
        groups_called,
        lambda _: 1,
    ),
    "update-group": Write(
        "/api/directory/update-group",
        lambda plugin, name: plugin.create(GroupProvider, {"description": f"old {name}"})[1],
        lambda plugin, name, before: void(plugin.update(GroupProvider, "g", before, {"description": name})),
        lambda world, name: (groups_called(world, f"old {name}"), groups_called(world, name)),
        lambda _: (0, 1),
    ),
    "delete-group": Write(
        "/api/directory/delete-group",
        lambda plugin, name: plugin.create(GroupProvider, {"description": name})[1],
        lambda plugin, _, before: plugin.delete(GroupProvider, "g", before),
        groups_called,
        lambda _: 0,
    ),
    "add-group-member": Write(
        "/api/directory/add-group-member",
        lambda plugin, name: plugin.create(GroupProvider, {"description": name}),
        lambda plugin, name, _: void(
            plugin.create(GroupMembershipProvider, membership(name, f"{name}@example.com"))
        ),
        names_in,
        lambda name: [f"{name}@example.com"],
    ),
    "remove-group-member": Write(
        "/api/directory/remove-group-member",
        group_with_member,
        lambda plugin, name, before: void(
            plugin.update(GroupMembershipProvider, name, before, membership(name))
        ),
        names_in,
        lambda _: [],
    ),
}

FAULTS: dict[str, Properties] = {
    "failed before": {"status": 500},
    "refused by quota": {"status": 429, "headers": {"X-RateLimit-Reset": "20"}},
    "not JSON after": {"status": 200, "body": "<html>", "after_commit": True},
    "answer lost after": {"after_commit": True, "drop": True},
    "killed after the answer": {},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"]["domains"] = [{"name": "example.com"}]
    tsig = {
        "name": credentials.TSIG_KEY_NAME,
        "algorithm": credentials.TSIG_ALGORITHM,
        "secret": credentials.TSIG_SECRET,
    }
    document["dns"]["zones"].append({"name": "faults.example", "tsig": tsig})
    with started(tmp_path_factory.mktemp("faults"), document) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as process:
        process.configure(**(CONFIG | {"dns": CONFIG["dns"].replace("proof.example", "faults.example")}))
        yield process


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", WRITES)
def test_what_is_asked_is_there_once(plugin: Plugin, world: RunningSandbox, write: str, fault: str) -> None:
    case = WRITES[write]
    name = f"{write}-{fault}".replace(" ", "-").lower()
    before = case.prepare(plugin, name)
    rule = FAULTS[fault]
    if rule:
        world.control.faults({"host": ".*", "method": "POST", "path": case.path, "times": 1} | rule)
    try:
        case.run(plugin, name, before)
    except CallError:
        pass  # Then the engine keeps what it knew, and the user runs it again.
    finally:
        world.control.faults()
    case.run(plugin, name, before)
    assert case.live(world, name) == case.expected(name)


def test_a_refresh_that_finds_nothing_stays_within_its_budget(tmp_path: Any) -> None:
    count = 250
    document = seed_document()
    document["mimecast"] |= {
        "domains": [{"name": "example.com"}],
        "addresses": [{"domain": "example.com", "count": count}],
    }
    with started(tmp_path, document) as world, running(world.env) as plugin:
        plugin.configure(region="eu", accountCode=ACCOUNT_CODE)
        names = {user["emailAddress"]: user["name"] for user in world.control.documents("mimecast.users")}
        wanted = {a: {"name": name} for a, name in names.items() if a.startswith("user-")}
        assert len(wanted) == count
        inputs = {"addresses": wanted, "onRemoval": "forget", "adopt": []}
        first = len(world.control.journal(host="api.services.mimecast.com"))
        id_, outputs, seen = plugin.read(AddressBookProvider, "address-book", inputs | {"created": []})
        calls = len(world.control.journal(host="api.services.mimecast.com")) - first
        assert (id_, seen, outputs["created"]) == ("address-book", inputs, [])
        assert calls <= count / 100 + 6
