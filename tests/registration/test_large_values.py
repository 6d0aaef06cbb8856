"""Large values pass through outputs as they are."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from mimecast_sso.registration.large_values import Whole, whole

pytestmark = pytest.mark.usefixtures("loop")


def value_of(loop: asyncio.AbstractEventLoop, output: pulumi.Output[Any]) -> Any:
    return loop.run_until_complete(output.future())  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{"ada@example.com": {"name": "Ada"}}, ["ada@example.com"], {}, [], None])
def test_data_is_not_unwrapped(loop: asyncio.AbstractEventLoop, value: Any) -> None:
    (found,) = value_of(loop, pulumi.Output.all(whole(value)))
    assert found.value is value  # What Pulumi unwraps is a copy.


def test_neither_is_data_in_an_output(loop: asyncio.AbstractEventLoop) -> None:
    value = {"ada@example.com": {"name": "Ada"}}
    output = pulumi.Output.from_input(Whole(value)).apply(lambda each: each.value)
    assert value_of(loop, whole(output)).value is value


def test_what_is_whole_stays_as_it_is(loop: asyncio.AbstractEventLoop) -> None:
    given = Whole(["ada@example.com"])
    assert value_of(loop, whole(given)) is given
    assert value_of(loop, whole(whole(given.value))) == given


def test_outputs_inside_a_whole_value_are_resolved(loop: asyncio.AbstractEventLoop) -> None:
    def nested(_: object) -> Any:
        return {"ada@example.com": {"name": pulumi.Output.from_input("Ada")}, "list": [whole("x")]}

    desired = {"ada@example.com": {"name": "Ada"}, "list": [Whole("x")]}
    assert value_of(loop, whole(nested(None))).value == desired
    assert value_of(loop, whole(pulumi.Output.from_input("").apply(nested))).value == desired


def test_an_unknown_value_stays_unknown(loop: asyncio.AbstractEventLoop) -> None:
    unknown: pulumi.Output[Any] = pulumi.Output.from_input(pulumi.UNKNOWN)
    assert value_of(loop, whole({"ada@example.com": unknown})) is None
