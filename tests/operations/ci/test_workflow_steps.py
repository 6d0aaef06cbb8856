"""Every script of the workflow files, run with hostile titles, branches and names, and its effect."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.operations.review.comment import digest_of
from mimecast_sso.provenance import How
from tests.support.command_words import unknown_words
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
NEEDS_JQ = pytest.mark.skipif(
    shutil.which("jq") is None, reason="jq is not on the PATH; Azure DevOps' machines have it"
)
LISTS_TICKETS = r"^gh api --paginate \S+/issues\?state=all"
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


CALLS = [each for each in ALL if ".venv/bin/mimecast-sso" in each.script]


@pytest.mark.parametrize("each", CALLS, ids=str)
def test_the_commands_that_scripts_call_exist_with_their_options(each: Step) -> None:
    text = re.sub(r"\$\([^()]*\)", "X", each.script.replace("\\\n", " "))
    calls = re.findall(r"\.venv/bin/mimecast-sso +([^\n|<>;)]*)", text)
    assert calls
    assert [word for call in calls for word in unknown_words(call.split(), commands)] == []


def test_a_vulnerable_script_would_be_noticed(here: Place) -> None:
    for script in ('eval "echo $TITLE"', 'bash -c "$TITLE"', "sh -c \"x='$TITLE'\""):
        assert here.run(f"{script} || true", {"TITLE": HOSTILE}).code == 0
        assert here.pwned != [], script
        for file in here.folder.glob("pwned*"):
            file.unlink()


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


def test_what_the_requests_own_code_wrote_has_no_plan_that_a_deployment_takes(here: Place) -> None:
    state = f'<!-- mimecast-sso state: {{"stacks":{{"prod-eu":{{"plan":"{"a" * 26}-{"b" * 12}"}}}}}} -->\n'
    for post in POSTS:
        (here.folder / "comment.md").write_text(f"{COMMENT}{state}more\n{state}")
        assert run(here, post, OF).code == 0
        posted = here.called(r"--method")[-1].texts[0]
        assert posted.startswith(COMMENT)
        assert (digest_of(posted, "prod-eu") is None) is (post.job == "comment" and "rehearsal" in post.file)


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


def selected(each: Step, rows: list[dict[str, object]]) -> str:
    """What the filter of a script's list lets through."""
    filters = re.findall(r"--jq '(\.\[\][^']+)'", each.script)[0]
    command = ["jq", "--compact-output", filters]
    return subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=True).stdout


@NEEDS_JQ
@pytest.mark.parametrize(
    "each", [*POSTS, step("sso-preview.yml", "scope", "Mark the earlier comment as superseded")], ids=str
)
def test_only_a_comment_of_this_workflow_is_edited(each: Step) -> None:
    bot, marked = {"login": "github-actions[bot]"}, f"{COMMENT}more"
    comments = [
        {"id": 1, "user": {"login": "mallory"}, "body": marked},
        {"id": 2, "user": bot, "body": f"> {marked}"},
        {"id": 3, "user": bot, "body": marked},
    ]
    assert selected(each, comments) == "3\n"


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


# -- GitHub: what is deployed ----------------------------------------------------------------------------------------


FIND = step("sso-deploy.yml", "reviewed", "Take the comment of the pull request that was merged")
DEPLOY = step("sso-deploy.yml", "deploy", "Deploy")
PULLS = r"^gh api repos/acme/sso/commits/\S+/pulls"


def reviewed(at: Place) -> str:
    return (at.folder / "reviewed.md").read_text()


def test_the_comment_of_the_merged_pull_request_is_taken(here: Place) -> None:
    here.tell(PULLS, says="7\n")
    here.tell(LISTS_COMMENTS, says="41\n")
    here.tell(r"comments/41 --jq", says=COMMENT)
    assert run(here, FIND, OF | {"github.sha": here.base}).code == 0
    assert reviewed(here) == COMMENT
    assert here.called(f"commits/{here.base}/pulls")


@pytest.mark.parametrize("number", ["", HOSTILE, "--help"])
def test_without_a_pull_request_or_a_comment_nothing_was_reviewed(here: Place, number: str) -> None:
    (here.folder / "reviewed.md").write_text(COMMENT)
    here.tell(PULLS, says=number)
    assert run(here, FIND, OF | {"github.sha": here.base}).code == 0
    assert reviewed(here) == ""
    here.tell(PULLS, says="7\n")
    assert run(here, FIND, OF | {"github.sha": here.base}).code == 0
    assert reviewed(here) == ""


