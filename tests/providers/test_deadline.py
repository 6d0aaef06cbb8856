"""The deadline of one tenant: no client waits beyond it, whatever a service requests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from providers.deadline import Deadline, DeadlinePassed
from providers.entra.batching import Read
from providers.entra.errors import Unreachable
from providers.entra.graph import GraphClient
from providers.mimecast.accounts import read_account
from providers.mimecast.errors import TransportError
from providers.mimecast.session import from_environment
from tests.support.sandboxes import RunningSandbox

pytestmark = pytest.mark.usefixtures("on_the_sandbox")
IN_AN_HOUR = {"status": 429, "headers": {"Retry-After": "3600"}, "times": 9}


@pytest.fixture(autouse=True)
def faults(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    sandbox.control.faults()


def test_it_allows_the_remaining_time() -> None:
    now = 100.0
    deadline = Deadline(10, monotonic=lambda: now)
    assert deadline.left(30) == 10
    assert deadline.left(3) == 3
    deadline.check(9)
    with pytest.raises(DeadlinePassed, match="the 10 seconds for this tenant are used up"):
        deadline.check(11)
    now = 110.0
    with pytest.raises(DeadlinePassed):
        deadline.left(3)


@pytest.mark.parametrize("path", ["/v1.0/organization", "/.*/oauth2/v2.0/token", r"/v1.0/\$batch"])
def test_entra_is_not_waited_for_beyond_it(sandbox: RunningSandbox, path: str) -> None:
    sandbox.control.faults({"path": path, **IN_AN_HOUR})
    client = GraphClient(sandbox.env, deadline=Deadline(20))
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="the 20 seconds for this tenant are used up"):
        client.batch([Read("/organization")]) if "batch" in path else client.get("/organization")
    assert time.monotonic() - begun < 20


def test_a_read_in_a_batch_is_not_waited_for_beyond_it(sandbox: RunningSandbox) -> None:
    sandbox.control.faults({"path": "/v1.0/organization", **IN_AN_HOUR})
    client = GraphClient(sandbox.env, deadline=Deadline(20))
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="asked for a pause: the 20 seconds for this tenant are used up"):
        client.batch([Read("/organization")])
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("path", ["/oauth/token", "/api/account/get-account"])
def test_mimecast_is_not_waited_for_beyond_it(
    sandbox: RunningSandbox, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"X-RateLimit-Reset": "250000", "X-RateLimit-Remaining": "0"}
    sandbox.control.faults({"path": path, "status": 429, "headers": headers, "times": 9})
    client = from_environment(sandbox.env, deadline=Deadline(20))
    begun = time.monotonic()
    with pytest.raises(TransportError, match="the 20 seconds for this tenant are used up"):
        read_account(client)
    assert time.monotonic() - begun < 20
    assert "the next one is sent" not in caplog.text, "a pause that is not made"


def test_a_line_end_after_the_credentials_is_no_part_of_them(sandbox: RunningSandbox) -> None:
    names = ("MIMECAST_CLIENT_ID", "MIMECAST_CLIENT_SECRET")
    pasted = {**sandbox.env, **{name: f" {sandbox.env[name]}\r\n" for name in names}}
    read_account(from_environment(pasted, deadline=Deadline(60)))


def test_a_client_with_a_deadline_is_shared_with_nobody(sandbox: RunningSandbox) -> None:
    assert from_environment(sandbox.env) is from_environment(sandbox.env)
    deadline = Deadline(20)
    assert from_environment(sandbox.env, deadline=deadline) is not from_environment(
        sandbox.env, deadline=deadline
    )
