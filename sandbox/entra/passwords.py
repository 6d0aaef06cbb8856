"""Checks of names and passwords."""

from __future__ import annotations

from hmac import compare_digest

from sandbox.entra import directory
from sandbox.entra.objects import PASSWORDS
from sandbox.world import World


def problem_of(world: World, login: str, password: str) -> str | None:
    """Entra's error message for a failed sign-in; ``None`` if it succeeds."""
    user = directory.find_user(world, login)
    if user is None:
        return f"AADSTS50034: The user account {login} does not exist in this directory."
    kept = (world.get(PASSWORDS, user["id"]) or {}).get("password", "")
    if not kept or not compare_digest(kept.encode(), password.encode()):
        return "AADSTS50126: Your account or password is incorrect."
    if not user["accountEnabled"]:
        return "AADSTS50057: The user account is disabled."
    return None
