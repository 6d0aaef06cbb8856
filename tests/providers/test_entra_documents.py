"""Objects from Graph that are not as documented: one error that names request and property, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from hypothesis import given, settings
from hypothesis import strategies as st

from mimecast_sso.assessment.entra_reading import EntraReader
from mimecast_sso.assessment.record import Record
from mimecast_sso.settings import from_values
from providers.entra import (
    applications,
    conditional_access,
    default_reply_url,
    directory_audits,
    graph,
    people,
    sign_ins,
    signing_certificates,
)
from providers.entra.batching import Read
from providers.entra.errors import GraphError, Unreachable
from providers.entra.graph import GraphClient
from tests.assessment.worlds import values
from tests.providers.test_entra_responses import ENVIRONMENT, Network, Reply, response

TIME = "2026-05-01T00:00:00Z"
SINCE = datetime(2026, 4, 1, tzinfo=UTC)
KEY = {
    "customKeyIdentifier": "q83v",
    "displayName": "CN=one",
    "endDateTime": TIME,
    "key": "AAAA",
    "keyId": "k",
    "startDateTime": TIME,
    "usage": "Verify",
}
OBJECT = {"id": "1", "appId": "2", "displayName": "Portal"}
APPLICATION = {
    **OBJECT,
    "defaultRedirectUri": "https://portal.example",
    "groupMembershipClaims": "SecurityGroup",
    "identifierUris": ["eu-api.mimecast.com.ABC"],
    "optionalClaims": {"saml2Token": [{"name": "email"}]},
    "passwordCredentials": [
        {"customKeyIdentifier": "q83v", "displayName": "", "endDateTime": TIME, "keyId": "p"}
    ],
    "web": {"redirectUris": ["https://portal.example"]},
}
PRINCIPAL = {
    **OBJECT,
    "accountEnabled": True,
    "appRoleAssignmentRequired": True,
    "appRoles": [{"allowedMemberTypes": ["User"], "displayName": "User", "id": "3", "isEnabled": True}],
    "keyCredentials": [KEY, {**KEY, "usage": "Sign", "keyId": "s"}],
    "loginUrl": "https://portal.example",
    "preferredTokenSigningKeyThumbprint": "ABCDEF",
    "samlSingleSignOnSettings": {"relayState": ""},
    "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
}
USER = {
    "@odata.type": "#microsoft.graph.user",
    "accountEnabled": True,
    "displayName": "Ada",
    "id": "4",
    "mail": "ada@corp.example",
    "userPrincipalName": "ada@corp.example",
    "userType": "Member",
}
CREDENTIAL = json.dumps(["[KeyIdentifier=k,KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=CN=one]"])
ENTRY = {
    "activityDateTime": TIME,
    "activityDisplayName": "Add service principal credentials",
    "id": "e",
    "initiatedBy": {"user": {"id": "4", "userPrincipalName": "ada@corp.example"}, "app": None},
    "result": "success",
    "targetResources": [
        {
            "id": "1",
            "modifiedProperties": [
                {"displayName": "KeyDescription", "newValue": CREDENTIAL, "oldValue": "[]"}
            ],
        }
    ],
}
SIGN_IN = {
    "createdDateTime": TIME,
    "status": {"errorCode": 50105, "failureReason": "not assigned"},
    "userId": "4",
    "userPrincipalName": "ada@corp.example",
}
POLICY = {
    "analysisReasons": "notSet",
    "displayName": "Block",
    "grantControls": {"builtInControls": ["block"], "operator": "OR"},
    "id": "5",
    "modifiedDateTime": TIME,
    "policyApplies": True,
    "state": "enabled",
}
ASSIGNED = {
    "appRoleId": "3",
    "id": "6",
    "principalDisplayName": "Ada",
    "principalId": "4",
    "principalType": "User",
}
FEDERATED = {"id": "7", "issuer": "https://ci.example", "name": "ci", "subject": "main"}
CLAIMS = {"definition": ["{}"], "displayName": "claims", "id": "8"}
DELETED = {**OBJECT, "deletedDateTime": TIME, "identifierUris": ["x"]}

WORLD: Mapping[str, Any] = {
    "/applications": {"value": [APPLICATION]},
    "/applications/1": APPLICATION,
    "/applications/1/federatedIdentityCredentials": {"value": [FEDERATED]},
    "/applications/1/owners": {"value": [USER]},
    "/auditLogs/directoryAudits": {"value": [ENTRY]},
    "/auditLogs/signIns": {"value": [SIGN_IN]},
    "/directory/deletedItems/microsoft.graph.application": {"value": [DELETED]},
    "/identity/conditionalAccess/evaluate": {"value": [POLICY]},
    "/applicationTemplates": {"value": [OBJECT]},
    "/groups": {"value": [{"id": "9"}]},
    "/organization": {"value": [{"id": "0"}]},
    "/policies/claimsMappingPolicies/8/appliesTo": {"value": [OBJECT]},
    "/servicePrincipals": {"value": [PRINCIPAL]},
    "/servicePrincipals/1": PRINCIPAL,
    "/servicePrincipals/1/appRoleAssignedTo": {"value": [ASSIGNED]},
    "/servicePrincipals/1/claimsMappingPolicies": {"value": [CLAIMS]},
    "/servicePrincipals/1/owners": {"value": [USER]},
    "/users": {"value": [USER]},
    "/groups/9/members": {"value": [USER, {**OBJECT, "@odata.type": "#microsoft.graph.group"}]},
}

MISSING = {"error": {"code": "Request_ResourceNotFound", "message": "does not exist"}}

READERS: Mapping[str, Callable[[GraphClient], object]] = {
    "snapshot": lambda client: _snapshot(client),  # noqa: PLW0108
    "application": lambda client: applications.read(client, "2"),
    "holders": lambda client: applications.namesakes_of(client.list("/applications"), ["x"]),
    "deleted": lambda client: applications.deleted_of(_batched(client, applications.DELETED), ["x"]),
    "identifier": lambda client: applications.with_identifier(client, "x"),
    "nested groups": lambda client: applications.nested_groups(client, "9"),
    "certificates": lambda client: signing_certificates.read(client, "1"),
    "principal": lambda client: signing_certificates.find_service_principal(client, "x"),
    "reply url": lambda client: default_reply_url.read(client, "1"),
    "users": lambda client: people.users_with(client, "mail", ["ada@corp.example"]),
    "members": lambda client: people.members_of(_batched(client, people.members("9"))),
    "sign-ins": lambda client: sign_ins.since(client, "2", SINCE),
    "audit": lambda client: directory_audits.since(client, "1", SINCE),
    "activities": lambda client: directory_audits.activities(client, "1", SINCE),
    "conditional access": lambda client: conditional_access.evaluate(client, "2", ["4"]),
}


class Issued:
    """A credential that always has a token."""

    def get_token(self, *_: str) -> AccessToken:
        return AccessToken("token", 1 << 40)


@pytest.fixture(autouse=True)
def credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "credential", lambda *_: Issued())


def _snapshot(client: GraphClient) -> EntraReader:
    reader = EntraReader(client, from_values(values(assign={"groups": ["Staff"]})), Record())
    reader.objects()
    reader.people(["ada@corp.example"])
    return reader


def _batched(client: GraphClient, read: Read) -> list[dict[str, Any]]:
    return client.batch([read])[0].rows()


def _client(world: Mapping[str, Any]) -> GraphClient:
    def respond(request: requests.PreparedRequest) -> Reply:
        path = str(request.path_url).removeprefix("/v1.0").partition("?")[0]
        if path != "/$batch":
            return response(world.get(path, MISSING), 200 if path in world else 404)
        asked = json.loads(request.body or "")["requests"]
        rows = [
            {"id": each["id"], "status": 200 if path in world else 404, "body": world.get(path, MISSING)}
            for each in asked
            for path in [each["url"].partition("?")[0]]
        ]
        return response({"responses": rows})

    return GraphClient(ENVIRONMENT, through=lambda _: Network(respond))


def _places(value: object, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is inside a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for key, each in inside:
        yield (*above, key)
        yield from _places(each, (*above, key))


PLACES = tuple(_places(WORLD))
REMOVED = object()
WRONG = st.sampled_from(
    [REMOVED, None, "", "text", 7, -1.5, True, [], ["text"], [None], [[]], {}, {"id": 1}, [{}]]
)


def _changed(place: tuple[Any, ...], value: object) -> dict[str, Any]:
    world = copy.deepcopy(dict(WORLD))
    inside: Any = world
    for key in place[:-1]:
        inside = inside[key]
    if value is REMOVED:
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    return world


@pytest.mark.parametrize("reader", READERS)
def test_what_is_as_documented_is_read(reader: str) -> None:
    assert READERS[reader](_client(WORLD)) is not None


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from([each for each in PLACES if len(each) > 1]), value=WRONG)
def test_a_malformed_object_is_read_or_is_an_error_of_graph(place: tuple[Any, ...], value: object) -> None:
    client = _client(_changed(place, value))
    for reader in READERS.values():
        with contextlib.suppress(GraphError):
            reader(client)


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("/applications/1", "appId"), REMOVED, '"appId" is missing'),
        (("/applications/1", "appId"), None, '"appId" is missing'),
        (("/applications/1", "web"), ["x"], '"web" is not an object'),
        (("/applications/1", "identifierUris"), "x", '"identifierUris" is not a list of strings'),
        (("/applications/1", "identifierUris"), [None], '"identifierUris" is not a list of strings'),
        (("/servicePrincipals/1", "keyCredentials", 0, "endDateTime"), "soon", '"endDateTime" is not a time'),
        (("/servicePrincipals/1", "keyCredentials", 0, "endDateTime"), REMOVED, '"endDateTime" is missing'),
        (("/servicePrincipals/1", "keyCredentials", 0, "key"), "a", '"key" is not a base64 text'),
        (("/servicePrincipals/1", "appRoles"), [None], '"appRoles" is not a list of objects'),
        (("/servicePrincipals/1", "accountEnabled"), "false", '"accountEnabled" is not true or false'),
        (("/servicePrincipals/1", "accountEnabled"), REMOVED, '"accountEnabled" is missing'),
        (("/servicePrincipals/1", "appRoleAssignmentRequired"), None, '"appRoleAssignmentRequired" is missing'),
    ],
)  # fmt: skip
def test_the_error_names_the_request_and_the_property(
    place: tuple[Any, ...], value: object, problem: str
) -> None:
    with pytest.raises(Unreachable) as raised:
        applications.read(_client(_changed(place, value)), "2")
    assert str(raised.value).startswith("Microsoft Graph, GET /")
    assert str(raised.value).endswith(f": the response is not as documented: {problem}")


@pytest.mark.parametrize("reader", ["sign-ins", "audit", "activities"])
def test_an_entry_of_a_log_without_time_is_not_skipped(reader: str) -> None:
    world = dict(WORLD)
    for path, name in (("signIns", "createdDateTime"), ("directoryAudits", "activityDateTime")):
        world |= {
            f"/auditLogs/{path}": _changed((f"/auditLogs/{path}", "value", 0, name), REMOVED)[
                f"/auditLogs/{path}"
            ]
        }
    with pytest.raises(Unreachable, match=r'DateTime" is missing'):
        READERS[reader](_client(world))


def test_an_object_in_a_batch_that_is_malformed_fails_alone() -> None:
    client = _client(_changed(("/applications/1", "tags"), "text"))
    bad, good = client.batch([Read("/applications/1"), Read("/servicePrincipals/1")])
    assert 'GET /applications/1: the response is not as documented: "tags" is not a list' in str(bad.error)
    assert good.error is None
