"""Finding the deleted application that holds an identifier, with the real client on the sandbox's Entra."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.entra.applications import DELETED, deleted_of, with_identifier
from providers.entra.errors import Refused
from providers.entra.graph import GraphClient
from tests.support.sandboxes import RunningSandbox

IDENTIFIER = "https://deleted.example.com/sso"
GRAPH = "https://graph.microsoft.com/v1.0"

pytestmark = pytest.mark.usefixtures("on_the_sandbox")


def test_a_deleted_application_with_the_identifier_is_named(sandbox: RunningSandbox) -> None:
    session = sandbox.graph()
    for name, identifier in (("holds it", IDENTIFIER), ("holds another", f"{IDENTIFIER}/other")):
        path = f"{GRAPH}/applications/{sandbox.instantiate(name)['application']['id']}"
        session.patch(path, json={"identifierUris": [identifier]}, timeout=30).raise_for_status()
        session.delete(path, timeout=30).raise_for_status()
    client = GraphClient(sandbox.env)
    assert with_identifier(client, IDENTIFIER) == ()
    (deleted,) = client.batch([DELETED])
    (found,) = deleted_of(deleted.rows(), (IDENTIFIER.upper(),))
    assert found.display_name == "holds it"
    assert sandbox.control.get("entra.deletedApplications", found.object_id)
    assert abs(found.deleted_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert found.until - found.deleted_at == timedelta(days=30)
    assert client.get(f"/directory/deletedItems/{found.object_id}")["appId"] == found.client_id


def test_without_the_permission_it_is_a_refusal(sandbox: RunningSandbox) -> None:
    sandbox.control.set("entra.deployer_roles", ["Application.ReadWrite.OwnedBy"])
    try:
        (deleted,) = GraphClient(sandbox.env).batch([DELETED])
        with pytest.raises(Refused):
            deleted.rows()
    finally:
        sandbox.control.set("entra.deployer_roles", None)
