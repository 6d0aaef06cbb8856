"""The client's guarantees: one token, no blind retries, pauses as the vendor requests, errors without secrets."""

from __future__ import annotations

import base64
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, ProxyError, SSLError

from mimecast_sso.facts.mimecast_api import CREATE_USER, GET_ACCOUNT, GET_INTERNAL_USERS, UPDATE_USER
from providers import network
from providers.mimecast import (
    AuthenticationError,
    Credentials,
    Forbidden,
    MalformedResponse,
    MimecastClient,
    MimecastError,
    NotFound,
    RateLimited,
    Rejected,
    TransportError,
    UnclearOutcome,
)
from providers.mimecast.client import RESPONSE_LIMIT
from tests.providers.vendor import (
    CREDENTIALS,
    LOST,
    SECRET,
    TOKEN,
    Adapter,
    Reply,
    Time,
    client,
    failure,
    legacy,
    refused,
    scripted,
    unreachable,
)

PAGES = (400, 403, 404, 407)
"""Statuses of pages that a proxy or the sign-in page of a network responds with."""
PASSWORD = "canary-user-password"
ACCOUNT = legacy({"accountCode": "CUK25A118", "region": "eu"})


def test_one_token_serves_many_calls_of_many_threads() -> None:
    adapter = Adapter(lambda _path, _body: ACCOUNT)
    mimecast = client(adapter)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: mimecast.legacy(GET_ACCOUNT, {}), range(40)))
    assert adapter.tokens == 1
    assert {r.headers["Authorization"] for r in adapter.requests[1:]} == {f"Bearer {TOKEN}-1"}


def test_the_token_is_asked_for_as_a_form_and_renewed_before_it_ends() -> None:
    time = Time()
    adapter = Adapter(lambda _path, _body: ACCOUNT)
    mimecast = client(adapter, time)
    mimecast.legacy(GET_ACCOUNT, {})
    assert adapter.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "grant_type=client_credentials" in str(adapter.requests[0].body)
    time.now += 1800 - 61
    mimecast.legacy(GET_ACCOUNT, {})
    assert adapter.tokens == 1
    time.now += 2
    mimecast.legacy(GET_ACCOUNT, {})
    assert adapter.tokens == 2


@pytest.mark.parametrize(
    "body",
    [
        {"fail": [{"code": "token_expired", "message": "x", "retryable": True}]},
        {"meta": {"status": 401}, "data": [], "fail": [{"errors": [{"code": "token_expired"}]}]},
    ],
    ids=["flat", "nested"],
)
def test_a_write_is_sent_again_once_when_the_gateway_says_that_the_token_ended(body: Any) -> None:
    adapter = scripted(Reply(body, 401), legacy({"emailAddress": "ada@example.com"}))
    client(adapter).legacy(CREATE_USER, {"emailAddress": "ada@example.com"})
    assert adapter.tokens == 2
    assert len(adapter.paths) == 2


def test_a_token_refused_twice_is_an_error() -> None:
    adapter = scripted(refused(401, "invalid_access_token"), refused(401, "invalid_access_token"))
    with pytest.raises(AuthenticationError) as caught:
        client(adapter).legacy(GET_ACCOUNT, {})
    assert caught.value.code == "invalid_access_token"
    assert caught.value.path == "/api/account/get-account"