@NEEDS_JQ
def test_only_a_comment_of_this_workflow_decides_what_is_deployed() -> None:
    bot = {"login": "github-actions[bot]"}
    comments = [
        {"id": 1, "user": {"login": "mallory"}, "body": COMMENT},
        {"id": 2, "user": bot, "body": COMMENT},
    ]
    (listing,) = re.findall(r"--jq '(\.\[\]\n[^']+)'", FIND.script)
    done = subprocess.run(
        ["jq", listing], input=json.dumps(comments), capture_output=True, text=True, check=True
    )
    assert done.stdout == "2\n"


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("", ["--reviewed", "reviewed.md"]),
        ("a-b", ["--expect", "a-b"]),
        (HOSTILE, ["--expect", HOSTILE]),
    ],
)
@pytest.mark.parametrize("code", [0, 3, 4])
def test_only_what_was_reviewed_is_deployed(here: Place, expect: str, words: list[str], code: int) -> None:
    here.tell("^mimecast-sso up", code=code)
    assert run(here, DEPLOY, {"EXPECT": expect, "STACK": "prod-eu"}).code == code
    (up,) = here.called("^mimecast-sso up")
    assert up.words[1:] == ["up", "--stack", "prod-eu", "--yes", *words]


# -- GitHub: whose code runs -----------------------------------------------------------------------------------------


SCOPE = step("sso-preview.yml", "scope", "Find out what changes")
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
    say = step(review.file, review.job, "Report the result")
    assert (run(here, say, CODE=str(code)).code == 0) is (code in {0, 2})


def test_a_review_without_an_exit_code_fails(here: Place) -> None:
    for file, job in (
        ("sso-preview.yml", "live"),
        ("sso-rehearsal.yml", "rehearse"),
        ("sso-rehearsal.yml", "approved"),
    ):
        assert run(here, step(file, job, "Report the result"), CODE="").code == 1


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
def test_a_missing_scope_does_not_satisfy_it(here: Place, scope: str) -> None:
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


LOOK = step("sso-drift.yml", "look", "Check for drift")
WRITE = step("sso-drift.yml", "report", "Write the report")
TICKETS = step("sso-drift.yml", "report", "Open, update and close tickets")
HISTORY = step("sso-drift.yml", "report", "Fetch the earlier reports")
HEARTBEAT = step("sso-heartbeat.yml", "heartbeat", "Find the last reports, and open or close tickets")


@pytest.mark.parametrize(("code", "writes", "ends"), [(0, 1, 0), (2, 1, 0), (1, 1, 0), (1, 0, 1), (4, 1, 4)])
def test_a_check_without_a_report_fails(here: Place, code: int, writes: int, ends: int) -> None:
    files = {"drift.dev-eu.json": report(Level.LOOK)} if writes else {}
    here.tell("^mimecast-sso drift", code=code, writes=files)
    assert run(here, LOOK, STACK="dev-eu").code == ends
    (look,) = here.called("^mimecast-sso drift")
    assert look.line == "mimecast-sso drift --stack dev-eu --fast --format json --out drift.dev-eu.json"


def test_a_report_of_no_stack_fails(here: Place) -> None:
    ended = run(here, WRITE)
    assert ended.code == 1
    assert "No stack was checked" in ended.text


def reported(at: Place, *texts: str) -> None:
    (at.folder / "reports").mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (at.folder / "reports" / f"drift.{number}.json").write_text(text)
    ended = run(at, WRITE)
    assert ended.code == 0, ended.text
    assert "dev" in ended.summary
    assert "<!doctype html>" in (at.folder / "drift.html").read_text().lower()


