"""Calls to Mimecast's API 2.0 gateway: authentication, both endpoint families, retries, paging.

Two families live on one gateway. The *legacy* one (``/api/...``) is always POST with the envelope
``{"meta", "data"}`` and answers ``{"meta", "data", "fail"}``, where failures stand in ``fail`` under HTTP 200.
The *v2* one has verbs, paths and plain JSON.

Example::

    client = MimecastClient(Credentials("id", "secret"))
    answer = client.legacy(GET_ACCOUNT, {})
    print(answer.data[0]["accountCode"])

Reads are repeated after a lost answer or a server failure. Writes are repeated only where the gateway refused
them before processing (quota, expired token) or where nothing was sent; after a lost answer `UnclearOutcome` is
raised, and the caller looks the object up.
"""

from __future__ import annotations

import json
import ssl
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from facts.mimecast_api import (
    CREDENTIALS_PAGE,
    DEFAULT_TOKEN_SECONDS,
    GLOBAL_GATEWAY,
    HOST_SUFFIX,
    TOKEN_PATH,
    Endpoint,
)
from facts.mimecast_errors import ENDPOINT_UNKNOWN, REFUSED_BEFORE_PROCESSING, meaning
from providers.mimecast.errors import (
    AuthenticationError,
    Forbidden,
    MalformedAnswer,
    MimecastError,
    NotFound,
    RateLimited,
    Rejected,
    TransportError,
    UnclearOutcome,
)
from providers.mimecast.limits import LONGEST_WAIT, Clock, RateLimiter

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
ANSWER_LIMIT = 16 * 1024 * 1024
ATTEMPTS = 4
_FIRST_BACKOFF = 0.25
_RENEW_BEFORE_END = 60.0
_MESSAGE_LIMIT = 200
_LISTING_PASSES = 3

Json = dict[str, Any]
_E = TypeVar("_E", bound=MimecastError)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API 2.0 application's client id and secret; the secret never shows in a representation."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One entry of ``fail``: the refused item's ``key`` (as echoed), and why."""

    key: Json
    code: str
    message: str
    field: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class LegacyAnswer:
    """An answer of the legacy family: items that succeeded, items that failed, and how to go on."""

    path: str
    request_id: str
    data: tuple[Json, ...]
    failures: tuple[ItemFailure, ...]
    next_page: str
    total: int | None

    def rejection(self, failure: ItemFailure, what: str) -> Rejected:
        """The exception for one failure; ``what`` says what was tried ("create ada@example.com")."""
        reason = meaning(failure.code) or failure.message or "no reason given"
        name = f", field {failure.field}" if failure.field else ""
        return Rejected(
            f"Mimecast refused to {what}: {reason}{name}",
            method="POST",
            path=self.path,
            request_id=self.request_id,
            code=failure.code,
            field=failure.field,
        )

    def accepted(self, what: str) -> LegacyAnswer:
        """This answer, or `Rejected` when an item failed."""
        if self.failures:
            raise self.rejection(self.failures[0], what)
        return self


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    reads: bool
    permission: str = ""
    secret: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    payload: Any
    request_id: str


class _Again(Exception):  # noqa: N818  (a signal inside this module, not an error)
    """Try the call again; ``error`` is what to raise when there have been enough tries."""

    def __init__(self, error: MimecastError, *, renew: bool = False, limited: bool = False) -> None:
        super().__init__()
        self.error = error
        self.renew = renew
        self.limited = limited


class _Bearer(requests.auth.AuthBase):
    # Also keeps requests from looking for credentials of the host in a .netrc file.
    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


def check_base_url(url: str) -> str:
    """``url`` without a final slash. Raises AuthenticationError unless it is https on a Mimecast host.

    A base URL elsewhere would be sent the client secret.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host.endswith(HOST_SUFFIX) or parts.username or parts.query:
        raise AuthenticationError(
            f"MIMECAST_BASE_URL is {url!r}; it must be https on a host under {HOST_SUFFIX[1:]}, "
            f"such as {GLOBAL_GATEWAY}. Unset it to use that one"
        )
    return url.rstrip("/")


