"""Pages for people: templates, submitted forms and session cookies."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.world import World

SESSIONS = "mimecast.sessions"

_FOLDER = Path(__file__).parent / "pages"
_LIFETIME = timedelta(hours=1)
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render a page template from the folder ``pages``."""
    content = _ENVIRONMENT.get_template(template).render(**values)
    return HTMLResponse(content, status, headers={"Cache-Control": "no-store"})


def see_other(url: str) -> RedirectResponse:
    """Redirect the browser with a GET."""
    return RedirectResponse(url, status_code=303)


def unknown(world: World) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The handler for unknown addresses: 501, as on the sandbox's other hosts; its status lists them."""

    async def handle(request: Request, _: Exception) -> Response:
        host = request.url.hostname or ""
        world.record_unknown(request.method, host, request.url.path)
        return page("unknown.html", 501, what=f"{request.method} https://{host}{request.url.path}")

    return handle


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a submitted form; files and repeated fields are not used here."""
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def sign_in(world: World, response: Response, kind: str, account: str, address: str) -> None:
    """Start a session and set its cookie; ``kind`` is the cookie's name."""
    token = secrets.token_urlsafe(32)
    expires = world.now() + _LIFETIME
    session = {"kind": kind, "account": account, "emailAddress": address, "expires": expires.isoformat()}
    world.put(SESSIONS, _key(token), session)
    response.set_cookie(kind, token, secure=True, httponly=True, samesite="lax")


def session_of(world: World, request: Request, kind: str) -> dict[str, Any] | None:
    """The session of the request's cookie."""
    session = world.get(SESSIONS, _key(request.cookies.get(kind, "")))
    if session is None or session["kind"] != kind:
        return None
    return session if datetime.fromisoformat(session["expires"]) > world.now() else None


def sign_out(world: World, request: Request, response: Response, kind: str) -> None:
    """End the session of the request's cookie."""
    world.delete(SESSIONS, _key(request.cookies.get(kind, "")))
    response.delete_cookie(kind)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
