"""The default reply URL of an application, through the SDK's own dynamic provider server and the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.entra.resources import DefaultReplyUrlProvider
from tests.providers.plugin import CallError, Plugin, running
from tests.support.sandboxes import RunningSandbox

GRAPH = "https://graph.microsoft.com/v1.0"
FIRST, SECOND = "https://eu-api.mimecast.com/login/saml", "https://eu-api.mimecast.com/login/sso/mpp"


@pytest.fixture(scope="module")
def plugin(sandbox: RunningSandbox) -> Iterator[Plugin]:
    with running(sandbox.env) as started:
        started.configure(region="eu", accountCode="CUK25A118")
        yield started


def an_application(sandbox: RunningSandbox) -> str:
    """The object id of an application with two reply URLs."""
    graph = sandbox.graph()
    made = sandbox.instantiate("Default")["application"]
    body = {"web": {"redirectUris": [FIRST, SECOND]}}
    assert graph.patch(f"{GRAPH}/applications/{made['id']}", json=body, timeout=30).ok
    return str(made["id"])


def live(sandbox: RunningSandbox, application: str) -> Any:
    return sandbox.graph().get(f"{GRAPH}/applications/{application}", timeout=30).json()["defaultRedirectUri"]


def test_it_is_set_changed_read_and_reset(sandbox: RunningSandbox, plugin: Plugin) -> None:
    application = an_application(sandbox)
    desired = {"applicationId": application, "url": SECOND}

    identifier, outputs = plugin.create(DefaultReplyUrlProvider, desired)
    assert (identifier, live(sandbox, application)) == (application, SECOND)
    outputs = plugin.update(DefaultReplyUrlProvider, identifier, outputs, desired | {"url": FIRST})
    assert live(sandbox, application) == FIRST
    _, seen, _ = plugin.read(DefaultReplyUrlProvider, identifier, outputs)
    assert seen["url"] == FIRST
    assert plugin.create(DefaultReplyUrlProvider, outputs)[0] == identifier
    plugin.delete_here(DefaultReplyUrlProvider, identifier, outputs)
    assert live(sandbox, application) == FIRST, "a replacement that was forced (pulumi up --replace)"
    plugin.delete(DefaultReplyUrlProvider, identifier, outputs)
    assert live(sandbox, application) is None
    _, seen, _ = plugin.read(DefaultReplyUrlProvider, identifier, outputs)
    assert seen["url"] == "", "drift that a refresh finds"

    assert sandbox.graph().delete(f"{GRAPH}/applications/{application}", timeout=30).ok
    gone, _, _ = plugin.read(DefaultReplyUrlProvider, identifier, outputs)
    assert gone == ""
    plugin.delete(DefaultReplyUrlProvider, identifier, outputs)
    with pytest.raises(CallError, match="does not exist"):
        plugin.create(DefaultReplyUrlProvider, desired)
