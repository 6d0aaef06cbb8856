"""Set-up files of services that run Pulumi for you, written from the list of stacks. Pure.

Pulumi Deployments: the settings of each stack, and one program that keeps a drift schedule for each. Pulumi Kubernetes
Operator: a Stack for each, and the same schedules as a Program. None of it deploys by itself: a deployment changes
people's sign-in, so a person has to read its forecast first.

Sources: settings files as ``pulumi deployment settings push`` reads them (``sdk/go/common/apitype/deployments.go`` of
pulumi/pulumi), resource ``pulumiservice:index:DriftSchedule``, and the operator's custom resource definitions
(``pulumi.com/v1``, version 2.3 or later, which has ``preview``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import yaml

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.selection import Listed

_HEAD: Final = (
    "# Written by mimecast-sso fleet init {service}. To change it, rerun that with other options.\n"
)
_NOTES: Final = {
    "deployments": "# Merging does not deploy: a person starts a deployment after reading its preview.\n",
    "operator": "# With preview: true (operator 2.3 or later) a Stack only shows what a deployment would change.\n",
}
_NO_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
_CREDENTIALS: Final = ("MIMECAST_CLIENT_ID", "MIMECAST_CLIENT_SECRET")
_LONGEST_NAME: Final = 42
"""Maximum length of the name of a Stack, by a rule of the operator's custom resource definition."""
_DIGITS: Final = 8
_SCHEDULES: Final = "mimecast-sso-drift-schedules"


class Service(StrEnum):
    """Who deploys."""

    DEPLOYMENTS = "deployments"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Place:
    """The location of the project and its stacks.

    Attributes:
        repository: The address of the Git repository, https.
        branch: The branch to deploy.
        organization: The Pulumi Cloud organization of the stacks.
        project: The project's name.
        stack_files: The folder of the stack files, from the repository's root; "" for the root.
        client_id: The Entra application that all tenants have consented to.
        schedule: When to check for drift, as cron in UTC.
    """

    repository: str
    branch: str
    organization: str
    project: str
    stack_files: str
    client_id: str
    schedule: str


def files(service: Service, place: Place, stacks: Sequence[Listed]) -> dict[str, str]:
    """The content of each file, by its path from the project's root.

    Raises:
        OperationError: Two stacks would have the same name in Kubernetes.
    """
    if service is Service.DEPLOYMENTS:
        folder = f"{place.stack_files}/" if place.stack_files else ""
        found = {f"{folder}Pulumi.{each.name}.deploy.yaml": [_settings(place, each)] for each in stacks}
        return _written(service, found | {"schedules/Pulumi.yaml": [_schedules(place, stacks)]})
    names = _object_names(stacks)
    found = {f"operator/{names[each.name]}.yaml": [_stack(place, each, names[each.name])] for each in stacks}
    return _written(service, found | {"operator/drift-schedules.yaml": _schedule_program(place, stacks)})


def _written(service: Service, documents: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, str]:
    return {
        path: _HEAD.format(service=service)
        + _NOTES[service]
        + yaml.safe_dump_all(found, sort_keys=False, allow_unicode=True)
        for path, found in documents.items()
    }


# -- Pulumi Deployments ---------------------------------------------------------------------------------------------


def _settings(place: Place, stack: Listed) -> dict[str, object]:
    environment = {"ARM_CLIENT_ID": place.client_id, "ARM_USE_OIDC": "true"}
    # Secrets are set elsewhere: pulumi deployment settings env --secret, or an ESC environment of the stack.
    git = {"repoUrl": place.repository, "branch": f"refs/heads/{place.branch}"}
    found: dict[str, object] = {
        "sourceContext": {"git": git},
        "operationContext": {"oidc": {"azure": _azure(place, stack)}, "environmentVariables": environment},
    }
    repository = _on_github(place.repository)
    if repository:
        folder = f"{place.stack_files}/" if place.stack_files else ""
        found["gitHub"] = {
            "repository": repository,
            "previewPullRequests": True,
            "deployCommits": False,
            # A change of one stack's file previews only that stack; a change of code previews all of them.
            "paths": [f"{folder}Pulumi.{stack.name}.yaml", "Pulumi.yaml", "**/*.py", "requirements.txt"],
        }
    return {"settings": found}


def _azure(place: Place, stack: Listed) -> dict[str, str]:
    # The service requires a subscription id, which is not used.
    found = {"clientId": place.client_id, "subscriptionId": _NO_SUBSCRIPTION}
    return found | ({"tenantId": stack.tenant} if stack.tenant else {})


def _on_github(repository: str) -> str:
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", repository)
    return match[1] if match else ""


def _schedules(place: Place, stacks: Sequence[Listed]) -> dict[str, object]:
    return {
        "name": _SCHEDULES,
        "runtime": "yaml",
        "description": "A drift check of each stack by Pulumi Deployments",
        "resources": {each.name: _schedule(place, each) for each in stacks},
    }


def _schedule(place: Place, stack: Listed) -> dict[str, object]:
    return {
        "type": "pulumiservice:index:DriftSchedule",
        "properties": {
            "organization": place.organization,
            "project": place.project,
            "stack": stack.name,
            "scheduleCron": place.schedule,
            "autoRemediate": False,
        },
    }


# -- Pulumi Kubernetes Operator -------------------------------------------------------------------------------------


