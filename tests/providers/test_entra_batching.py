"""Many reads of Graph in few calls: against the sandbox with the real client, and against scripted batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from providers.entra import batching
from providers.entra.batching import Read, ReadOutcome
from providers.entra.errors import GraphError, ObjectNotFound, Refused, Unreachable
from providers.entra.graph import GraphClient
from tests.support.sandboxes import ADA, ALAN, GRACE, RunningSandbox

BATCH = r"/v1\.0/\$batch$"
Json = dict[str, Any]


@pytest.fixture
def client(sandbox: RunningSandbox, on_the_sandbox: None) -> Iterator[GraphClient]:
    yield GraphClient(sandbox.env)
    sandbox.control.faults()
    sandbox.control.set("entra.page_size", None)


def calls(sandbox: RunningSandbox, after: int) -> list[tuple[str, str]]:
    """The requests over the wire, without those inside a batch."""
    entries = sandbox.control.journal(after=after, host="graph.microsoft.com")
    return [(entry["method"], entry["path"]) for entry in entries if not entry["batched"]]


def last(sandbox: RunningSandbox) -> int:
    return int(sandbox.control.journal()[-1]["number"])


def test_fifty_reads_are_three_calls_and_come_in_the_order_asked(
    client: GraphClient, sandbox: RunningSandbox
) -> None:
    people = [ADA, GRACE, ALAN, "nobody@example.com", "o'neil+x #1@example.com"] * 10
    client.get("/organization")  # a token
    before = last(sandbox)
    outcomes = client.batch(Read(f"/users/{name}", {"select": "mail"}) for name in people)
    assert calls(sandbox, before) == [("POST", "/v1.0/$batch")] * 3
    assert [outcome.one()["mail"] for outcome in outcomes[:3]] == [ADA, GRACE, ALAN]
    assert [type(outcome.error) for outcome in outcomes[3:5]] == [ObjectNotFound, ObjectNotFound]
    with pytest.raises(ObjectNotFound, match=r"nobody@example\.com"):
        outcomes[3].one()
    assert client.batch([]) == ()


def test_a_collection_is_read_to_its_end_and_an_object_is_no_collection(
    client: GraphClient, sandbox: RunningSandbox
) -> None:
    sandbox.control.set("entra.page_size", 2)
    before = last(sandbox)
    everybody, filtered, person = client.batch(
        [
            Read("/users", {"select": "id,mail"}),
            Read("/users", {"filter": f"mail in ('{ADA}','{GRACE}')", "select": "mail"}),
            Read(f"/users/{ADA}"),
        ]
    )
    assert len(everybody.rows()) == 4
    assert sorted(row["mail"] for row in filtered.rows()) == [ADA, GRACE]
    assert [call for call in calls(sandbox, before) if call[0] == "GET"] == [("GET", "/v1.0/users")]
    with pytest.raises(Unreachable, match="not a collection"):
        person.rows()


def test_only_throttled_requests_are_sent_again(client: GraphClient, sandbox: RunningSandbox) -> None:
    sandbox.control.faults({"path": "/v1.0/groups", "kind": "quota", "times": 1})
    client.get("/organization")
    before = last(sandbox)
    groups, users = client.batch([Read("/groups"), Read("/users")])
    assert (groups.error, users.error) == (None, None)
    batched = [entry["path"] for entry in sandbox.control.journal(after=before) if entry["batched"]]
    assert batched == ["/v1.0/groups", "/v1.0/users", "/v1.0/groups"]


def test_one_refusal_is_one_error_and_names_the_request(client: GraphClient, sandbox: RunningSandbox) -> None:
    refused, allowed = client.batch([Read(f"/users/{ADA}/mailboxSettings/userPurpose"), Read("/users")])
    assert isinstance(refused.error, Refused)
    assert refused.error.code == "Authorization_RequestDenied"
    assert refused.error.request_id
    assert allowed.rows()


@pytest.mark.parametrize("kind", ["malformed", "wrong-type", "truncated"])
def test_a_corrupted_response_is_an_error_of_its_request(
    client: GraphClient, sandbox: RunningSandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    sandbox.control.faults({"path": "/v1.0/groups", "kind": kind, "times": 100})
    groups, users = client.batch([Read("/groups"), Read("/users")])
    with pytest.raises(Unreachable, match="/groups"):
        groups.rows()
    assert users.rows()


@pytest.mark.parametrize("kind", ["malformed", "token-expired", "error-before"])
def test_a_batch_that_fails_as_a_whole_raises(
    client: GraphClient, sandbox: RunningSandbox, kind: str
) -> None:
    sandbox.control.faults({"path": BATCH, "kind": kind, "times": 100})
    with pytest.raises(GraphError, match=r"POST /\$batch"):
        client.batch([Read("/users")])


def test_an_unavailable_service_is_retried(client: GraphClient, sandbox: RunningSandbox) -> None:
    sandbox.control.faults({"path": BATCH, "kind": "unavailable", "times": 1})
    assert client.batch([Read("/users")])[0].rows()


# Scripted batches: responses that no sandbox sends, and the length of pauses


def scripted(
    *replies: Callable[[Json], Any],
) -> tuple[Callable[[list[Read]], tuple[ReadOutcome, ...]], list[float]]:
    """A run against one reply after the other; each makes a sub-response of a sub-request."""
    waited: list[float] = []
    queue = list(replies)

    def post(body: Json) -> Json:
        reply = queue.pop(0)
        return {"responses": [reply(request) for request in body["requests"]][::-1]}

    def next_page(path: str, link: str) -> Json:
        raise Refused(f"{path}: {link}")

    def run(reads: list[Read]) -> tuple[ReadOutcome, ...]:
        return batching.run(reads, post=post, next_page=next_page, sleep=waited.append)

    return run, waited


def fine(request: Json) -> Json:
    return {"id": request["id"], "status": 200, "body": {"url": request["url"]}}


def throttled(seconds: str | None) -> Callable[[Json], Json]:
    headers = {} if seconds is None else {"Retry-After": seconds}
    return lambda request: {"id": request["id"], "status": 429, "headers": headers, "body": {}}


def test_the_longest_of_the_waits_is_kept_and_none_is_longer_than_a_minute() -> None:
    def uneven(request: Json) -> Json:
        return throttled("7" if request["id"] == "1" else "2")(request)

    run, waited = scripted(uneven, throttled("900"), throttled(None), throttled("later"), fine)
    outcomes = run([Read("/a"), Read("/b")])
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert waited == [7, 60, 4, 8]


def test_endless_throttling_ends_with_the_error() -> None:
    run, waited = scripted(*[throttled("1")] * 6)
    (outcome,) = run([Read("/a")])
    assert isinstance(outcome.error, Unreachable)
    assert waited == [1] * 5


def test_malformed_responses_are_errors_of_their_requests() -> None:
    def odd(request: Json) -> Any:
        shapes: list[Any] = [
            "text",
            {"id": request["id"]},
            {"id": request["id"], "status": "200", "body": {}},
            {"id": request["id"], "status": 200, "body": "eA=="},
            {"id": request["id"], "status": 200, "body": {"value": [], "@odata.nextLink": "https://x/"}},
            {"id": request["id"], "status": 500, "body": None},
        ]
        return shapes[int(request["id"])]

    run, _ = scripted(odd)
    outcomes = run([Read("/a")] * 6)
    assert all(outcome.error for outcome in outcomes)
    assert [type(outcome.error) for outcome in outcomes] == [Unreachable] * 4 + [Refused, Unreachable]


def test_urls_are_written_as_a_batch_takes_them() -> None:
    run, _ = scripted(fine)
    reads = [
        Read("/users/a#EXT#@x", {"filter": "mail eq 'a+b&c'", "top": "5"}),
        Read("/groups/%41"),
    ]
    first, second = run(reads)
    assert first.one()["url"] == "/users/a%23EXT%23@x?$filter=mail%20eq%20%27a%2Bb%26c%27&$top=5"
    assert second.one()["url"] == "/groups/%41"
