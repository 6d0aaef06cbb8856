"""The emulators of a sandbox: which hosts each serves, and how a seed document reaches each.

An emulator is a module with ``create_app(world)`` and ``HOSTS``; its seed a module with
``seed(world, document)``, which reads its part of the document, adds what is missing and changes nothing that
is there.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from starlette.types import ASGIApp

from sandbox.world import World

_APPS = ("sandbox.entra.app", "sandbox.mimecast.app")
_SEEDS = ("sandbox.entra.seed", "sandbox.mimecast.seed", "sandbox.dns")


def applications(world: World) -> dict[str, ASGIApp]:
    """The application of each served host."""
    apps: dict[str, ASGIApp] = {}
    for module in _present(_APPS):
        app = module.create_app(world)
        apps.update(dict.fromkeys(module.HOSTS, app))
    return apps


def seed(world: World, document: dict[str, Any]) -> None:
    """Give a seed document to every emulator.

    Raises:
        KeyError, TypeError, ValueError: the document does not have the agreed form.
    """
    for module in _present(_SEEDS):
        module.seed(world, document)


def _present(names: tuple[str, ...]) -> list[ModuleType]:
    return [importlib.import_module(name) for name in names if _exists(name)]


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