def test_wrong_credentials_say_where_to_look() -> None:
    adapter = scripted()
    adapter.token_reply = lambda: refused(401, "invalid_client_identifier")
    with pytest.raises(AuthenticationError, match="MIMECAST_CLIENT_SECRET"):
        client(adapter).legacy(GET_ACCOUNT, {})
    assert adapter.tokens == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(error=LOST),
        Reply(error=unreachable()),
        Reply(error=requests.exceptions.ReadTimeout()),
        refused(500, "internal_server_error_1"),
        Reply(None, 503),
        Reply(b"<html>", 200),
        Reply(b'{"meta": {"status": 200}, "da', 200),
        Reply({"meta": {"status": 200}, "data": {}, "fail": []}),
        legacy(fail=[failure("internal_server_error_1", retryable=True)]),
    ],
    ids=["lost", "unreachable", "timeout", "500", "503", "not json", "cut", "wrong type", "retryable item"],
)
def test_reads_are_repeated(trouble: Reply) -> None:
    adapter = scripted(trouble, ACCOUNT)
    assert client(adapter).legacy(GET_ACCOUNT, {}).data[0]["accountCode"] == "CUK25A118"


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(error=LOST),
        Reply(error=requests.exceptions.ReadTimeout()),
        refused(500, "internal_server_error_1"),
        Reply(None, 502),
        Reply(b"<html>", 200),
        Reply(None, 200),
        Reply(b"[]", 200),
    ],
    ids=["lost", "timeout", "500", "502", "not json", "empty", "wrong type"],
)
def test_writes_with_an_unclear_outcome_are_not_repeated(trouble: Reply) -> None:
    adapter = scripted(trouble)
    with pytest.raises(UnclearOutcome):
        client(adapter).legacy(CREATE_USER, {"emailAddress": "ada@example.com", "password": PASSWORD})
    assert len(adapter.paths) == 1


def test_writes_that_were_never_sent_are_repeated() -> None:
    adapter = scripted(Reply(error=unreachable()), legacy({"emailAddress": "ada@example.com"}))
    client(adapter).legacy(CREATE_USER, {"emailAddress": "ada@example.com"})
    assert len(adapter.paths) == 2


def tls_failure(cause: Exception) -> Exception:
    return requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(cause)))  # type: ignore[arg-type]


def test_only_an_untrusted_certificate_says_that_nothing_was_sent() -> None:
    adapter = scripted(Reply(error=tls_failure(ssl.SSLCertVerificationError())))
    with pytest.raises(TransportError, match="SSL_CERT_FILE"):
        client(adapter).legacy(CREATE_USER, {})
    with pytest.raises(UnclearOutcome):
        client(scripted(Reply(error=tls_failure(ssl.SSLError("bad record mac"))))).legacy(CREATE_USER, {})


@pytest.mark.parametrize(
    "error",
    [
        OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /canary"),
        requests.exceptions.InvalidProxyURL("http://user:canary@proxy:99999"),
        requests.exceptions.InvalidURL("Failed to parse: http://user:canary@proxy:99999"),
        requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support, canary"),
        tls_failure(ssl.SSLCertVerificationError("canary")),
        unreachable(),
    ],
)
def test_why_the_gateway_could_not_be_reached_is_said_in_the_words_of_every_server(error: Exception) -> None:
    with pytest.raises(TransportError) as refused:
        client(Adapter(lambda _path, _body: Reply(error=error))).legacy(CREATE_USER, {})
    assert f"Mimecast's gateway could not be reached: {network.reason(error)} (" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_connection_that_cannot_be_set_up_is_tried_once() -> None:
    adapter = scripted(Reply(error=requests.exceptions.InvalidProxyURL("http://proxy:99999")))
    with pytest.raises(TransportError, match="HTTPS_PROXY is not the address of an HTTP proxy"):
        client(adapter).legacy(CREATE_USER, {})
    assert len(adapter.paths) == 1


def test_a_file_without_certificates_says_what_to_check() -> None:
    empty = ssl.SSLError("no certificate or crl found")
    empty.library = "X509"
    with pytest.raises(TransportError, match="SSL_CERT_FILE"):
        client(scripted(Reply(error=tls_failure(empty)))).legacy(CREATE_USER, {})


def test_reads_fail_after_four_attempts() -> None:
    time = Time()
    adapter = Adapter(lambda _path, _body: Reply(None, 503))
    with pytest.raises(TransportError, match="503"):
        client(adapter, time).legacy(GET_ACCOUNT, {})
    assert len(adapter.paths) == 4
    assert time.slept == sorted(time.slept)


def test_reads_and_writes_wait_for_the_quota_in_milliseconds() -> None:
    time = Time()
    adapter = scripted(Reply({}, 429, {"X-RateLimit-Reset": "3120"}), legacy({}))
    client(adapter, time).legacy(UPDATE_USER, {"emailAddress": "ada@example.com"})
    assert 3.1 < sum(time.slept) < 5


