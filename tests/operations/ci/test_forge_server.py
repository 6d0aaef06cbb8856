"""The steps that post on GitHub, on a real forge server: what it stores, and how it renders what they post.

The server is Gitea, which has GitHub's routes for issues and comments. Others of GitHub, and the other forges' steps,
run against recorded contracts (`test_workflow_steps`, `test_gitlab_api`).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge as Kind
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.reports.render import forge_length, render
from mimecast_sso.operations.review import comment
from mimecast_sso.operations.review.model import PeopleByReason
from mimecast_sso.provenance import How
from tests.support import gitea
from tests.support.forge_steps import HOSTILE, STACKS, Ended, Place, Step, github_steps, place
from tests.support.gitea import BOT, OTHER, REPOSITORY, Forge
from tests.support.reviews import review, stack

pytestmark = [
    pytest.mark.skipif(
        not gitea.PROGRAM.exists() or shutil.which("jq") is None,
        reason="Gitea was not built on this machine (make gitea), or jq is not on the PATH",
    ),
    pytest.mark.xdist_group("forge-server"),  # They share a server.
]

STEPS = {
    (each.file, each.job, each.name): each
    for each in github_steps(workflows.render(Choice(Kind.GITHUB, STACKS)))
}
POST = STEPS["sso-preview.yml", "comment", "Post the comment, or edit the one that exists"]
SUPERSEDE = STEPS["sso-preview.yml", "scope", "Mark the earlier comment as superseded"]
TICKETS = STEPS["sso-drift.yml", "report", "Open, update and close tickets"]
EVIL = (
    f"@{BOT} @everyone #1 !1 {REPOSITORY}#1 GH-1 https://evil.example www.evil.example a@b.example "
    "[x](http://evil.example) <img src=x onerror=alert(1)> <script>x</script> `c` $x^2$ :smile: ~~s~~ **b** "
    f"{HOSTILE}"
)

MARKUP = r"<(a|img|script|del)\b|ref-issue|language-math|grinning face"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with gitea.forge(tmp_path_factory.mktemp("gitea")) as made:
        yield made


@pytest.fixture
def here(forge: Forge, tmp_path: Path) -> Place:
    at = place(tmp_path)
    forge.put_gh(at.stubs)
    return at


def run(at: Place, step: Step, number: int = 0) -> Ended:
    values = {"github.repository": REPOSITORY, "github.event.pull_request.number": str(number)}
    ended = at.run(step.script, step.filled(values))
    assert ended.code == 0, ended.text
    assert at.pwned == []
    return ended


def bodies(forge: Forge, number: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {BOT: [], OTHER: []}
    for each in forge.comments(number):
        found[each["user"]["login"]].append(each["body"])
    return found


def test_one_comment_is_posted_edited_and_superseded(forge: Forge, here: Place) -> None:
    number = forge.issue("a pull request")
    theirs = f"{comment.MARKER}\nnot of this workflow"
    forge.call("POST", f"/repos/{REPOSITORY}/issues/{number}/comments", {"body": theirs}, who=OTHER)
    hostile = stack("prod-eu", lost=(PeopleByReason(EVIL, 1, EVIL, EVIL),), unknown=(EVIL,), account=EVIL)
    texts = [
        comment.render(replace(review(hostile), base_name=EVIL)),
        comment.render(review(stack("dev-eu"))),
    ]
    for text in texts:
        (here.folder / "comment.md").write_text(text)
        run(here, POST, number)
        assert bodies(forge, number) == {BOT: [text], OTHER: [theirs]}
    here.tell("review --superseded", says=comment.SUPERSEDED)
    run(here, SUPERSEDE, number)
    assert bodies(forge, number) == {BOT: [comment.SUPERSEDED], OTHER: [theirs]}


def test_the_longest_comment_is_accepted_whole(forge: Forge, here: Place) -> None:
    number = forge.issue("a pull request of many stacks")
    lost = (PeopleByReason("not at Mimecast \U0001f600", 4, "directory sync"),)
    text = comment.render(review(*(stack(f"tenant-{each:03}", lost=lost, note="x") for each in range(300))))
    assert forge_length(text) > 50_000
    (here.folder / "comment.md").write_text(text)
    run(here, POST, number)
    assert bodies(forge, number)[BOT] == [text]


def test_a_reader_sees_nothing_that_others_wrote_as_markup(forge: Forge) -> None:
    forge.issue("one to refer to")
    as_it_is = forge.shown(EVIL)
    assert len(set(re.findall(MARKUP, as_it_is))) > 3, "it would be, if it stood there as it is"
    hostile = stack("prod-eu", lost=(PeopleByReason(EVIL, 1, EVIL, EVIL),), unknown=(EVIL,), error=EVIL)
    html = forge.shown(comment.render(replace(review(hostile), base_name=EVIL, identity=EVIL)))
    assert "unknown" in html
    assert not re.search(MARKUP, html)
    report = Report("drift", datetime.now(UTC), 2, (section(Level.LOOK, EVIL),))
    html = forge.shown(render(report, "markdown"))
    assert "drift/owner" not in html
    assert not re.search(MARKUP, html)


def section(level: Level, text: str = HOSTILE, *more: str) -> Section:
    entries = [
        Entry(f"drift/owner/{number}", level, each, How.LIVE, actor=HOSTILE, path=each)
        for number, each in enumerate((text, *more))
    ]
    return Section("dev-eu", "CUK25A118", "eu", HOSTILE, tuple(entries))


def tickets(forge: Forge) -> list[tuple[str, str, int]]:
    found = forge.call("GET", f"/repos/{REPOSITORY}/issues?state=all&type=issues&labels=mimecast-sso")
    return [(each["title"], each["state"], each["comments"]) for each in found]


def test_a_ticket_is_opened_commented_on_closed_and_opened_again_once(forge: Forge, here: Place) -> None:
    forge.issue("not of this workflow")
    title = "Single sign-on: drift of dev-eu"
    for found, state, comments in (
        (section(Level.LOOK), "open", 0),
        (section(Level.LOOK), "open", 0),
        (section(Level.LOOK, HOSTILE, "another"), "open", 1),
        (section(Level.FINE), "closed", 2),
        (section(Level.FINE), "closed", 2),
        (section(Level.LOOK), "open", 3),
    ):
        report = Report("drift", datetime.now(UTC), 2, (found,))
        (here.folder / "drift.json").write_text(json.dumps(report.document()))
        run(here, TICKETS)
        assert tickets(forge) == [(title, state, comments)]