@NEEDS_JQ
def test_tickets_are_opened_updated_and_closed(here: Place) -> None:
    reported(here, report(Level.LOOK), report(Level.LOOK, stack="prod-eu"))
    assert run(here, TICKETS, OF).code == 0
    opened = here.called("^gh issue create")
    assert [each.words[7:9] for each in opened] == [
        ["--title", f"Single sign-on: drift of {stack}"] for stack in ("dev-eu", "prod-eu")
    ]
    body = (here.folder / opened[0].words[-1]).read_text()
    assert "@" not in body
    assert "##vso[" not in body
    here.tell(LISTS_TICKETS, says=json.dumps({"number": 5, "state": "open", "body": body}))
    reported(here, report(Level.FINE), report(Level.LOOK, stack="prod-eu"))
    assert run(here, TICKETS, OF).code == 0
    assert [each.words[2:4] for each in here.called("^gh issue (close|comment)")] == [
        ["comment", "5"],
        ["close", "5"],
    ]


@NEEDS_JQ
def test_a_closed_ticket_is_opened_again(here: Place) -> None:
    reported(here, report(Level.LOOK))
    marker = "<!-- mimecast-sso ticket v1 kind=drift stack=dev-eu findings=000000000000 -->\n"
    here.tell(LISTS_TICKETS, says=json.dumps({"number": 5, "state": "closed", "body": marker}))
    assert run(here, TICKETS, OF).code == 0
    assert [each.words[2:4] for each in here.called("^gh issue [^l]")] == [["comment", "5"]]
    (reopened,) = here.called("^gh api .*--method PATCH repos/acme/sso/issues/5 -f state=open -F body=@plan/")
    assert reopened.texts[0].startswith("<!-- mimecast-sso ticket v1 kind=drift stack=dev-eu findings=")


def test_the_last_history_that_exists_is_fetched(here: Place) -> None:
    here.tell("^gh run list", says="3\n2\n1\n")
    here.tell("^gh run download 3", code=1)
    assert run(here, HISTORY, OF).code == 0
    assert [each.words[3] for each in here.called("^gh run download")] == ["3", "2"]
    assert "--branch main" in here.called("^gh run list")[0].line, "of other branches no report counts"


@NEEDS_JQ
def test_a_heartbeat_that_is_late_opens_a_ticket_and_fails(here: Place) -> None:
    assert run(here, HEARTBEAT, OF).code == 1
    titles = [each.words[8] for each in here.called("^gh issue create")]
    assert titles == [f"Single sign-on: the drift report of {stack} did not run" for stack in STACKS]


@NEEDS_JQ
@pytest.mark.parametrize("each", [TICKETS, HEARTBEAT], ids=str)
def test_only_a_ticket_of_this_workflow_counts(each: Step) -> None:
    tickets: list[dict[str, object]] = [
        {"number": 1, "state": "open", "body": "", "user": {"login": "mallory"}},
        {"number": 2, "state": "open", "body": "", "user": {"login": "github-actions[bot]"}},
    ]
    assert selected(each, tickets) == '{"number":2,"state":"open","body":""}\n'


def test_with_an_identity_that_can_write_nothing_is_checked(here: Place) -> None:
    here.tell("^mimecast-sso ci check", code=5)
    for file, job in (
        ("sso-drift.yml", "look"),
        ("sso-preview.yml", "live"),
        ("sso-rehearsal.yml", "approved"),
    ):
        assert run(here, step(file, job, "Prove the identity"), STACK="dev-eu").code == 5
        names = [each.name for each in STEPS[Forge.GITHUB] if (each.file, each.job) == (file, job)]
        assert names.index("Prove the identity") < names.index(
            "Check for drift" if job == "look" else "Review"
        )


# -- GitHub: set-up --------------------------------------------------------------------------------------------------


