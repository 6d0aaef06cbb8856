"""Unexpected responses of Graph, as caused by gateways, proxies, clocks and revoked tokens."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NameResolutionError

from providers.entra import graph as module
from providers.entra.batching import Read
from providers.entra.errors import Refused, Unreachable
from providers.entra.graph import GraphClient

ENVIRONMENT = {"ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "canary"}
BASE = "https://graph.microsoft.com/v1.0"
Reply = tuple[int, bytes, dict[str, str]]


def response(body: Any, status: int = 200, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, content, {name.replace("_", "-"): value for name, value in headers.items()}


class Network(BaseAdapter):
    """Responds as a test scripts, and keeps what was asked."""

    def __init__(self, respond: Callable[[requests.PreparedRequest], Reply]) -> None:
        super().__init__()
        self.asked: list[requests.PreparedRequest] = []
        self._respond = respond

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append(request)
        status, content, headers = self._respond(request)
        raw = HTTPResponse(BytesIO(content), headers, status, preload_content=False, decode_content=False)
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        pass


class Credential:
    """Issues token after token."""

    issued = 0

    def get_token(self, *_: str) -> AccessToken:
        Credential.issued += 1
        return AccessToken(f"token {Credential.issued}", 1 << 40)


@pytest.fixture(autouse=True)
def credential(monkeypatch: pytest.MonkeyPatch) -> None:
    Credential.issued = 0
    monkeypatch.setattr(module, "credential", lambda *_: Credential())


def client(respond: Callable[[requests.PreparedRequest], Reply]) -> tuple[GraphClient, Network]:
    network = Network(respond)
    return GraphClient(ENVIRONMENT, through=lambda _: network), network


NO_LISTS: dict[str, Reply] = {
    "nothing": response(b""),
    "an object without a list": response({}),
    "a page in HTML": response(b"<html><body>Sign in to the network</body></html>", Content_Type="text/html"),
    "half of it": response(b'{"value": [{"id": "1"}, {"id'),
    "nested too deeply": response(b"[" * 100_000),
    "a text for a list": response({"value": "none"}),
    "an object for a list": response({"value": {"id": "1"}}),
    "texts for rows": response({"value": ["1"]}),
    "null": response(b"null"),
    "a list": response([{"id": "1"}]),
    "not what gzip says": response(b'{"value": []}', Content_Encoding="gzip"),
    "half of what gzip says": response(gzip.compress(b'{"value": []}')[:10], Content_Encoding="gzip"),
    "another encoding": response('{"value": ["é"]}'.encode("utf-16")),
}


@pytest.mark.parametrize("name", NO_LISTS)
def test_a_response_without_a_list_is_never_taken_for_an_empty_one(name: str) -> None:
    graph, _ = client(lambda _: NO_LISTS[name])
    with pytest.raises(Unreachable):
        list(graph.list("/users"))


def test_a_list_may_be_empty_and_compressed() -> None:
    graph, _ = client(lambda _: response(gzip.compress(b'{"value": []}'), Content_Encoding="gzip"))
    assert list(graph.list("/users")) == []


def test_a_write_may_get_an_empty_response() -> None:
    graph, _ = client(lambda _: response(b"", 204))
    graph.patch("/applications/1", {})


@pytest.mark.parametrize("batched", [False, True])
def test_circular_page_links_end(batched: bool) -> None:
    def respond(request: requests.PreparedRequest) -> Reply:
        page = {"value": [{"id": "1"}], "@odata.nextLink": f"{BASE}/users?$skiptoken=1"}
        if request.method != "POST":
            return response(page)
        return response({"responses": [{"id": "0", "status": 200, "headers": {}, "body": page}]})

    graph, network = client(respond)
    with pytest.raises(Unreachable, match="one that was already read"):
        graph.batch([Read("/users")])[0].rows() if batched else list(graph.list("/users"))
    assert len(network.asked) < 4


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/users", f"{BASE}.evil.example/users", "http://graph.microsoft.com/v1.0/x", "//x/"],
)
def test_a_next_page_elsewhere_gets_no_token(link: str) -> None:
    graph, network = client(lambda _: response({"value": [], "@odata.nextLink": link}))
    with pytest.raises(Refused, match="on another host"):
        list(graph.list("/users"))
    assert {str(each.url).partition("?")[0] for each in network.asked} == {f"{BASE}/users"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_token(status: int) -> None:
    graph, network = client(lambda _: response(b"", status, Location="https://evil.example/"))
    with pytest.raises(Unreachable, match="is a redirect, which is not followed; a proxy or"):
        graph.get("/users/1")
    assert len(network.asked) == 1


def test_a_proxy_that_requires_a_sign_in_is_named() -> None:
    graph, _ = client(lambda _: response(b"", 407))
    with pytest.raises(Unreachable, match="a proxy requires a sign-in"):
        graph.get("/users/1")


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407, 418])
def test_a_page_of_a_proxy_is_not_about_the_object(status: int) -> None:
    """A 404 that is not Graph's would otherwise mean that the application is gone."""
    graph, _ = client(lambda _: response(b"<html>Sign in to the network</html>", status))
    with pytest.raises(Unreachable, match="is not Graph's"):
        graph.get("/applications/1")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"message": "no Route matched with those values"}', b'{"error": "not_found"}'],
)
@pytest.mark.parametrize("batched", [False, True])
def test_a_refusal_without_graph_s_error_is_not_about_the_object(
    status: int, body: bytes, *, batched: bool
) -> None:
    inner = {"id": "0", "status": status, "headers": {}, "body": json.loads(body or b"null")}
    graph, _ = client(lambda _: response({"responses": [inner]}) if batched else response(body, status))
    with pytest.raises(Unreachable, match=rf"\(HTTP {status}\) is not Graph's"):
        graph.batch([Read("/applications/1")])[0].one() if batched else graph.get("/applications/1")


