"""The page where a person enters the code displayed on a device.

Source: Microsoft's "OAuth 2.0 device authorization grant flow". One form asks for code, name and password together.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.entra import directory, user_tokens
from sandbox.entra.entrance import CaselessRoute
from sandbox.entra.pages import page
from sandbox.entra.passwords import problem_of
from sandbox.world import World


class DeviceSignIn:
    """Handlers of ``login.microsoft.com``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[BaseRoute]:
        """The routes below the host."""
        return [
            CaselessRoute("/device", self._ask, methods=["GET"]),
            CaselessRoute("/device", self._approve, methods=["POST"]),
        ]

    async def _ask(self, _: Request) -> Response:
        return self._page()

    async def _approve(self, request: Request) -> Response:
        form = await request.form()
        login, password, code = (str(form.get(name, "")) for name in ("login", "passwd", "code"))
        problem = problem_of(self._world, login, password)
        if problem is None:
            user = directory.find_user(self._world, login) or {}
            if user_tokens.approve_device(self._world, code, user):
                return page("device_done", title="Sign in", person=user["userPrincipalName"])
            problem = "That code did not work. Check the code and try again."
        return self._page(login, code, problem)

    def _page(self, login: str = "", code: str = "", problem: str | None = None) -> Response:
        return page("device", title="Enter code", login=login, code=code, problem=problem)
