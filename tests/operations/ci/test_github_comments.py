"""The steps that post on GitHub, with GitHub's own CLI against an API on loopback. Other tests use a stand-in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from tests.support.forge_steps import COMMENT, HOSTILE, STACKS, Ended, Place, Step, github_steps, place
from tests.support.github_api import Comments, github

GH = shutil.which("gh")
pytestmark = pytest.mark.skipif(
    GH is None, reason="GitHub's program gh is not on the PATH; GitHub's machines have it"
)

STEPS = {
    (each.file, each.job, each.name): each
    for each in github_steps(workflows.render(Choice(Forge.GITHUB, STACKS)))
}
POST = STEPS["sso-preview.yml", "comment", "Post the comment, or edit the one that exists"]
SUPERSEDE = STEPS["sso-preview.yml", "scope", "Mark the earlier comment as superseded"]
OF = {"github.repository": "acme/sso", "github.event.pull_request.number": "7"}


@pytest.fixture
def here(tmp_path: Path) -> Place:
    at = place(tmp_path)
    (at.stubs / "gh").unlink()
    return at


@pytest.fixture
def comments(tmp_path: Path) -> Iterator[Comments]:
    with github(tmp_path) as api:
        yield api


def run(at: Place, step: Step, api: Comments) -> Ended:
    return at.run(step.script, step.filled(OF) | api.environment)


def test_one_comment_is_kept_across_pushes_and_other_comments_stay(here: Place, comments: Comments) -> None:
    others = [comments.add("a"), comments.add(COMMENT, who="mallory"), comments.add(f"> {COMMENT}")]
    before = [comments.rows[each - 1]["body"] for each in others]
    texts = [f"{COMMENT}{HOSTILE}\n@everyone \u202e", f"{COMMENT}second\n"]
    for text in texts:
        (here.folder / "comment.md").write_text(text)
        ended = run(here, POST, comments)
        assert ended.code == 0, ended.text
        assert comments.rows[-1] == {"id": 4, "body": text, "user": {"login": "github-actions[bot]"}}
    here.tell("review --superseded", says="superseded\n")
    assert run(here, SUPERSEDE, comments).code == 0
    assert comments.rows[-1]["body"] == "superseded\n"
    assert [comments.rows[each - 1]["body"] for each in others] == before
    assert here.called("--superseded")[0].stdin.rstrip("\n") == texts[1].rstrip("\n")
    assert here.pwned == []
    assert any("page=2" in each for each in comments.asked), "the second page as well"


def test_an_api_that_refuses_fails_the_step(here: Place, comments: Comments) -> None:
    (here.folder / "comment.md").write_text(COMMENT)
    environment = POST.filled(OF | {"github.repository": "acme/another"}) | comments.environment
    assert here.run(POST.script, environment).code != 0
