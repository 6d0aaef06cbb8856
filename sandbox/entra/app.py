"""The Entra emulator's application: the handlers behind each of Microsoft's host names."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host
from starlette.types import ASGIApp

from sandbox.entra import (
    applications,
    batch,
    conditional_access,
    deleted_items,
    directory,
    directory_audit_log,
    federated_credentials,
    graph,
    licences,
    password_credentials,
    policies,
    service_principals,
    sign_in_log,
)
from sandbox.entra.device_sign_in import DeviceSignIn
from sandbox.entra.entrance import CaselessRoute, Entrance
from sandbox.entra.management import Management
from sandbox.entra.my_apps import MyApps
from sandbox.entra.sign_on import SignOn
from sandbox.entra.tenancy import OfTenant
from sandbox.entra.token_endpoints import TokenEndpoints
from sandbox.hosts import (
    DEVICE_LOGIN_HOST,
    ENTRA_HOSTS,
    GRAPH_HOST,
    LOGIN_HOST,
    MANAGEMENT_HOST,
    MY_APPS_HOSTS,
    STS_HOST,
)
from sandbox.world import World

HOSTS: tuple[str, ...] = ENTRA_HOSTS


def create_app(world: World) -> ASGIApp:
    """All of Microsoft's hosts on one world."""
    sign_on = SignOn(world)
    login = _login_routes(world, sign_on)
    my_apps = MyApps(world, sign_on).routes()
    per_host: dict[str, ASGIApp] = {
        GRAPH_HOST: _graph(world),
        LOGIN_HOST: _site(world, login),
        STS_HOST: _site(world, login),
        MANAGEMENT_HOST: _site(world, Management(world).routes()),
        DEVICE_LOGIN_HOST: _site(world, DeviceSignIn(world).routes()),
        **{host: _site(world, my_apps) for host in MY_APPS_HOSTS},
    }
    return OfTenant(world, Starlette(routes=[Host(host, app) for host, app in per_host.items()]))


def _graph(world: World) -> ASGIApp:
    operations = (
        *applications.OPERATIONS,
        *federated_credentials.OPERATIONS,
        *password_credentials.OPERATIONS,
        *service_principals.OPERATIONS,
        *deleted_items.OPERATIONS,
        *policies.OPERATIONS,
        *conditional_access.OPERATIONS,
        *directory.OPERATIONS,
        *licences.OPERATIONS,
        *sign_in_log.OPERATIONS,
        *directory_audit_log.OPERATIONS,
    )

    async def unknown(request: Request, _: Exception) -> Response:
        return await graph.unknown_route(world, request)

    routes = [*batch.routes(world), *graph.routes(world, operations)]
    return Entrance(world, Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown}))


def _login_routes(world: World, sign_on: SignOn) -> list[BaseRoute]:
    tokens = TokenEndpoints(world)
    return [
        CaselessRoute("/common/discovery/instance", tokens.instance_discovery),
        CaselessRoute("/common/userrealm/{name}", tokens.user_realm),
        CaselessRoute("/{tenant}/v2.0/.well-known/openid-configuration", tokens.openid_configuration),
        CaselessRoute("/{tenant}/discovery/v2.0/keys", tokens.keys),
        CaselessRoute("/{tenant}/oauth2/v2.0/token", tokens.token, methods=["POST"]),
        CaselessRoute("/{tenant}/oauth2/v2.0/devicecode", tokens.device_code, methods=["POST"]),
        *sign_on.routes(),
    ]


def _site(world: World, routes: list[BaseRoute]) -> ASGIApp:
    handler = partial(_unknown_page, world)
    return Starlette(routes=routes, exception_handlers={404: handler, 405: handler})


async def _unknown_page(world: World, request: Request, _: Exception) -> Response:
    host = request.url.hostname or ""
    world.record_unknown(request.method, host, request.url.path)
    text = f"The sandbox has no page {request.method} https://{host}{request.url.path}.\n"
    return Response(text, status_code=501, media_type="text/plain")
