"""The settings of hosted runs name existing stacks and credentials, and only keys that the services document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.support.projects import ROOT

HOSTED = ROOT / "examples" / "hosted"
CREDENTIALS = {"ARM_TENANT_ID", "ARM_CLIENT_ID", "MIMECAST_CLIENT_ID"}
# https://www.pulumi.com/docs/deployments/deployments/reference/
DEPLOYMENT = {
    "sourceContext",
    "gitHub",
    "operationContext",
    "executorContext",
    "cacheOptions",
    "agentPoolID",
    "vcs",
}
GITHUB = {"repository", "deployCommits", "previewPullRequests", "pullRequestTemplate", "paths"}
# https://github.com/pulumi/pulumi-kubernetes-operator/blob/master/docs/stacks.md
OPERATOR = {
    *("stack", "projectRepo", "branch", "serviceAccountName", "refresh", "continueResyncOnCommitMatch"),
    *("resyncFrequencySeconds", "destroyOnFinalize", "envRefs"),
}


def load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def has_stack(name: str) -> bool:
    return (ROOT / "stacks" / f"Pulumi.{name}.yaml").is_file()


def test_the_settings_of_pulumi_deployments_are_valid() -> None:
    (file,) = HOSTED.glob("Pulumi.*.deploy.yaml")
    settings = load(file)["settings"]
    assert has_stack(file.name.split(".")[1])
    assert set(settings) <= DEPLOYMENT
    assert set(settings["gitHub"]) <= GITHUB
    assert set(settings["operationContext"]["environmentVariables"]) >= CREDENTIALS
    assert "repoDir" not in settings["sourceContext"]["git"], "requirements.txt is in the root"


def test_the_objects_of_the_kubernetes_operator_are_valid() -> None:
    document = load(HOSTED / "operator.yaml")
    spec = document["spec"]
    assert (document["apiVersion"], document["kind"]) == ("pulumi.com/v1", "Stack")
    assert set(spec) <= OPERATOR
    assert has_stack(spec["stack"].rpartition("/")[2])
    assert set(spec["envRefs"]) >= CREDENTIALS
    assert not spec["destroyOnFinalize"]


def test_the_esc_environment_sets_the_credentials() -> None:
    variables = load(HOSTED / "esc.yaml")["values"]["environmentVariables"]
    assert set(variables) >= CREDENTIALS
    for value in variables.values():
        for reference in re.findall(r"\$\{([\w.]+)\}", str(value)):
            assert reference.startswith("azure.login.")