def _stack(place: Place, stack: Listed, name: str) -> dict[str, object]:
    secret = {key: _secret(name, key) for key in ("ARM_CLIENT_SECRET", *_CREDENTIALS)}
    plain = {"ARM_CLIENT_ID": place.client_id} | ({"ARM_TENANT_ID": stack.tenant} if stack.tenant else {})
    literal = {key: {"type": "Literal", "literal": {"value": value}} for key, value in plain.items()}
    spec = {
        "stack": f"{place.organization}/{place.project}/{stack.name}",
        "projectRepo": place.repository,
        "branch": place.branch,
        "serviceAccountName": "pulumi",
        "preview": True,
        "refresh": True,
        "continueResyncOnCommitMatch": True,
        "resyncFrequencySeconds": 86_400,
        # Deleting this object must not take people's sign-in away: mimecast-sso down does that safely.
        "destroyOnFinalize": False,
        "envRefs": {
            "PULUMI_ACCESS_TOKEN": _secret("mimecast-sso", "PULUMI_ACCESS_TOKEN"),
            **literal,
            **secret,
        },
    }
    labels = {"app.kubernetes.io/part-of": "mimecast-sso"}
    return {
        "apiVersion": "pulumi.com/v1",
        "kind": "Stack",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }


def _secret(name: str, key: str) -> dict[str, object]:
    return {"type": "Secret", "secret": {"name": name, "key": key}}


def _schedule_program(place: Place, stacks: Sequence[Listed]) -> list[Mapping[str, object]]:
    program = {
        "apiVersion": "pulumi.com/v1",
        "kind": "Program",
        "metadata": {"name": _SCHEDULES},
        "program": {"resources": {each.name: _schedule(place, each) for each in stacks}},
    }
    token = {"PULUMI_ACCESS_TOKEN": _secret("mimecast-sso", "PULUMI_ACCESS_TOKEN")}
    stack = {
        "apiVersion": "pulumi.com/v1",
        "kind": "Stack",
        "metadata": {"name": _SCHEDULES},
        "spec": {
            "stack": f"{place.organization}/{_SCHEDULES}/all",
            "programRef": {"name": _SCHEDULES},
            "serviceAccountName": "pulumi",
            "envRefs": token,
        },
    }
    return [program, stack]


def _object_names(stacks: Sequence[Listed]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in stacks:
        slug = re.sub(r"[^a-z0-9]+", "-", each.name.lower()).strip("-")
        name = _shortened(f"mimecast-sso-{slug}", each.name)
        if name in found:
            raise OperationError(
                f"Stacks {found[name]} and {each.name} would both be {name} in Kubernetes. Rename one, or write them "
                "separately with --select."
            )
        found[name] = each.name
    return {stack: name for name, stack in found.items()}


def _shortened(name: str, stack: str) -> str:
    """A name that the operator takes; a long one ends with a digest, so that stacks which begin alike stay apart."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(stack.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST_NAME - _DIGITS - 1].rstrip('-')}-{digest}"


# -- Matrices of pipelines ------------------------------------------------------------------------------------------


class Matrix(StrEnum):
    """Whose pipeline."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE_DEVOPS = "azure-devops"


MOST_JOBS: Final[Mapping[Matrix, int]] = {
    # "a matrix will generate a maximum of 256 jobs per workflow run": GitHub, running variations of jobs in a workflow.
    Matrix.GITHUB: 256,
    # "The maximum number of permutations is 200": GitLab, CI/CD YAML syntax reference, parallel:matrix.
    Matrix.GITLAB: 200,
}


def matrix(service: Matrix, stacks: Sequence[Listed]) -> str:
    """The list of stacks in the format of that service's pipelines.

    ================ ===============================================================================================
    github           one line, for ``strategy.matrix: ${{ fromJSON(…) }}``
    azure-devops     one line, for ``strategy.matrix: $[ … ]``
    gitlab           a hidden job ``.stacks`` with ``parallel:matrix``, for a child pipeline
    ================ ===============================================================================================

    Raises:
        OperationError: The list exceeds the service's limit of jobs.
    """
    most = MOST_JOBS.get(service)
    if most is not None and len(stacks) > most:
        raise OperationError(
            f"{len(stacks):,} stacks exceed the {most} jobs of a matrix. Use one job for many stacks: "
            "mimecast-sso fleet drift --shard K/N in a matrix of N, or mimecast-sso fleet up for a ring.",
            Exit.ERROR,
        )
    rows = [
        {"stack": each.name, "account": each.account, "region": each.region, "tags": ",".join(each.tags)}
        for each in stacks
    ]
    if service is Matrix.GITHUB:
        return json.dumps({"include": rows}, separators=(",", ":"), ensure_ascii=False) + "\n"
    if service is Matrix.AZURE_DEVOPS:
        named = {re.sub(r"\W", "_", row["stack"]): row for row in rows}
        if len(named) < len(rows):
            raise OperationError(
                "Two stacks have the same name in Azure DevOps, which allows only letters, digits and underscores. "
                "Rename one."
            )
        return json.dumps(named, separators=(",", ":"), ensure_ascii=False) + "\n"
    variables = [{f"SSO_{key.upper()}": value for key, value in row.items()} for row in rows]
    return yaml.safe_dump({".stacks": {"parallel": {"matrix": variables}}}, sort_keys=False)