class MimecastClient:
    """A thread-safe client for one set of credentials; make one per process (see `shared_client`).

    ``adapter`` replaces the network in tests, ``clock`` the time.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: str = GLOBAL_GATEWAY,
        *,
        adapter: BaseAdapter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._credentials = credentials
        self._base_url = check_base_url(base_url)
        self._clock = clock or Clock()
        self._limiter = RateLimiter(self._clock)
        self._session = requests.Session()
        self._session.mount("https://", adapter or HTTPAdapter(pool_maxsize=8))
        self._session.headers.update({"Accept": "application/json", "User-Agent": "mimecast-sso"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._token: _Token | None = None
        self._token_lock = threading.Lock()

    # -- The two families -------------------------------------------------------------------------------------

    def legacy(self, endpoint: Endpoint, *items: Mapping[str, Any], page: Json | None = None) -> LegacyAnswer:
        """One call of the legacy family. Item failures are in the answer; everything else is raised.

        Raises any `MimecastError` of the tree's upper half (transport, authentication, permission, quota).
        """
        body: Json = {"data": [_without_nulls(item) for item in items]}
        if page:
            body["meta"] = {"pagination": page}
        call = _Call("POST", endpoint.path, endpoint.reads, endpoint.permission, endpoint.secret, body=body)
        reply = self._perform(call, _check_envelope)
        return _legacy_answer(call, reply)

    def legacy_list(
        self, endpoint: Endpoint, item: Mapping[str, Any], rows: str, identity: Callable[[Json], str]
    ) -> list[Json]:
        """All rows of a paged legacy read: the objects under ``data[0][rows]``, each ``identity`` once.

        When the number of objects changes while pages are read, a row may have slipped to a page that was read
        before; the list is then read again, and the passes are united.
        """
        found: dict[str, Json] = {}
        for _ in range(_LISTING_PASSES):
            steady = True
            total: int | None = None
            for answer in self._legacy_pages(endpoint, item):
                found.update((identity(row), row) for row in _rows(answer, rows))
                steady = steady and total in (None, answer.total)
                total = answer.total
            if steady:
                break
        return list(found.values())

    def _legacy_pages(self, endpoint: Endpoint, item: Mapping[str, Any]) -> Iterator[LegacyAnswer]:
        page: Json = {"pageSize": endpoint.page_size} if endpoint.page_size else {}
        seen: set[str] = set()
        while True:
            answer = self.legacy(endpoint, item, page=page).accepted("list")
            yield answer
            if not answer.next_page:
                return
            _once(answer.next_page, seen, endpoint.path)
            page = {**page, "pageToken": answer.next_page}

    def v2(
        self,
        method: str,
        path: str,
        *,
        reads: bool = False,
        permission: str = "",
        params: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Json:
        """One call of the v2 family; an answer without content is an empty dict."""
        call = _Call(method, path, reads or method == "GET", permission, params=params or {}, body=body)
        reply = self._perform(call, _check_object)
        return dict(reply.payload or {})

    def v2_list(self, path: str, rows: str, *, permission: str = "", page_size: int = 100) -> list[Json]:
        """All rows of a paged v2 read, from the array ``rows``.

        No source settles how the next page is named, so every spelling seen is understood.
        """
        params = {"pageSize": str(page_size)}
        seen: set[str] = set()
        found: list[Json] = []
        while True:
            answer = self.v2("GET", path, permission=permission, params=params)
            found.extend(row for row in answer.get(rows) or () if isinstance(row, dict))
            token = _v2_next(answer.get("meta"))
            if not token:
                return found
            _once(token, seen, path)
            params = {**params, "pageToken": token}

    # -- One call, until it is settled ------------------------------------------------------------------------

    def _perform(self, call: _Call, check: Callable[[_Call, _Reply], None]) -> _Reply:
        renewed = False
        waited = 0.0
        attempt = 1
        while True:
            waited += self._limiter.wait()
            try:
                return self._attempt(call, check)
            except _Again as again:
                if again.limited and waited < LONGEST_WAIT:
                    waited += self._back_off(1)
                elif again.renew and not renewed:
                    renewed = True
                elif again.renew or again.limited or attempt >= ATTEMPTS:
                    raise again.error from None
                else:
                    self._back_off(attempt)
                    attempt += 1

    def _back_off(self, attempt: int) -> float:
        # With jitter: threads that failed together do not come back together.
        longest: float = _FIRST_BACKOFF * 2**attempt
        seconds = longest * (0.5 + self._clock.jitter() / 2)
        self._clock.sleep(seconds)
        return seconds

    def _attempt(self, call: _Call, check: Callable[[_Call, _Reply], None]) -> _Reply:
        token = self._current_token()
        reply = self._send(call, _Bearer(token.value))
        try:
            _check_status(call, reply)
            check(call, reply)
        except _Again as again:
            if again.renew:
                self._discard(token)
            raise
        return reply

    def _send(self, call: _Call, auth: _Bearer, form: Mapping[str, str] | None = None) -> _Reply:
        sent_id = str(uuid.uuid4())
        try:
            response = self._session.request(
                call.method,
                self._base_url + call.path,
                params=dict(call.params) or None,
                json=call.body if form is None else None,
                data=form,
                headers={"x-request-id": sent_id},
                auth=auth,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            )
            content = self._content(call, response)
        except requests.RequestException as error:
            raise _network_failure(call, error, sent_id) from None
        request_id = response.headers.get("x-request-id") or sent_id
        self._limiter.observe(
            response.headers, refused=response.status_code == requests.codes.too_many_requests
        )
        return _Reply(response.status_code, response.headers, _parsed(content), request_id)

    def _content(self, call: _Call, response: requests.Response) -> bytes:
        # requests times single reads out, not the whole answer; a trickle must not hold a thread for ever.
        ends_at = self._clock.monotonic() + 2 * READ_TIMEOUT
        content = bytearray()
        with response:
            for chunk in response.iter_content(65536):
                content += chunk
                if len(content) > ANSWER_LIMIT or self._clock.monotonic() > ends_at:
                    raise _lost(call, "its answer is too long or too slow", "")
        return bytes(content)

    # -- Token ------------------------------------------------------------------------------------------------

    def _current_token(self) -> _Token:
        with self._token_lock:
            if self._token is None or self._clock.monotonic() >= self._token.renew_at:
                self._token = self._fetch_token()
            return self._token

    def _discard(self, token: _Token) -> None:
        # Another thread may have renewed it meanwhile; that one's token stays.
        with self._token_lock:
            if self._token is token:
                self._token = None

    def _fetch_token(self) -> _Token:
        call = _Call("POST", TOKEN_PATH, reads=True, secret=True)
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        for attempt in range(1, ATTEMPTS + 1):
            self._limiter.wait()
            try:
                reply = self._send(call, _Bearer(), form)
                _check_token_status(call, reply)
                return self._token_from(call, reply)
            except _Again as again:
                if attempt == ATTEMPTS:
                    raise again.error from None
                self._back_off(attempt)
        raise AssertionError("unreachable")

    def _token_from(self, call: _Call, reply: _Reply) -> _Token:
        payload = reply.payload if isinstance(reply.payload, dict) else {}
        value = payload.get("access_token")
        if not isinstance(value, str) or not value:
            raise _Again(_error(MalformedAnswer, "Mimecast's token answer holds no token", call, reply))
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


# -- Judging answers ------------------------------------------------------------------------------------------


def _check_status(call: _Call, reply: _Reply, status: int | None = None) -> None:
    status = reply.status if status is None else status
    if requests.codes.ok <= status < requests.codes.multiple_choices:
        return
    code = _code_of(reply.payload)
    if status == requests.codes.unauthorized:
        refused = code in REFUSED_BEFORE_PROCESSING or not code
        error = _error(AuthenticationError, "Mimecast does not accept the access token", call, reply)
        raise _Again(error, renew=True) if refused else error
    if status == requests.codes.forbidden:
        raise _error(Forbidden, f"The API application may not do this{_needs(call)}", call, reply)
    if status == requests.codes.not_found:
        where = (
            "The gateway does not know this path"
            if code == ENDPOINT_UNKNOWN
            else "Mimecast has no such object"
        )
        raise _error(NotFound, f"{where}{_needs(call)}", call, reply)
    if status == requests.codes.too_many_requests:
        raise _Again(
            _error(RateLimited, "The quota of the API application stayed used up", call, reply), limited=True
        )
    if status >= requests.codes.internal_server_error:
        raise _lost(call, f"the server failed with HTTP {status}", reply.request_id, code)
    if status < requests.codes.bad_request:
        raise _error(TransportError, "Mimecast answered with a redirect, which is not followed", call, reply)
    raise _error(Rejected, f"Mimecast refused the request with HTTP {status}", call, reply)


def _check_token_status(call: _Call, reply: _Reply) -> None:
    if reply.status in (requests.codes.bad_request, requests.codes.unauthorized):
        raise _error(
            AuthenticationError,
            "Mimecast refuses the client id and secret; check MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET "
            f"({CREDENTIALS_PAGE})",
            call,
            reply,
        )
    _check_status(call, reply)


def _check_envelope(call: _Call, reply: _Reply) -> None:
    payload = reply.payload
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), (list, type(None))):
        raise _lost(call, "the answer is not the envelope it should be", reply.request_id)
    meta = payload.get("meta")
    status = meta.get("status") if isinstance(meta, dict) else None
    if isinstance(status, int):
        _check_status(call, reply, status)
    # Some failures of the service come under HTTP 200 and say themselves that another try may do.
    failures = _failures(payload, secret=call.secret)
    if call.reads and failures and not payload.get("data") and all(one.retryable for one in failures):
        raise _Again(_legacy_answer(call, reply).rejection(failures[0], "read"))


def _check_object(call: _Call, reply: _Reply) -> None:
    if reply.payload is not None and not isinstance(reply.payload, dict):
        raise _lost(call, "the answer is not a JSON object", reply.request_id)


def _legacy_answer(call: _Call, reply: _Reply) -> LegacyAnswer:
    payload: Json = reply.payload
    meta = payload.get("meta")
    paging = meta.get("pagination") if isinstance(meta, dict) else None
    paging = paging if isinstance(paging, dict) else {}
    total = paging.get("totalCount")
    return LegacyAnswer(
        path=call.path,
        request_id=reply.request_id,
        data=tuple(item for item in payload.get("data") or () if isinstance(item, dict)),
        failures=_failures(payload, secret=call.secret),
        next_page=str(paging.get("next") or ""),
        total=total if isinstance(total, int) else None,
    )


def _failures(payload: Json, *, secret: bool) -> tuple[ItemFailure, ...]:
    entries = payload.get("fail")
    found: list[ItemFailure] = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        key = entry.get("key")
        # The gateway's own failures put the code straight into the entry.
        errors = entry.get("errors") or [entry]
        found.extend(
            ItemFailure(
                key=key if isinstance(key, dict) else {},
                code=str(error.get("code") or ""),
                message="" if secret else _printable(error.get("message")),
                field=str(error.get("field") or ""),
                retryable=error.get("retryable") is True,
            )
            for error in errors
            if isinstance(error, dict)
        )
    return tuple(found)


def _code_of(payload: Any) -> str:
    """The vendor's code in an error body, whichever of the shapes seen it has."""
    if not isinstance(payload, dict):
        return ""
    failures = _failures(payload, secret=True) or _failures({"fail": payload.get("errors")}, secret=True)
    codes = [failure.code for failure in failures] + [payload.get("error"), payload.get("title")]
    return next((code for code in codes if isinstance(code, str) and code), "")


