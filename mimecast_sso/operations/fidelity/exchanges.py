"""The calls that leave the process: recorded, by a name without values, and refused unless they only read."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    FIND_GROUPS,
    GET_ACCOUNT,
    GET_CONNECTION,
    GET_GROUP_MEMBERS,
    GET_INTERNAL_DOMAIN,
    GET_INTERNAL_USERS,
    GET_PENDING_DOMAIN,
    HOST_SUFFIX,
    TOKEN_PATH,
)
from mimecast_sso.facts.mimecast_audit import GET_AUDIT_EVENTS
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.fidelity import shapes
from mimecast_sso.operations.fidelity.shapes import Shape
from providers.entra import batching, conditional_access
from providers.mimecast.responses import next_page

ENTRA: Final = "Microsoft Entra ID"
MIMECAST: Final = "Mimecast"

# update-user is not among them: a read of it is only assumed to change nothing.
READING_POSTS: Final = frozenset(
    {
        TOKEN_PATH,
        *(
            endpoint.path
            for endpoint in (
                *(GET_ACCOUNT, GET_INTERNAL_DOMAIN, GET_PENDING_DOMAIN, GET_INTERNAL_USERS),
                *(FIND_GROUPS, GET_GROUP_MEMBERS, GET_CONNECTION, GET_AUDIT_EVENTS),
            )
        ),
    }
)
"""Mimecast's calls by POST that change nothing; the gateway's legacy family has no GET."""

HEADERS: Final[Mapping[str, frozenset[str]]] = {
    ENTRA: frozenset({"content-type", "date", "request-id", "client-request-id"}),
    MIMECAST: frozenset(
        {
            *("content-type", "date", "x-request-id"),
            *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
        }
    ),
}
"""Those that clients act on. Others vary with the way to a tenant, and some name it."""

_WORDS: Final = frozenset(
    {
        *("appRoleAssignedTo", "applicationTemplates", "applications", "appliesTo", "auditLogs"),
        *("claimsMappingPolicies", "cloud-gateway", "conditionalAccess", "deletedItems"),
        *("directory", "directoryAudits", "evaluate", "federatedIdentityCredentials", "groups"),
        *("identity", "integrations", "mailboxSettings", "members", "microsoft.graph.application"),
        *("oauth", "organization", "owners", "policies", "servicePrincipals", "signIns"),
        *("subscribedSkus", "token", "user", "userPurpose", "users", "v1"),
    }
)
"""The segments of paths that are no values."""
_OURS: Final = frozenset({"$filter", "$select", "$top", "pageSize"})
"""Options whose values are this project's own, but for the literals in them."""
_LITERALS: Final = re.compile(
    r"'(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*|\d{4}-\d\d-\d\dT[\w:.+-]*|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_TURNS_A_PAGE: Final = re.compile(r"\$?skip(token)?|pageToken|nextPage", re.IGNORECASE)
_NEXT_PAGE: Final = " (next page)"
_NO_CONTENT: Final = Shape(frozenset({shapes.NOTHING}))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its response, without any value.

    Attributes:
        call: Its name, such as ``GET /users?$filter=mail in ('…')&$select=id``.
        status: The HTTP status.
        failed: Whether a status of success carries Mimecast's failures.
        headers: Of `HEADERS`, the kind of the value by name in small letters; None for a response in a batch.
        codes: The error codes in the body.
        rows: How many rows its longest list has.
        further: Whether it names a further page.
    """

    service: str
    call: str
    status: int
    failed: bool
    shape: Shape
    headers: Mapping[str, str] | None
    codes: frozenset[str] = frozenset()
    rows: int = 0
    further: bool = False

    @property
    def variant(self) -> str:
        """``200``, ``200 fail``, ``403`` …"""
        return f"{self.status} fail" if self.failed else str(self.status)


@dataclass(slots=True)
class Recorder:
    """Every call and its response, by all threads."""

    exchanges: list[Exchange] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def through(self, adapter: BaseAdapter) -> BaseAdapter:
        """The adapter, recorded."""
        return _Recording(adapter, self)

    def note(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        """Keep one exchange; of a batch, one for each request in it as well."""
        found = list(_exchanges(request, response))
        with self._lock:
            self.exchanges.extend(found)


class _Recording(BaseAdapter):
    def __init__(self, inner: BaseAdapter, recorder: Recorder) -> None:
        super().__init__()
        self._inner = inner
        self._recorder = recorder

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        require_read(request)
        response = self._inner.send(request, *args, **options)
        self._recorder.note(request, response)
        return response

    def close(self) -> None:
        self._inner.close()


def require_read(request: requests.PreparedRequest) -> None:
    """Raises OperationError for a request that may change something; it has not been sent then."""
    parts = urlsplit(str(request.url))
    if request.method == "GET" or (request.method == "POST" and _only_reads(request, parts.path)):
        return
    raise OperationError(
        f"{request.method} {parts.path} may change something, so it was not sent. This is a bug in this program; "
        "nothing was written."
    )


def _only_reads(request: requests.PreparedRequest, path: str) -> bool:
    if _service(str(request.url)) == MIMECAST:
        return path in READING_POSTS
    rows = (_json(request.body) or {}).get("requests") if path.endswith(batching.PATH) else None
    return isinstance(rows, list) and all(map(_is_read, rows))


def _is_read(row: dict[str, Any]) -> bool:
    """Whether a request of a batch reads, or is the question of What If."""
    return (row.get("method"), row.get("url")) == ("POST", conditional_access.PATH) or row.get(
        "method"
    ) == "GET"


def _service(url: str) -> str:
    return MIMECAST if (urlsplit(url).hostname or "").endswith(HOST_SUFFIX) else ENTRA


def _exchanges(request: requests.PreparedRequest, response: requests.Response) -> Iterator[Exchange]:
    url = str(request.url)
    service = _service(url)
    content = response.content
    body = _json(content)
    call = name_of(str(request.method), url, _json(request.body) if service == MIMECAST else None)
    headers = _kinds(service, response.headers)
    if service == ENTRA and call.endswith(batching.PATH):
        yield _exchange(service, call, response.status_code, _envelope(body), headers)
        yield from _batched(request, body)
        return
    yield _exchange(service, call, response.status_code, body, headers, empty=not content)


def _batched(request: requests.PreparedRequest, body: object) -> Iterator[Exchange]:
    asked = {row["id"]: row for row in (_json(request.body) or {}).get("requests", ())}
    rows = body.get("responses") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("status"), int) and str(row.get("id")) in asked:
            sent = asked[str(row["id"])]
            call = name_of(sent["method"], sent["url"])
            yield _exchange(ENTRA, call, row["status"], row.get("body"), None)


def _envelope(body: object) -> object:
    """A batch without the responses in it."""
    if not isinstance(body, dict) or not isinstance(rows := body.get("responses"), list):
        return body
    bare = [
        {name: {} if name in ("headers", "body") else value for name, value in row.items()}
        for row in rows
        if isinstance(row, dict)
    ]
    return {**body, "responses": bare}


def _exchange(
    service: str,
    call: str,
    status: int,
    body: object,
    headers: Mapping[str, str] | None,
    *,
    empty: bool = False,
) -> Exchange:
    known = isinstance(body, (dict, list))
    shape = shapes.of(body) if known else _NO_CONTENT if empty else Shape(frozenset({shapes.NOT_JSON}))
    document = body if isinstance(body, dict) else {}
    failed = status < requests.codes.bad_request and bool(document.get("fail"))
    return Exchange(
        *(service, call, status, failed, shape, headers),
        codes=frozenset(_codes(document)),
        rows=_rows(document),
        further=_further(service, document),
    )


def _codes(body: Mapping[str, JSON]) -> Iterator[str]:
    """Graph's code, and Mimecast's in both of its forms."""
    error, failures = body.get("error"), body.get("fail")
    if isinstance(error, dict) and isinstance(error.get("code"), str):
        yield error["code"]
    for failure in failures if isinstance(failures, list) else ():
        inner = failure.get("errors") if isinstance(failure, dict) else None
        for each in (failure, *(inner if isinstance(inner, list) else ())):
            if isinstance(each, dict) and isinstance(each.get("code"), str):
                yield each["code"]


def _rows(body: Mapping[str, JSON]) -> int:
    data = body.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    return max(
        (len(each) for part in (body, first) for each in part.values() if isinstance(each, list)), default=0
    )


def _further(service: str, body: Mapping[str, JSON]) -> bool:
    if service == ENTRA:
        return bool(body.get("@odata.nextLink"))
    meta = body.get("meta")
    return bool(next_page(meta)) if isinstance(meta, dict) else False


def _kinds(service: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    return {
        name.lower(): _kind(name.lower(), value)
        for name, value in headers.items()
        if name.lower() in HEADERS[service]
    }


def _kind(name: str, value: str) -> str:
    if name == "content-type":
        return "JSON" if value.partition(";")[0].strip().lower() == "application/json" else "another type"
    if name == "date":
        return "date" if re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", value) else "text"
    return "number" if value.isdecimal() else shapes.kind_of_text(value)


def _json(content: str | bytes | None) -> JSON:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


# -- Names ------------------------------------------------------------------------------------------------------------


def name_of(method: str, url: str, body: object = None) -> str:
    """The name of a call, the same for all tenants: ids, literals and tokens are left out of it."""
    parts = urlsplit(url)
    path = re.sub(r"^/(v1\.0|beta)(?=/)", "", parts.path)
    options = parse_qsl(parts.query)
    if any(_TURNS_A_PAGE.fullmatch(name) for name, _ in options) or _asks_for_a_page(body):
        return f"{method} {_path(path)}{_NEXT_PAGE}"
    shown = [
        f"{name}={_LITERALS.sub('…', value)}" if name in _OURS else name for name, value in sorted(options)
    ]
    return f"{method} {_path(path)}{'?' if shown else ''}{'&'.join(shown)}{_arguments(body)}"


def _path(path: str) -> str:
    if path in READING_POSTS or path == batching.PATH:
        return path
    return "/".join(map(_segment, path.split("/")))


def _segment(segment: str) -> str:
    head, bracket, _ = unquote(segment).partition("(")
    if bracket and head in _WORDS:
        return f"{head}(…)"
    return segment if segment in _WORDS or not segment else "{id}"


def _pagination(body: object) -> Mapping[str, JSON]:
    meta = body.get("meta") if isinstance(body, dict) else None
    found = meta.get("pagination") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def _asks_for_a_page(body: object) -> bool:
    return bool(_pagination(body).get("pageToken"))


def _arguments(body: object) -> str:
    """Of Mimecast's legacy family: the names of what is asked for, and how long a page may be."""
    data = body.get("data") if isinstance(body, dict) else None
    names = (
        sorted({name for item in data if isinstance(item, dict) for name in item})
        if isinstance(data, list)
        else []
    )
    size = _pagination(body).get("pageSize")
    return f"{' ' if names else ''}{', '.join(names)}{'' if size is None else f' by {size}'}"