@NEEDS_JQ
def test_the_commands_of_the_set_up_create_what_the_workflows_use(here: Place) -> None:
    here.tell("^az ad app create", says="preview-id\n")
    here.tell("^gh repo view", says="acme/sso\n")
    here.tell("^gh api user", says="17\n")
    here.tell("^pulumi whoami", says='{"url": "https://state.example"}')
    script = workflows.set_up(Choice(Forge.GITHUB, STACKS))
    ended = here.run(script, {"ARM_CLIENT_ID": "deploy-id"})
    assert ended.code == 0, ended.text
    trusted = {
        (each.words[each.words.index("--id") + 1], json.loads(each.texts[0])["subject"])
        for each in here.called("^az ad app federated-credential create")
    }
    preview = {
        ("preview-id", f"repo:acme/sso:environment:{name}")
        for name in ("sso-preview", "sso-preview-approved")
    }
    deploy = {("deploy-id", f"repo:acme/sso:environment:sso-deploy-{stack}") for stack in STACKS}
    assert trusted == preview | deploy
    environments = {
        each.words[4].rpartition("/")[2]: json.loads(each.stdin)
        for each in here.called("PUT .*/environments/")
    }
    used = {
        each.replace("${{ matrix.stack }}", stack)
        for text in FILES[Forge.GITHUB].values()
        for each in re.findall(r"^    environment: (.+)$", text, re.MULTILINE)
        for stack in STACKS
    }
    assert set(environments) == used
    for name, settings in environments.items():
        assert ("reviewers" in settings) is (name != "sso-preview")
        assert ("deployment_branch_policy" in settings) is (name != "sso-preview-approved")
    (rules,) = here.called("rulesets")
    contexts = [
        each["context"]
        for each in json.loads(rules.stdin)["rules"][1]["parameters"]["required_status_checks"]
    ]
    names = [
        document["jobs"]["required"]["name"]
        for document in map(yaml.safe_load, FILES[Forge.GITHUB].values())
        if "required" in document["jobs"]
    ]
    assert sorted(contexts) == sorted(names)


# -- GitLab ----------------------------------------------------------------------------------------------------------


def of_gitlab(job: str) -> Step:
    return step("mimecast-sso.yml", job, "script", Forge.GITLAB)


GITLAB = {
    "CI_API_V4_URL": "https://gl/api/v4",
    "CI_PROJECT_ID": "3",
    "CI_PIPELINE_ID": "9",
    "SSO_GITLAB_TOKEN": "t",
}
REQUEST = {"sha": "", "state": "opened", "target_branch": "main", "source_project_id": 3}


def asked(at: Place, **changes: object) -> dict[str, str]:
    """The environment of a pipeline that the webhook started for merge request 7."""
    at.tell("^curl .*/user", says='{"id": 5}')
    at.tell("^curl .*merge_requests/7$", says=json.dumps(REQUEST | {"sha": at.head} | changes))
    payload = at.stubs / "payload.json"
    payload.write_text(json.dumps({"object_attributes": {"iid": 7, "title": HOSTILE}}))
    return GITLAB | {"TRIGGER_PAYLOAD": str(payload)}


def notes(at: Place, *notes: dict[str, object]) -> None:
    at.tell("^curl .*/notes.per_page", says=json.dumps(notes), writes={"headers.txt": "x-next-page: \r\n"})


OURS = {"id": 41, "author": {"id": 5}, "body": COMMENT}
THEIRS = {"id": 42, "author": {"id": 6}, "body": COMMENT}


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "live"),
        ({"source_project_id": 4}, "nothing"),
        ({"state": "merged"}, "nothing"),
        ({"target_branch": HOSTILE}, "nothing"),
    ],
)
def test_gitlab_reads_live_for_merge_requests_of_this_project(
    here: Place, changes: dict[str, object], scope: str
) -> None:
    environment = asked(here, **changes)
    notes(here, THEIRS, OURS)
    here.tell("^curl .*notes/41$", says=json.dumps(OURS))
    here.tell("review --superseded", says="superseded\n")
    ended = here.run(of_gitlab("sso-scope").script, environment)
    assert ended.code == 0, ended.text
    assert (here.folder / "scope.env").read_text() == f"SSO_IID=7\nSSO_HEAD={here.head}\nSSO_SCOPE={scope}\n"
    assert len(here.called(r"state=running .*statuses/" + here.head)) == (scope == "live")
    superseded = [each.texts for each in here.called("--request PUT .*notes/41")]
    assert superseded == ([["superseded\n"]] if scope == "live" else [])
    assert not here.called("notes/42")


def test_gitlab_rehearses_code(tmp_path: Path) -> None:
    at = place(tmp_path, head={"__main__.py": "evil\n"})
    environment = asked(at)
    notes(at)
    assert at.run(of_gitlab("sso-scope").script, environment).code == 0
    assert "SSO_SCOPE=rehearsal" in (at.folder / "scope.env").read_text()


