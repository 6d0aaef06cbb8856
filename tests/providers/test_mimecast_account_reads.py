"""Reads of a whole account: every address and whether it is disabled, and who joined or left groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.mimecast.address_book import AddressFlags, LiveAddress, disabled_states, list_account
from providers.mimecast.audit import group_changes
from providers.mimecast.client import Credentials, MimecastClient
from providers.mimecast.errors import Forbidden, Rejected
from sandbox import credentials
from tests.providers.vendor import Adapter, Reply, client, failure, legacy
from tests.sandbox_mimecast.helpers import Api, default_api
from tests.support.sandboxes import RunningSandbox, seed_document, started

GATEWAY = "api.services.mimecast.com"
MEMBERS = "/api/directory/{}-group-member"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"] |= {
        "domains": [{"name": "example.com"}, {"name": "example.org"}],
        "addresses": [{"domain": "example.org", "count": 230}],
        "users": [
            {"emailAddress": "ada@example.com", "name": "Ada"},
            {"emailAddress": "gone@example.com", "name": "Gone", "accountDisabled": True},
            {"emailAddress": "locked@example.com", "name": "Locked", "accountLocked": True},
            {"emailAddress": "l@example.com", "source": "ldap"},
            {"emailAddress": "alias@example.com", "aliasFor": "ada@example.com"},
        ],
        "groups": [{"description": "pilot"}],
    }
    with started(tmp_path_factory.mktemp("account"), document) as sandbox, sandbox.entered():
        yield sandbox


@pytest.fixture(scope="module")
def mimecast(world: RunningSandbox) -> MimecastClient:
    return MimecastClient(Credentials(credentials.MIMECAST_CLIENT_ID, credentials.MIMECAST_CLIENT_SECRET))


def calls(world: RunningSandbox, after: int) -> int:
    return len(world.control.journal(host=GATEWAY, after=after))


def last(world: RunningSandbox) -> int:
    return max((entry["number"] for entry in world.control.journal()), default=0)


def test_all_addresses_come_a_hundred_a_call_and_say_who_is_disabled(
    world: RunningSandbox, mimecast: MimecastClient
) -> None:
    before = last(world)
    found = list_account(mimecast)
    assert calls(world, before) <= 4, "a token, and three pages"
    assert len([address for address in found if address.endswith("@example.org")]) >= 230
    assert found["ada@example.com"] == LiveAddress(
        "ada@example.com", "Ada", synchronised=False, alias=False, disabled=False
    )
    assert found["gone@example.com"].disabled is True
    assert found["l@example.com"].synchronised
    assert found["alias@example.com"].alias


def test_a_few_addresses_are_read_five_per_call(world: RunningSandbox, mimecast: MimecastClient) -> None:
    desired = [
        "ada@example.com",
        "gone@example.com",
        "locked@example.com",
        "alias@example.com",
        "no@example.com",
    ]
    disabled_states(mimecast, desired[:1])
    before = last(world)
    found = disabled_states(mimecast, [*desired, "user-00001@example.org"])
    assert calls(world, before) == 2
    assert found == {
        "ada@example.com": AddressFlags(disabled=False, locked=False),
        "gone@example.com": AddressFlags(disabled=True, locked=False),
        "locked@example.com": AddressFlags(disabled=False, locked=True),
        "user-00001@example.org": AddressFlags(disabled=False, locked=False),
    }


def test_without_the_permission_both_say_so(world: RunningSandbox, mimecast: MimecastClient) -> None:
    world.control.set("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: []})
    try:
        with pytest.raises(Forbidden, match=r"Internal [|] Read"):
            list_account(mimecast)
        with pytest.raises(Forbidden, match=r"Internal [|] Edit"):
            disabled_states(mimecast, ["ada@example.com"])
    finally:
        world.control.set("mimecast.permissions", None)


def test_a_failure_that_is_not_about_absence_is_raised() -> None:
    log = Adapter(lambda _path, _body: legacy(fail=[failure("err_xdk_something")]))
    with pytest.raises(Rejected, match="disabled"):
        disabled_states(client(log), ["ada@example.com"])


def test_a_listing_without_the_disabled_flag_leaves_it_unknown() -> None:
    rows: list[dict[str, Any]] = [
        {"emailAddress": "Ada@example.com", "isAlias": False, "internal": True},
        {"emailAddress": "out@example.net", "internal": False, "disabled": True},
    ]
    found = list_account(client(Adapter(lambda _path, _body: Reply({"users": rows, "meta": {}}))))
    assert [(address, live.disabled) for address, live in found.items()] == [("ada@example.com", None)]


def test_memberships_are_read_from_the_log(world: RunningSandbox, mimecast: MimecastClient) -> None:
    api: Api = default_api(world)
    (found,) = api.ok("/api/directory/find-groups", {"query": "pilot"})
    group = found["folders"][0]["id"]
    start = datetime.now(UTC)
    for verb in ("add", "remove", "add"):
        api.ok(MEMBERS.format(verb), {"id": group, "emailAddress": "Ada@example.com"})
    api.ok(MEMBERS.format("add"), {"id": group, "domain": "example.org"})
    read = group_changes(mimecast, start)
    assert read.unread == ()
    assert [(each.member, each.group, each.joined) for each in read.changes] == [
        ("ada@example.com", "pilot", True),
        ("ada@example.com", "pilot", False),
        ("ada@example.com", "pilot", True),
        ("@example.org", "pilot", True),
    ]
    assert group_changes(mimecast, start + timedelta(hours=1)).changes == ()
