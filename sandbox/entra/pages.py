"""The emulator's HTML pages."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

from sandbox.entra.clock import on_the_wire

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"


def page(name: str, *, title: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """Render the page template ``name``; values are escaped."""
    text = _templates().get_template(f"{name}.html").render(title=title, **values)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def error_page(message: str, now: datetime) -> Response:
    """Entra's page for a failed sign-in."""
    return page(
        "error",
        title="Sign in",
        status=HTTPStatus.BAD_REQUEST,
        message=message,
        correlation=str(uuid.uuid4()),
        timestamp=on_the_wire(now),
    )


@cache
def _templates() -> Environment:
    # Loaded by the first page: deployments never request one.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
