"""Refuses a state with pickled providers that are not the project's, before any plugin could load them.

This project's resources are known by their types, whatever program uses them. Another project's program may have
dynamic resources of its own, which cannot be told from foreign ones; this project has no others.
"""

from __future__ import annotations

from mimecast_sso.facts.provider_references import PROVIDERS, foreign
from sandbox.engine.errors import EngineError
from sandbox.engine.stack import Stack

_PRODUCT = "mimecast-sso"


def refuse(stack: Stack) -> None:
    """Raise EngineError, which names the resources."""
    latest = stack.latest
    pending = (each.get("resource") or {} for each in latest.get("pending_operations") or ())
    found = [
        each.urn
        for each in foreign([*(latest.get("resources") or ()), *pending])
        if stack.project.name == _PRODUCT or each.type in PROVIDERS
    ]
    if found:
        raise EngineError(
            f"the state of stack '{stack.name}' holds a provider that is not the project's, for {', '.join(found)}. "
            "Loading it would run the code in it, so nothing was started. Restore the state from a backup: "
            f"{stack.backend.backup_file(stack.name)}"
        )
