"""Finds the sandbox's Entra tenant for a request or a seed document.

The first seeded tenant keeps its documents under plain names; those of further tenants are qualified with their ids
(`sandbox.world.World.of_tenant`). A request names its tenant in the path of a sign-in page or the token endpoint, in
the address of a tile, or in its token.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.hosts import LOGIN_HOST, MY_APPS_HOSTS, STS_HOST
from sandbox.world import World

_FURTHER = "tenants"
"""The ids of further tenants, by id and by domain."""
_TENANT = ("entra.tenant", "tenant")
"""The collection of the tenants' own documents."""
_PARTS_OF_A_TOKEN = 3


def my_apps_url(world: World) -> str:
    """The address of My Apps for people of the current tenant."""
    tenant = world.get(*_TENANT) or {}
    return f"https://{MY_APPS_HOSTS[0]}/?{urlencode({'tenantId': tenant.get('id', '')})}"


def of_seed(world: World, tenant: dict[str, Any]) -> str:
    """The tenant of a seed document; a new one is recorded."""
    first = world.get(*_TENANT)
    if first is None or first["id"] == tenant["id"]:
        return ""
    for name in (tenant["id"], tenant["domain"], *tenant.get("domains", ())):
        world.put(_FURTHER, name.casefold(), {"id": tenant["id"]})
    return str(tenant["id"])


def further(world: World, name: str) -> str | None:
    """The id of a further tenant, by its id or one of its seeded domains."""
    known = world.get(_FURTHER, name.casefold())
    return str(known["id"]) if known else None


class OfTenant:
    """Makes an application handle each request on the documents of its tenant."""

    def __init__(self, world: World, app: ASGIApp) -> None:
        self._world = world
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = self._world.get(_FURTHER, _named(scope).casefold())
        with self._world.of_tenant(known["id"] if known else ""):
            await self._app(scope, receive, send)


def _named(scope: Scope) -> str:
    headers = Headers(scope=scope)
    if headers.get("host", "").partition(":")[0].lower() in (LOGIN_HOST, STS_HOST):
        return str(scope["path"]).split("/")[1]
    query = parse_qs(scope["query_string"].decode("ascii"))
    return query.get("tenantId", [""])[0] or _in_token(headers.get("authorization", ""))


def _in_token(header: str) -> str:
    """The tenant that a token claims to be from; the signature is then checked with that tenant's key."""
    parts = header.split(".")
    if len(parts) != _PARTS_OF_A_TOKEN:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return ""
    return str(claims.get("tid") or "") if isinstance(claims, dict) else ""
