"""Interpret the vendor's response: data, failures by item, or one of the exceptions.

Used by the client only. `Again` signals that the call may be retried.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import CREDENTIALS_PAGE
from mimecast_sso.facts.mimecast_errors import ENDPOINT_UNKNOWN, REFUSED_BEFORE_PROCESSING, meaning
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.wording import count
from providers import network
from providers.mimecast.errors import (
    AuthenticationError,
    Forbidden,
    MalformedResponse,
    MimecastError,
    NotFound,
    RateLimited,
    Rejected,
    TransportError,
    UnclearOutcome,
)
from providers.mimecast.limits import LONGEST_WAIT, requested_pause

_MESSAGE_LIMIT = 200
# Prefix of http.client's text for a CONNECT that a proxy refused; there is no specific exception.
_TUNNEL_REFUSED = "Tunnel connection failed"

_NOT_EVEN_TRIED = (
    requests.exceptions.InvalidURL,  # Also of a proxy.
    requests.exceptions.InvalidSchema,  # SOCKS, without the package for it.
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)

Json = dict[str, JSON]
_E = TypeVar("_E", bound=MimecastError)


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One entry of ``fail``: the refused item's ``key`` (as echoed), and why."""

    key: Json
    code: str
    message: str
    field: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class LegacyResponse:
    """A response of the legacy family: items that succeeded, items that failed, and the next page."""

    path: str
    request_id: str
    data: tuple[Json, ...]
    failures: tuple[ItemFailure, ...]
    next_page: str
    total: int | None

    def rejection(self, failure: ItemFailure, what: str) -> Rejected:
        """The exception for one failure; ``what`` is the attempt ("create ada@example.com")."""
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

    def accepted(self, what: str) -> LegacyResponse:
        """This response; raises `Rejected` if an item failed."""
        if self.failures:
            raise self.rejection(self.failures[0], what)
        return self


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``reads`` says that it changes nothing, ``secret`` that it carries a password."""

    method: str
    path: str
    reads: bool
    permission: str = ""
    secret: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    body: JSON = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response; ``payload`` is `parsed`."""

    status: int
    headers: Mapping[str, str]
    payload: JSON
    request_id: str


_NOT_JSON = "not JSON"


class Again(Exception):  # noqa: N818  (a signal to the client, not an error)
    """Retry the call; ``error`` is raised after the last retry.

    ``renew``: with a new token. ``limited``: once the quota allows, in ``pause`` seconds; it was not executed.
    """

    def __init__(
        self, error: MimecastError, *, renew: bool = False, limited: bool = False, pause: float = 0.0
    ) -> None:
        super().__init__()
        self.error = error
        self.renew = renew
        self.limited = limited
        self.pause = pause


def check_status(call: Call, reply: Reply, status: int | None = None) -> None:
    """Raise the error of an HTTP status, or of the same number in ``meta.status``."""
    status = reply.status if status is None else status
    if status == requests.codes.ok:
        _check_sender(call, reply)
    if requests.codes.ok <= status < requests.codes.multiple_choices:
        return
    if status not in (requests.codes.unauthorized, requests.codes.too_many_requests):
        _check_sender(call, reply)
    _raise_for(call, reply, status)


def _raise_for(call: Call, reply: Reply, status: int) -> NoReturn:
    """Raise the error of a status that is no success."""
    code = _code_of(reply.payload)
    if status == requests.codes.unauthorized:
        refused = code in REFUSED_BEFORE_PROCESSING or not code
        error = error_of(AuthenticationError, "Mimecast does not accept the access token", call, reply)
        raise Again(error, renew=True) if refused else error
    if status == requests.codes.forbidden:
        raise error_of(
            Forbidden, f"The API application has no permission for this{_needs(call)}", call, reply
        )
    if status == requests.codes.not_found:
        where = (
            "The gateway does not know this path"
            if code == ENDPOINT_UNKNOWN
            else "Mimecast has no such object"
        )
        raise error_of(NotFound, f"{where}{_needs(call)}", call, reply)
    if status == requests.codes.too_many_requests:
        pause = requested_pause(reply.headers)
        raise Again(error_of(RateLimited, _exhausted(pause), call, reply), limited=True, pause=pause)
    if status >= requests.codes.internal_server_error:
        raise lost_response(call, f"the server failed with HTTP {status}", reply.request_id, code)
    if status < requests.codes.bad_request:
        raise error_of(
            TransportError,
            f"Mimecast's response is a redirect, which is not followed; {network.INSTEAD_OF_IT}",
            call,
            reply,
        )
    raise error_of(Rejected, f"Mimecast refused the request with HTTP {status}", call, reply)


def _exhausted(pause: float) -> str:
    if pause > LONGEST_WAIT:
        return f"The API application's quota is exhausted. Rerun in {count(math.ceil(pause / 60), 'minute')}"
    return "The API application's quota is still exhausted after all retries; rerun in a few minutes"


def check_token_status(call: Call, reply: Reply) -> None:
    """Like `check_status`, for the token endpoint, where a refusal concerns the credentials."""
    if reply.status != requests.codes.too_many_requests:
        _check_sender(call, reply)
    if reply.status in (requests.codes.bad_request, requests.codes.unauthorized):
        raise error_of(
            AuthenticationError,
            "Mimecast refuses the client id and secret; check MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET "
            f"({CREDENTIALS_PAGE})",
            call,
            reply,
        )
    check_status(call, reply)