def test_an_exhausted_quota_delays_the_next_call() -> None:
    time = Time()
    headers = {"X-RateLimit-Limit": "800", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2000"}
    adapter = Adapter(lambda _path, _body: Reply(ACCOUNT.body, 200, headers))
    mimecast = client(adapter, time)
    mimecast.legacy(GET_ACCOUNT, {})
    assert time.slept == []
    mimecast.legacy(GET_ACCOUNT, {})
    assert time.slept == [pytest.approx(2.25)]


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "0"}, {"X-RateLimit-Reset": "soon"}])
def test_an_endless_429_ends(headers: dict[str, str]) -> None:
    time = Time()
    adapter = Adapter(lambda _path, _body: Reply(None, 429, headers))
    with pytest.raises(RateLimited):
        client(adapter, time).legacy(GET_ACCOUNT, {})
    assert 290 < sum(time.slept) < 320


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry-After": "20"}, 20),
        ({"Retry-After": "Mon, 30 Nov 2026 12:00:40 GMT", "Date": "Mon, 30 Nov 2026 12:00:00 GMT"}, 40),
        ({"X-RateLimit-Reset": "30000", "Retry-After": "20"}, 30),
        ({"X-RateLimit-Reset": "1764525600000"}, 5),  # A point in time.
        ({"Retry-After": "soon"}, 5),
    ],
)
def test_a_pause_is_as_long_as_asked_and_announced_once(
    headers: dict[str, str], slept: int, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    mimecast = client(scripted(Reply(None, 429, headers), ACCOUNT), time)
    mimecast.legacy(GET_ACCOUNT, {})
    assert slept <= sum(time.slept) < slept * 1.25 + 1
    (said,) = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert said.startswith("Mimecast limits the number of API calls; the next one is sent in ")


def test_minutes_of_short_pauses_are_announced(caplog: pytest.LogCaptureFixture) -> None:
    adapter = Adapter(lambda _path, _body: Reply(None, 429, {"X-RateLimit-Reset": "0"}))
    with pytest.raises(RateLimited, match="rerun in a few minutes"):
        client(adapter).legacy(GET_ACCOUNT, {})
    said = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert 1 < len(said) < 8
    assert all("retrying for at most" in each for each in said)


@pytest.mark.parametrize("token", [True, False])
def test_a_pause_that_nobody_waits_for_fails_at_once(*, token: bool) -> None:
    time = Time()
    refusal = Reply(None, 429, {"X-RateLimit-Reset": "3600000"})
    adapter = Adapter(lambda _path, _body: refusal)
    if token:
        adapter.token_reply = lambda: refusal
    with pytest.raises(RateLimited, match="Rerun in 60 minutes"):
        client(adapter, time).legacy(GET_ACCOUNT, {})
    assert sum(time.slept) < 5


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (refused(403, "app_forbidden"), Forbidden, "Directories | Internal | Edit"),
        (refused(404, "endpoint_evaluation_failed_1"), NotFound, "does not know this path"),
        (Reply(None, 400), Rejected, "HTTP 400"),
        (Reply(None, 302, {"Location": "https://elsewhere.example/"}), TransportError, "redirect"),
        (Reply(b"<html>", 302, {"Location": "https://elsewhere.example/"}), TransportError, "redirect"),
        (Reply(None, 407), UnclearOutcome, "not Mimecast's"),
        *((Reply(b"<html>Wi-Fi</html>", status), UnclearOutcome, "not Mimecast's") for status in PAGES),
    ],
    ids=[
        "403",
        "404",
        "400 without a body",
        "redirect",
        "redirect with a page",
        "407 without a body",
        *map(str, PAGES),
    ],
)
def test_refusals_are_typed_and_name_the_call(response: Reply, kind: type[MimecastError], text: str) -> None:
    adapter = scripted(response)
    with pytest.raises(kind) as caught:
        client(adapter).legacy(CREATE_USER, {"emailAddress": "ada@example.com"})
    assert text.replace("|", "") in str(caught.value).replace("|", "")
    assert caught.value.path == "/api/user/create-user"
    assert len(adapter.paths) == 1


