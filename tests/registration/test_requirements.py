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


def test_a_value_that_the_run_leaves_out_refuses_the_step_unless_the_run_is_a_preview(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def added(*, takes: bool = True) -> object:
        missing = Requirement("the assignment", pulumi.Output.from_input(pulumi.UNKNOWN), "ada")
        output = once_met(pulumi.Output.from_input(["ada"]), [missing], "nobody is added", lambda _: takes)
        return loop.run_until_complete(output.future())  # type: ignore[arg-type]

    with pytest.raises(
        pulumi.RunError, match="nobody is added, because the assignment must be deployed first"
    ):
        added()
    with pytest.raises(pulumi.RunError, match="must be deployed first"):
        added(takes=False)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: True)
    assert added() == ["ada"]


def test_lists_are_compared_and_a_step_that_the_run_does_not_take_needs_nothing(
    loop: asyncio.AbstractEventLoop,
) -> None:
    listed = Requirement("the list", pulumi.Output.from_input(["ada", "tony"]), ["ada", "grace"])

    def added(members: list[str]) -> object:
        output = once_met(pulumi.Output.from_input(members), [listed], "nobody is added", bool)
        return loop.run_until_complete(output.future())  # type: ignore[arg-type]

    with pytest.raises(pulumi.RunError, match="the list must have grace and must not have tony first"):
        added(["ada"])
    assert added([]) == []


def test_large_values_are_compared_as_they_are(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi unwraps each element of a list that it is given: 100,000 addresses took twice the time and memory."""
    plain, unwrapped = pulumi.Output.from_input, []

    def from_input(value: object) -> object:
        unwrapped.extend([value] if isinstance(value, str) else [])
        return plain(value)

    monkeypatch.setattr(pulumi.Output, "from_input", staticmethod(from_input))
    people = [f"person-{number}@example.com" for number in range(20)]
    listed = Requirement("the list of addresses", pulumi.Output.from_input(0).apply(lambda _: people), people)
    output = once_met(pulumi.Output.from_input(True), [listed], "nobody is added")
    assert loop.run_until_complete(output.future())  # type: ignore[arg-type]
    assert not set(people) & set(unwrapped)
