"""``mimecast-sso ci check`` on the sandbox: how a job's identity is proved, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import pytest

from mimecast_sso.facts.graph_permissions import PREVIEW_ROLES
from mimecast_sso.facts.mimecast_api import GET_ACCOUNT, GET_GROUP_MEMBERS, GET_INTERNAL_DOMAIN
from mimecast_sso.facts.mimecast_audit import GET_AUDIT_EVENTS
from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import Choice
from mimecast_sso.operations.cli import main
from sandbox.credentials import MIMECAST_CLIENT_ID
from tests.support.journal import may_change
from tests.support.projects import Ended, Project, project

JOB = {
    Forge.GITHUB: {
        "GITHUB_ACTIONS": "true",
        "RUNNER_ENVIRONMENT": "github-hosted",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://vstoken.example",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
    },
    Forge.GITLAB: {"GITLAB_CI": "true", "ARM_OIDC_TOKEN": "t"},
    Forge.AZURE_DEVOPS: {
        "TF_BUILD": "True",
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "1",
        "SYSTEM_ACCESSTOKEN": "t",
    },
}
READ = {each.permission for each in (GET_ACCOUNT, GET_INTERNAL_DOMAIN, GET_GROUP_MEMBERS, GET_AUDIT_EVENTS)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("ci-check"), "embedded") as fresh:
        for forge in Forge:
            choice = Choice(forge, ("prod-eu",))
            workflows.write(workflows.compare(fresh.folder, choice), force=True)
        yield fresh


@pytest.fixture(autouse=True)
def reads(made: Project) -> None:
    made.control.set("entra.deployer_roles", list(PREVIEW_ROLES))
    made.control.set("mimecast.permissions", {MIMECAST_CLIENT_ID: list(READ)})


@pytest.fixture
def check(
    made: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    monkeypatch.chdir(made.folder)

    def run(forge: Forge, *words: str, **changes: str) -> Ended:
        # The sandbox's identity has a secret; a stand-in for a token of the forge would open nothing.
        own = made.running.env | {"PULUMI_CONFIG_PASSPHRASE": ""}
        for name, value in (own | JOB[forge] | changes).items():
            monkeypatch.setenv(name, value)
        command = ["mimecast-sso", "ci", "check", str(forge), "--stack", "sandbox", *words]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), capsys.readouterr().out)

    return run


def lines(text: str, verdict: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(f"  {verdict} "))


@pytest.mark.parametrize("forge", Forge)
def test_an_identity_that_reads_is_proved_and_nothing_is_written(
    made: Project, check: Callable[..., Ended], forge: Forge
) -> None:
    before = len(made.control.journal())
    ended = check(forge)
    assert ended.code == 0, ended.text
    fine = lines(ended.text, "fine")
    assert f"job: runs on {forge.display_name}" in fine
    assert "reads only: Application.Read.All" in fine
    assert "cannot register domains" in fine
    assert fine.count("as written by this version") == len(workflows.render(Choice(forge, ("prod-eu",))))
    assert "a long-lived secret" in lines(ended.text, "warns")
    assert not [each for each in made.control.journal()[before:] if may_change(each)]


def test_an_identity_that_can_write_is_refused(made: Project, check: Callable[..., Ended]) -> None:
    made.control.set("entra.deployer_roles", [*PREVIEW_ROLES, "Application.ReadWrite.All"])
    ended = check(Forge.GITHUB, "--format", "json")
    assert ended.code == 5
    document = json.loads(ended.text)
    (failed,) = (each for each in document["statements"] if each["verdict"] == "FAILS")
    assert failed["subject"] == "Microsoft Entra ID: the preview identity can write"


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"GITHUB_ACTIONS": ""}, "job"),
        ({"ARM_CLIENT_SECRET": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, "token"),
        ({"PULUMI_CONFIG_PASSPHRASE": "p"}, "passphrase"),
    ],
)
def test_a_job_without_set_up_is_reported(
    check: Callable[..., Ended], changes: dict[str, str], subject: str
) -> None:
    ended = check(Forge.GITHUB, **changes)
    assert ended.code == 5
    assert f" {subject}: " in lines(ended.text, "MISSING") + lines(ended.text, "FAILS")


def test_self_hosted_runners_are_a_warning(check: Callable[..., Ended]) -> None:
    assert "runner: self-hosted" in lines(check(Forge.GITHUB, RUNNER_ENVIRONMENT="self-hosted").text, "warns")


def test_files_that_differ_are_named(made: Project, check: Callable[..., Ended]) -> None:
    folder = made.folder / ".github" / "workflows"
    before = {file: file.read_text() for file in folder.glob("*.yml")}
    drift, deploy, preview = (folder / f"sso-{name}.yml" for name in ("drift", "deploy", "preview"))
    old = workflows.render(Choice(Forge.GITHUB, ("prod-us",)))
    drift.write_text(before[drift] + "# mine\n")
    deploy.unlink()
    preview.write_text(old[".github/workflows/sso-preview.yml"])
    text = check(Forge.GITHUB).text
    for file, content in before.items():
        file.write_text(content)
    assert "sso-drift.yml: changed by hand" in lines(text, "note")
    assert "sso-deploy.yml: does not exist. Write it: mimecast-sso ci init github --stack" in lines(
        text, "MISSING"
    )
    assert "sso-preview.yml: written by another version" in lines(text, "warns")
