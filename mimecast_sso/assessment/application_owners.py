"""Owners of the application object: those that a run declares, and those that the engine imports.

The service principal has a separate list of owners, which azuread writes as a whole; here each owner is a resource,
and owners that are not configured are kept. Whether instantiating a gallery template makes the caller an owner of the
application object is not documented, so the deploying principal is declared only where that does no harm: azuread
refuses to make an owner of somebody who is one.
"""

from __future__ import annotations

from collections.abc import Collection

from providers.entra.applications import Registration


def declared(
    configured: Collection[str], deployer: str, live: Registration | None, recorded: Collection[str] | None
) -> dict[str, str | None]:
    """The owners to declare by object id, each with its import id, or None if it is to be created.

    ``live`` is None if the application does not exist yet. ``recorded`` are the owners in the stack's state, None
    if they are unknown.
    """
    desired = [owner for owner in configured if owner != deployer]
    if _declares(deployer, deployer in configured, live, recorded):
        desired.append(deployer)
    return {owner: _import_id(owner, live) for owner in desired}


def _declares(
    deployer: str, configured: bool, live: Registration | None, recorded: Collection[str] | None
) -> bool:
    if recorded is not None and deployer in recorded:
        return True  # Without the declaration, the running identity would lose the application.
    if not configured or live is None:
        return False
    return recorded is None or not live.owned_by(deployer)


def _import_id(owner: str, live: Registration | None) -> str | None:
    if live is None or not live.owned_by(owner):
        return None
    return f"/applications/{live.object_id}/owners/{owner}"
