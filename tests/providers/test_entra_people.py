"""Reading people and groups with the real client on the sandbox's Entra."""

from __future__ import annotations

import pytest

from providers.entra import people
from providers.entra.errors import Refused
from providers.entra.graph import GraphClient
from sandbox.entra.tokens import DEFAULT_ROLES
from tests.support.sandboxes import ADA, ALAN, GRACE, GROUP, WITHOUT_MAIL, RunningSandbox

pytestmark = pytest.mark.usefixtures("on_the_sandbox")


@pytest.fixture
def client(sandbox: RunningSandbox) -> GraphClient:
    return GraphClient(sandbox.env)


def test_many_people_are_found_with_a_call_for_fifteen(client: GraphClient, sandbox: RunningSandbox) -> None:
    before = max((entry["number"] for entry in sandbox.control.journal()), default=0)
    desired = [ADA.upper(), *(f"o'nobody-{number}@example.com" for number in range(20)), GRACE]
    found = people.users_with(client, "mail", desired)
    assert [(user.mail, user.enabled, user.guest) for user in found] == [
        (ADA, True, False),
        (GRACE, True, False),
    ]
    calls = [entry for entry in sandbox.control.journal(after=before) if entry["path"] == "/v1.0/users"]
    assert len(calls) == 2


def test_all_users_are_counted_and_listed(client: GraphClient, sandbox: RunningSandbox) -> None:
    listed = [user.user_principal_name for user in people.everybody(client)]
    (counted,) = client.batch([people.USERS_COUNTED])
    assert counted.count() == len(listed) == len(sandbox.control.documents("entra.users"))
    assert people.is_listing_cheaper(counted.count(), lookups=21)
    assert not people.is_listing_cheaper(counted.count(), lookups=20), "one call each way"


def test_a_group_shows_its_direct_members_and_names_nested_groups(
    client: GraphClient, sandbox: RunningSandbox
) -> None:
    sandbox.control.seed({"groups": [{"displayName": "Inner", "members": [ALAN]}]})
    (outer,), (inner,) = groups(client, GROUP), groups(client, "Inner")
    document = sandbox.control.get("entra.groups", outer)
    assert document
    sandbox.control.put("entra.groups", outer, document | {"_members": [*document["_members"], inner]})
    (listed,) = client.batch([people.members(outer)])
    members = people.members_of(listed.rows())
    assert ([user.mail for user in members.users], members.nested_groups, members.others) == (
        [ADA],
        ("Inner",),
        0,
    )
    assert groups(client, "No such group") == []


def groups(client: GraphClient, name: str) -> list[str]:
    (found,) = client.batch([people.security_groups(name)])
    return [row["id"] for row in found.rows()]


def test_a_shared_mailbox_is_seen_with_the_permission_for_it(sandbox: RunningSandbox) -> None:
    shared = {"mail": "info@example.com", "userPrincipalName": "info@example.com", "displayName": "Info"}
    sandbox.control.seed({"users": [shared | {"userPurpose": "shared"}]})
    with pytest.raises(Refused):
        people.mailbox_purpose(GraphClient(sandbox.env), "info@example.com")
    sandbox.control.set("entra.deployer_roles", [*DEFAULT_ROLES, "MailboxSettings.Read"])
    allowed = GraphClient(sandbox.env)
    assert people.mailbox_purpose(allowed, "info@example.com") == "shared"
    assert people.mailbox_purpose(allowed, ADA) == "user"
    assert people.mailbox_purpose(allowed, WITHOUT_MAIL) == ""
