"""The review of a change on a whole deployment, and the digest that connects it with ``up``."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mimecast_sso.operations.reports import model
from tests.support.deployments import Deployments, with_a_pilot
from tests.support.journal import is_call, may_change
from tests.support.projects import Ended, Project

pytestmark = pytest.mark.xdist_group("review")  # They share a deployment.

ADA, GRACE, ALAN = (f"{name}@example.com" for name in ("ada", "grace", "alan"))
PILOT = {"group": "Personal Portal single sign-on", "who": "pilot", "pilot": [ADA]}
PRINCIPAL = {"preferredSingleSignOnMode": "saml"}


@pytest.fixture(scope="module")
def deployed(deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The tutorial, done for Ada alone, in a git repository."""
    with deployments.project(tmp_path_factory.mktemp("project"), with_a_pilot) as made:
        (made.folder / ".gitignore").write_text(".sandbox\n.venv\n__pycache__\n")
        git(made, "init", "-q", "-b", "main")
        commit(made)
        yield made


@pytest.fixture
def made(deployed: Project) -> Iterator[Project]:
    """The same, on a branch of its own."""
    git(deployed, "switch", "-q", "-C", "head", "main")
    yield deployed
    git(deployed, "checkout", "-q", "-f", "main")


def git(made: Project, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *identity, *words], cwd=made.folder, check=True)


def commit(made: Project) -> None:
    git(made, "add", "-A")
    git(made, "commit", "-q", "--allow-empty", "-m", "x")


def review(made: Project, **changes: Any) -> Ended:
    """The review of a change of the stack file, from the base as it is checked out."""
    if changes:
        made.configure(**changes)
    commit(made)
    git(made, "switch", "-q", "main")
    ended = made.program("review", "--base", "main", "--head", "head")
    git(made, "switch", "-q", "head")
    return ended


def rehearsed(made: Project, *words: str, base: str = "main") -> Ended:
    commit(made)
    git(made, "switch", "-q", base)
    ended = made.program("review", "--base", base, "--head", "head", "--no-live", "--rehearse", *words)
    git(made, "switch", "-q", "head")
    return ended


def row(ended: Ended) -> str:
    (found,) = (line for line in ended.text.splitlines() if line.startswith("| **sandbox**"))
    return found


def digest(ended: Ended) -> str:
    found = re.search(r"--expect ([a-z2-7-]+)", ended.text)
    assert found, ended.text
    return found[1]


def principal(made: Project) -> dict[str, Any]:
    (found,) = (
        each
        for each in made.control.documents("entra.servicePrincipals")
        if PRINCIPAL.items() <= each.items()
    )
    return found


def test_a_change_that_locks_somebody_out_is_a_row_with_the_reason(made: Project) -> None:
    before = made.control.journal()[-1]["number"]
    ended = review(made, assign={"users": [GRACE]})
    assert ended.code == 4, ended.text
    assert not any(map(may_change, made.control.journal(after=before))), "a review only reads"
    assert row(ended) == (
        "| **sandbox** | CUK25A118 (eu) | 1 \u2192 0 (+0, \u22121) | 1 refuses: last-sign-in-method | none "
        "| 2 deletes | \u274c cannot be deployed as is |"
    )
    assert "AADSTS50105" in ended.text
    assert "ada" not in ended.text, "the address book still names her"
    assert made.up().code == 4, "and so it is"


def test_a_widening_has_its_figures_and_its_digest_is_that_of_preview_and_up(made: Project) -> None:
    ended = review(made, rollOut=PILOT | {"pilot": [ADA, GRACE]})
    assert ended.code == 2, ended.text
    assert row(ended) == (
        "| **sandbox** | CUK25A118 (eu) | 1 \u2192 2 (+1, \u22120) | all met | none | 1 update "
        "| \u2705 can be deployed |"
    )
    expected = digest(ended)
    previewed = made.sso("preview")
    assert previewed.code == 2, previewed.text
    assert f"Plan digest: {expected}\n" in previewed.text

    last = made.control.journal()[-1]["number"]
    assert made.sso("preview").code == 2
    reads = made.control.journal(after=last, path=".*/appRoleAssignedTo")
    assert len(reads) == 1, "the digest is of the snapshot that the program planned from"

    # Somebody changes an object at Entra: it is another plan.
    before = principal(made)
    made.control.put("entra.servicePrincipals", before["id"], before | {"notes": "changed"})
    refused = made.sso("up", "--yes", "--expect", expected)
    assert refused.code == 4, refused.text
    assert "the tenants changed since" in refused.text
    assert "differs from the state: service principal notes changed" in refused.text
    assert made.sandbox("login", GRACE).code == 1

    # It is undone: the plan is the reviewed one again.
    made.control.put("entra.servicePrincipals", before["id"], before)
    accepted = made.sso("up", "--yes", "--expect", expected)
    assert accepted.code == 0, accepted.text
    assert made.sandbox("login", GRACE).code == 0
    again = made.sso("up", "--yes", "--expect", expected)
    assert again.code == 4, again.text
    assert "planned now: no change" in again.text

    # And back, for the next test.
    git(made, "checkout", "-q", "-f", "main")
    assert made.up().code == 0


