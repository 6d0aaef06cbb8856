"""Directory connections: as both API families return them, and as the handler reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.mimecast.client import Credentials, MimecastClient
from providers.mimecast.directory_connection import DirectoryConnection, read_connection
from providers.mimecast.errors import Forbidden, MalformedResponse, TransportError
from sandbox import credentials
from sandbox.control_client import ControlError
from tests.providers.vendor import Adapter, Reply, client, legacy, refused
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


def test_both_need_the_permission(world: RunningSandbox) -> None:
    api = default_api(world)
    world.control.set("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: []})
    assert api.post(LEGACY, {}).status_code == api.v2("GET", V2).status_code == 403
    with pytest.raises(Forbidden, match=r"Services \| Directory Sync \| Read"):
        read_connection(mimecast())


def test_properties_that_are_not_shown_are_read_as_unknown(world: RunningSandbox) -> None:
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


M365 = f"{V2}/m365"
EXECUTE, REQUEST = "/api/directory/execute-sync", f"{V2}/sync-requests"


def codes(response: Any) -> tuple[int, str]:
    """The status and the code of a refusal in the gateway's form."""
    return response.status_code, response.json()["fail"][0]["errors"][0]["code"]


def test_an_integration_is_created_read_changed_and_deleted(world: RunningSandbox) -> None:
    api = default_api(world)
    desired = {"description": "Contoso", "tenantDomain": "contoso.example", "maxUnlink": "1,000"}
    made = api.v2("POST", M365, json=desired)
    assert (made.status_code, list(made.json())) == (201, ["id"])
    path = f"{M365}/{made.json()['id']}"
    shown = api.v2("GET", path).json()
    assert shown.items() >= {"maxUnlink": 1000, "enabled": True, "syncRunning": False, "domains": []}.items()
    assert not shown.keys() & {"id", "status", "serverType", "lastSyncDateTime"}
    assert api.v2("PATCH", path, json={"enabled": False}).status_code == 204
    assert api.v2("GET", path).json()["enabled"] is False
    assert "Contoso" in [each["description"] for each in api.ok(LEGACY)], "both families show it"
    assert api.v2("DELETE", path).status_code == 204
    assert codes(api.v2("GET", path)) == (404, "err_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"description": "x"}, "err_validation_null"),
        ({"tenantDomain": "contoso.example"}, "err_validation_null"),
        ({"description": "x" * 121, "tenantDomain": "contoso.example"}, "err_validation_invalid"),
        ({"description": "x", "tenantDomain": "contoso.example", "maxUnlink": "7"}, "err_validation_invalid"),
        ({"description": "x", "tenantDomain": "contoso.example", "enabled": "yes"}, "err_validation_invalid"),
        ({"description": "x", "tenantDomain": "contoso.example", "colour": "red"}, "err_deserialise"),
    ],
)
def test_an_integration_that_is_malformed_is_refused(
    world: RunningSandbox, body: dict[str, Any], code: str
) -> None:
    assert codes(default_api(world).v2("POST", M365, json=body)) == (400, code)


def test_an_integration_of_another_kind_is_not_shown_as_one_to_microsoft_365(world: RunningSandbox) -> None:
    api = default_api(world)
    old = next(each for each in api.ok(LEGACY) if each["description"] == "Old directory")
    for method in ("GET", "PATCH", "DELETE"):
        assert codes(api.v2(method, f"{M365}/{old['id']}", json={})) == (404, "err_not_found")
    assert api.v2("POST", f"{V2}/google", json={}).status_code == 501


