"""A write whose response was lost: what Mimecast shows afterwards decides."""

from __future__ import annotations

import pytest

from providers.mimecast.errors import Rejected, UnclearOutcome
from providers.mimecast.settling import settle


def lost() -> str:
    raise UnclearOutcome("its response was lost")


def test_a_response_that_arrives_is_the_result() -> None:
    assert settle(lambda: "created", pytest.fail) == "created"


def test_a_found_object_replaces_a_lost_response() -> None:
    assert settle(lost, lambda: "found") == "found"


@pytest.mark.parametrize("nothing", [None, False])
def test_a_write_without_visible_effect_stays_unknown(nothing: str | None) -> None:
    with pytest.raises(UnclearOutcome, match="its response was lost"):
        settle(lost, lambda: nothing)


def test_a_refusal_is_not_looked_up() -> None:
    def refused() -> str:
        raise Rejected("no")

    with pytest.raises(Rejected):
        settle(refused, pytest.fail)