@pytest.mark.parametrize("iid", ["7; touch pwned", "$(touch pwned)", None, ["x"]])
def test_gitlab_takes_nothing_but_a_number_from_the_hook(here: Place, iid: object) -> None:
    environment = asked(here)
    Path(environment["TRIGGER_PAYLOAD"]).write_text(json.dumps({"object_attributes": {"iid": iid}}))
    assert here.run(of_gitlab("sso-scope").script, environment).code != 0
    assert not here.called("merge_requests")


def test_gitlab_reviews_the_head_as_data(here: Place) -> None:
    here.tell("^mimecast-sso review", code=4, writes={"comment.md": COMMENT})
    values = {"SSO_SCOPE": "live", "SSO_IID": "7", "SSO_HEAD": here.head}
    assert here.run(of_gitlab("sso-review").script, values).code == 4
    (review,) = here.called("^mimecast-sso review")
    assert (review.words[3], review.words[5] in {here.base, here.head}) == (here.base, False)
    checks = [each.words[4:] for each in here.called("ci check")]
    assert checks == [["--stack", stack] for stack in STACKS]


@pytest.mark.parametrize("merged", [True, False])
def test_gitlab_deploys_what_the_note_of_the_merged_request_has(here: Place, merged: bool) -> None:
    request = {"iid": 7, "state": "merged" if merged else "opened", "target_branch": "main", "title": HOSTILE}
    here.tell(
        "^curl .*/repository/commits/", says=json.dumps([request | {"target_branch": HOSTILE}, request])
    )
    here.tell("^curl .*/user", says='{"id": 5}')
    notes(here, THEIRS, OURS)
    here.tell("^curl .*/notes/41$", says=json.dumps(OURS))
    ended = here.run(of_gitlab("sso-reviewed").script, GITLAB | {"CI_COMMIT_SHA": here.base})
    assert ended.code == 0, ended.text
    assert reviewed(here).strip() == (COMMENT.strip() if merged else "")
    for expect, words in (("", ["--reviewed", "reviewed.md"]), (HOSTILE, ["--expect", HOSTILE])):
        assert here.run(of_gitlab("sso-deploy").script, {"STACK": "prod-eu", "SSO_EXPECT": expect}).code == 0
        up = here.called("^mimecast-sso up")[-1]
        assert up.words[1:] == ["up", "--stack", "prod-eu", "--yes", *words]


@pytest.mark.parametrize(
    "jobs", [{}, {"sso-review": "failed"}, {"sso-review": "skipped"}, {"sso-scope": "failed"}]
)
@pytest.mark.parametrize("known", [[], [THEIRS, OURS]])
def test_gitlab_posts_one_note_and_the_status(
    here: Place, jobs: dict[str, str], known: list[dict[str, object]]
) -> None:
    here.tell("^curl .*/user", says='{"id": 5}')
    notes(here, *known)
    states = {"sso-scope": "success", "sso-review": "success"} | jobs
    here.tell(
        "^curl .*/jobs",
        says=json.dumps([{"name": name, "status": status} for name, status in states.items()]),
    )
    (here.folder / "comment.md").write_text(COMMENT)
    values = GITLAB | {"SSO_SCOPE": "live", "SSO_IID": "7", "SSO_HEAD": here.head}
    ended = here.run(of_gitlab("sso-comment").script, values)
    assert (ended.code == 0) is (not jobs)
    (posted,) = here.called("body@comment.md")
    assert posted.texts == [COMMENT]
    assert posted.words[6:8] == ["--request", "PUT"] if known else ["--request", "POST"]
    (status,) = here.called("statuses/")
    assert f"state={'failed' if jobs else 'success'}" in status.line


def test_gitlab_opens_and_closes_tickets(here: Place) -> None:
    here.tell("^curl .*/user", says='{"id": 5}')
    here.tell("^curl .*/issues.labels", says="[]", writes={"headers.txt": "x-next-page: \r\n"})
    (here.folder / "reports").mkdir()
    file = here.folder / "reports" / "drift.dev-eu.json"
    file.write_text(report(Level.LOOK))
    assert here.run(of_gitlab("sso-drift-report").script, GITLAB).code == 0
    (opened,) = here.called("--request POST .*/issues$")
    assert "title=Single sign-on: drift of dev-eu" in opened.words
    (listed,) = here.called("/issues.labels")
    assert "author_id=5" in listed.line, "others can write the marker"
    row = {"iid": 8, "state": "opened", "description": opened.texts[0]}
    here.tell("^curl .*/issues.labels", says=json.dumps([row]), writes={"headers.txt": "x-next-page: \r\n"})
    file.write_text(report(Level.FINE))
    assert here.run(of_gitlab("sso-drift-report").script, GITLAB).code == 0
    assert len(here.called("state_event=close .*/issues/8$")) == 1