def test_writing_needs_another_permission_than_requesting_a_run(world: RunningSandbox) -> None:
    api = default_api(world)
    read = ["Services | Directory Sync | Read"]
    world.control.set("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: read})
    assert codes(api.v2("POST", M365, json={})) == (403, "app_forbidden")
    assert api.post(EXECUTE, {}).status_code == 403
    assert api.v2("POST", REQUEST).status_code == 204, "by the catalogue, which lists it under Read"


def test_a_run_imports_the_people_of_the_tenant(world: RunningSandbox) -> None:
    api = default_api(world)
    api.v2("POST", M365, json={"description": "No such tenant", "tenantDomain": "nowhere.example"})
    tenant = {"emailAddress": "gone@example.com", "source": "ldap"}
    people = [
        {
            "mail": f"{name}@example.com",
            "userPrincipalName": f"{name}@example.com",
            "displayName": name.title(),
        }
        for name in ("synced", "left")
    ]
    world.control.seed(
        seed_document() | {"users": [each | {"password": credentials.USER_PASSWORD} for each in people]}
    )
    world.control.seed(
        {"mimecast": seed_document()["mimecast"] | {"domains": [{"name": "example.com"}], "users": [tenant]}}
    )
    (left,) = [each for each in world.control.documents("entra.users") if each["mail"] == "left@example.com"]
    world.control.put("entra.users", left["id"], left | {"accountEnabled": False})
    world.control.set("mimecast.sync_seconds", 3600)
    assert api.ok(EXECUTE) == [{"type": "AZURE_ACTIVE_DIRECTORY", "syncStatus": "started"}]
    running = {each["description"]: each["syncRunning"] for each in api.ok(LEGACY)}
    assert running == {"Entra": True, "Old directory": False, "No such tenant": True}, (
        "but of the disabled one"
    )
    world.control.set("mimecast.sync_seconds", 0)
    rows = {each["description"]: each for each in api.ok(LEGACY)}
    assert (rows["Entra"]["syncRunning"], rows["Entra"]["lastSync"] > LAST) == (False, True)
    assert (rows["No such tenant"]["status"], "lastSync" in rows["No such tenant"]) == ("error", False)
    users = {each["emailAddress"]: each for each in world.control.documents("mimecast.users")}
    assert (users["synced@example.com"]["source"], users["synced@example.com"]["name"]) == ("ldap", "Synced")
    assert users["left@example.com"]["accountDisabled"] is True
    assert "gone@example.com" in users, "without deleteUsers nobody is deleted"

    entra = api.v2("GET", V2).json()["integrations"][0]["id"]
    api.v2("PATCH", f"{M365}/{entra}", json={"deleteUsers": True, "maxUnlink": "0"})
    api.v2("POST", REQUEST)
    api.ok(LEGACY)
    assert world.control.get("mimecast.users", "gone@example.com"), "more than maxUnlink would go"
    api.v2("PATCH", f"{M365}/{entra}", json={"maxUnlink": "10"})
    api.v2("POST", REQUEST)
    api.ok(LEGACY)
    assert world.control.get("mimecast.users", "gone@example.com") is None


def test_an_unknown_property_cannot_be_seeded(world: RunningSandbox) -> None:
    document: dict[str, Any] = {**seed_document()["mimecast"]}
    document["directoryConnections"] = [{"description": "x", "lastSyncs": LAST}]
    with pytest.raises(ControlError, match="lastSyncs"):
        world.control.seed({"mimecast": document})


def test_the_other_api_family_is_used_if_the_first_is_refused() -> None:
    row = {"description": "Entra", "lastSyncDateTime": "2026-11-22T10:00:00Z"}

    def respond(path: str, _: Any) -> Reply:
        v2 = path.startswith(V2)
        return Reply({"integrations": [row], "meta": {}}) if v2 else refused(403, "app_forbidden")

    (found,) = read_connection(client(Adapter(respond)))
    assert (found.last_sync, found.enabled, found.running) == (
        datetime(2026, 11, 22, 10, tzinfo=UTC),
        None,
        None,
    )


def test_a_list_under_another_name_is_not_taken_for_none() -> None:
    def respond(path: str, _: Any) -> Reply:
        v2 = path.startswith(V2)
        return Reply({"directories": [], "meta": {}}) if v2 else refused(403, "app_forbidden")

    with pytest.raises(MalformedResponse, match='has no list "integrations"'):
        read_connection(client(Adapter(respond)))


def test_what_cannot_be_read_is_an_error_and_none_is_none() -> None:
    assert read_connection(client(Adapter(lambda *_: legacy()))) == ()
    with pytest.raises(MalformedResponse):
        read_connection(client(Adapter(lambda *_: legacy({"lastSync": "yesterday"}))))
    with pytest.raises(TransportError):
        read_connection(client(Adapter(lambda *_: refused(500, "internal_server_error_1"))))
