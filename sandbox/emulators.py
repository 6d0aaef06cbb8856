"""The emulators of a sandbox: which hosts each serves, and how a seed document reaches each.

An emulator is a module with ``create_app(world)``. Its seed is a module with ``seed(world, document)``, which reads its
part of the document, adds missing objects and changes no existing one. Both are loaded when first needed, so that a
sandbox is ready before its emulators are.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.hosts import ENTRA_HOSTS, MIMECAST_HOSTS
from sandbox.world import World

_APPS: Mapping[str, tuple[str, ...]] = {
    "sandbox.entra.app": ENTRA_HOSTS,
    "sandbox.mimecast.app": MIMECAST_HOSTS,
}
_SEEDS = ("sandbox.entra.seed", "sandbox.mimecast.seed", "sandbox.dns")


def applications(world: World) -> dict[str, ASGIApp]:
    """The application of each host."""
    apps: dict[str, ASGIApp] = {}
    for module, served in _APPS.items():
        apps.update(dict.fromkeys(served, _OnDemand(module, world)))
    return apps


def seed(world: World, document: dict[str, Any]) -> None:
    """Pass a seed document to every emulator. If one raises, nothing is stored.

    Raises:
        KeyError, TypeError, ValueError: the document is malformed.
    """
    with world.transaction():
        for name in _SEEDS:
            importlib.import_module(name).seed(world, document)


class _OnDemand:
    """An emulator's application, created on its first request."""

    def __init__(self, module: str, world: World) -> None:
        self._module = module
        self._world = world
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = importlib.import_module(self._module).create_app(self._world)
        await self._app(scope, receive, send)