# -- Azure DevOps ----------------------------------------------------------------------------------------------------

AZURE = {
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECTID": "p",
    "SYSTEM_TEAMPROJECT": "sso",
    "BUILD_REPOSITORY_ID": "r",
    "BUILD_BUILDID": "9",
    "SSO_ID": "7",
    "AZURE_DEVOPS_EXT_PAT": "t",
    "TICKET_TYPE": "Issue",
    "OPEN_STATE": "To Do",
    "CLOSED_STATE": "Done",
}
LOOK_AT = step("sso-preview.yml", "scope", "Find out what changes", Forge.AZURE_DEVOPS)
POST_BOTH = step("sso-preview.yml", "comment", "Post the comment and the status", Forge.AZURE_DEVOPS)
LIVE = step("sso-preview.yml", "live", "Review", Forge.AZURE_DEVOPS)
ITEMS = step("sso-drift.yml", "report", "Open, update and close tickets", Forge.AZURE_DEVOPS)


def threads(at: Place, *found: dict[str, object]) -> None:
    at.tell("^az devops invoke .*connectionData", says="me\n")
    at.tell(
        "^az devops invoke --area git --resource pullRequestThreads .*json$",
        says=json.dumps({"value": found}),
    )


def thread(number: int, author: str) -> dict[str, object]:
    return {"id": number, "comments": [{"author": {"id": author}, "content": COMMENT}]}


@NEEDS_JQ
@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "live"),
        ({"forkSource": {"name": HOSTILE}}, "nothing"),
        ({"status": "completed"}, "nothing"),
        ({"targetRefName": HOSTILE}, "nothing"),
    ],
)
def test_azure_reads_live_for_pull_requests_of_this_project(
    here: Place, changes: dict[str, object], scope: str
) -> None:
    request = {"status": "active", "targetRefName": "refs/heads/main", "title": HOSTILE}
    request |= {"lastMergeSourceCommit": {"commitId": here.head}, **changes}
    here.tell("^az repos pr show", says=json.dumps(request))
    threads(here, thread(42, "they"), thread(41, "me"))
    here.tell("review --superseded", says="superseded\n")
    ended = here.run(LOOK_AT.script, AZURE)
    assert ended.code == 0, ended.text
    assert f"variable=scope;isOutput=true]{scope}" in ended.text
    assert len(here.called("pullRequestStatuses")) == (scope == "live")
    assert len(here.called("PATCH .*threadId=41")) == (scope == "live")
    assert not here.called("threadId=42")


@NEEDS_JQ
@pytest.mark.parametrize("number", ["", "7; touch pwned", "$(touch pwned)", "--help"])
def test_azure_takes_nothing_but_a_number_from_the_hook(here: Place, number: str) -> None:
    for each in (LOOK_AT, POST_BOTH):
        assert here.run(each.script, AZURE | {"SSO_ID": number}).code == 1
    assert not here.calls


@NEEDS_JQ
def test_azure_reviews_the_head_as_data_and_its_output_is_no_command(here: Place) -> None:
    here.tell(
        "^mimecast-sso review",
        says="##vso[task.complete]\n##[error]x\n",
        code=4,
        writes={"comment.md": COMMENT},
    )
    ended = here.run(LIVE.script, AZURE | {"HEAD": here.head, "SYSTEM_ACCESSTOKEN": "t"})
    assert ended.code == 4
    assert "##vso[task.complete]" not in ended.text
    assert "##[error]" not in ended.text
    assert "##vso[task.setvariable variable=comment]true" in ended.text, "a refusal is posted as well"
    (review,) = here.called("^mimecast-sso review")
    assert (review.words[3], review.words[5] in {here.base, here.head}) == (here.base, False)