def test_a_token_that_ends_early_is_renewed_once() -> None:
    expired = response({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}, 401)

    def respond(request: requests.PreparedRequest) -> Reply:
        return expired if request.headers["Authorization"] == "Bearer token 1" else response({"id": "1"})

    graph, network = client(respond)
    assert graph.get("/users/1") == {"id": "1"}
    assert graph.get("/users/2") == {"id": "1"}
    assert (Credential.issued, len(network.asked)) == (2, 3)

    graph, network = client(lambda _: expired)
    with pytest.raises(Refused, match="InvalidAuthenticationToken"):
        graph.patch("/applications/1", {})
    assert len(network.asked) == 2


@pytest.mark.parametrize("date", ["yesterday", "", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_an_invalid_date_is_ignored(date: str) -> None:
    graph, _ = client(lambda _: response({"id": "1"}, Date=date))
    graph.get("/users/1")
    assert graph.now().year > 2000


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /nowhere"),
            "a file of certificates is missing; check SSL_CERT_FILE and REQUESTS_CA_BUNDLE",
        ),
        (
            requests.exceptions.InvalidProxyURL("Failed to parse: http://user:canary@proxy:99999"),
            "HTTPS_PROXY is not the address of an HTTP proxy",
        ),
        (
            requests.exceptions.ProxyError(ConnectionError("http://user:canary@proxy refused")),
            "the proxy of HTTPS_PROXY cannot be reached, or refuses this server",
        ),
        (
            requests.exceptions.ProxyError("Your proxy appears to only use HTTP and not HTTPS, try changing"),
            "HTTPS_PROXY begins with https://, but the proxy expects plain HTTP",
        ),
        (requests.exceptions.SSLError("canary"), "there is no trusted TLS connection; check SSL_CERT_FILE"),
        (requests.exceptions.ReadTimeout("canary"), "no response in time"),
        (
            requests.exceptions.ContentDecodingError(zlib.error("canary")),
            "its response cannot be decoded; a proxy or the sign-in page of a network",
        ),
        (
            requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support. canary"),
            "HTTPS_PROXY is not the address of an HTTP proxy",
        ),
        (
            requests.exceptions.ConnectionError(
                MaxRetryError(
                    None,  # type: ignore[arg-type]
                    "/canary",
                    NameResolutionError("canary", None, OSError()),  # type: ignore[arg-type]
                )
            ),
            "its name cannot be resolved",
        ),
        (requests.exceptions.ConnectionError("canary"), "the connection failed or broke"),
    ],
)
@pytest.mark.parametrize("at_the_token", [False, True])
def test_a_failed_connection_is_not_a_missing_credential_and_its_reason_is_in_words(
    error: OSError, reason: str, at_the_token: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise ClientAuthenticationError(f"Authentication failed: {error}") from error

    def respond(_: requests.PreparedRequest) -> Reply:
        raise error

    if at_the_token:
        monkeypatch.setattr(Credential, "get_token", fails)
    graph, _ = client(respond)
    with pytest.raises(Unreachable, match=f"could not be reached.*: {reason}") as refused:
        graph.get("/users/1")
    assert "canary" not in str(refused.value)


# Over the wire, because the pauses are those of the library


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (429, b"{}", "limits the number of requests, also after several retries; rerun in a few minutes"),
        (503, b"", "the service failed or is overloaded, also after several retries; rerun in a few minutes"),
        (429, b'{"error": {"code": "TooManyRequests", "message": "Slow down."}}', "Slow down"),
    ],
)
def test_a_refusal_that_lasts_is_said_in_its_own_words(
    status: int,
    body: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    serving: Callable[[type[BaseHTTPRequestHandler]], str],
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda _: None)
    graph, _ = client(lambda _: response({}))
    graph._base = serving(Handler).rstrip("/")
    graph._session.trust_env = False
    graph._session.mount("http://", module._retrying(module.UNLIMITED, "GET"))
    with pytest.raises(Unreachable, match=said):
        graph.get("/users/1")


@pytest.mark.parametrize(
    "stated", ["soon", "-1", "0.5", "", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999999999"]
)
def test_an_invalid_retry_after_is_the_default_pause(
    stated: str, monkeypatch: pytest.MonkeyPatch, serving: Callable[[type[BaseHTTPRequestHandler]], str]
) -> None:
    class Handler(BaseHTTPRequestHandler):
        times = 0

        def do_GET(self) -> None:
            Handler.times += 1
            body = b'{"id": "1"}'
            self.send_response(429 if Handler.times == 1 else 200)
            self.send_header("Content-Length", str(len(body)))
            if Handler.times == 1:
                self.send_header("Retry-After", stated)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", module._retrying(module.UNLIMITED, "GET"))
    assert session.get(serving(Handler), timeout=30).json() == {"id": "1"}
    assert Handler.times == 2
    assert sum(slept) <= module._LONGEST_WAIT_SECONDS


@pytest.fixture
def serving() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Starts a server with a handler; its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
