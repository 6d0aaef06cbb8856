"""The scripts for GitLab that post, with curl, against a stand-in of GitLab's API on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.provenance import How
from tests.support.forge_steps import COMMENT, HOSTILE, STACKS, Ended, Place, gitlab_steps, place
from tests.support.gitlab_api import MALLORY, Project, gitlab

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the PATH")

SCRIPTS = {each.job: each.script for each in gitlab_steps(workflows.render(Choice(Forge.GITLAB, STACKS)))}


@pytest.fixture
def here(tmp_path: Path) -> Place:
    at = place(tmp_path)
    (at.stubs / "curl").unlink()
    return at


@pytest.fixture
def project(here: Place) -> Iterator[Project]:
    with gitlab() as api:
        api.request = {"sha": here.head, "state": "opened", "target_branch": "main", "source_project_id": 3}
        api.jobs = [{"name": name, "status": "success"} for name in ("sso-scope", "sso-review")]
        yield api


def run(at: Place, api: Project, job: str) -> Ended:
    payload = at.stubs / "payload.json"
    payload.write_text(json.dumps({"object_attributes": {"iid": 7, "title": HOSTILE}}))
    values = {"TRIGGER_PAYLOAD": str(payload), "SSO_SCOPE": "live", "SSO_IID": "7", "SSO_HEAD": at.head}
    return at.run(SCRIPTS[job], api.environment | values)


def test_one_note_is_kept_across_pushes_and_other_notes_stay(here: Place, project: Project) -> None:
    others = [project.note("a"), project.note(COMMENT, MALLORY), project.note(f"> {COMMENT}")]
    before = [dict(each) for each in others]
    for text in (f"{COMMENT}{HOSTILE}\n@all \u202e & a=b", f"{COMMENT}second\n"):
        (here.folder / "comment.md").write_text(text)
        ended = run(here, project, "sso-comment")
        assert ended.code == 0, ended.text
        assert [each["body"] for each in project.notes[3:]] == [text]
    here.tell("review --superseded", says="superseded\n")
    ended = run(here, project, "sso-scope")
    assert ended.code == 0, ended.text
    assert [each["body"] for each in project.notes[3:]] == ["superseded\n"]
    assert others == before
    assert project.statuses == [(here.head, "success"), (here.head, "success"), (here.head, "running")]
    assert here.pwned == []


def report(at: Place, level: Level) -> None:
    (at.folder / "reports").mkdir(exist_ok=True)
    entry = Entry("drift/owner", level, HOSTILE, How.LIVE, actor=HOSTILE)
    found = Report("drift", datetime.now(UTC), 2, (Section("dev-eu", "CUK25A118", "eu", HOSTILE, (entry,)),))
    (at.folder / "reports" / "drift.dev-eu.json").write_text(json.dumps(found.document()))


def test_one_ticket_is_opened_closed_and_opened_again(here: Place, project: Project) -> None:
    forged = "<!-- mimecast-sso ticket v1 kind=drift stack=dev-eu findings= -->"
    project.issue(MALLORY, description=forged, labels="mimecast-sso")
    project.issue(description="mine", labels="another")
    states = []
    for level in (Level.LOOK, Level.UNKNOWN, Level.FINE, Level.URGENT):
        report(here, level)
        ended = run(here, project, "sso-drift-report")
        assert ended.code == 0, ended.text
        states.append([each["state"] for each in project.issues[2:]])
    assert states == [["opened"], ["opened"], ["closed"], ["opened"]]
    assert project.issues[2]["title"] == "Single sign-on: drift of dev-eu"
    assert [number for number, _ in project.comments] == [3, 3], (
        "when it was closed, and when it was opened again"
    )
    assert project.issues[0]["description"] == forged
    assert here.pwned == []


def test_a_heartbeat_that_is_late_is_a_ticket_for_each_stack(here: Place, project: Project) -> None:
    for _ in range(2):
        assert run(here, project, "sso-heartbeat").code == 1
    assert [each["title"] for each in project.issues] == [
        f"Single sign-on: the drift report of {stack} did not run" for stack in STACKS
    ]


@pytest.mark.parametrize("job", ["sso-scope", "sso-comment", "sso-drift-report", "sso-heartbeat"])
def test_a_token_that_is_refused_fails_the_job(here: Place, project: Project, job: str) -> None:
    (here.folder / "comment.md").write_text(COMMENT)
    report(here, Level.LOOK)
    environment = project.environment | {
        "SSO_GITLAB_TOKEN": "another",
        "SSO_SCOPE": "live",
        "SSO_HEAD": here.head,
    }
    environment |= {"TRIGGER_PAYLOAD": str(here.stubs / "none.json"), "SSO_IID": "7"}
    assert here.run(SCRIPTS[job], environment).code != 0
    assert (project.notes, project.issues, project.statuses) == ([], [], [])