def test_a_page_under_http_200_is_of_a_proxy() -> None:
    adapter = scripted(*[Reply(b"<html>Wi-Fi</html>", 200)] * 10)
    with pytest.raises(MimecastError, match="not Mimecast's; a proxy or the sign-in page"):
        client(adapter).legacy(GET_ACCOUNT, {})


@pytest.mark.parametrize("status", [*PAGES, 200, 401])
def test_a_page_for_a_token_says_nothing_about_the_credentials(status: int) -> None:
    adapter = scripted()
    adapter.token_reply = lambda: Reply(b"<html>Wi-Fi</html>", status)
    with pytest.raises(TransportError, match="not Mimecast's"):
        client(adapter).legacy(GET_ACCOUNT, {})


def test_item_failures_under_http_200_carry_code_and_field() -> None:
    response = legacy(
        fail=[failure("err_validation_null", {"emailAddress": "a@b.example"}, field="emailAddress")]
    )
    result = client(scripted(response)).legacy(CREATE_USER, {})
    with pytest.raises(Rejected) as caught:
        result.accepted("create a@b.example")
    assert (caught.value.code, caught.value.field) == ("err_validation_null", "emailAddress")


def test_meta_status_counts_even_under_http_200() -> None:
    response = Reply({"meta": {"status": 403}, "data": [], "fail": [failure("app_forbidden")]})
    with pytest.raises(Forbidden):
        client(scripted(response)).legacy(GET_ACCOUNT, {})


def test_nulls_are_not_sent() -> None:
    adapter = scripted(legacy({}))
    client(adapter).legacy(CREATE_USER, {"emailAddress": "ada@example.com", "name": None})
    assert adapter.bodies("/api/user/create-user") == [{"data": [{"emailAddress": "ada@example.com"}]}]


def test_a_response_that_is_too_long_is_truncated() -> None:
    adapter = Adapter(lambda _path, _body: Reply(b" " * (RESPONSE_LIMIT + 1)))
    with pytest.raises(TransportError, match="too long"):
        client(adapter).legacy(GET_ACCOUNT, {})


# -- Paging ---------------------------------------------------------------------------------------------------


def rows(*names: str, **paging: Any) -> Reply:
    return legacy({"users": [{"emailAddress": name} for name in names]}, **paging)


def listed(adapter: Adapter) -> list[str]:
    item = {"domain": "d"}
    found = client(adapter).legacy_list(
        GET_INTERNAL_USERS, item, "users", lambda row: (row["emailAddress"], row)
    )
    return list(found)


@pytest.mark.parametrize(
    "response",
    [
        legacy({"people": []}),
        legacy({}),
        legacy({"users": None}),
        legacy(totalCount=2),
        legacy({"users": {}}),
    ],
    ids=["another name", "no list", "null", "nothing of two", "another kind"],
)
def test_a_response_without_the_list_is_an_error_and_no_empty_list(response: Reply) -> None:
    with pytest.raises(MalformedResponse, match='has no list "users"'):
        listed(scripted(response))


@pytest.mark.parametrize(
    "body", [{"meta": {"status": 200}}, {"meta": {"status": 200}, "data": None, "fail": []}]
)
def test_a_read_without_data_is_an_error_and_no_empty_list(body: dict[str, Any]) -> None:
    with pytest.raises(TransportError, match="the response has no data"):
        client(scripted(*[Reply(body)] * 10)).legacy(GET_ACCOUNT)
    assert client(scripted(Reply(body))).legacy(CREATE_USER, {}).data == ()


def test_a_response_without_items_is_an_empty_list_if_none_are_counted() -> None:
    assert listed(scripted(legacy())) == []
    assert listed(scripted(rows(totalCount=0))) == []


@pytest.mark.parametrize("response", [{}, {"people": []}, {"users": None}])
def test_a_v2_response_without_the_list_is_an_error_and_no_empty_list(response: dict[str, Any]) -> None:
    with pytest.raises(MalformedResponse, match='has no list "users"'):
        client(scripted(Reply(response))).v2_list("/user/cloud-gateway/v1/users", "users")


