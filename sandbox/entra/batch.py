"""``POST /$batch``: up to 20 requests in one call, each handled as if it had been sent separately.

Sources: Microsoft Graph's "Combine multiple HTTP requests using JSON batching" (form, 20 requests, unique ids that
ignore case, responses in any order, a status per request) and "Throttling and batching" (throttling per request).
Error messages are those that clients report. Assumed: the order of the responses (last first, so that no client relies
on it), and the 504 for a request whose response was lost.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from sandbox import inner
from sandbox.entra import tokens
from sandbox.entra.entrance import CaselessRoute
from sandbox.entra.graph import (
    REFUSALS,
    VERSIONS,
    bad_request,
    check_label,
    not_simulated,
    parsed,
    refusal,
)
from sandbox.entra.odata import Document
from sandbox.world import World

MOST_REQUESTS = 20
_PATH = "/$batch"
_WRITES = {"POST", "PATCH", "PUT"}
_OF_THE_BATCH = {"authorization", "host", "content-length"}
_OF_GRAPH = {"request-id", "client-request-id"}
_OF_THE_TRANSPORT = {"content-length", "date"}


def routes(world: World) -> list[BaseRoute]:
    """The batch route in every version of Graph."""
    return [
        CaselessRoute(f"/{version}{_PATH}", partial(_handle, world, version), methods=["POST"])
        for version in VERSIONS
    ]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One request in a batch."""

    id: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


async def _handle(world: World, version: str, request: Request) -> Response:
    raw = await request.body()
    try:
        tokens.authenticate(world, request.headers.get("authorization"))
        check_label(request, raw)
        entries = _entries(parsed(raw))
    except REFUSALS as error:
        return refusal(error, request)
    responses = [await _one(version, request, entry) for entry in entries]
    return JSONResponse({"responses": responses[::-1]})


def _entries(body: Any) -> list[_Entry]:
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        raise _malformed()
    if len(requests) > MOST_REQUESTS:
        raise bad_request("Number of requests inside batch exceed the limit.", code="BadRequest")
    entries: dict[str, _Entry] = {}
    for item in requests:
        entry = _entry(item)
        if entry.id.casefold() in entries:
            raise bad_request(f"Request Id {entry.id} has to be unique in a batch.", code="BadRequest")
        entries[entry.id.casefold()] = entry
    return list(entries.values())


def _entry(item: Any) -> _Entry:
    if not isinstance(item, dict):
        raise _malformed()
    identifier, method, url = (item.get(name) for name in ("id", "method", "url"))
    headers = item.get("headers") or {}
    if not all(isinstance(text, str) and text for text in (identifier, method, url)) or not isinstance(
        headers, dict
    ):
        raise _malformed()
    if item.get("dependsOn"):
        raise not_simulated("dependsOn in a batch")
    target = f"/{str(url).lstrip('/')}"
    if target.casefold().startswith(_PATH) or "://" in target.partition("?")[0]:
        raise not_simulated(f"the url {url} in a batch")
    method = str(method).upper()
    if method in _WRITES and (item.get("body") is None or "content-type" not in map(str.lower, headers)):
        raise bad_request(
            f"Write request id : {identifier} does not contain Content-Type header or body.",
            code="BadRequest",
        )
    texts = {str(name): str(value) for name, value in headers.items()}
    return _Entry(str(identifier), method, target, texts, _body(item.get("body")))


def _body(value: Any) -> bytes:
    if isinstance(value, str):
        raise not_simulated("a base64 body in a batch")
    return b"" if value is None else json.dumps(value).encode()


def _malformed() -> Exception:
    return bad_request("Invalid batch payload format.", code="BadRequest")


async def _one(version: str, request: Request, entry: _Entry) -> Document:
    headers = [(name, value) for name, value in entry.headers.items() if name.lower() not in _OF_THE_BATCH]
    headers.append(("authorization", request.headers.get("authorization", "")))
    response = await inner.request(
        request.scope, entry.method, f"/{version}{entry.target}", headers, entry.body
    )
    if response.lost:
        error = {"code": "UnknownError", "message": "The backend did not respond."}
        return {"id": entry.id, "status": int(HTTPStatus.GATEWAY_TIMEOUT), "body": {"error": error}}
    found: Document = {
        "id": entry.id,
        "status": response.status,
        "headers": _shown(response.headers),
    }
    return found | ({"body": _shown_body(response.body)} if response.body else {})


def _shown(headers: Headers) -> dict[str, str]:
    """A response's headers, in Graph's letter case."""
    return {
        name if name in _OF_GRAPH else name.title(): value
        for name, value in headers.items()
        if name not in _OF_THE_TRANSPORT
    }


def _shown_body(body: bytes) -> Any:
    """JSON unchanged; anything else as base64 text, as Graph returns it."""
    try:
        return json.loads(body)
    except ValueError:
        return base64.b64encode(body).decode("ascii")
