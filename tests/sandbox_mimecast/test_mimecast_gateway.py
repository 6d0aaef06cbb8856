"""Credentials, envelope, quota and permissions, tested with an unmodified requests session."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator

import pytest
import requests

from sandbox import credentials
from tests.sandbox_mimecast.helpers import GATEWAY, TIMEOUT, Api, default_api
from tests.support.sandboxes import ACCOUNT_CODE, RunningSandbox, seed_document

GET_ACCOUNT = "/api/account/get-account"
FORM = {
    "grant_type": "client_credentials",
    "client_id": credentials.MIMECAST_CLIENT_ID,
    "client_secret": credentials.MIMECAST_CLIENT_SECRET,
}


@pytest.fixture(autouse=True)
def switches_off(sandbox: RunningSandbox) -> Iterator[None]:
    yield
    for name in ("rate_limit", "permissions", "tokens_expired_before", "gateway_errors", "id_drift"):
        sandbox.control.delete("settings", f"mimecast.{name}")
    sandbox.control.delete("settings", "clock.offset_seconds")


def first_code(response: requests.Response) -> str:
    failure = response.json()["fail"][0]
    code: str = failure["errors"][0]["code"] if "errors" in failure else failure["code"]
    return code


def test_a_token_is_valid_for_half_an_hour(sandbox: RunningSandbox) -> None:
    response = sandbox.session().post(f"{GATEWAY}/oauth/token", data=FORM, timeout=TIMEOUT)
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    assert (response.json()["token_type"], response.json()["expires_in"]) == ("Bearer", 1800)


def test_a_wrong_secret_is_refused(sandbox: RunningSandbox) -> None:
    wrong = {**FORM, "client_secret": "wrong"}
    response = sandbox.session().post(f"{GATEWAY}/oauth/token", data=wrong, timeout=TIMEOUT)
    assert response.status_code == 401
    error = {
        "code": "invalid_client_identifier",
        "message": "Client credentials are invalid",
        "retryable": False,
    }
    assert response.json() == {"fail": [{"errors": [error]}]}


def test_the_token_endpoint_accepts_only_forms(sandbox: RunningSandbox) -> None:
    response = sandbox.session().post(f"{GATEWAY}/oauth/token", json=FORM, timeout=TIMEOUT)
    assert response.status_code == 400


def test_an_unknown_token_is_refused(sandbox: RunningSandbox) -> None:
    response = sandbox.session().post(
        GATEWAY + GET_ACCOUNT, json={}, headers={"Authorization": "Bearer nobody"}, timeout=TIMEOUT
    )
    assert (response.status_code, first_code(response)) == (401, "invalid_access_token")
    assert "X-RateLimit-Reset" in response.headers
    assert "Pragma" not in response.headers


def test_a_token_expires_with_the_clock(sandbox: RunningSandbox) -> None:
    api = default_api(sandbox)
    sandbox.control.set("clock.offset_seconds", 1801)
    response = api.post(GET_ACCOUNT, {})
    assert (response.status_code, first_code(response)) == (401, "token_expired")
    assert "code" in response.json()["fail"][0]
    sandbox.control.set("mimecast.gateway_errors", "nested")
    assert "errors" in api.post(GET_ACCOUNT, {}).json()["fail"][0]


def test_tokens_can_be_made_to_expire_now(sandbox: RunningSandbox) -> None:
    api = default_api(sandbox)
    sandbox.control.set("mimecast.tokens_expired_before", "2999-01-01T00:00:00+00:00")
    assert first_code(api.post(GET_ACCOUNT, {})) == "token_expired"


@pytest.mark.parametrize("body", [{"data": []}, {"data": [{}]}, {}])
def test_a_read_without_arguments_accepts_any_empty_body(api: Api, body: dict[str, object]) -> None:
    envelope = api.post(GET_ACCOUNT, body).json()
    assert envelope["meta"] == {"status": 200}
    assert envelope["fail"] == []
    (account,) = envelope["data"]
    assert (account["accountCode"], account["region"]) == (ACCOUNT_CODE, "eu")


def test_no_body_at_all_is_an_empty_one(api: Api) -> None:
    response = api.session.post(GATEWAY + GET_ACCOUNT, timeout=TIMEOUT)
    assert response.json()["data"][0]["accountCode"] == ACCOUNT_CODE


def test_whoami_and_gateway_details_name_the_account(api: Api) -> None:
    assert api.v2("GET", "/identity/whoami").json()["account-codes"] == {"cg": ACCOUNT_CODE}
    details = api.v2("GET", "/email/cloud-gateway/v1/gateway-details").json()
    assert (details["accountCode"], details["region"]) == (ACCOUNT_CODE, "eu")


def test_get_is_the_wrong_verb(api: Api) -> None:
    assert api.v2("GET", GET_ACCOUNT).status_code == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/user/delete-user"),
        ("POST", "/api/ttp/url/get-all-managed-urls"),
        ("GET", "/policy-management/cloud-gateway/v1/blocked-senders/policies"),
        ("DELETE", "/user/cloud-gateway/v1/users"),
    ],
)
def test_what_is_not_simulated_says_so_and_is_listed(
    sandbox: RunningSandbox, api: Api, method: str, path: str
) -> None:
    response = api.v2(method, path, json={})
    assert (response.status_code, first_code(response)) == (501, "not_implemented")
    assert f"{method} {path}" in response.json()["fail"][0]["errors"][0]["message"]
    assert f"{method} {GATEWAY}{path}" in sandbox.control.status()["unknown"]


@pytest.mark.parametrize(
    "path",
    [
        "/user/cloud-gateway/v1/users",
        "/domain/cloud-gateway/v1/internal-domains",
        "/directory/cloud-gateway/v1/groups",
        "/identity/whoami",
    ],
)
def test_a_filter_that_is_not_simulated_is_not_ignored(api: Api, path: str) -> None:
    response = api.v2("GET", path, params={"domain": "example.com"})
    assert (response.status_code, first_code(response)) == (501, "not_implemented")
    assert api.v2("GET", path).status_code == 200


def test_nulls_are_refused_whole(api: Api) -> None:
    response = api.post("/api/domain/create-domain", {"data": [{"domain": "a.example", "inboundType": None}]})
    assert (response.status_code, first_code(response)) == (400, "err_deserialise")


@pytest.mark.parametrize(
    "body",
    [
        '{"meta": {"pagination": {"pageSize": 1, "pageToken": null}}, "data": []}',
        '{"meta": {"pagination": {"pageSize": 1, "pageToken": ""}}, "data": []}',
        '{"meta": {"pagination": null}}',
        '{"meta": null, "data": [{"query": ""}]}',
        str({"meta": {"pagination": {"pageSize": 1, "pageToken": None}}, "data": [{"query": "a's"}]}),
    ],
)
def test_what_public_clients_send_and_rely_on_is_accepted(api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = api.session.post(
        f"{GATEWAY}/api/directory/find-groups", data=body, headers=headers, timeout=TIMEOUT
    )
    assert response.status_code == 200, response.text
    assert response.json()["fail"] == []
    assert "folders" in response.json()["data"][0]


def test_members_are_read_with_an_empty_page_token(api: Api) -> None:
    (group,) = api.ok("/api/directory/create-group", {"description": "Empty token"})
    item = {"id": group["id"]}
    for token in (None, ""):
        data = api.ok("/api/directory/get-group-members", item, pageToken=token)
        assert data == [{"groupMembers": []}]


def test_a_missing_field_fails_its_item_alone(api: Api) -> None:
    envelope = api.legacy(
        "/api/domain/get-verification-code", {}, {"domain": "nobody.example"}, {"domain": ""}
    )
    assert envelope["meta"]["status"] == 200
    assert [failure["key"] for failure in envelope["fail"]] == [
        {},
        {"domain": "nobody.example"},
        {"domain": ""},
    ]
    first, second, third = (failure["errors"][0] for failure in envelope["fail"])
    assert (first["code"], first["field"]) == ("err_validation_null", "domain")
    assert second["code"] == "err_domain_not_found"
    assert third["code"] == "err_validation_blank"


def test_a_batch_has_a_limit(api: Api) -> None:
    items = [{"domain": f"d{number}.example"} for number in range(51)]
    response = api.post("/api/domain/get-verification-code", {"data": items})
    assert (response.status_code, first_code(response)) == (400, "err_validation_size")


def test_a_truncated_id_gets_400_and_no_body(api: Api) -> None:
    (group,) = api.ok("/api/directory/create-group", {"description": "truncated"})
    response = api.post("/api/directory/get-group-members", {"data": [{"id": group["id"][:-5]}]})
    assert (response.status_code, response.text) == (400, "")


def test_ids_have_the_vendors_shape(api: Api) -> None:
    (group,) = api.ok("/api/directory/create-group", {"description": "shape"})
    identifier = group["id"]
    assert identifier.startswith("eN")
    assert "=" not in identifier
    inside = json.loads(zlib.decompress(base64.urlsafe_b64decode(identifier + "=" * (-len(identifier) % 4))))
    assert {"secureid", "customercode", "version", "folderid"} <= set(inside)
    assert 180 < len(identifier) < 280


def test_ids_may_drift_and_every_one_of_them_works(sandbox: RunningSandbox, api: Api) -> None:
    api.ok("/api/directory/create-group", {"description": "drifting"})
    sandbox.control.set("mimecast.id_drift", True)
    find = "/api/directory/find-groups"
    identifiers = {api.ok(find, {"query": "drifting"})[0]["folders"][0]["id"] for _ in range(3)}
    assert len(identifiers) == 3
    for identifier in identifiers:
        api.ok("/api/directory/get-group-members", {"id": identifier})


def test_the_quota_is_counted_and_its_reset_is_in_milliseconds(sandbox: RunningSandbox, api: Api) -> None:
    plenty = api.post(GET_ACCOUNT, {}).headers
    assert plenty["X-RateLimit-Limit"] == "800"
    assert 0 <= int(plenty["X-RateLimit-Reset"]) <= 5000
    sandbox.control.set("mimecast.rate_limit", {"calls": 0, "window_ms": 60_000})
    response = api.post(GET_ACCOUNT, {})
    assert response.status_code == 429
    assert response.headers["X-RateLimit-Remaining"] == "0"
    assert 5000 < int(response.headers["X-RateLimit-Reset"]) <= 60_000


def test_a_permission_that_the_role_lacks_is_refused(sandbox: RunningSandbox, api: Api) -> None:
    granted = {credentials.MIMECAST_CLIENT_ID: ["Account | Dashboard | Read"]}
    sandbox.control.set("mimecast.permissions", granted)
    assert api.post(GET_ACCOUNT, {}).status_code == 200
    response = api.post("/api/user/get-internal-users", {})
    assert (response.status_code, first_code(response)) == (403, "app_forbidden")
    assert api.v2("GET", "/user/cloud-gateway/v1/users").status_code == 403


def test_the_checks_come_in_order(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.control.set("mimecast.permissions", {credentials.MIMECAST_CLIENT_ID: []})
    url = GATEWAY + "/api/user/get-internal-users"
    assert api.post("/api/user/get-internal-users", {}).status_code == 403
    assert api.session.get(url, timeout=TIMEOUT).status_code == 405, "verb before permission"
    assert api.session.get(GATEWAY + "/api/no/such", timeout=TIMEOUT).status_code == 501, "path before verb"
    anonymous = sandbox.session().get(GATEWAY + "/api/no/such", timeout=TIMEOUT)
    assert anonymous.status_code == 401, "credentials before path"
    sandbox.control.set("mimecast.rate_limit", {"calls": 0, "window_ms": 60_000})
    assert api.session.get(GATEWAY + "/api/no/such", timeout=TIMEOUT).status_code == 429, "quota before path"


def test_discovery_tells_the_region_of_known_addresses_only(sandbox: RunningSandbox) -> None:
    sandbox.control.seed(
        {
            "mimecast": {
                **seed_document()["mimecast"],
                "domains": [{"name": "discover.example"}],
                "users": [{"emailAddress": "ada@discover.example"}],
            }
        }
    )
    url = "https://api.mimecast.com/api/login/discover-authentication"
    body = {"data": [{"emailAddress": "Ada@discover.example"}]}
    (known,) = sandbox.session().post(url, json=body, timeout=TIMEOUT).json()["data"]
    assert known["region"] == {"api": "https://eu-api.mimecast.com"}
    assert known["authenticate"] == ["Basic-Cloud"]
    body = {"data": [{"emailAddress": "nobody@discover.example"}]}
    (unknown,) = sandbox.session().post(url, json=body, timeout=TIMEOUT).json()["data"]
    assert "region" not in unknown


JUNK = [
    b"{",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b'{"data": {}}',
    b'{"data": [1]}',
    b'{"data": [{"id": 1, "domain": 1, "emailAddress": 1, "description": 1, "emailAddresses": 1}]}',
    b'{"data": [{"id": [], "domain": {}, "emailAddress": [1], "description": {}, "emailAddresses": [[]]}]}',
    b'{"data": [{"domain": "\\ud800.example", "emailAddress": "\\ud800@example.com"}]}',
    b'{"data": [{"domain": "a.example", "notes": NaN}]}',
    b'{"meta": [], "data": []}',
    b'{"meta": {"pagination": {"pageSize": "many"}}, "data": []}',
    b'{"meta": {"pagination": {"pageToken": "eNoAAAA"}}, "data": []}',
    b"[" * 100_000,
    b"{'data': [{'domain': None}]}",
    b"{'data': [{'domain': b'bytes'}]}",
    b"{'data': " + b"[" * 100_000,
    b"{1, 2}",
]
EVERY_PATH = [
    "/api/domain/create-domain",
    "/api/domain/get-internal-domain",
    "/api/user/create-user",
    "/api/user/update-user",
    "/api/user/get-internal-users",
    "/api/user/add-to-purge-list",
    "/api/user/get-import-status",
    "/api/user/import-users",
    "/api/directory/create-group",
    "/api/directory/find-groups",
    "/api/directory/add-group-member",
    "/api/audit/get-audit-events",
    "/domain/cloud-gateway/v1/pending-domains",
    "/domain/cloud-gateway/v1/pending-domains/generate-token",
    "/directory/cloud-gateway/v1/groups",
]


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_malformed_requests_are_refused_and_never_a_server_error(api: Api, body: bytes) -> None:
    for path in EVERY_PATH:
        for argument in ("", "{}", '{"data": [1]}', '{"data": [{"groupId": 1, "fileType": []}]}'):
            headers = {"Content-Type": "application/json", "x-mc-arg": argument}
            response = api.session.post(GATEWAY + path, data=body, headers=headers, timeout=TIMEOUT)
            assert response.status_code in (200, 400), (path, body[:80], response.text)
            if path != "/api/user/import-users":
                break
