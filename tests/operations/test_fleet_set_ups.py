"""Set-up files written from the list of stacks match the services' documentation, and deploy nothing by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from mimecast_sso.operations.cli import commands
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.fleet import set_ups
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.set_ups import Matrix, Place, Service

TENANT = "6c000000-0000-4000-8000-000000000002"
CLIENT = "6c000000-0000-4000-8000-000000000003"
PLACE = Place(
    "https://github.com/acme/sso.git", "main", "acme", "mimecast-sso", "stacks", CLIENT, "0 5 * * *"
)
STACKS = (Listed("prod-eu", "CUK1", "eu", ("ring-1",), tenant=TENANT), Listed("Prod_us", "CUS1", "us"))


def closed(**properties: Any) -> dict[str, Any]:
    """An object with these keys and no other."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


TEXT, TRUTH = {"type": "string", "minLength": 1}, {"type": "boolean"}
MAP = {"type": "object", "additionalProperties": TEXT}
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$"}
# Structure DeploymentSettings of pulumi/pulumi, sdk/go/common/apitype/deployments.go.
DEPLOYMENT = closed(
    settings=closed(
        sourceContext=closed(git=closed(repoUrl=TEXT, branch=TEXT, repoDir=TEXT, commit=TEXT)),
        gitHub=closed(
            repository=TEXT, pullRequestTemplate=TRUTH, deployCommits={"const": False}, previewPullRequests=TRUTH,
            paths={"type": "array", "items": TEXT},
        ),
        operationContext=closed(
            oidc=closed(azure=closed(clientId=TEXT, tenantId=TEXT, subscriptionId=TEXT)), environmentVariables=MAP
        ),
    )
)  # fmt: skip
# https://www.pulumi.com/registry/packages/pulumiservice/api-docs/driftschedule/
SCHEDULE = closed(
    type={"const": "pulumiservice:index:DriftSchedule"},
    properties=closed(
        organization=TEXT, project=TEXT, stack=TEXT, scheduleCron=TEXT, autoRemediate={"const": False}
    )
    | {"required": ["organization", "project", "stack", "scheduleCron"]},
)
SCHEDULES = {"type": "object", "additionalProperties": SCHEDULE}
# The custom resource definitions of pulumi/pulumi-kubernetes-operator 2.9, deploy/helm/pulumi-operator/crds.
REFERENCE = {
    "oneOf": [
        closed(type={"const": "Secret"}, secret=closed(name=NAME, key=TEXT)),
        closed(type={"const": "Literal"}, literal=closed(value=TEXT)),
    ]
}
STACK = closed(
    apiVersion={"const": "pulumi.com/v1"},
    kind={"const": "Stack"},
    metadata=closed(name=NAME, labels=MAP),
    spec=closed(
        stack=TEXT, projectRepo=TEXT, branch=TEXT, programRef=closed(name=NAME), serviceAccountName=NAME,
        preview=TRUTH, refresh=TRUTH, continueResyncOnCommitMatch=TRUTH,
        resyncFrequencySeconds={"type": "integer", "minimum": 60}, destroyOnFinalize={"const": False},
        envRefs={"type": "object", "additionalProperties": REFERENCE},
    )
    | {"required": ["stack"]},
)  # fmt: skip
PROGRAM = closed(
    apiVersion={"const": "pulumi.com/v1"},
    kind={"const": "Program"},
    metadata=closed(name=NAME),
    program=closed(resources=SCHEDULES),
)


def written(service: Service) -> dict[str, list[dict[str, Any]]]:
    found = set_ups.files(service, PLACE, STACKS)
    return {path: list(yaml.safe_load_all(text)) for path, text in found.items()}


def test_pulumi_deployments_has_settings_and_a_schedule_for_each_stack() -> None:
    found = written(Service.DEPLOYMENTS)
    (schedules,) = found.pop("schedules/Pulumi.yaml")
    assert set(found) == {"stacks/Pulumi.prod-eu.deploy.yaml", "stacks/Pulumi.Prod_us.deploy.yaml"}
    for (document,) in found.values():
        jsonschema.validate(document, DEPLOYMENT)
        assert document["settings"]["gitHub"]["repository"] == "acme/sso"
    (one,) = found["stacks/Pulumi.prod-eu.deploy.yaml"]
    assert one["settings"]["operationContext"]["oidc"]["azure"]["tenantId"] == TENANT
    assert "stacks/Pulumi.prod-eu.yaml" in one["settings"]["gitHub"]["paths"]
    jsonschema.validate(schedules["resources"], SCHEDULES)
    assert [each["properties"]["stack"] for each in schedules["resources"].values()] == ["prod-eu", "Prod_us"]


