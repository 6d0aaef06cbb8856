"""Workflow files: written, recognised, valid by the forges' schemas and linters, and this repository's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from mimecast_sso.facts.graph_permissions import GRAPH, PREVIEW_ROLES
from mimecast_sso.operations.ci import workflows
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.workflows import PULUMI, Choice, FileState
from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.exit_codes import Exit, OperationError
from tests.support.forge_steps import HOSTILE, STACKS

ROOT = Path(__file__).resolve().parents[3]
ACTIONLINT = ROOT / ".tools" / "bin" / "actionlint"
FILES = {forge: workflows.render(Choice(forge, STACKS)) for forge in Forge}
GITHUB = {Path(path).name: yaml.safe_load(text) for path, text in FILES[Forge.GITHUB].items()}
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "stacks").mkdir(parents=True)
    (folder / ".git").mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    for stack in (*STACKS, "sandbox"):
        (folder / "stacks" / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    monkeypatch.chdir(folder)
    return folder


def init(*words: str) -> Result:
    return CliRunner().invoke(commands, ["ci", "init", *words], standalone_mode=False)


def on_disk(folder: Path, forge: Forge) -> dict[str, str]:
    return {path: (folder / path).read_text() for path in FILES[forge]}


# -- ci init ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forge", Forge)
def test_init_writes_the_files_and_prints_the_commands(project: Path, forge: Forge) -> None:
    ended = init(str(forge))
    assert ended.return_value is Exit.FINE
    assert on_disk(project, forge) == FILES[forge], "for every stack but the sandbox"
    for role in PREVIEW_ROLES.values():
        assert f"--api {GRAPH} --api-permissions {role}=Role" in ended.output
    assert "ReadWrite" not in ended.output
    again = init(str(forge))
    assert "are current. Nothing was written." in again.output


@pytest.mark.parametrize("forge", Forge)
def test_the_printed_commands_are_a_shell_script(project: Path, forge: Forge) -> None:
    script = init(str(forge)).output
    parsed = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_no_trust_in_pull_requests(project: Path) -> None:
    script = init("github").output
    subjects = re.findall(r'"subject":"([^"]+)"', script)
    assert subjects
    assert all(":environment:" in subject for subject in subjects)
    assert ":pull_request" not in script


def test_a_file_that_somebody_changed_is_not_overwritten(project: Path) -> None:
    init("github")
    drift, preview = (project / ".github" / "workflows" / f"sso-{name}.yml" for name in ("drift", "preview"))
    drift.write_text(drift.read_text().replace("0 7 * * *", "0 6 * * *"))
    preview.unlink()
    with pytest.raises(OperationError, match=r"Changed by hand: \S+sso-drift.yml") as refused:
        raise init("github").exception or AssertionError("not refused")
    assert refused.value.code is Exit.REFUSED
    assert not preview.exists(), "all or none"
    assert "0 6 * * *" in drift.read_text()
    assert init("github", "--force").return_value is Exit.FINE
    assert on_disk(project, Forge.GITHUB) == FILES[Forge.GITHUB]


def test_a_file_of_another_origin_is_not_overwritten(project: Path) -> None:
    file = project / ".gitlab" / "mimecast-sso.yml"
    file.parent.mkdir()
    file.write_text("mine: true\n")
    assert isinstance(init("gitlab").exception, OperationError)
    assert file.read_text() == "mine: true\n"


def test_a_file_of_another_version_is_written_again(project: Path) -> None:
    init("github", "--stack", "dev-eu")
    states = {each.state for each in workflows.compare(project, Choice(Forge.GITHUB, STACKS))}
    assert FileState.OTHER in states
    assert FileState.CHANGED not in states
    assert init("github").return_value is Exit.FINE
    assert on_disk(project, Forge.GITHUB) == FILES[Forge.GITHUB]


@pytest.mark.parametrize(
    "words",
    [
        ["--stack", HOSTILE],
        ["--stack", "a b"],
        ["--branch", HOSTILE],
        ["--branch", "-x"],
        ["--stack", "none"],
    ],
)
def test_invalid_names_are_refused(project: Path, words: list[str]) -> None:
    assert init("github", *words).exception is not None
    assert not (project / ".github").exists()


def test_a_file_whose_name_is_a_command_of_a_shell_is_no_stack(project: Path) -> None:
    """Somebody's pull request may add it, and the printed commands are pasted."""
    (project / "stacks" / "Pulumi.x$(id)\n::warning::y.yaml").write_text("config: {}\n")
    refused = str(init("github").exception)
    assert "is not the file of a stack: a stack name consists of letters, digits" in refused
    assert "\n" not in refused
    assert not (project / ".github").exists()


