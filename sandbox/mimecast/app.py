"""The Mimecast emulator: one application for all of its host names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host
from starlette.types import ASGIApp, Receive, Scope, Send

from mimecast_sso.facts.regions import REGIONS
from sandbox.hosts import MIMECAST_HOSTS
from sandbox.mimecast import console, service_provider
from sandbox.mimecast.api import ApiGateway, RegionalApi
from sandbox.world import World

HOSTS: tuple[str, ...] = MIMECAST_HOSTS

_GATEWAYS = (
    "api.services.mimecast.com",
    "uk-api.services.mimecast.com",
    "us-api.services.mimecast.com",
)
_DISCOVERY_HOST = "api.mimecast.com"
_CENTRAL_LOGIN_HOST = "login.mimecast.com"
_LEGACY = "/api/"


def create_app(world: World) -> Starlette:
    """The emulator on ``world``: by host, gateway, discovery, service provider, portal and console."""
    gateway = _application(ApiGateway(world).handle)
    regional_api = _application(RegionalApi(world).handle)
    hosts = [Host(host, gateway) for host in _GATEWAYS]
    hosts.append(Host(_DISCOVERY_HOST, regional_api))
    hosts.append(Host(_CENTRAL_LOGIN_HOST, service_provider.create_app(world, None)))
    for region in REGIONS.values():
        portal = service_provider.create_app(world, region)
        hosts.append(Host(region.host, _by_path(regional_api, portal)))
        hosts.append(Host(f"login-{region.code}.mimecast.com", console.create_app(world, region.code)))
    return Starlette(routes=hosts)


def _application(handle: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive))
        await response(scope, receive, send)

    return run


def _by_path(api: ASGIApp, portal: ASGIApp) -> ASGIApp:
    """A region's host serves the regional API and the service provider."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        await (api if scope["path"].startswith(_LEGACY) else portal)(scope, receive, send)

    return run
