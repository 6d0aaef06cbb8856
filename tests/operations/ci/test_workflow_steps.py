"""Every script of the workflow files, run with hostile titles, branches and names, and what each of them does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.provenance import How
from tests.support.forge_steps import (
    COMMENT,
    HOSTILE,
    STACKS,
    Ended,
    Place,
    Step,
    azure_steps,
    github_steps,
    gitlab_steps,
    place,
)

FILES = {forge: workflows.render(Choice(forge, STACKS)) for forge in Forge}
READERS = {Forge.GITHUB: github_steps, Forge.GITLAB: gitlab_steps, Forge.AZURE_DEVOPS: azure_steps}
STEPS = {forge: tuple(READERS[forge](FILES[forge])) for forge in Forge}
ALL = [step for steps in STEPS.values() for step in steps]
LISTS_COMMENTS, EDITS_COMMENT = r"^gh api --paginate \S+/comments", r"^gh api .*PATCH"


def step(file: str, job: str, name: str, forge: Forge = Forge.GITHUB) -> Step:
    (found,) = (each for each in STEPS[forge] if (each.file, each.job, each.name) == (file, job, name))
    return found


def run(at: Place, of: Step, values: Mapping[str, str] | None = None, **environment: str) -> Ended:
    return at.run(of.script, of.filled(values or {}) | environment)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path)


def report(level: Level, text: str = HOSTILE, stack: str = "dev-eu") -> str:
    entry = Entry("drift/owner", level, text, How.LIVE, actor=HOSTILE)
    section = Section(stack, "CUK25A118", "eu", HOSTILE, (entry,))
    return json.dumps(Report("drift", datetime.now(UTC), 2, (section,)).document())


# -- Nothing that others wrote is executed ---------------------------------------------------------------------------


@pytest.mark.parametrize("each", ALL, ids=str)
def test_no_script_executes_what_others_wrote(here: Place, each: Step) -> None:
    hostile = json.dumps([{"number": 1, "iid": 1, "id": 1, "body": HOSTILE, "state": "open", "fields": {}}])
    here.tell("^(gh|az|curl)", says=hostile)
    here.tell(r"^(gh|az) .*(--jq|--query)", says=HOSTILE)
    here.tell("^mimecast-sso (review|drift|up|preflight)", says=HOSTILE, writes={"comment.md": HOSTILE})
    (here.folder / "comment.md").write_text(HOSTILE)
    (here.folder / "reports").mkdir()
    (here.folder / "reports" / "drift.dev-eu.json").write_text(report(Level.LOOK))
    values = dict.fromkeys(("CI_API_V4_URL", "CI_PROJECT_ID", "SYSTEM_COLLECTIONURI", "SSO_ID"), HOSTILE)
    at = {
        "PIPELINE_WORKSPACE": str(here.folder),
        "SSO_SCOPE": "live",
        "SSO_HEAD": HOSTILE,
        "SSO_IID": HOSTILE,
    }
    ended = here.run(each.script, values | at | each.filled({}, otherwise=HOSTILE))
    assert here.pwned == [], ended.text
    assert here.calls or ended.text or ended.summary or ended.code, "it did something"


@pytest.mark.parametrize("each", ALL, ids=str)
def test_no_expression_of_the_forge_is_in_a_script(each: Step) -> None:
    assert "${{" not in each.script
    assert "$[" not in each.script


# -- GitHub: the comment ---------------------------------------------------------------------------------------------


POSTS = [step("sso-preview.yml", "comment", "Post the comment, or edit the one that exists")]
POSTS += [step("sso-rehearsal.yml", job, POSTS[0].name) for job in ("comment", "comment-approved")]
OF = {"github.repository": "acme/sso", "github.event.pull_request.number": "7", "github.token": "t"}


@pytest.mark.parametrize("post", POSTS, ids=str)
def test_the_first_comment_is_posted(here: Place, post: Step) -> None:
    (here.folder / "comment.md").write_text(COMMENT)
    assert run(here, post, OF).code == 0
    (posted,) = here.called(r"--method")
    assert posted.line == "gh api --silent --method POST repos/acme/sso/issues/7/comments -F body=@comment.md"
    assert posted.texts == [COMMENT]


@pytest.mark.parametrize("post", POSTS, ids=str)
def test_the_next_one_edits_it(here: Place, post: Step) -> None:
    here.tell(LISTS_COMMENTS, says="41\n42\n")
    (here.folder / "comment.md").write_text(COMMENT)
    assert run(here, post, OF).code == 0
    (edited,) = here.called(r"--method")
    assert (
        edited.line == "gh api --silent --method PATCH repos/acme/sso/issues/comments/41 -F body=@comment.md"
    )
    (listed,) = here.called(LISTS_COMMENTS)
    assert '.user.login == "github-actions[bot]"' in listed.line, "others can write the marker"


SUPERSEDE = step("sso-preview.yml", "scope", "Mark the earlier comment as superseded")


def test_a_push_marks_the_earlier_comment_as_superseded(here: Place) -> None:
    here.tell(LISTS_COMMENTS, says="41\n")
    here.tell(r"comments/41 --jq", says=COMMENT)
    here.tell("review --superseded", says="superseded\n")
    assert run(here, SUPERSEDE, OF).code == 0
    (asked,) = here.called("--superseded")
    assert asked.stdin == COMMENT
    (edited,) = here.called(EDITS_COMMENT)
    assert edited.texts == ["superseded\n"]


def test_without_an_earlier_comment_nothing_is_superseded(here: Place) -> None:
    assert run(here, SUPERSEDE, OF).code == 0
    assert not here.called("--superseded|PATCH")


# -- GitHub: whose code runs -----------------------------------------------------------------------------------------


SCOPE = step("sso-preview.yml", "scope", "Look at what changes")
FETCH = step("sso-preview.yml", "scope", "Fetch the pull request's commits, without checking them out")
REVIEW = step("sso-preview.yml", "live", "Review")
REHEARSE = step("sso-rehearsal.yml", "rehearse", "Review")


def test_stack_files_are_previewed_live_on_the_code_of_the_base(here: Place) -> None:
    assert run(here, FETCH, HEAD=here.head).code == 0
    assert run(here, SCOPE, HEAD=here.head).outputs == {"scope": "live"}
    here.tell("^mimecast-sso review", code=2, writes={"comment.md": COMMENT})
    ended = run(here, REVIEW, HEAD=here.head)
    assert ended.code == 0, ended.text
    (review,) = here.called("^mimecast-sso review")
    base, head = review.words[3], review.words[5]
    assert base == here.base
    assert head not in {here.base, here.head}, "a commit of its own"
    assert ended.outputs == {"comment": "true", "code": "2"}
    assert ended.summary == COMMENT


@pytest.mark.parametrize("path", ["__main__.py", "requirements.txt", "stacks/sitecustomize.py", "Makefile"])
def test_code_that_changes_is_not_previewed_live(tmp_path: Path, path: str) -> None:
    at = place(tmp_path, head={path: "evil\n", "stacks/Pulumi.dev-eu.yaml": "config: {a:b: c}\n"})
    run(at, FETCH, HEAD=at.head)
    assert run(at, SCOPE, HEAD=at.head).outputs == {"scope": "rehearsal"}
    assert run(at, REVIEW, HEAD=at.head).code != 0, "and if the job ran, it would stop"
    assert not at.called("^mimecast-sso review")


@pytest.mark.parametrize("review", [REVIEW, REHEARSE], ids=str)
@pytest.mark.parametrize("code", [0, 1, 2, 4])
def test_raw_output_is_no_command_and_the_result_is_kept(here: Place, review: Step, code: int) -> None:
    run(here, FETCH, HEAD=here.head)
    here.tell("^mimecast-sso review", says="::add-mask::x\n::stop", code=code)
    ended = run(here, review, HEAD=here.head, BASE=here.base)
    lines = ended.text.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert lines.index("::add-mask::x") < lines.index(f"::{token}::")
    assert ended.outputs == {"code": str(code)}, "no comment where no deployment is touched"
    say = step(review.file, review.job, "Say how it ended")
    assert (run(here, say, CODE=str(code)).code == 0) is (code in {0, 2})


def test_a_review_that_said_nothing_of_its_end_fails(here: Place) -> None:
    for file, job in (
        ("sso-preview.yml", "live"),
        ("sso-rehearsal.yml", "rehearse"),
        ("sso-rehearsal.yml", "approved"),
    ):
        assert run(here, step(file, job, "Say how it ended"), CODE="").code == 1


# -- GitHub: green is said by somebody -------------------------------------------------------------------------------


GATE = step("sso-preview.yml", "required", "Every job that had to run has succeeded")
FINE = {
    "FORK": "false",
    "SCOPE": "live",
    "SCOPE_RESULT": "success",
    "LIVE_RESULT": "success",
    "COMMENT": "true",
    "COMMENT_RESULT": "success",
}
NOT_SUCCESS = ("skipped", "cancelled", "failure", "")


def test_the_required_check_is_green_when_all_ran(here: Place) -> None:
    assert run(here, GATE, **FINE).code == 0
    assert run(here, GATE, **FINE | {"COMMENT": "", "COMMENT_RESULT": "skipped"}).code == 0, (
        "nothing is touched"
    )


@pytest.mark.parametrize("job", ["SCOPE_RESULT", "LIVE_RESULT", "COMMENT_RESULT"])
@pytest.mark.parametrize("result", NOT_SUCCESS)
def test_a_job_that_did_not_succeed_does_not_satisfy_it(here: Place, job: str, result: str) -> None:
    assert run(here, GATE, **FINE | {job: result}).code == 1


@pytest.mark.parametrize("scope", ["", HOSTILE])
def test_a_scope_that_nobody_said_does_not_satisfy_it(here: Place, scope: str) -> None:
    assert run(here, GATE, **FINE | {"SCOPE": scope}).code == 1


@pytest.mark.parametrize("change", [{"FORK": "true"}, {"SCOPE": "rehearsal"}])
def test_where_nothing_is_read_live_the_rehearsal_decides(here: Place, change: dict[str, str]) -> None:
    ended = run(here, GATE, **FINE | {"LIVE_RESULT": "skipped", "COMMENT_RESULT": "skipped"} | change)
    assert ended.code == 0
    assert "mimecast-sso rehearsal" in ended.text


@pytest.mark.parametrize("result", ["success", *NOT_SUCCESS])
def test_the_rehearsal_has_to_succeed(here: Place, result: str) -> None:
    gate = step("sso-rehearsal.yml", "required", "The rehearsal has succeeded")
    assert (run(here, gate, RESULT=result).code == 0) is (result == "success")


# -- GitHub: drift, tickets, heartbeat -------------------------------------------------------------------------------


LOOK = step("sso-drift.yml", "look", "Look for drift")
WRITE = step("sso-drift.yml", "report", "Write the report")
TICKETS = step("sso-drift.yml", "report", "Open, update and close tickets")
HISTORY = step("sso-drift.yml", "report", "Fetch the earlier reports")
HEARTBEAT = step("sso-heartbeat.yml", "heartbeat", "Look for the last reports, and open or close tickets")


@pytest.mark.parametrize(("code", "writes", "ends"), [(0, 1, 0), (2, 1, 0), (1, 1, 0), (1, 0, 1), (4, 1, 4)])
def test_a_look_without_a_report_fails(here: Place, code: int, writes: int, ends: int) -> None:
    files = {"drift.dev-eu.json": report(Level.LOOK)} if writes else {}
    here.tell("^mimecast-sso drift", code=code, writes=files)
    assert run(here, LOOK, STACK="dev-eu").code == ends
    (look,) = here.called("^mimecast-sso drift")
    assert look.line == "mimecast-sso drift --stack dev-eu --fast --format json --out drift.dev-eu.json"


def test_a_report_of_no_stack_fails(here: Place) -> None:
    ended = run(here, WRITE)
    assert ended.code == 1
    assert "No stack was looked at" in ended.text


def reported(at: Place, *texts: str) -> None:
    (at.folder / "reports").mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (at.folder / "reports" / f"drift.{number}.json").write_text(text)
    ended = run(at, WRITE)
    assert ended.code == 0, ended.text
    assert "dev" in ended.summary
    assert "<!doctype html>" in (at.folder / "drift.html").read_text().lower()


def test_tickets_are_opened_updated_and_closed(here: Place) -> None:
    here.tell("^gh issue list", says="[]")
    reported(here, report(Level.LOOK), report(Level.LOOK, stack="prod-eu"))
    assert run(here, TICKETS, OF).code == 0
    opened = here.called("^gh issue create")
    assert [each.words[7:9] for each in opened] == [
        ["--title", f"Single sign-on: drift of {stack}"] for stack in ("dev-eu", "prod-eu")
    ]
    body = (here.folder / opened[0].words[-1]).read_text()
    assert "@" not in body
    assert "##vso[" not in body
    known = [{"number": 5, "state": "OPEN", "body": body}]
    here.tell("^gh issue list", says=json.dumps(known))
    reported(here, report(Level.FINE), report(Level.LOOK, stack="prod-eu"))
    assert run(here, TICKETS, OF).code == 0
    assert [each.words[2:4] for each in here.called("^gh issue (close|comment)")] == [
        ["comment", "5"],
        ["close", "5"],
    ]
    (listed, *_) = here.called("^gh issue list")
    assert "--app github-actions" in listed.line, "others can write the marker"


def test_a_closed_ticket_is_opened_again(here: Place) -> None:
    reported(here, report(Level.LOOK))
    marker = "<!-- mimecast-sso ticket v1 kind=drift stack=dev-eu findings=000000000000 -->\n"
    here.tell("^gh issue list", says=json.dumps([{"number": 5, "state": "CLOSED", "body": marker}]))
    assert run(here, TICKETS, OF).code == 0
    assert [each.words[2:4] for each in here.called("^gh issue [^l]")] == [
        ["reopen", "5"],
        ["edit", "5"],
        ["comment", "5"],
    ]


def test_the_last_history_that_exists_is_fetched(here: Place) -> None:
    here.tell("^gh run list", says="3\n2\n1\n")
    here.tell("^gh run download 3", code=1)
    assert run(here, HISTORY, OF).code == 0
    assert [each.words[3] for each in here.called("^gh run download")] == ["3", "2"]
    assert "--branch main" in here.called("^gh run list")[0].line, "of other branches no report counts"


def test_a_heartbeat_that_is_late_opens_a_ticket_and_fails(here: Place) -> None:
    here.tell("^gh issue list", says="[]")
    assert run(here, HEARTBEAT, OF).code == 1
    titles = [each.words[8] for each in here.called("^gh issue create")]
    assert titles == [f"Single sign-on: the drift report of {stack} did not run" for stack in STACKS]


def test_an_identity_that_can_write_looks_at_nothing(here: Place) -> None:
    here.tell("^mimecast-sso ci check", code=5)
    for file, job in (
        ("sso-drift.yml", "look"),
        ("sso-preview.yml", "live"),
        ("sso-rehearsal.yml", "approved"),
    ):
        assert run(here, step(file, job, "Prove the identity"), STACK="dev-eu").code == 5
        names = [each.name for each in STEPS[Forge.GITHUB] if (each.file, each.job) == (file, job)]
        assert names.index("Prove the identity") < names.index(
            "Look for drift" if job == "look" else "Review"
        )
