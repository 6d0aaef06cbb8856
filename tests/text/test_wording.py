"""Counts agree with their nouns."""

from __future__ import annotations

import pytest

from mimecast_sso.text.wording import count


@pytest.mark.parametrize(
    ("number", "singular", "said"),
    [
        (0, "person", "0 people"),
        (1, "person", "1 person"),
        (3, "person", "3 people"),
        (1, "address", "1 address"),
        (2, "address", "2 addresses"),
        (2, "pilot address", "2 pilot addresses"),
        (2, "assigned person", "2 assigned people"),
        (7, "day", "7 days"),
        (2, "mailbox", "2 mailboxes"),
        (100_000, "address", "100,000 addresses"),
    ],
)
def test_a_count_agrees_with_its_noun(number: int, singular: str, said: str) -> None:
    assert count(number, singular) == said


def test_an_irregular_plural_can_be_given() -> None:
    assert count(2, "child", "children") == "2 children"
    assert count(1, "child", "children") == "1 child"
