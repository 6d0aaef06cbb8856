"""Graph's JSON batching: each request in a batch is checked, faulted and logged like a separate one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.world import World
from tests.support.sandboxes import ADA, GRACE, RunningSandbox

BATCH = "https://graph.microsoft.com/v1.0/$batch"


@pytest.fixture(scope="module")
def graph(sandbox: RunningSandbox) -> requests.Session:
    return sandbox.graph()


@pytest.fixture(autouse=True)
def clean(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    sandbox.control.faults()
    for name in ("entra.deployer_roles", "entra.page_size"):
        sandbox.control.set(name, None)


def get(identifier: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": identifier, "method": "GET", "url": url, **more}


def send(session: requests.Session, *entries: dict[str, Any]) -> dict[str, dict[str, Any]]:
    reply = session.post(BATCH, json={"requests": entries}, timeout=30)
    assert reply.status_code == 200, reply.text
    return {response["id"]: response for response in reply.json()["responses"]}


def refused(session: requests.Session, body: Any) -> tuple[int, str, str]:
    reply = session.post(BATCH, json=body, timeout=30)
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]


def test_each_request_has_a_separate_response_in_no_particular_order(graph: requests.Session) -> None:
    entries = [
        get("1", f"/users/{ADA}?$select=mail"),
        get("2", "/users/nobody@example.com"),
        # As the documentation's own example: without a slash in front, and with spaces.
        get(
            "3", f"users?$select=id,mail&$filter=mail eq '{GRACE}'", headers={"ConsistencyLevel": "eventual"}
        ),
    ]
    reply = graph.post(BATCH, json={"requests": entries}, timeout=30)
    assert [response["id"] for response in reply.json()["responses"]] == ["3", "2", "1"]
    found = {response["id"]: response for response in reply.json()["responses"]}
    assert (found["1"]["status"], found["1"]["body"]["mail"]) == (200, ADA)
    assert found["1"]["headers"]["request-id"] != found["2"]["headers"]["request-id"]
    assert found["1"]["headers"]["Content-Type"].startswith("application/json")
    assert (found["2"]["status"], found["2"]["body"]["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert [row["mail"] for row in found["3"]["body"]["value"]] == [GRACE]


def test_writes_work_and_an_empty_response_has_no_body(
    graph: requests.Session, sandbox: RunningSandbox
) -> None:
    made = sandbox.instantiate("batched")["application"]
    json_body = {"headers": {"Content-Type": "application/json"}, "body": {"notes": "by batch"}}
    found = send(graph, {"id": "a", "method": "PATCH", "url": f"/applications/{made['id']}", **json_body})
    assert (found["a"]["status"], "body" in found["a"]) == (204, False)
    found = send(graph, get("b", f"/applications/{made['id']}?$select=notes"))
    assert found["b"]["body"]["notes"] == "by batch"
    found = send(graph, {"id": "c", "method": "DELETE", "url": f"/applications/{made['id']}"})
    assert found["c"]["status"] == 204


def test_a_collection_comes_in_pages_whose_links_are_followed_alone(
    graph: requests.Session, sandbox: RunningSandbox
) -> None:
    sandbox.control.set("entra.page_size", 2)
    body = send(graph, get("1", "/users?$select=id"))["1"]["body"]
    rows = [*body["value"], *graph.get(body["@odata.nextLink"], timeout=30).json()["value"]]
    assert len(rows) == 4


def test_each_request_needs_its_permission(sandbox: RunningSandbox) -> None:
    sandbox.control.set("entra.deployer_roles", ["User.Read.All"])
    found = send(sandbox.graph(), get("1", "/users?$select=id"), get("2", "/groups"))
    assert (found["1"]["status"], found["2"]["status"]) == (200, 403)
    assert found["2"]["body"]["error"]["code"] == "Authorization_RequestDenied"


def test_faults_affect_one_request_of_a_batch(graph: requests.Session, sandbox: RunningSandbox) -> None:
    sandbox.control.faults(
        {"path": "/v1.0/users", "kind": "quota"},
        {"path": "/v1.0/groups", "kind": "drop-before"},
        {"path": "/v1.0/domains", "kind": "malformed"},
    )
    found = send(graph, *(get(name, f"/{name}") for name in ("users", "groups", "domains", "organization")))
    assert (found["users"]["status"], found["users"]["headers"]["Retry-After"]) == (429, "1")
    assert found["groups"]["status"] == 504
    assert isinstance(found["domains"]["body"], str), "what is no JSON is shown in base 64"
    assert found["organization"]["status"] == 200
    sandbox.control.faults({"path": "/v1.0/.batch", "kind": "unavailable"})
    assert graph.post(BATCH, json={"requests": [get("1", "/users")]}, timeout=30).status_code == 503


def test_the_journal_has_the_batch_and_marks_its_requests(
    graph: requests.Session, sandbox: RunningSandbox
) -> None:
    before = sandbox.control.journal()[-1]["number"]
    send(graph, get("1", "/users?$filter=mail eq 'x@example.com'"), get("2", "/groups"))
    entries = sandbox.control.journal(after=before)
    assert [(entry["method"], entry["path"], entry["batched"]) for entry in entries] == [
        ("GET", "/v1.0/users", True),
        ("GET", "/v1.0/groups", True),
        ("POST", "/v1.0/$batch", False),
    ]
    assert (entries[0]["query"], entries[0]["status"]) == ("$filter=mail eq 'x@example.com'", 200)


def test_a_batch_that_is_malformed_is_refused_whole(graph: requests.Session, sandbox: RunningSandbox) -> None:
    malformed = (400, "BadRequest", "Invalid batch payload format.")
    for body in ({}, {"requests": []}, {"requests": [{"id": "1"}]}, {"requests": "x"}, []):
        assert refused(graph, body) == malformed
    many = {"requests": [get(str(number), "/users") for number in range(21)]}
    assert refused(graph, many)[2] == "Number of requests inside batch exceed the limit."
    twice = {"requests": [get("a", "/users"), get("A", "/users")]}
    assert refused(graph, twice)[2] == "Request Id A has to be unique in a batch."
    bare = {"requests": [{"id": "1", "method": "POST", "url": "/groups", "body": {}}]}
    assert refused(graph, bare)[2] == "Write request id : 1 does not contain Content-Type header or body."
    nobody = sandbox.session().post(BATCH, json={"requests": [get("1", "/users")]}, timeout=30)
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    "entry",
    [
        get("2", "/users", dependsOn=["1"]),
        get("2", "/$batch"),
        get("2", "https://graph.microsoft.com/v1.0/users"),
        {
            "id": "2",
            "method": "PUT",
            "url": "/applications/x/logo",
            "headers": {"Content-Type": "image/png"},
            "body": "iVBORw0KGgo",
        },
    ],
)
def test_what_is_not_simulated_says_so_and_nothing_is_done(
    graph: requests.Session, sandbox: RunningSandbox, entry: dict[str, Any]
) -> None:
    before = sandbox.control.journal()[-1]["number"]
    status, code, _ = refused(graph, {"requests": [get("1", "/users"), entry]})
    assert (status, code) == (501, "NotImplemented")
    assert len(sandbox.control.journal(after=before)) == 1


def test_a_world_whose_journal_lacks_the_mark_still_loads(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "world.sqlite")
    database.execute(
        "CREATE TABLE journal (number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, host TEXT NOT NULL,"
        " method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, status INTEGER NOT NULL, body TEXT)"
    )
    database.execute(
        "INSERT INTO journal (time, host, method, path, query, status, body)"
        " VALUES ('2026-11-29T10:00:00+00:00', 'graph.microsoft.com', 'GET', '/v1.0/users', '', 200, 'null')"
    )
    database.commit()
    database.close()
    for _ in range(2):
        world = World(tmp_path, "instance")
        assert [entry.batched for entry in world.journal()] == [False]
        world.close()
