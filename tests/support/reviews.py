"""Reviews as values, for tests of their output."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mimecast_sso.operations.review.model import Review, StackReview


def stack(name: str, **changes: Any) -> StackReview:
    """An unchanged stack of an account in Europe."""
    values: dict[str, Any] = {"account": "CUK25A118", "region": "eu", "now": 3, "after": 3}
    if changes.get("error") or changes.get("unread"):
        values |= {"now": None, "after": None}
    return StackReview(name, **values | changes)


def review(*stacks: StackReview) -> Review:
    """A review of these stacks, read live."""
    return Review(
        base_name="main",
        base="9be01d4" + "0" * 33,
        head="3f2a91c" + "0" * 33,
        at=datetime(2026, 11, 30, 9, 41, 7, tzinfo=UTC),
        stacks=stacks,
        identity="preview",
    )