def _rows(answer: LegacyAnswer, key: str) -> Iterable[Json]:
    for item in answer.data:
        rows = item.get(key)
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _v2_next(meta: Any) -> str:
    if not isinstance(meta, dict):
        return ""
    paging = meta.get("pagination")
    paging = paging if isinstance(paging, dict) else {}
    spellings = (
        meta.get("nextPage"),
        meta.get("nextPageToken"),
        paging.get("nextPageToken"),
        paging.get("nextPage"),
        paging.get("next"),
    )
    return next((token for token in spellings if isinstance(token, str) and token), "")


def _once(token: str, seen: set[str], path: str) -> None:
    if token in seen:
        raise MalformedAnswer("Mimecast's pages lead back to a page already read", method="POST", path=path)
    seen.add(token)


def _parsed(content: bytes) -> Any:
    """The JSON value of an answer; ``None`` for no content, and a marker that fits no check for anything else."""
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except ValueError:
        return "not JSON"


def _network_failure(call: _Call, error: requests.RequestException, request_id: str) -> Exception:
    if _is_untrusted(error):
        return TransportError(
            "The certificate of Mimecast's gateway is not trusted; check SSL_CERT_FILE and REQUESTS_CA_BUNDLE",
            method=call.method,
            path=call.path,
        )
    if _nothing_was_sent(error):
        proxy = isinstance(error, requests.exceptions.ProxyError)
        text = (
            "The proxy of HTTPS_PROXY cannot be reached, or refuses Mimecast's gateway"
            if proxy
            else "Mimecast's gateway cannot be reached"
        )
        return _Again(TransportError(text, method=call.method, path=call.path))
    return _lost(call, "its answer was lost on the way", request_id)


