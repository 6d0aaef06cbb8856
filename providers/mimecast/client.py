"""Calls to Mimecast's API 2.0 gateway: authentication, both endpoint families, retries, paging.

Two families live on one gateway. The *legacy* one (``/api/...``) is always POST with the envelope
``{"meta", "data"}`` and returns ``{"meta", "data", "fail"}``, with failures in ``fail`` under HTTP 200.
The *v2* one has verbs, paths and plain JSON.

Example::

    client = MimecastClient(Credentials("id", "secret"))
    response = client.legacy(GET_ACCOUNT, {})
    print(response.data[0]["accountCode"])

Reads are repeated after a lost response or a server failure. Writes are repeated only if the gateway refused them
before processing (quota, expired token) or if nothing was sent. After a lost response `UnclearOutcome` is raised, and
the caller looks the object up.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    DEFAULT_TOKEN_SECONDS,
    GLOBAL_GATEWAY,
    HOST_SUFFIX,
    TOKEN_PATH,
    Endpoint,
)
from mimecast_sso.text.foreign import quoted
from providers import calls
from providers.authorization import Bearer
from providers.deadline import UNLIMITED, Deadline, DeadlinePassed
from providers.mimecast.errors import AuthenticationError, MalformedResponse, TransportError
from providers.mimecast.limits import LONGEST_WAIT, Clock, RateLimiter
from providers.mimecast.responses import (
    Again,
    Call,
    Json,
    LegacyResponse,
    Reply,
    check_envelope,
    check_object,
    check_status,
    check_token_status,
    error_of,
    legacy_response,
    lost_response,
    network_failure,
    next_page,
    parsed,
    rows_of,
)

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
RESPONSE_LIMIT = 16 * 1024 * 1024
ATTEMPTS = 4
_FIRST_BACKOFF = 0.25
_RENEW_BEFORE_END = 60.0
_LISTING_PASSES = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API 2.0 application's client id and secret; the secret is never in its repr."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Upload(Call):
    """A call whose body is a file, and whose arguments are in its headers."""

    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


def check_base_url(url: str) -> str:
    """``url`` without a trailing slash. Raises AuthenticationError unless it is https on a Mimecast host.

    The client secret would be sent to any other host.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host.endswith(HOST_SUFFIX) or parts.username or parts.query:
        raise AuthenticationError(
            f"MIMECAST_BASE_URL is {quoted(url)}; it must be https on a host under {HOST_SUFFIX[1:]}, "
            f"such as {GLOBAL_GATEWAY}. Unset it to use that one"
        )
    return url.rstrip("/")