@NEEDS_JQ
@pytest.mark.parametrize(
    ("scope", "live", "state"),
    [
        ("live", "Succeeded", "succeeded"),
        ("rehearsal", "Skipped", "succeeded"),
        ("live", "Failed", "failed"),
        ("live", "Skipped", "failed"),
        ("live", "Canceled", "failed"),
        ("live", "", "failed"),
        ("", "Succeeded", "failed"),
    ],
)
@pytest.mark.parametrize("known", [(), (thread(42, "they"), thread(41, "me"))])
def test_azure_posts_one_comment_and_the_status(
    here: Place, scope: str, live: str, state: str, known: tuple[dict[str, object], ...]
) -> None:
    threads(here, *known)
    (here.folder / "sso-review").mkdir()
    (here.folder / "sso-review" / "comment.md").write_text(COMMENT)
    values = AZURE | {"SCOPE": scope, "LIVE": live, "PIPELINE_WORKSPACE": str(here.folder)}
    assert (here.run(POST_BOTH.script, values).code == 0) is (state == "succeeded")
    assert json.loads((here.folder / "status.json").read_text())["state"] == state
    posted = here.called("pullRequestThread.* --http-method (POST|PATCH)")
    assert len(posted) == 1
    assert ("threadId=41" in posted[0].line) is bool(known)
    written = json.loads((here.folder / ("comment.json" if known else "thread.json")).read_text())
    assert COMMENT in (written.get("content"), written.get("comments", [{}])[0].get("content"))


@NEEDS_JQ
@pytest.mark.parametrize("status", ["completed", "abandoned"])
def test_azure_deploys_what_the_comment_of_the_merged_request_has(here: Place, status: str) -> None:
    request = {"pullRequestId": 7, "status": status, "targetRefName": "refs/heads/main", "title": HOSTILE}
    elsewhere = request | {"pullRequestId": 8, "targetRefName": HOSTILE}
    here.tell("^az .*pullRequestQuery", says=json.dumps({"results": [{here.base: [request, elsewhere]}]}))
    threads(here, thread(42, "they"), thread(41, "me"))
    find = step("sso-deploy.yml", "reviewed", FIND.name, Forge.AZURE_DEVOPS)
    values = {key: value for key, value in AZURE.items() if key != "SSO_ID"}
    ended = here.run(find.script, values | {"BUILD_SOURCEVERSION": here.base})
    assert ended.code == 0, ended.text
    assert reviewed(here).strip() == (COMMENT.strip() if status == "completed" else "")
    asked = json.loads((here.folder / "query.json").read_text())
    assert asked == {"queries": [{"type": "lastMergeCommit", "items": [here.base]}]}
    (deploy, *_) = (each for each in STEPS[Forge.AZURE_DEVOPS] if "mimecast-sso up" in each.script)
    file = f"{here.folder}/sso-reviewed/reviewed.md"
    for expect, words in ((" ", ["--reviewed", file]), ("a-b", ["--expect", "a-b"])):
        at = {"EXPECT": expect, "PIPELINE_WORKSPACE": str(here.folder)}
        assert here.run(deploy.script, at).code == 0
        assert here.called("^mimecast-sso up")[-1].words[4:] == ["--yes", *words]


@NEEDS_JQ
def test_azure_opens_and_closes_work_items(here: Place) -> None:
    here.tell("^az boards query", says="[]")
    (here.folder / "drift.json").write_text(report(Level.LOOK))
    assert here.run(ITEMS.script, AZURE).code == 0
    (opened,) = here.called("workItems .*POST")
    assert "type=$Issue" in opened.words
    fields = {each["path"]: each["value"] for each in json.loads((here.folder / "change.json").read_text())}
    assert fields["/fields/System.Title"] == "Single sign-on: drift of dev-eu"
    item = {
        "id": 8,
        "fields": {"System.State": "To Do", "System.Description": fields["/fields/System.Description"]},
    }
    here.tell("^az boards query", says=json.dumps([item]))
    (here.folder / "drift.json").write_text(report(Level.FINE))
    assert here.run(ITEMS.script, AZURE).code == 0
    assert len(here.called("workItems .*PATCH .*id=8$")) == 1
    fields = {each["path"]: each["value"] for each in json.loads((here.folder / "change.json").read_text())}
    assert fields["/fields/System.State"] == "Done"
    assert "[System.CreatedBy] = @Me" in here.called("^az boards query")[0].line, (
        "others can write the marker"
    )
