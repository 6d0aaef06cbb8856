"""My Apps: a person's tiles, and an application's user access URL.

Sources: Microsoft's "My Apps portal overview" and "Properties of an enterprise application" (user access URL).
"""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from sandbox.entra.entrance import CaselessRoute
from sandbox.entra.objects import USERS
from sandbox.entra.pages import error_page, page
from sandbox.entra.sign_on import SignInRefusedError, SignOn
from sandbox.entra.tenancy import my_apps_url
from sandbox.entra.tokens import tenant_id
from sandbox.hosts import LOGIN_HOST
from sandbox.world import World

_SESSIONS = "entra.myAppsSessions"
_COOKIE = "MyApps"


class MyApps:
    """Handlers of ``myapps.microsoft.com``."""

    def __init__(self, world: World, sign_on: SignOn) -> None:
        self._world = world
        self._sign_on = sign_on

    def routes(self) -> list[BaseRoute]:
        """The routes below the My Apps hosts."""
        return [
            CaselessRoute("/", self._show, methods=["GET"]),
            CaselessRoute("/api/signin/{app_id}", self._launch, methods=["GET"]),
            # The form that the portal showed until 2021, which contains the application's name.
            CaselessRoute("/signin/{name}/{app_id}", self._launch, methods=["GET"]),
            CaselessRoute("/signin/{app_id}", self._launch, methods=["GET"]),
        ]

    async def _show(self, request: Request) -> Response:
        ticket = request.query_params.get("ticket")
        if ticket:
            return self._enter(ticket)
        session = self._world.get(_SESSIONS, request.cookies.get(_COOKIE, ""))
        user = self._world.get(USERS, session["user"]) if session else None
        if user is None:
            return self._ask()
        tiles = [{"name": name, "url": url} for name, url in self._sign_on.tiles(user)]
        return page("my_apps", title="My Apps", person=user["userPrincipalName"], tiles=tiles)

    async def _launch(self, request: Request) -> Response:
        """The user access URL: opens the application as its tile does."""
        app_id, tenant = request.path_params["app_id"], request.query_params.get("tenantId", "")
        try:
            return RedirectResponse(self._sign_on.launch_url(app_id, tenant), status_code=303)
        except SignInRefusedError as refusal:
            return error_page(str(refusal), self._world.now())

    def _enter(self, ticket: str) -> Response:
        user = self._sign_on.redeem(ticket)
        if user is None:
            return self._ask()
        cookie = secrets.token_urlsafe(32)
        self._world.put(_SESSIONS, cookie, {"user": user["id"]})
        response = RedirectResponse(my_apps_url(self._world), status_code=303)
        response.set_cookie(_COOKIE, cookie, secure=True, httponly=True, samesite="lax")
        return response

    def _ask(self) -> Response:
        return RedirectResponse(f"https://{LOGIN_HOST}/{tenant_id(self._world)}/my-apps", status_code=303)
