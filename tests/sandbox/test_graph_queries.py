"""Query options and conventions of the Entra emulator's Graph: handled as Graph does, or 501, but never ignored."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.entra.applications import OPERATIONS as OF_APPLICATIONS
from sandbox.entra.deleted_items import OPERATIONS as OF_DELETED_ITEMS
from sandbox.entra.directory import OPERATIONS as OF_DIRECTORY
from sandbox.entra.directory_audit_log import OPERATIONS as OF_AUDITS
from sandbox.entra.licences import OPERATIONS as OF_LICENCES
from sandbox.entra.policies import OPERATIONS as OF_POLICIES
from sandbox.entra.service_principals import OPERATIONS as OF_PRINCIPALS
from sandbox.entra.sign_in_log import OPERATIONS as OF_SIGN_INS
from tests.support.sandboxes import ADA, ALAN, GRACE, GROUP, WITHOUT_MAIL, RunningSandbox, started

GRAPH = "https://graph.microsoft.com/v1.0"
EVENTUAL = {"ConsistencyLevel": "eventual"}
PEOPLE = {ADA, GRACE, ALAN, WITHOUT_MAIL}
OPERATIONS = (
    *OF_APPLICATIONS,
    *OF_DELETED_ITEMS,
    *OF_DIRECTORY,
    *OF_AUDITS,
    *OF_LICENCES,
    *OF_POLICIES,
    *OF_PRINCIPALS,
    *OF_SIGN_INS,
)
READ_EVERYTHING = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "MailboxSettings.Read",
    "Policy.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with started(tmp_path_factory.mktemp("queries")) as running:
        running.control.set("entra.deployer_roles", list(READ_EVERYTHING))
        yield running


@pytest.fixture(scope="module")
def graph(sandbox: RunningSandbox) -> requests.Session:
    return sandbox.graph()


def ask(graph: requests.Session, path: str, *, eventual: bool = False, **query: str) -> requests.Response:
    parameters = {f"${name}": value for name, value in query.items()}
    headers = EVENTUAL if eventual else {}
    return graph.get(f"{GRAPH}{path}", params=parameters, headers=headers, timeout=30)


def names(response: requests.Response, key: str = "userPrincipalName") -> list[str]:
    assert response.status_code == 200, response.text
    return [item[key] for item in response.json()["value"]]


def refused(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("startswith(displayName,'Al')", {ALAN, WITHOUT_MAIL}),
        ("startsWith(displayName, 'ada l')", {ADA}),
        ("startswith(displayName,'Alan') and mail eq null", {WITHOUT_MAIL}),
        (f"mail eq '{ADA}' or mail eq '{GRACE}'", {ADA, GRACE}),
        (f"(mail eq '{ADA}' OR mail eq '{GRACE}') and startswith(surname,'x')", set()),
        ("startswith(displayName,'Alan T') or startswith(displayName,'Grace') and mail eq 'x'", {ALAN}),
        ("not startswith(displayName,'Alan')", {ADA, GRACE}),
        (f"NOT (mail eq '{ADA}') and mail ne null", {GRACE, ALAN}),
        ("accountEnabled ne true", set()),
        ("endsWith(mail,'@EXAMPLE.com')", {ADA, GRACE, ALAN}),
        ("createdDateTime ge 2020-01-01T00:00:00Z", PEOPLE),
        ("createdDateTime le 2020-01-01T00:00:00Z", set()),
        ("proxyAddresses/any(p:startswith(p,'smtp:'))", set()),
        ("proxyAddresses/$count eq 0", PEOPLE),
        ("companyName eq 'Contoso'", set()),
    ],
)
def test_filters_of_people(graph: requests.Session, condition: str, expected: set[str]) -> None:
    found = ask(graph, "/users", eventual=True, filter=condition, count="true")
    assert set(names(found)) == expected
    assert found.json()["@odata.count"] == len(expected)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("accountEnabled ne true", "Request_UnsupportedQuery"),
        ("not startswith(displayName,'Alan')", "Request_UnsupportedQuery"),
        ("endsWith(mail,'@example.com')", "Request_UnsupportedQuery"),
        ("companyName eq 'Contoso'", "Request_UnsupportedQuery"),
        ("proxyAddresses/$count eq 0", "Request_UnsupportedQuery"),
        ("mail eq null", "Request_UnsupportedQuery"),
        ("displayName eq 'it's'", "BadRequest"),
        ("displayName eq 'x' and ", "BadRequest"),
        ("displayName eq", "BadRequest"),
        ("(displayName eq 'x'", "BadRequest"),
        ("accountEnabled eq 'true'", "BadRequest"),
        ("displayName eq true", "BadRequest"),
        ("displayName eq 'x' xor mail eq 'x'", "BadRequest"),
        ("%", "BadRequest"),
    ],
)
def test_filters_that_graph_refuses(graph: requests.Session, condition: str, code: str) -> None:
    assert refused(ask(graph, "/users", filter=condition)) == (400, code)


@pytest.mark.parametrize(
    "condition",
    [
        "contains(displayName,'x')",
        "tolower(displayName) eq 'x'",
        "proxyAddresses/all(p:p eq 'x')",
        "officeLocation gt 'x'",
        "assignedLicenses/$count eq 0",
        "not(proxyAddresses/any())",
        "nonsense eq 'x'",
        "showInAddressList eq true and length(displayName) eq 1",
    ],
)
def test_filters_that_are_not_simulated_say_so(graph: requests.Session, condition: str) -> None:
    response = ask(graph, "/users", eventual=True, filter=condition, count="true")
    assert refused(response) == (501, "NotImplemented")


def test_counting_needs_the_header(graph: requests.Session) -> None:
    assert "@odata.count" not in ask(graph, "/users", count="true").json()
    assert ask(graph, "/users", eventual=True, count="true").json()["@odata.count"] == len(PEOPLE)
    assert refused(ask(graph, "/users/$count")) == (400, "Request_UnsupportedQuery")
    number = ask(graph, "/users/$count", eventual=True)
    assert (number.text, number.headers["Content-Type"].partition(";")[0]) == ("4", "text/plain")
    assert ask(graph, "/users/$count", eventual=True, filter=f"mail ne '{ADA}'").text == "3"
    (group,) = ask(graph, "/groups", filter=f"displayName eq '{GROUP}'").json()["value"]
    assert ask(graph, f"/groups/{group['id']}/members/$count", eventual=True).text == "1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"displayName:alan"', {ALAN, WITHOUT_MAIL}),
        ('"displayName:lovelace ada"', {ADA}),
        ('"displayName:lan"', set()),
        ('"mail:ada@"', {ADA}),
        ('"displayName:alan" AND "displayName:kay"', {WITHOUT_MAIL}),
        ('"displayName:ada" OR "displayName:alan" AND "displayName:kay"', {ADA, WITHOUT_MAIL}),
    ],
)
def test_searches_of_people(graph: requests.Session, text: str, expected: set[str]) -> None:
    assert set(names(ask(graph, "/users", eventual=True, search=text))) == expected
    assert refused(ask(graph, "/users", search=text)) == (400, "Request_UnsupportedQuery")


def test_searches_that_are_malformed_or_not_simulated(graph: requests.Session) -> None:
    for text in ("displayName:x", '"displayName:x" "mail:y"'):
        assert refused(ask(graph, "/users", eventual=True, search=text)) == (400, "BadRequest")
    for text in ('"x"', '"nonsense:x"'):
        assert ask(graph, "/users", eventual=True, search=text).status_code == 501


def test_order_is_as_requested_or_refused(graph: requests.Session) -> None:
    ascending = names(ask(graph, "/users", orderby="displayName"), "displayName")
    assert ascending == ["Ada Lovelace", "Alan Kay", "Alan Turing", "Grace Hopper"]
    assert names(ask(graph, "/users", orderby="displayName desc"), "displayName") == ascending[::-1]
    both = {"orderby": "displayName", "filter": "startswith(displayName,'A')"}
    assert refused(ask(graph, "/users", **both)) == (400, "Request_UnsupportedQuery")
    found = ask(graph, "/users", eventual=True, count="true", top="2", **both)
    assert names(found, "displayName") == ascending[:2]
    following = graph.get(found.json()["@odata.nextLink"], headers=EVENTUAL, timeout=30)
    assert names(following, "displayName") == ["Alan Turing"]
    assert refused(ask(graph, "/users", orderby="surname")) == (400, "Request_UnsupportedQuery")
    assert refused(ask(graph, "/applications", orderby="displayName")) == (400, "Request_UnsupportedQuery")
    assert ask(graph, "/applications", eventual=True, count="true", orderby="displayName").ok
    assert ask(graph, "/users", orderby="displayName,userPrincipalName").status_code == 501


@pytest.mark.parametrize(
    ("path", "name"),
    [("/applications", "query"), ("/servicePrincipals", "query"), ("/groups", GROUP)],
)
def test_the_other_collections_of_the_directory(
    sandbox: RunningSandbox, graph: requests.Session, path: str, name: str
) -> None:
    if path != "/groups":
        sandbox.instantiate(name)
    start = name[:5].upper()
    assert name in names(ask(graph, path, filter=f"startswith(displayName,'{start}')"), "displayName")
    assert name in names(ask(graph, path, eventual=True, search=f'"displayName:{start}"'), "displayName")
    assert int(ask(graph, f"{path}/$count", eventual=True).text) >= 1


def test_related_objects_are_filtered_with_the_advanced_parameters(graph: requests.Session) -> None:
    (group,) = ask(graph, "/groups", filter=f"displayName eq '{GROUP}'").json()["value"]
    path = f"/groups/{group['id']}/members"
    found = ask(graph, path, eventual=True, count="true", filter="startswith(displayName,'ada')")
    assert names(found) == [ADA]
    identifier = found.json()["value"][0]["id"]
    assert names(ask(graph, path, filter=f"id eq '{identifier}'")) == [ADA], "as azuread asks"
    assert refused(ask(graph, path, filter="startswith(displayName,'ada')")) == (
        400,
        "Request_UnsupportedQuery",
    )


def test_the_dollar_sign_and_letter_case_of_an_option_do_not_matter(graph: requests.Session) -> None:
    for name in ("filter", "$Filter", "FILTER"):
        response = graph.get(f"{GRAPH}/users", params={name: f"mail eq '{ADA}'"}, timeout=30)
        assert names(response) == [ADA]


@pytest.mark.parametrize("size", ["0", "1000", "-1", "many", ""])
def test_impossible_page_sizes_are_refused(graph: requests.Session, size: str) -> None:
    assert ask(graph, "/users", top=size).status_code == 400
    assert ask(graph, "/users", top="999").status_code == 200


@pytest.mark.parametrize(
    "query", ["$filter=id eq 'x'&$filter=id eq 'y'", "$filter=", "$count=maybe", "$skiptoken=x"]
)
def test_malformed_options_are_refused(graph: requests.Session, query: str) -> None:
    response = graph.get(f"{GRAPH}/users?{query}", headers=EVENTUAL, timeout=30)
    assert refused(response) == (400, "BadRequest")


def paths_of_gets() -> list[str]:
    return sorted({operation.path for operation in OPERATIONS if operation.method == "GET"})


OPTIONS = {
    "$apply": "identity",
    "$compute": "1 as one",
    "$count": "true",
    "$deltatoken": "x",
    "$expand": "owners",
    "$filter": "startswith(displayName,'x')",
    "$format": "atom",
    "$orderby": "displayName",
    "$search": '"displayName:x"',
    "$skip": "1",
    "$top": "1",
}


@pytest.mark.parametrize("path", paths_of_gets())
def test_no_option_is_ignored_anywhere(graph: requests.Session, path: str) -> None:
    """Each GET either supports an option, or refuses it before it looks for the object."""
    for option, value in OPTIONS.items():
        operation = next(each for each in OPERATIONS if (each.method, each.path) == ("GET", path))
        taken = operation.kind.options if operation.kind else {"$select"}
        where = path.replace("{id}", str(uuid.uuid4())).replace("{assignment}", "x")
        response = graph.get(GRAPH + where, params={option: value}, headers=EVENTUAL, timeout=30)
        if option not in taken:
            assert response.status_code in {400, 501}, (option, response.text)
            assert "request-id" in response.json()["error"]["innerError"]
        if option == "$filter" and operation.kind is not None and not operation.kind.is_directory:
            assert response.status_code in {404, 501}, response.text


def test_writes_take_no_options(graph: requests.Session) -> None:
    response = graph.post(f"{GRAPH}/applications?$select=id", json={"displayName": "x"}, timeout=30)
    assert refused(response) == (501, "NotImplemented")


@pytest.mark.parametrize("path", ["/applicationTemplates/$count", "/subscribedSkus/$count", "/domains/$ref"])
def test_a_system_segment_is_never_taken_for_a_key(graph: requests.Session, path: str) -> None:
    assert refused(graph.get(GRAPH + path, headers=EVENTUAL, timeout=30)) == (501, "NotImplemented")


def test_a_final_slash_is_ignored(graph: requests.Session) -> None:
    response = graph.get(f"{GRAPH}/users/", params={"$top": "1"}, timeout=30, allow_redirects=False)
    assert len(response.json()["value"]) == 1


def test_properties_that_are_not_simulated_say_so(graph: requests.Session) -> None:
    for path in ("/users", f"/users/{ADA}", "/servicePrincipals", "/groups", "/domains", "/organization"):
        assert ask(graph, path, select="id").status_code == 200
        assert refused(ask(graph, path, select="id,nonsense")) == (501, "NotImplemented")
    (group,) = ask(graph, "/groups", select="id").json()["value"]
    response = ask(graph, f"/groups/{group['id']}", select="hideFromAddressLists")
    assert response.json()["hideFromAddressLists"] is None, "as azuread asks"


# Conventions


def test_the_official_sdk_sends_two_slashes(graph: requests.Session) -> None:
    response = graph.get("https://graph.microsoft.com/v1.0//users", params={"$top": "1"}, timeout=30)
    assert len(response.json()["value"]) == 1
    following = graph.get(response.json()["@odata.nextLink"], timeout=30)
    assert following.json()["value"] != response.json()["value"]
    one = graph.get(f"https://graph.microsoft.com//v1.0//users//{ADA}", timeout=30)
    assert one.json()["mail"] == ADA


def test_the_letter_case_of_a_path_does_not_matter(graph: requests.Session) -> None:
    response = graph.get("https://graph.microsoft.com/V1.0/Users", timeout=30)
    assert set(names(response)) == PEOPLE
    assert ask(graph, "/directory/deleteditems/microsoft.graph.Application").status_code == 200


def test_every_response_has_ids_and_every_object_its_context(graph: requests.Session) -> None:
    headers = {"client-request-id": "11111111-2222-4333-8444-555555555555"}
    response = graph.get(f"{GRAPH}/users/{ADA}?$select=id,mail", headers=headers, timeout=30)
    assert uuid.UUID(response.headers["request-id"])
    assert response.headers["client-request-id"] == headers["client-request-id"]
    assert response.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")
    assert context(response) == "users(id,mail)/$entity"
    assert context(ask(graph, "/users")) == "users"
    (group,) = ask(graph, "/groups").json()["value"]
    assert context(ask(graph, f"/groups/{group['id']}/members")) == "directoryObjects"
    made = graph.post(f"{GRAPH}/applications", json={"displayName": "context"}, timeout=30)
    assert context(made) == "applications/$entity"
    gone = graph.delete(f"{GRAPH}/applications/{made.json()['id']}", timeout=30)
    assert (gone.status_code, bool(gone.headers["request-id"])) == (204, True)


def context(response: requests.Response) -> str:
    text: str = response.json()["@odata.context"]
    assert text.startswith(f"{GRAPH}/$metadata#")
    return text.partition("#")[2]


@pytest.mark.parametrize("path", ["/users/nobody@example.com", "/no/such/route", "/users?$skip=1"])
def test_every_error_has_its_ids_and_date(graph: requests.Session, path: str) -> None:
    response = graph.get(GRAPH + path, timeout=30)
    inner = response.json()["error"]["innerError"]
    assert inner["request-id"] == response.headers["request-id"]
    assert inner["client-request-id"] == response.headers["client-request-id"]
    assert len(inner["date"]) == len("2026-11-29T00:00:00")


@pytest.mark.parametrize("label", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_labelled_json_is_refused(graph: requests.Session, label: str | None) -> None:
    headers: dict[str, Any] = {"Content-Type": label}
    body = b'{"displayName": "plain"}'
    response = graph.post(f"{GRAPH}/applications", data=body, headers=headers, timeout=30)
    assert refused(response) == (400, "BadRequest")
    assert "Content-Type" in response.json()["error"]["message"]
    assert names(ask(graph, "/applications", filter="displayName eq 'plain'"), "id") == []
    batch = b'{"requests": [{"id": "1", "method": "GET", "url": "/users"}]}'
    response = graph.post(f"{GRAPH}/$batch", data=batch, headers=headers, timeout=30)
    assert refused(response) == (400, "BadRequest")