def test_a_change_of_the_console_form_needs_a_person(made: Project) -> None:
    profile = made.in_force()["authenticationProfile"] | {"allowSingleSignOn": False}
    ended = review(made, authenticationProfile=profile)
    assert ended.code == 2, ended.text
    assert "| **due**: 1 field |" in row(ended)
    assert "action required |" in row(ended)
    assert "1 field to set: Allow Single Sign On" in ended.text


def test_what_the_plan_changes_is_what_the_engine_would_change(made: Project) -> None:
    ended = review(
        made,
        application={"displayName": "Another name", "notificationEmails": [ADA]},
        assign={"users": [ADA, GRACE, ALAN], "groups": ["Mimecast users"]},
        rollOut=PILOT | {"pilot": [ADA, ALAN]},
    )
    assert "| 1 create, 3 updates |" in row(ended), ended.text
    engine = made.sso("preview").text
    assert "+ 1 to create" in engine, engine
    assert "~ 3 to update" in engine, engine


def test_nothing_to_deploy_is_one_line(made: Project) -> None:
    text = made.stack_file.read_text()
    made.stack_file.write_text(f"# a comment\n{text}")
    ended = review(made)
    assert ended.code == 0, ended.text
    assert "### Single sign-on: no change (1 stack reviewed)" in ended.text


def test_a_change_of_code_is_rehearsed_and_its_lost_sign_ins_are_counted(made: Project) -> None:
    program = made.folder / "__main__.py"
    text = program.read_text()
    program.write_text(text.replace("        program.judge(assessment, root=root)\n", ""))
    made.configure(rollOut=PILOT | {"pilot": [ADA, GRACE]}, assign={"users": [GRACE]})
    for name in ("dev-eu", "prod-eu", "prod-us"):
        made.stack_file.with_name(f"Pulumi.{name}.yaml").unlink()
    ended = rehearsed(made)
    assert ended.code == 4, ended.text
    assert "Rehearsal on the sandbox: base 1 of 1 signs in; head 1 of 2." in ended.text
    found = re.search(r"\| AADSTS50105.*\| 1 \| ([\d,]+) \| [\d.]+ \u2026 [\d.]+ \|", ended.text)
    assert found, ended.text
    assert "@" not in ended.text.replace("`main@", "")
    assert "Live tenants were not read: --no-live was given." in ended.text


def test_a_preview_as_a_report_has_the_plan_the_changes_and_nobody(made: Project) -> None:
    made.configure(rollOut=PILOT | {"pilot": [ADA, GRACE]})
    ended = made.sso("preview", "--format", "json")
    assert ended.code == 2, ended.text
    document = json.loads(ended.text)
    jsonschema.validate(document, json.loads(Path(model.__file__).with_name("schema.json").read_text()))
    (stack,) = document["stacks"]
    assert (document["command"], document["exit"], stack["exit"]) == ("preview", 2, 2)
    assert stack["changes"] == ["update members of the roll-out group: members (+1, \u22120)"]
    assert (stack["figures"]["signIn"], stack["figures"]["signInAfterwards"]) == (1, 2)
    assert "@" not in ended.text
    steps = [each["text"] for each in stack["entries"] if each["id"].startswith("preview/resource/")]
    assert any(each.startswith("update GroupMembership ") for each in steps), steps

    markdown = made.sso("preview", "--format", "markdown", "--out", str(made.home / "preview.md"))
    assert markdown.code == 2, markdown.text
    text = (made.home / "preview.md").read_text()
    assert f"Plan digest: `{stack['plan']}`" in text
    assert "- update members of the roll-out group" in text
    assert made.sso("up", "--yes", "--expect", stack["plan"]).code == 0, "it is the plan of up"
    git(made, "checkout", "-q", "-f", "main")
    assert made.up().code == 0

    unchanged = made.sso("preview", "--format", "markdown")
    assert unchanged.code == 0, unchanged.text
    made.configure(assign={"users": [GRACE]})
    refused = made.sso("preview", "--format", "json", "--out", str(made.home / "preview.json"))
    assert refused.code == 4, refused.text
    (stack,) = json.loads((made.home / "preview.json").read_text())["stacks"]
    assert stack["level"] == "urgent"
    assert "review/refused/last-sign-in-method" in {each["id"] for each in stack["entries"]}


