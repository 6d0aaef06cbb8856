"""The app role that people are assigned with."""

from __future__ import annotations

from typing import Any

from components.gallery_application import user_role
from mimecast_sso.facts.entra import DEFAULT_ACCESS_ROLE_ID


def role(name: str, *kinds: str, enabled: bool = True) -> dict[str, Any]:
    return {
        "id": f"id of {name} for {kinds}",
        "display_name": name,
        "enabled": enabled,
        "allowed_member_types": [*kinds],
    }


def test_the_role_for_people_is_one_that_people_can_have() -> None:
    people, either = role("User", "User"), role("msiam_access", "Application", "User")
    apps = role("User", "Application")
    assert user_role([either, people]) == people["id"]
    assert user_role([people, apps]) == people["id"]
    assert user_role([either, apps]) == either["id"]
    assert user_role([role("Reader", "User"), apps]) == role("Reader", "User")["id"]
    assert user_role([apps, role("User", "User", enabled=False)]) == DEFAULT_ACCESS_ROLE_ID
