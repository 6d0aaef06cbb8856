"""Directory connections: as both families show them, and as the handler reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.mimecast.client import Credentials, MimecastClient
from providers.mimecast.directory_connection import DirectoryConnection, read_connection
from providers.mimecast.errors import Forbidden, MalformedAnswer, TransportError
from sandbox import credentials
from sandbox.control_client import ControlError
from tests.providers.vendor import Adapter, Answer, client, legacy, refused
from tests.sandbox_mimecast.helpers import Api, default_api
from tests.support.sandboxes import RunningSandbox, seed_document, started

LEGACY = "/api/directory/get-connection"
V2 = "/directory/cloud-gateway/v1/integrations"
LAST = "2026-11-22T10:00:00+0000"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    document = seed_document()
    document["mimecast"]["directoryConnections"] = [
        {"description": "Entra", "lastSync": "2026-11-22T10:00:00+00:00", "domains": ["example.com"]},
        {
            "description": "Old directory",
            "serverType": "active_directory",
            "enabled": False,
            "status": "error",
            "acknowledgeDisabledAccounts": False,
        },
    ]
    with started(tmp_path_factory.mktemp("sync"), document) as sandbox, sandbox.entered():
        sandbox.control.seed(document)
        yield sandbox


@pytest.fixture(autouse=True)
def permissions(world: RunningSandbox) -> Iterator[None]:
    yield
    world.control.set("mimecast.permissions", None)


def mimecast() -> MimecastClient:
    return MimecastClient(Credentials(credentials.MIMECAST_CLIENT_ID, credentials.MIMECAST_CLIENT_SECRET))


def test_connections_are_shown_by_both_families(world: RunningSandbox) -> None:
    api: Api = default_api(world)
    entra, old = api.ok(LEGACY)
    assert (
        entra.items()
        >= {
            "description": "Entra",
            "status": "ok",
            "lastSync": LAST,
            "syncRunning": False,
            "domains": ["example.com"],
            "acknowledgeDisabledAccounts": True,
            "deleteUsers": False,
            "maxUnlink": "unlimited",
        }.items()
    )
    assert (old["enabled"], old["status"], "lastSync" in old) == (False, "error", False)
    rows = api.v2("GET", V2, params={"pageSize": 1}).json()
    assert [(row["description"], row["lastSyncDateTime"]) for row in rows["integrations"]] == [
        ("Entra", LAST)
    ]
    assert rows["meta"]["nextPage"]
    assert api.v2("POST", V2, json={}).status_code == 501


def test_both_want_the_permission(world: RunningSandbox) -> None:
    api = default_api(world)
    world.control.set("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: []})
    assert api.post(LEGACY, {}).status_code == api.v2("GET", V2).status_code == 403
    with pytest.raises(Forbidden, match=r"Services \| Directory Sync \| Read"):
        read_connection(mimecast())


def test_an_unknown_property_cannot_be_seeded(world: RunningSandbox) -> None:
    document: dict[str, Any] = {**seed_document()["mimecast"]}
    document["directoryConnections"] = [{"description": "x", "lastSyncs": LAST}]
    with pytest.raises(ControlError, match="lastSyncs"):
        world.control.seed({"mimecast": document})


def test_they_are_read_with_what_is_not_shown_left_open(world: RunningSandbox) -> None:
    assert read_connection(mimecast()) == (
        DirectoryConnection(
            description="Entra",
            kind="azure_active_directory",
            enabled=True,
            status="ok",
            last_sync=datetime(2026, 11, 22, 10, tzinfo=UTC),
            running=False,
            domains=("example.com",),
            disables_accounts=True,
            deletes_users=False,
        ),
        DirectoryConnection(
            description="Old directory",
            kind="active_directory",
            enabled=False,
            status="error",
            last_sync=None,
            running=False,
            domains=(),
            disables_accounts=False,
            deletes_users=False,
        ),
    )


def test_the_other_family_is_asked_where_the_first_is_refused() -> None:
    row = {"description": "Entra", "lastSyncDateTime": "2026-11-22T10:00:00Z"}

    def respond(path: str, _: Any) -> Answer:
        v2 = path.startswith(V2)
        return Answer({"integrations": [row], "meta": {}}) if v2 else refused(403, "app_forbidden")

    (found,) = read_connection(client(Adapter(respond)))
    assert (found.last_sync, found.enabled, found.running) == (
        datetime(2026, 11, 22, 10, tzinfo=UTC),
        None,
        None,
    )


def test_what_cannot_be_read_is_an_error_and_none_is_none() -> None:
    assert read_connection(client(Adapter(lambda *_: legacy()))) == ()
    with pytest.raises(MalformedAnswer):
        read_connection(client(Adapter(lambda *_: legacy({"lastSync": "yesterday"}))))
    with pytest.raises(TransportError):
        read_connection(client(Adapter(lambda *_: refused(500, "internal_server_error_1"))))