def test_the_operator_has_a_stack_that_only_previews_for_each() -> None:
    found = written(Service.OPERATOR)
    program, schedule = found.pop("operator/drift-schedules.yaml")
    jsonschema.validate(program, PROGRAM)
    jsonschema.validate(schedule, STACK)
    assert schedule["spec"]["programRef"]["name"] == program["metadata"]["name"]
    assert set(found) == {"operator/mimecast-sso-prod-eu.yaml", "operator/mimecast-sso-prod-us.yaml"}
    for path, (document,) in found.items():
        jsonschema.validate(document, STACK)
        assert document["spec"]["preview"] is True
        assert document["metadata"]["name"] == Path(path).stem
    assert found["operator/mimecast-sso-prod-us.yaml"][0]["spec"]["stack"] == "acme/mimecast-sso/Prod_us"


def test_a_repository_elsewhere_has_no_settings_of_github() -> None:
    place = Place("https://git.acme.example/sso", "main", "acme", "mimecast-sso", "", CLIENT, "0 5 * * *")
    found = set_ups.files(Service.DEPLOYMENTS, place, STACKS[:1])
    assert "gitHub" not in yaml.safe_load(found["Pulumi.prod-eu.deploy.yaml"])["settings"]


def test_names_that_collide_in_kubernetes_are_refused() -> None:
    with pytest.raises(OperationError, match="prod-us and Prod_us would both be mimecast-sso-prod-us"):
        set_ups.files(Service.OPERATOR, PLACE, (Listed("prod-us"), Listed("Prod_us")))


def test_long_names_are_shortened_to_what_the_operator_takes_and_stay_apart() -> None:
    names = [f"customer-with-quite-a-long-name-{region}" for region in ("eu", "us")]
    found = set_ups.files(Service.OPERATOR, PLACE, [Listed(each) for each in names])
    stacks = [yaml.safe_load(found[path]) for path in found if "drift-schedules" not in path]
    assert {each["spec"]["stack"] for each in stacks} == {f"acme/mimecast-sso/{each}" for each in names}
    for path in found:
        assert len(Path(path).stem) <= 42
    assert all(each["metadata"]["name"].startswith("mimecast-sso-customer-with-quite-") for each in stacks)


def test_a_matrix_is_what_each_pipeline_reads() -> None:
    github = json.loads(set_ups.matrix(Matrix.GITHUB, STACKS))
    assert github["include"][0] == {"stack": "prod-eu", "account": "CUK1", "region": "eu", "tags": "ring-1"}
    azure = json.loads(set_ups.matrix(Matrix.AZURE_DEVOPS, STACKS))
    assert (azure["prod_eu"]["stack"], azure["Prod_us"]["stack"]) == ("prod-eu", "Prod_us")
    gitlab = yaml.safe_load(set_ups.matrix(Matrix.GITLAB, STACKS))
    assert [each["SSO_STACK"] for each in gitlab[".stacks"]["parallel"]["matrix"]] == ["prod-eu", "Prod_us"]
    for service in (Matrix.GITHUB, Matrix.AZURE_DEVOPS):
        assert set_ups.matrix(service, STACKS).count("\n") == 1, "a pipeline keeps it in one line"


def test_more_stacks_than_a_matrix_allows_are_refused_with_the_fix() -> None:
    many = [Listed(f"t{number}") for number in range(257)]
    with pytest.raises(OperationError, match=r"257 stacks exceed the 256 jobs .* --shard K/N"):
        set_ups.matrix(Matrix.GITHUB, many)
    assert len(json.loads(set_ups.matrix(Matrix.GITHUB, many[:256]))["include"]) == 256
    with pytest.raises(OperationError, match="200 jobs"):
        set_ups.matrix(Matrix.GITLAB, many[:201])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "Pulumi.yaml").write_text("name: mimecast-sso\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    config = {
        "mimecast-sso:accountCode": "CUK1",
        "mimecast-sso:region": "eu",
        "mimecast-sso:tenantId": TENANT,
    }
    for name in ("prod-eu", "sandbox"):
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


GIVEN = ("--repository", "https://github.com/acme/sso", "--organization", "acme", "--client-id", CLIENT)


def test_the_command_writes_them_and_they_do_not_count_as_stacks(project: Path) -> None:
    for service in Service:
        ended = CliRunner().invoke(commands, ["fleet", "init", str(service), *GIVEN])
        assert ended.exit_code == 0, ended.output
    assert (project / "stacks/Pulumi.prod-eu.deploy.yaml").is_file()
    assert not (project / "stacks/Pulumi.sandbox.deploy.yaml").exists()
    assert (project / "operator/mimecast-sso-prod-eu.yaml").is_file()
    listed = CliRunner().invoke(commands, ["stacks", "--format", "json"])
    assert [each["stack"] for each in json.loads(listed.output)] == ["prod-eu", "sandbox"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--repository", "https://grace:secret@github.com/acme/sso"), "without credentials"),
        (("--repository", "git@github.com:acme/sso.git"), "https://HOST/OWNER/NAME"),
        (("--schedule", "daily"), "five fields"),
    ],
)
def test_invalid_addresses_and_schedules_are_refused(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    ended = CliRunner().invoke(commands, ["fleet", "init", "deployments", *GIVEN, *words])
    assert ended.exit_code == 2
    assert said in ended.output
    assert not list(project.glob("**/*.deploy.yaml"))