def _is_untrusted(error: requests.RequestException) -> bool:
    # Other TLS failures may come after the request was sent.
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, SSLError) and any(
        isinstance(argument, ssl.SSLCertVerificationError) for argument in reason.args
    )


def _nothing_was_sent(error: requests.RequestException) -> bool:
    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _lost(call: _Call, why: str, request_id: str, code: str = "") -> Exception:
    """A read can be tried again; of a write nobody knows whether it was done."""
    if call.reads:
        return _Again(
            TransportError(
                f"Mimecast could not be read: {why}",
                method=call.method,
                path=call.path,
                request_id=request_id,
                code=code,
            )
        )
    return UnclearOutcome(
        f"It is not known whether Mimecast did this: {why}",
        method=call.method,
        path=call.path,
        request_id=request_id,
        code=code,
    )


def _error(kind: type[_E], message: str, call: _Call, reply: _Reply) -> _E:
    code = _code_of(reply.payload)
    explained = meaning(code)
    text = f"{message}: {explained}" if explained else message
    return kind(text, method=call.method, path=call.path, request_id=reply.request_id, code=code)


def _needs(call: _Call) -> str:
    return f"; its role needs {call.permission!r}" if call.permission else ""


def _printable(message: Any) -> str:
    text = message if isinstance(message, str) else ""
    return "".join(char for char in text if char.isprintable())[:_MESSAGE_LIMIT]


def _without_nulls(item: Mapping[str, Any]) -> Json:
    # A null anywhere makes the vendor refuse the whole request (err_deserialise).
    return {key: value for key, value in item.items() if value is not None}
