"""Thirty nights of drift reports while the forge fails: each ticket is opened, changed, closed and reopened once.

The steps are the workflows'. GitHub and GitLab are stand-ins: a write fails with 429 or 500, or is applied although the
response is lost.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.tickets import Do, Ticket, TicketAction, plan
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.provenance import How
from tests.support import github_tickets
from tests.support.forge_steps import STACKS, Place, github_steps, gitlab_steps, place
from tests.support.gitlab_api import gitlab

pytestmark = pytest.mark.skipif(
    shutil.which("jq") is None or shutil.which("curl") is None, reason="jq or curl is not on the PATH"
)

NIGHTS = 30
FAULTS = ("", "", "429", "500", "lost")
FINDINGS = ((), ("owner",), ("owner",), ("owner", "key"), ("key",), ("unread",))
(TICKETS,) = (
    each.script
    for each in github_steps(workflows.render(Choice(Forge.GITHUB, STACKS)))
    if (each.file, each.name) == ("sso-drift.yml", "Open, update and close tickets")
)
(GITLAB,) = (
    each.script
    for each in gitlab_steps(workflows.render(Choice(Forge.GITLAB, STACKS)))
    if each.job == "sso-drift-report"
)


def section(stack: str, found: Sequence[str]) -> Section:
    levels = {"owner": Level.LOOK, "key": Level.URGENT, "unread": Level.UNKNOWN}
    entries = tuple(Entry(f"drift/{each}", levels[each], each, How.LIVE) for each in found)
    return Section(stack, "CUK25A118", "eu", "", entries)


def report(night: dict[str, Sequence[str]]) -> str:
    sections = tuple(section(stack, found) for stack, found in night.items())
    return json.dumps(Report("drift", datetime.now(UTC), 2, sections).document())


def nights(chance: random.Random, number: int) -> list[dict[str, Sequence[str]]]:
    """The first ones need every kind of change."""
    first = [("owner",), ("owner", "key"), (), ("owner",)]
    return [
        {stack: first[night] if night < len(first) else chance.choice(FINDINGS) for stack in STACKS}
        for night in range(number)
    ]


Held = dict[str, tuple[str, str, list[list[str]]]]
"""State, marker and comments of each ticket, by its title."""


class GitHub:
    """The step for GitHub, and what the forge holds afterwards."""

    def __init__(self, at: Place) -> None:
        self._at, self._tickets = at, github_tickets.install(at.stubs)

    def run(self, night: dict[str, Sequence[str]], faults: Sequence[str]) -> int:
        self._tickets.fail(faults)
        (self._at.folder / "drift.json").write_text(report(night))
        return self._at.run(TICKETS, {"REPOSITORY": "acme/sso", "GH_TOKEN": "t"}).code

    @property
    def holds(self) -> Held:
        kept = self._tickets.kept
        said = [(each["issue"], each["body"]) for each in kept["comments"]]
        return {
            each["title"]: (each["state"], each["body"].split("\n")[0], _of(said, each["number"]))
            for each in kept["issues"]
        }


class GitLab:
    """The same for GitLab."""

    def __init__(self, at: Place, api: Any) -> None:
        (at.stubs / "curl").unlink(missing_ok=True)
        self._at, self._api = at, api

    def run(self, night: dict[str, Sequence[str]], faults: Sequence[str]) -> int:
        self._api.faults[:] = faults
        (self._at.folder / "reports").mkdir(exist_ok=True)
        (self._at.folder / "reports" / "drift.all.json").write_text(report(night))
        return self._at.run(GITLAB, self._api.environment).code

    @property
    def holds(self) -> Held:
        return {
            each["title"]: (
                each["state"],
                each["description"].split("\n")[0],
                _of(self._api.comments, each["iid"]),
            )
            for each in self._api.issues
        }


def _of(said: Sequence[tuple[int, str]], number: int) -> list[list[str]]:
    return [body.splitlines() for issue, body in said if issue == number]


@pytest.fixture(params=["github", "gitlab"])
def forges(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], GitHub | GitLab]]:
    if request.param == "github":
        yield lambda name: GitHub(place(_folder(tmp_path, name)))
        return
    with gitlab() as one, gitlab() as other:
        yield lambda name: GitLab(place(_folder(tmp_path, name)), {"calm": one, "failing": other}[name])


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


@pytest.mark.parametrize("number", [4, pytest.param(NIGHTS, marks=pytest.mark.soak)])
def test_whatever_fails_is_done_by_the_next_run_and_nothing_is_done_twice(
    forges: Callable[[str], GitHub | GitLab], number: int
) -> None:
    chance = random.Random(14)  # noqa: S311  (a test's seed)
    calm, failing, failed = forges("calm"), forges("failing"), 0
    for night in nights(chance, number):
        assert calm.run(night, ()) == 0
        for attempt in range(20):
            faults = [chance.choice(FAULTS) for _ in range(8)] if attempt < 3 else []
            if failing.run(night, faults) == 0:
                break
            failed += 1
        assert failing.holds == calm.holds, night
    assert failed > number / 3, "the forge did fail"
    assert calm.holds.keys() == {f"Single sign-on: drift of {stack}" for stack in STACKS}
    comments = [text for *_, said in calm.holds.values() for text in said]
    kinds = {name for first, *_ in comments for name in re.findall(r"v1 (\w+)=", first)}
    assert kinds == {"comment", "close", "reopen"}


# -- Without a second attempt before the next night -------------------------------------------------------------------


class Kept:
    """A forge with one write after another, each of which may fail."""

    def __init__(self) -> None:
        self.tickets: dict[int, Ticket] = {}
        self.said: list[str] = []

    def carry_out(self, action: TicketAction, faults: Iterator[str]) -> None:
        if action.number is None:
            self._write(lambda: self._put(len(self.tickets) + 1, action, is_open=True), faults)
            return
        number = action.number
        if (self.said or [""])[-1] != action.name and not self._write(
            lambda: self.said.append(action.name), faults
        ):
            return
        if action.do is Do.CLOSE:
            closed = replace(self.tickets[number], is_open=False)
            self._write(lambda: self.tickets.update({number: closed}), faults)
        else:
            self._write(lambda: self._put(number, action, is_open=True), faults)

    def _put(self, number: int, action: TicketAction, *, is_open: bool) -> None:
        self.tickets[number] = Ticket(number, is_open, f"<!-- {action.marker} -->\n")

    def _write(self, change: Callable[[], Any], faults: Iterator[str]) -> bool:
        fault = next(faults, "")
        if not fault.isdigit():
            change()
        return not fault


@given(
    st.lists(st.tuples(st.sampled_from(FINDINGS), st.lists(st.sampled_from(FAULTS), max_size=3)), max_size=30)
)
def test_over_any_nights_there_is_one_ticket_and_no_comment_twice_in_a_row(
    runs: list[tuple[Sequence[str], list[str]]],
) -> None:
    forge = Kept()
    for found, faults in runs:
        left = iter(faults)
        for action in plan("drift", section("prod-eu", found), forge.tickets.values()):
            forge.carry_out(action, left)
        assert len(forge.tickets) <= 1
    assert all(one != other for one, other in zip(forge.said, forge.said[1:], strict=False))
    last = section("prod-eu", ("owner",))
    for _ in range(2):
        for action in plan("drift", last, forge.tickets.values()):
            forge.carry_out(action, iter(()))
    assert [each.is_open for each in forge.tickets.values()] == [True]
    assert plan("drift", last, forge.tickets.values()) == ()