def test_a_project_in_a_folder_of_a_repository_is_refused(project: Path) -> None:
    (project / ".git").rmdir()
    (project.parent / ".git").mkdir()
    assert "at its root" in str(init("github").exception)


def test_the_command_in_the_first_line_is_read_again(project: Path) -> None:
    init("github", "--stack", "prod-eu", "--branch", "release")
    assert workflows.chosen(project, Forge.GITHUB) == Choice(Forge.GITHUB, ("prod-eu",), "release")
    assert workflows.chosen(project, Forge.GITLAB) is None


# -- Valid -----------------------------------------------------------------------------------------------------------


class _Texts(yaml.SafeLoader):
    """Scalars as Azure DevOps reads them: texts, all of them."""


_Texts.yaml_implicit_resolvers = {}

_SCHEMAS = {
    Forge.GITHUB: ("github-workflows", yaml.SafeLoader),
    Forge.GITLAB: ("gitlab-ci", yaml.SafeLoader),
    Forge.AZURE_DEVOPS: ("azure-pipelines", _Texts),
}


@pytest.mark.parametrize(("forge", "path"), [(forge, path) for forge in Forge for path in FILES[forge]])
def test_files_are_valid_by_the_schema_of_the_forge(forge: Forge, path: str) -> None:
    name, loader = _SCHEMAS[forge]
    schema = json.loads(
        (resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json").read_text()
    )
    document: Any = yaml.load(FILES[forge][path], loader)  # noqa: S506  (both are safe loaders)
    if True in document:
        document["on"] = document.pop(True)  # YAML 1.1 reads on as a truth value.
    jsonschema.validators.validator_for(schema)(schema).validate(document)


@pytest.fixture
def of_github(tmp_path: Path) -> Path:
    for path, text in FILES[Forge.GITHUB].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_zizmor_finds_nothing(of_github: Path) -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--persona=pedantic", "--no-progress", "--color=never", ".github"]
    done = subprocess.run(command, cwd=of_github, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(1 ignored)" in done.stdout, "pull_request_target, with its reason in the file"


@pytest.mark.skipif(not ACTIONLINT.exists(), reason="actionlint is not built: make actionlint")
@pytest.mark.parametrize("folder", ["generated", "own"])
def test_actionlint_finds_nothing(of_github: Path, folder: str) -> None:
    where = ROOT if folder == "own" else of_github
    files = sorted(str(file) for file in (where / ".github" / "workflows").glob("*.yml"))
    done = subprocess.run([str(ACTIONLINT), "-no-color", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_cli_of_workflows_is_the_one_of_the_tests() -> None:
    assert f"github.com/pulumi/pulumi/sdk/v3 v{PULUMI} " in (ROOT / "tools" / "pulumi" / "go.mod").read_text()


# -- What must never happen ------------------------------------------------------------------------------------------


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(file, name, job) for file, document in GITHUB.items() for name, job in document["jobs"].items()]


def holds_something(job: dict[str, Any]) -> bool:
    """Whether a job meets a secret, an OIDC token, an environment or a token that writes."""
    written = [value for value in job["permissions"].values() if value == "write"]
    return bool(written or "environment" in job or "{{ secrets." in yaml.safe_dump(job))


def asks_first(document: dict[str, Any], job: dict[str, Any]) -> bool:
    """Whether the job, or one that it needs and cannot do without, wants a pull request of this repository."""
    condition = str(job.get("if", ""))
    if SAME_REPOSITORY in condition and "||" not in condition:
        return True
    needs = job.get("needs", [])
    needed = [needs] if isinstance(needs, str) else needs
    # An output is set only by a job that ran; always() alone would not ask for it.
    return any(
        f"needs.{each}.outputs." in condition and asks_first(document, document["jobs"][each])
        for each in needed
    )


def test_a_fork_meets_no_secret_and_no_token() -> None:
    of_pull_requests = {
        file: document
        for file, document in GITHUB.items()
        if {"pull_request", "pull_request_target"} & set(document[True])
    }
    assert set(of_pull_requests) == {"sso-preview.yml", "sso-rehearsal.yml"}
    guarded = [
        (file, name)
        for file, document in of_pull_requests.items()
        for name, job in document["jobs"].items()
        if holds_something(job)
    ]
    assert len(guarded) == 6
    for file, name in guarded:
        document = of_pull_requests[file]
        assert asks_first(document, document["jobs"][name]), (file, name)


def test_every_job_runs_on_the_forges_own_machines_with_the_least_permissions() -> None:
    for file, document in GITHUB.items():
        assert document["permissions"] == {}, file
    for file, name, job in jobs():
        assert job["runs-on"] == "ubuntu-24.04", (file, name)
        assert "permissions" in job, (file, name)
        assert job["timeout-minutes"] <= 60


def test_actions_are_pinned_by_digest_with_their_version() -> None:
    for text in FILES[Forge.GITHUB].values():
        for line in text.splitlines():
            if "uses:" in line:
                assert re.fullmatch(r"\s+- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_the_code_of_a_pull_request_is_never_checked_out_where_it_is_not_reviewed() -> None:
    text = FILES[Forge.GITHUB][".github/workflows/sso-preview.yml"]
    assert "ref:" not in text
    for file, name, job in jobs():
        checked_out = [
            step.get("with", {}).get("ref") for step in job["steps"] if "checkout" in step.get("uses", "")
        ]
        if any(checked_out) and holds_something(job):
            assert job["environment"] == "sso-preview-approved", (file, name)


def test_only_deployments_get_a_passphrase_and_drift_cannot_write() -> None:
    for file, name, job in jobs():
        text = yaml.safe_dump(job)
        assert ("PASSPHRASE" in text) is ((file, name) == ("sso-deploy.yml", "deploy"))
        if "id-token" in job["permissions"] and file != "sso-deploy.yml":
            assert job["environment"] in {"sso-preview", "sso-preview-approved"}
            assert {key: value for key, value in job["permissions"].items() if key != "id-token"} == {
                "contents": "read"
            }
            assert "ci check github" in text, (file, name)


def test_nothing_is_deployed_but_main_with_reviewers() -> None:
    deploy = GITHUB["sso-deploy.yml"]
    assert deploy[True]["push"]["branches"] == ["main"]
    job = deploy["jobs"]["deploy"]
    assert (job["if"], job["environment"]) == (
        "github.ref == 'refs/heads/main'",
        "sso-deploy-${{ matrix.stack }}",
    )


def test_nothing_is_deployed_without_a_reviewed_plan() -> None:
    for files in FILES.values():
        for text in files.values():
            for call in re.findall(r"mimecast-sso up .*", text):
                assert '--yes "${plan[@]}"' in call
                assert re.search(r"plan=\(--reviewed \S+\)\n", text)
    deploy = GITHUB["sso-deploy.yml"]
    assert deploy["jobs"]["deploy"]["needs"] == "reviewed"
    assert all(each["required"] for each in deploy[True]["workflow_dispatch"]["inputs"].values())


def test_required_jobs_run_whatever_happened() -> None:
    for file in ("sso-preview.yml", "sso-rehearsal.yml"):
        job = GITHUB[file]["jobs"]["required"]
        assert (job["if"], job["permissions"]) == ("always()", {})
        assert not any("uses" in step for step in job["steps"])


def test_gitlab_and_azure_give_pull_requests_nothing() -> None:
    gitlab = yaml.safe_load(FILES[Forge.GITLAB][".gitlab/mimecast-sso.yml"])
    of_requests = [name for name, job in gitlab.items() if "merge_request_event" in str(job.get("rules"))]
    assert of_requests == ["sso-rehearsal"]
    assert gitlab["sso-rehearsal"]["extends"] == ".sso"
    assert not {"id_tokens", "environment"} & set(gitlab[".sso"] | gitlab["sso-rehearsal"])
    rehearsal = FILES[Forge.AZURE_DEVOPS][".azuredevops/sso-rehearsal.yml"]
    assert not re.search(r"azureSubscription|group:|System\.AccessToken|\$\(", rehearsal)
    for path, text in FILES[Forge.AZURE_DEVOPS].items():
        document = yaml.safe_load(text)
        assert document["pr"] == "none", path
        assert "persistCredentials: true" not in text


# -- This repository's own -------------------------------------------------------------------------------------------


def test_this_repository_uses_its_own_workflows() -> None:
    choice = workflows.chosen(ROOT, Forge.GITHUB)
    assert choice is not None
    found = {each.path.name: each.state for each in workflows.compare(ROOT, choice)}
    assert set(found.values()) == {FileState.CURRENT}, f"{found}: run {choice.command} --force"
    assert choice.stacks == tuple(
        path.name.split(".")[1]
        for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
        if "sandbox" not in path.name
    )


RELEASE = ROOT / ".github" / "workflows" / "release.yml"


def test_a_release_is_built_without_a_token_that_writes_and_published_without_building() -> None:
    release = yaml.safe_load(RELEASE.read_text())
    assert (release["permissions"], release[True]) == ({}, {"push": {"tags": ["v*"]}})
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert (build["permissions"], "environment" in build) == ({"contents": "read"}, False)
    assert (publish["permissions"], publish["environment"]) == ({"contents": "write"}, "release")
    assert "make dist" in [step.get("run") for step in build["steps"]]
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])


def test_this_repositorys_own_actions_are_those_of_the_generated_workflows() -> None:
    generated = set(re.findall(r"uses: (\S+ # \S+)", "".join(FILES[Forge.GITHUB].values())))
    for file in ("ci.yml", "release.yml"):
        used = re.findall(r"uses: (.*)", (ROOT / ".github" / "workflows" / file).read_text())
        assert set(used) <= generated, file


@pytest.mark.parametrize(("tag", "code"), [("v{}", 0), ("{}", 1), ("v9.9.9", 1), ("v{}; touch pwned", 1)])
def test_a_tag_of_another_version_releases_nothing(tmp_path: Path, tag: str, code: int) -> None:
    (step,) = (
        each
        for each in yaml.safe_load(RELEASE.read_text())["jobs"]["build"]["steps"]
        if "TAG" in each.get("env", {})
    )
    for name in ("pyproject.toml", "sandbox/pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    for words in (
        ("init", "-q", "-b", "main"),
        ("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "x"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env=os.environ
        | {"TAG": tag.format(version), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    if not code:
        assert "### Added" in (tmp_path / "notes.md").read_text()
        assert "## 0.1.0" not in (tmp_path / "notes.md").read_text()
    assert not (tmp_path / "pwned").exists()


def test_its_own_checks_are_what_ci_runs() -> None:
    own = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    scripts = [step.get("run", "") for job in own["jobs"].values() for step in job["steps"]]
    assert {"make check", "make test"} <= set(scripts)
    assert own["permissions"] == {}
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [str(zizmor), "--offline", "--persona=pedantic", "--no-progress", "--color=never", ".github"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("forge", Forge)
def test_the_whole_text_of_each_review_is_an_artifact(forge: Forge) -> None:
    texts = [text for text in FILES[forge].values() if "mimecast-sso review --base" in text]
    assert texts
    for text in texts:
        reviews = re.findall(r"mimecast-sso review --base (?:[^\n]+\\\n)*[^\n]+", text)
        assert all("--out comment.md --full review.md" in each for each in reviews)
        kept = {
            Forge.GITHUB: r"path: \|\n +comment\.md\n +review\.md\n",
            Forge.GITLAB: r"paths: \[comment\.md, review\.md\]",
            Forge.AZURE_DEVOPS: r"artifact\.upload artifactname=\S+\]\$PWD/review\.md",
        }[forge]
        assert len(re.findall(kept, text)) == len(reviews)
