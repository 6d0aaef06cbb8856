"""An address book that only checks: directory synchronisation owns the addresses, and nothing is ever written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.mimecast.resources import AddressBookProvider
from tests.providers.plugin import Plugin, running
from tests.providers.test_mimecast_resources import CONFIG, tenant
from tests.support.sandboxes import RunningSandbox, started

SYNCED, ABSENT, CLOUD = "synced@example.com", "absent@example.com", "there@example.com"
WRITES = "/api/user/(create-user|update-user|import-users)"


@pytest.fixture
def world(tmp_path: Any) -> Iterator[RunningSandbox]:
    with started(tmp_path, tenant()) as sandbox:
        yield sandbox


@pytest.fixture
def plugin(world: RunningSandbox) -> Iterator[Plugin]:
    with running(world.env) as process:
        process.configure(**CONFIG)
        yield process


def looked_at(*addresses: str) -> dict[str, Any]:
    return {
        "addresses": {address: {"name": ""} for address in sorted(addresses)},
        "onRemoval": "refuse",
        "adopt": [],
        "checkOnly": True,
    }


def writes(world: RunningSandbox) -> int:
    return len(world.control.journal(path=WRITES))


def refreshed(world: RunningSandbox, id_: str, outputs: dict[str, Any]) -> tuple[str, Any, Any]:
    with running(world.env) as later:
        later.configure(**CONFIG)
        return later.read(AddressBookProvider, id_, outputs)


def test_missing_addresses_are_reported_and_nothing_is_written(plugin: Plugin, world: RunningSandbox) -> None:
    inputs = plugin.inputs(AddressBookProvider, looked_at(SYNCED, ABSENT, CLOUD))
    assert inputs == looked_at(SYNCED, ABSENT, CLOUD)
    id_, outputs = plugin.create(AddressBookProvider, inputs)
    assert outputs == inputs | {"created": [], "missing": [ABSENT]}
    assert plugin.diff(AddressBookProvider, id_, outputs, inputs)[0] == "DIFF_SOME", (
        "the next run looks again"
    )

    fewer = looked_at(SYNCED)
    outputs = plugin.update(AddressBookProvider, id_, outputs, fewer)
    assert outputs["missing"] == []
    assert plugin.diff(AddressBookProvider, id_, outputs, fewer) == ("DIFF_UNKNOWN", [])
    assert plugin.read(AddressBookProvider, id_, outputs) == (id_, outputs, fewer)

    user = world.control.get("mimecast.users", SYNCED)
    assert user
    world.control.delete("mimecast.users", SYNCED)
    nobody = fewer | {"addresses": {}}
    for _ in range(2):
        id_, outputs, seen = refreshed(world, id_, outputs)
        assert (seen, outputs) == (nobody, nobody | {"created": [], "missing": [SYNCED]})
    world.control.put("mimecast.users", SYNCED, user)
    assert refreshed(world, id_, outputs) == (id_, fewer | {"created": [], "missing": []}, fewer)
    plugin.delete(AddressBookProvider, id_, outputs)
    assert writes(world) == 0


def test_what_was_only_checked_is_not_managed_later(plugin: Plugin, world: RunningSandbox) -> None:
    _, outputs = plugin.create(AddressBookProvider, looked_at(CLOUD, SYNCED))
    managed = {"addresses": {}, "onRemoval": "disable", "adopt": []}
    plugin.update(AddressBookProvider, "address-book", outputs, managed)
    assert writes(world) == 0


def test_a_book_of_an_earlier_release_shows_no_difference(plugin: Plugin) -> None:
    recorded = {"addresses": {CLOUD: {"name": "There Already"}}, "onRemoval": "forget", "adopt": []}
    for news in (recorded, recorded | {"checkOnly": False}):
        assert plugin.check(AddressBookProvider, news, recorded) == (recorded, [])
    outputs = recorded | {"created": []}
    assert plugin.diff(AddressBookProvider, "address-book", outputs, recorded) == ("DIFF_UNKNOWN", [])
    assert plugin.read(AddressBookProvider, "address-book", outputs)[1:] == (outputs, recorded)