def test_a_proxy_without_tls_was_sent_nothing() -> None:
    plain = ProxyError(
        "Unable to connect to proxy. Your proxy appears to only use HTTP and not HTTPS",
        SSLError("wrong version"),
    )
    error = requests.exceptions.ProxyError(MaxRetryError(None, "/", plain))  # type: ignore[arg-type]
    with pytest.raises(TransportError, match="begins with https://, but the proxy expects plain HTTP"):
        client(Adapter(lambda _path, _body: Reply(error=error))).legacy(CREATE_USER, {})


def test_pages_are_followed_to_the_end() -> None:
    adapter = scripted(rows("a", "b", totalCount=3, next="2"), rows("c", totalCount=3))
    assert listed(adapter) == ["a", "b", "c"]
    bodies = adapter.bodies("/api/user/get-internal-users")
    assert [body["meta"]["pagination"] for body in bodies] == [
        {"pageSize": 100},
        {"pageSize": 100, "pageToken": "2"},
    ]


def test_a_page_that_comes_twice_counts_once() -> None:
    assert listed(scripted(rows("a", "b", next="2"), rows("a", "b", next="3"), rows("c"))) == ["a", "b", "c"]


def test_circular_pages_are_an_error() -> None:
    with pytest.raises(MalformedResponse, match="back to a page"):
        listed(Adapter(lambda _path, _body: rows("a", next="2")))


def test_a_row_that_slips_to_an_earlier_page_is_not_lost() -> None:
    # "a" is removed after the first page was read: "c" moves to page one and is in neither response.
    adapter = scripted(
        rows("a", "b", totalCount=4, next="2"),
        rows("d", totalCount=3),
        rows("b", "c", totalCount=3, next="2"),
        rows("d", totalCount=3),
    )
    assert set(listed(adapter)) >= {"b", "c", "d"}


@pytest.mark.parametrize(
    "meta",
    [
        {"nextPage": "x"},
        {"nextPageToken": "x"},
        {"pagination": {"nextPageToken": "x"}},
        {"pagination": {"nextPage": "x"}},
        {"pagination": {"next": "x"}},
    ],
)
def test_every_spelling_of_the_next_v2_page_is_understood(meta: dict[str, Any]) -> None:
    adapter = scripted(
        Reply({"domains": [{"id": "1"}], "meta": meta}), Reply({"domains": [{"id": "2"}], "meta": {}})
    )
    found = client(adapter).v2_list("/domain/cloud-gateway/v1/internal-domains", "domains")
    assert [row["id"] for row in found] == ["1", "2"]
    assert adapter.paths[1].endswith("pageSize=100&pageToken=x")


def test_a_v2_response_may_be_empty() -> None:
    assert client(scripted(Reply(None, 204))).v2("PATCH", "/x", body={}) == {}


# -- Where secrets may go -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://api.services.mimecast.com",
        "https://api.services.mimecast.com.evil.example",
        "https://evilmimecast.com",
        "https://localhost",
        "https://user@api.services.mimecast.com",
        "https://api.services.mimecast.com?x=1",
    ],
)
def test_the_base_url_must_be_https_at_mimecast(url: str) -> None:
    with pytest.raises(AuthenticationError, match="MIMECAST_BASE_URL"):
        MimecastClient(CREDENTIALS, url)


def test_no_error_and_no_representation_holds_a_secret() -> None:
    echo = failure("err_validation", message=f"{PASSWORD} is too weak")
    texts = [repr(CREDENTIALS), repr(Credentials("a", SECRET))]
    for response in (Reply(error=LOST), legacy(fail=[echo]), refused(403, "app_forbidden"), Reply(b"x", 200)):
        mimecast = client(scripted(response))
        texts.append(repr(mimecast))
        with pytest.raises(MimecastError) as caught:
            mimecast.legacy(CREATE_USER, {"emailAddress": "a@b.example", "password": PASSWORD}).accepted(
                "create"
            )
        texts += [
            str(caught.value),
            repr(caught.value),
            repr(vars(caught.value)),
            repr(caught.value.__context__),
        ]
    for canary in (SECRET, TOKEN, PASSWORD):
        for form in (canary, canary.encode().hex(), base64.b64encode(canary.encode()).decode()):
            assert not [text for text in texts if form in text]
