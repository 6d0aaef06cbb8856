"""My Apps: a person's tiles.

Source: Microsoft's "My Apps portal overview".
"""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.entra.objects import USERS
from sandbox.entra.pages import page
from sandbox.entra.sign_on import SignOn
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
        return [Route("/", self._show, methods=["GET"])]

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

    def _enter(self, ticket: str) -> Response:
        user = self._sign_on.redeem(ticket)
        if user is None:
            return self._ask()
        cookie = secrets.token_urlsafe(32)
        self._world.put(_SESSIONS, cookie, {"user": user["id"]})
        answer = RedirectResponse(my_apps_url(self._world), status_code=303)
        answer.set_cookie(_COOKIE, cookie, secure=True, httponly=True, samesite="lax")
        return answer

    def _ask(self) -> Response:
        return RedirectResponse(f"https://{LOGIN_HOST}/{tenant_id(self._world)}/my-apps", status_code=303)