def _check_sender(call: Call, reply: Reply) -> None:
    """Raise for a response of a proxy: of its own status, or not in JSON. Its 404 is not about an object."""
    failed = reply.status >= requests.codes.internal_server_error
    redirected = requests.codes.multiple_choices <= reply.status < requests.codes.bad_request
    page = reply.payload == _NOT_JSON and not (failed or redirected)
    if page or reply.status == requests.codes.proxy_authentication:
        raise lost_response(
            call,
            f"the response (HTTP {reply.status}) is not Mimecast's; {network.INSTEAD_OF_IT}",
            reply.request_id,
        )


def check_envelope(call: Call, reply: Reply) -> None:
    """Raise unless the response is a legacy envelope; also for its ``meta.status``."""
    payload = reply.payload
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), (list, type(None))):
        raise lost_response(call, "the response does not have the documented form", reply.request_id)
    meta = payload.get("meta")
    status = meta.get("status") if isinstance(meta, dict) else None
    if isinstance(status, int):
        check_status(call, reply, status)
    failures = _failures(payload, secret=call.secret)
    if call.reads and not failures and payload.get("data") is None:
        # An empty list is [], and nothing is none: what was not read would be taken for absent.
        raise lost_response(call, "the response has no data", reply.request_id)
    # Some failures of the service come with HTTP 200 and say that a retry may succeed.
    if call.reads and failures and not payload.get("data") and all(one.retryable for one in failures):
        raise Again(legacy_response(call, reply).rejection(failures[0], "read"))


def check_object(call: Call, reply: Reply) -> None:
    """Raise unless the response is a JSON object or empty."""
    if reply.payload is not None and not isinstance(reply.payload, dict):
        raise lost_response(call, "the response is not a JSON object", reply.request_id)


def legacy_response(call: Call, reply: Reply) -> LegacyResponse:
    """The response of a call after `check_envelope`."""
    payload: Json = reply.payload
    meta = payload.get("meta")
    paging = meta.get("pagination") if isinstance(meta, dict) else None
    paging = paging if isinstance(paging, dict) else {}
    total = paging.get("totalCount")
    return LegacyResponse(
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
        # The gateway's own failures have the code directly in the entry.
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


def _code_of(payload: JSON) -> str:
    """The vendor's code in an error body, in any observed form."""
    if not isinstance(payload, dict):
        return ""
    failures = _failures(payload, secret=True) or _failures({"fail": payload.get("errors")}, secret=True)
    codes = [failure.code for failure in failures] + [payload.get("error"), payload.get("title")]
    return next((code for code in codes if isinstance(code, str) and code), "")


def rows_of(response: LegacyResponse, key: str) -> Iterable[Json]:
    """The objects in the arrays ``key`` of a response's data.

    Raises MalformedResponse where there is no such array, or nothing of what is counted: that is no empty list.
    """
    missing = response.total and not response.data
    for item in response.data:
        rows = item.get(key)
        if isinstance(rows, list):
            yield from (row for row in rows if isinstance(row, dict))
        else:
            missing = True
    if missing:
        raise MalformedResponse(
            f"Mimecast's response has no list {quoted(key)}",
            method="POST",
            path=response.path,
            request_id=response.request_id,
        )


def next_page(meta: JSON) -> str:
    """The token of the next v2 page in any observed spelling, or an empty string."""
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


def parsed(content: bytes) -> JSON:
    """The JSON value of a response; ``None`` for no content, and a marker that fails every check for anything else."""
    if not content.strip():
        return None
    try:
        return parse_json(content)
    except ValueError:
        return _NOT_JSON


def network_failure(call: Call, error: OSError, request_id: str) -> Exception:
    """The exception for a request without a complete response; requests' own errors are OSErrors."""
    unreachable = TransportError(
        f"Mimecast's gateway could not be reached: {network.reason(error)}",
        method=call.method,
        path=call.path,
    )
    tried = isinstance(error, requests.RequestException) and not isinstance(error, _NOT_EVEN_TRIED)
    if not tried or _is_untrusted(error):
        return unreachable
    if _nothing_was_sent(error):
        return Again(unreachable)
    return lost_response(call, "the response was lost", request_id)


def _is_untrusted(error: OSError) -> bool:
    # Other TLS failures may come after the request was sent.
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    return isinstance(reason, SSLError) and any(
        isinstance(argument, ssl.SSLCertVerificationError) or getattr(argument, "library", "") == "X509"
        for argument in reason.args  # X509: the file of certificates holds none.
    )


def _nothing_was_sent(error: OSError) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason: BaseException | None = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, ProxyError):
        if network.PLAIN_PROXY in str(reason):
            return True
        # urllib3 blames the proxy for every connection that broke behind it, even after the request was sent.
        reason = reason.original_error
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError)) or _TUNNEL_REFUSED in str(reason)


def lost_response(call: Call, why: str, request_id: str, code: str = "") -> Exception:
    """A read can be retried; whether a write was applied is unknown."""
    if call.reads:
        return Again(
            TransportError(
                f"Mimecast could not be read: {why}",
                method=call.method,
                path=call.path,
                request_id=request_id,
                code=code,
            )
        )
    return UnclearOutcome(
        f"Whether Mimecast applied the request is unknown: {why}",
        method=call.method,
        path=call.path,
        request_id=request_id,
        code=code,
    )


def error_of(kind: type[_E], message: str, call: Call, reply: Reply) -> _E:
    """An exception of ``kind`` for this call, with the vendor's code and its meaning."""
    code = _code_of(reply.payload)
    explained = meaning(code)
    text = f"{message}: {explained}" if explained else message
    return kind(text, method=call.method, path=call.path, request_id=reply.request_id, code=code)


def _needs(call: Call) -> str:
    return f"; its role needs {quoted(call.permission)}" if call.permission else ""


def _printable(message: JSON) -> str:
    text = message if isinstance(message, str) else ""
    return "".join(char for char in text if char.isprintable())[:_MESSAGE_LIMIT]