class MimecastClient:
    """A thread-safe client for one set of credentials; create one per process (see `shared_client`).

    ``adapter`` replaces the network in tests, ``clock`` the time; ``deadline`` ends every wait.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: str = GLOBAL_GATEWAY,
        *,
        adapter: BaseAdapter | None = None,
        clock: Clock | None = None,
        deadline: Deadline = UNLIMITED,
    ) -> None:
        self._credentials = credentials
        self._base_url = check_base_url(base_url)
        self._deadline = deadline
        self._clock = clock or (Clock() if deadline is UNLIMITED else Clock(sleep=deadline.sleep))
        self._limiter = RateLimiter(self._clock, deadline.check)
        self._session = requests.Session()
        self._session.mount("https://", adapter or HTTPAdapter(pool_maxsize=8))
        self._date: datetime | None = None
        self._session.headers.update({"Accept": "application/json", "User-Agent": "mimecast-sso"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._token: _Token | None = None
        self._token_lock = threading.Lock()

    # -- The two families -------------------------------------------------------------------------------------

    def legacy(
        self, endpoint: Endpoint, *items: Mapping[str, JSON], page: Json | None = None
    ) -> LegacyResponse:
        """One call of the legacy family. Failures of items are in the response; other errors are raised.

        Raises a `MimecastError` for transport, authentication, permission or quota.
        """
        body: Json = {"data": [_without_nulls(item) for item in items]}
        if page:
            body["meta"] = {"pagination": page}
        call = Call("POST", endpoint.path, endpoint.reads, endpoint.permission, endpoint.secret, body=body)
        reply = self._perform(call, check_envelope)
        return legacy_response(call, reply)

    def upload(self, endpoint: Endpoint, headers: Mapping[str, str], content: bytes) -> LegacyResponse:
        """One call of the legacy family whose body is a CSV file; ``headers`` carry its arguments."""
        call = _Upload(
            "POST",
            endpoint.path,
            endpoint.reads,
            endpoint.permission,
            endpoint.secret,
            content=content,
            headers={"Content-Type": "text/csv", **headers},
        )
        return legacy_response(call, self._perform(call, check_envelope))

    def legacy_list(
        self, endpoint: Endpoint, item: Mapping[str, JSON], rows: str, read: Callable[[Json], tuple[str, T]]
    ) -> dict[str, T]:
        """All rows of a paged legacy read, the objects under ``data[0][rows]``, by natural key.

        ``read`` returns a row's key and the part to keep, so that a long list is never in memory completely. If the
        number of objects changes while pages are read, a row may have moved to a page that was already read; the
        list is then read again, and the passes are merged.
        """
        found: dict[str, T] = {}
        for _ in range(_LISTING_PASSES):
            steady = True
            total: int | None = None
            for response in self._legacy_pages(endpoint, item):
                found.update(read(row) for row in rows_of(response, rows))
                steady = steady and total in (None, response.total)
                total = response.total
            if steady:
                break
        return found

    def _legacy_pages(self, endpoint: Endpoint, item: Mapping[str, JSON]) -> Iterator[LegacyResponse]:
        page: Json = {"pageSize": endpoint.page_size} if endpoint.page_size else {}
        seen: set[str] = set()
        while True:
            response = self.legacy(endpoint, item, page=page).accepted("list")
            yield response
            if not response.next_page:
                return
            _once(response.next_page, seen, endpoint.path)
            page = {**page, "pageToken": response.next_page}

    def v2(
        self,
        method: str,
        path: str,
        *,
        reads: bool = False,
        permission: str = "",
        params: Mapping[str, str] | None = None,
        body: JSON = None,
    ) -> Json:
        """One call of the v2 family; a response without content is an empty dict."""
        call = Call(method, path, reads or method == "GET", permission, params=params or {}, body=body)
        reply = self._perform(call, check_object)
        return dict(reply.payload or {})

    def v2_list(self, path: str, rows: str, *, permission: str = "", page_size: int = 100) -> list[Json]:
        """All rows of `v2_rows`."""
        return list(self.v2_rows(path, rows, permission=permission, page_size=page_size))

    def v2_rows(self, path: str, rows: str, *, permission: str = "", page_size: int = 100) -> Iterator[Json]:
        """The rows of a paged v2 read, from the array ``rows``; one page at a time is held.

        No source documents the name of the next page's token, so every observed spelling is accepted. A response
        without the array is an error: no source documents its name either, and a wrong one would look like an empty
        list.
        """
        params = {"pageSize": str(page_size)}
        seen: set[str] = set()
        while True:
            response = self.v2("GET", path, permission=permission, params=params)
            if not isinstance(response.get(rows), list):
                raise MalformedResponse(
                    f"Mimecast's response has no list {quoted(rows)}", method="GET", path=path
                )
            yield from (row for row in response[rows] if isinstance(row, dict))
            token = next_page(response.get("meta"))
            if not token:
                return
            _once(token, seen, path)
            params = {**params, "pageToken": token}

    def now(self) -> datetime:
        """The service's time: the Date header of its last response; this machine's before the first."""
        return self._date or datetime.now(UTC)

    # -- One call with its retries ----------------------------------------------------------------------------

    def _perform(self, call: Call, check: Callable[[Call, Reply], None]) -> Reply:
        try:
            return self._settled(call, check)
        except DeadlinePassed as error:
            text = f"Gave up waiting for Mimecast's gateway: {error}"
            raise TransportError(text, method=call.method, path=call.path) from None

    def _settled(self, call: Call, check: Callable[[Call, Reply], None]) -> Reply:
        renewed = False
        waited = 0.0
        attempt = 1
        while True:
            waited += self._limiter.wait()
            try:
                return self._attempt(call, check)
            except Again as again:
                if again.limited and waited < LONGEST_WAIT and again.pause <= LONGEST_WAIT:
                    waited += self._back_off(1)
                    self._limiter.still_refused(waited)
                elif again.renew and not renewed:
                    renewed = True
                elif again.renew or again.limited or attempt >= ATTEMPTS:
                    raise again.error from None
                else:
                    self._back_off(attempt)
                    attempt += 1

    def _back_off(self, attempt: int) -> float:
        # With jitter, so that threads that failed at the same time do not retry at the same time.
        longest: float = _FIRST_BACKOFF * 2**attempt
        seconds = longest * (0.5 + self._clock.jitter() / 2)
        self._clock.sleep(seconds)
        return seconds

    def _attempt(self, call: Call, check: Callable[[Call, Reply], None]) -> Reply:
        token = self._current_token()
        reply = self._send(call, Bearer(token.value))
        try:
            check_status(call, reply)
            check(call, reply)
        except Again as again:
            if again.renew:
                self._discard(token)
            raise
        return reply

    def _send(self, call: Call, auth: Bearer, form: Mapping[str, str] | None = None) -> Reply:
        sent_id = str(uuid.uuid4())
        upload = call if isinstance(call, _Upload) else None
        try:
            with calls.logged("Mimecast", call.method, call.path) as noted:
                response = self._session.request(
                    call.method,
                    self._base_url + call.path,
                    params=dict(call.params) or None,
                    json=call.body if form is None and upload is None else None,
                    data=upload.content if upload else form,
                    headers={**(upload.headers if upload else {}), "x-request-id": sent_id},
                    auth=auth,
                    timeout=(self._deadline.left(CONNECT_TIMEOUT), self._deadline.left(READ_TIMEOUT)),
                    allow_redirects=False,
                    stream=True,
                )
                content = self._content(call, response)
                noted.ended = response.status_code
        except DeadlinePassed:
            raise
        except OSError as error:  # Also of requests, and of a file of certificates that is missing.
            raise network_failure(call, error, sent_id) from None
        # Without a readable date, keep the previous one.
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            self._date = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        request_id = response.headers.get("x-request-id") or sent_id
        self._limiter.observe(
            response.headers, refused=response.status_code == requests.codes.too_many_requests
        )
        return Reply(response.status_code, response.headers, parsed(content), request_id)

    def _content(self, call: Call, response: requests.Response) -> bytes:
        # requests limits the time of single reads, not of the whole response, which could block a thread forever.
        ends_at = self._clock.monotonic() + 2 * READ_TIMEOUT
        content = bytearray()
        with response:
            for chunk in response.iter_content(65536):
                content += chunk
                if len(content) > RESPONSE_LIMIT or self._clock.monotonic() > ends_at:
                    raise lost_response(call, "the response was too long or too slow", "")
        return bytes(content)

    # -- Token ------------------------------------------------------------------------------------------------

    def _current_token(self) -> _Token:
        with self._token_lock:
            if self._token is None or self._clock.monotonic() >= self._token.renew_at:
                self._token = self._fetch_token()
            return self._token

    def _discard(self, token: _Token) -> None:
        # Another thread may have renewed it meanwhile; keep that token.
        with self._token_lock:
            if self._token is token:
                self._token = None

    def _fetch_token(self) -> _Token:
        call = Call("POST", TOKEN_PATH, reads=True, secret=True)
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        for attempt in range(1, ATTEMPTS + 1):
            self._limiter.wait()
            try:
                reply = self._send(call, Bearer(), form)
                check_token_status(call, reply)
                return self._token_from(call, reply)
            except Again as again:
                if attempt == ATTEMPTS or again.pause > LONGEST_WAIT:
                    raise again.error from None
                self._back_off(attempt)
        raise AssertionError("unreachable")

    def _token_from(self, call: Call, reply: Reply) -> _Token:
        payload = reply.payload if isinstance(reply.payload, dict) else {}
        value = payload.get("access_token")
        if not isinstance(value, str) or not value:
            raise Again(
                error_of(MalformedResponse, "Mimecast's token response contains no token", call, reply)
            )
        life = payload.get("expires_in")
        seconds = float(life) if isinstance(life, (int, float)) and life > 0 else DEFAULT_TOKEN_SECONDS
        return _Token(value, self._clock.monotonic() + max(seconds - _RENEW_BEFORE_END, seconds / 2))


# -- One client per process -----------------------------------------------------------------------------------

_clients: dict[tuple[Credentials, str], MimecastClient] = {}
_clients_lock = threading.Lock()


def shared_client(credentials: Credentials, base_url: str = GLOBAL_GATEWAY) -> MimecastClient:
    """The process's client for these credentials: one token, one limiter, one connection pool."""
    with _clients_lock:
        key = (credentials, base_url)
        if key not in _clients:
            _clients[key] = MimecastClient(credentials, base_url)
        return _clients[key]


# -- Helpers --------------------------------------------------------------------------------------------------


def _once(token: str, seen: set[str], path: str) -> None:
    if token in seen:
        raise MalformedResponse(
            "Mimecast's paging leads back to a page that was already read", method="POST", path=path
        )
    seen.add(token)


def _without_nulls(item: Mapping[str, JSON]) -> Json:
    # A null anywhere makes the vendor refuse the whole request (err_deserialise).
    return {key: value for key, value in item.items() if value is not None}