def test_a_deployment_of_what_was_reviewed_takes_its_comment_and_nothing_else(made: Project) -> None:
    ended = review(made, rollOut=PILOT | {"pilot": [ADA, GRACE]})
    comment = made.home / "comment.md"
    for text in (
        "",
        "no comment of a review",
        "<!-- mimecast-sso review v1 -->\n### Single sign-on: superseded\n",
    ):
        comment.write_text(text)
        refused = made.sso("up", "--yes", "--reviewed", str(comment))
        assert refused.code == 4, refused.text
        assert "Refused: the comment has no plan of stack sandbox" in refused.text
        assert f"Plan digest: {digest(ended)}" in refused.text, "and what is to be reviewed"
    comment.write_text(ended.text)
    accepted = made.sso("up", "--yes", "--reviewed", str(comment))
    assert accepted.code == 0, accepted.text
    again = made.sso("up", "--yes", "--reviewed", str(comment))
    assert again.code == 4, again.text
    assert "is not the one that was reviewed" in again.text
    comment.unlink()
    nothing = made.sso("up", "--yes", "--reviewed", str(comment))
    assert nothing.code == 0, nothing.text
    assert made.sso("up", "--reviewed", "x", "--expect", "y").code == 64
    git(made, "checkout", "-q", "-f", "main")
    assert made.up().code == 0


def test_retrying_a_domain_verification_needs_no_review(made: Project) -> None:
    domains = [*made.configuration("domains"), {"name": "example.net"}]
    made.configure(domains=domains, dns=None)
    assert made.up().code == 0
    comment = made.home / "no-comment.md"
    retried = made.sso("up", "--yes", "--reviewed", str(comment))
    assert retried.code == 0, retried.text
    assert "No review is needed: this run only retries the verification of domains" in retried.text
    assert "example.net is pending" in retried.text
    book = made.configuration("addresses")
    book["list"][0]["name"] = "Ada Lovelace"
    made.configure(addresses=book)
    changed = made.sso("up", "--yes", "--reviewed", str(comment))
    assert changed.code == 4, "another change of the address book is one"
    git(made, "checkout", "-q", "-f", "main")
    assert made.up().code == 0


def test_a_harmless_change_loses_no_sign_in_in_the_rehearsal(made: Project) -> None:
    made.configure(rollOut=PILOT | {"pilot": [ADA, GRACE]})
    ended = rehearsed(made)
    assert ended.code == 2, ended.text
    assert (
        "Rehearsal on the sandbox: base 1 of 1 signs in; head 2 of 2. While it takes effect: no sign-in lost."
        in ended.text
    )


def test_people_of_a_csv_file_and_of_the_last_deployment_are_in_the_rehearsal(made: Project) -> None:
    (made.folder / "people.csv").write_text(f"address,name\n{ALAN},Alan\n")
    made.configure(
        addresses={"source": "csv", "csv": "people.csv"},
        assign={"groups": ["Mimecast users"]},
        rollOut={"group": "Single sign-on", "who": "all"},
        addressPasswords=None,
    )
    commit(made)
    git(made, "branch", "-f", "base", "head")
    made.configure(addresses={"source": "assigned"})
    state = next((made.home / "state").rglob("sandbox.json"))
    exported = made.home / "exported.json"
    exported.write_text(json.dumps({"deployment": json.loads(state.read_text())["checkpoint"]["latest"]}))
    ended = rehearsed(made, "--state", "sandbox", str(exported), base="base")
    assert ended.code == 2, ended.text
    assert "Rehearsal on the sandbox: base 1 of 1 signs in; head 3 of 3." in ended.text, "Ada, Grace, Alan"


def calls(made: Project, *words: str, code: int = 0) -> int:
    """How often a command calls both tenants' APIs."""
    before = made.control.journal()[-1]["number"]
    ended = made.sso(*words)
    assert ended.code == code, ended.text
    return sum(map(is_call, made.control.journal(after=before)))


def test_a_preview_reads_both_tenants_once_in_every_format(made: Project) -> None:
    made.configure(rollOut=PILOT | {"who": "all"})
    once = calls(made, "preview", code=2)
    assert once > 0
    for words in (["--people"], ["--format", "json"], ["--format", "markdown"], ["--diff", "--people"]):
        assert calls(made, "preview", *words, code=2) == once, words
    told = made.sso("preview", "--people").text
    assert f"{GRACE} from Mimecast: now signs in" in told.partition("Whose sign-in changes")[2], told
    document = json.loads(made.sso("preview", "--format", "json").text)
    (digest,) = re.findall(r"^Plan digest: (\S+)$", told, re.MULTILINE)
    assert document["stacks"][0]["plan"] == digest
    assert document["stacks"][0]["figures"]["signInAfterwards"] > document["stacks"][0]["figures"]["signIn"]


def test_without_a_reviewed_plan_up_reads_no_more_than_a_preview(made: Project) -> None:
    (made.folder / "comment.md").write_text("no comment of a review")
    quiet = calls(made, "preview")
    assert calls(made, "up", "--yes", "--reviewed", "comment.md") == quiet
