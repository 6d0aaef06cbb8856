"""A step that people's sign-in depends on checks the outcome, in this run, of the resources that it needs."""

from __future__ import annotations

import asyncio

import pulumi
import pytest

from mimecast_sso.registration.requirements import Requirement, once_met

pytestmark = pytest.mark.usefixtures("loop")


def met(loop: asyncio.AbstractEventLoop, actual: str, desired: str) -> object:
    identifier = Requirement("the identifier", pulumi.Output.from_input(actual), desired)
    members = pulumi.Output.from_input(["ada@example.com"])
    output = once_met(members, [identifier], "nobody is added")
    return loop.run_until_complete(output.future())  # type: ignore[arg-type]


def test_a_met_requirement_allows_the_step(loop: asyncio.AbstractEventLoop) -> None:
    assert met(loop, "new", "new") == ["ada@example.com"]


def test_a_requirement_omitted_by_a_partial_run_refuses_the_step(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(
        pulumi.RunError, match="Refused by guard partial-run: nobody is added, because the identifier is old"
    ):
        met(loop, "old", "new")
