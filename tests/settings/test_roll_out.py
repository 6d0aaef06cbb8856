"""Who is in the roll-out group."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mimecast_sso.settings import RollOut

PEOPLE = [f"person{number}@example.com" for number in range(500)]


def test_none_pilot_and_all() -> None:
    assert RollOut(who="none").members(PEOPLE) == []
    assert RollOut(who="pilot", pilot=("grace@example.com", "ada@example.com")).members(PEOPLE) == [
        "ada@example.com",
        "grace@example.com",
    ]
    assert RollOut(who="all").members(PEOPLE) == sorted(PEOPLE)


@given(st.integers(1, 99))
def test_a_larger_share_only_adds(share: int) -> None:
    smaller = set(RollOut(who="share", share=share).members(PEOPLE))
    assert smaller <= set(RollOut(who="share", share=share + 1).members(PEOPLE))
    assert abs(len(smaller) / len(PEOPLE) * 100 - share) < 8


def test_a_share_does_not_depend_on_who_else_is_there() -> None:
    chosen = set(RollOut(who="share", share=30).members(PEOPLE))
    assert set(RollOut(who="share", share=30).members(PEOPLE[:100])) == chosen & set(PEOPLE[:100])
