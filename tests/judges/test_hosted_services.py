"""Set-up files for hosted services, judged by the services' own definitions.

The custom resource definitions of the Pulumi Kubernetes Operator, and the types with which ``pulumi deployment settings
push`` reads a settings file. Both come from the Go module proxy with ``make judges``, and nothing of them is kept here.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mimecast_sso.operations.fleet import set_ups
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.set_ups import Place, Service
from tests.support.projects import ROOT

pytestmark = pytest.mark.judges

JUDGES = ROOT / ".tools/judges"
DEFINITIONS = JUDGES / "crds"
SETTINGS = JUDGES / "deployment-settings"
HOSTED = ROOT / "examples/hosted"
PLACES = {
    "on GitHub": "https://github.com/acme/sso.git",
    "elsewhere": "https://git.acme.example/sso",
}
STACKS = (
    Listed("prod-eu", "CUK1", "eu", ("ring-1",), tenant="6c000000-0000-4000-8000-000000000002"),
    Listed("Prod_us", "CUS1", "us"),
    Listed("customer-with-quite-a-long-name-eu", "CUK2", "eu"),
)
RULE = re.compile(r"size\(self\.metadata\.name\) <= (\d+)")
"""The only rule of the definitions, in the Common Expression Language, that a schema cannot have."""


def written(service: Service) -> Iterator[tuple[str, str]]:
    """The files of every place, and the example's."""
    for name, repository in PLACES.items():
        client = "6c000000-0000-4000-8000-000000000003"
        place = Place(repository, "main", "acme", "mimecast-sso", "stacks", client, "0 5 * * *")
        for path, text in set_ups.files(service, place, STACKS).items():
            yield f"{name}: {path}", text
    pattern = "operator.yaml" if service is Service.OPERATOR else "Pulumi.*.deploy.yaml"
    for file in HOSTED.glob(pattern):
        yield f"examples: {file.name}", file.read_text(encoding="utf-8")


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema of Kubernetes as a JSON schema that refuses fields that the server would drop."""
    found = {
        key: value for key, value in schema.items() if not key.startswith("x-kubernetes") and key != "format"
    }
    for key in ("items", "additionalProperties", "not"):
        if isinstance(found.get(key), dict):
            found[key] = closed(found[key])
    for key in ("anyOf", "allOf", "oneOf"):
        found |= {key: [closed(each) for each in found[key]]} if key in found else {}
    if "properties" in found:
        found["properties"] = {name: closed(each) for name, each in found["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    return found


@pytest.fixture(scope="module")
def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each kind and version."""
    files = sorted(DEFINITIONS.glob("*.yaml"))
    if not files:
        pytest.skip("the operator's custom resource definitions are not installed: make judges")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            raw = version["schema"]["openAPIV3Schema"]
            rules = [RULE.fullmatch(each["rule"]) for each in raw.get("x-kubernetes-validations", ())]
            most = min((int(rule[1]) for rule in rules if rule), default=253)
            assert all(rules), f"{file.name} has other rules by now: {raw['x-kubernetes-validations']}"
            schema = closed(raw)
            name = {"type": "string", "maxLength": most}
            schema["properties"]["metadata"] = {"type": "object", "properties": {"name": name}}
            found[spec["names"]["kind"], f"{spec['group']}/{version['name']}"] = schema
    return found


def test_the_operator_takes_every_manifest(definitions: dict[tuple[str, str], dict[str, Any]]) -> None:
    judged = set()
    for name, text in written(Service.OPERATOR):
        for document in yaml.safe_load_all(text):
            kind = document["kind"], document["apiVersion"]
            errors = jsonschema.Draft202012Validator(definitions[kind]).iter_errors(document)
            assert [each.message for each in errors] == [], name
            judged.add(kind[0])
    assert judged == {"Stack", "Program"}


def test_a_field_that_the_operator_does_not_know_is_found(
    definitions: dict[tuple[str, str], dict[str, Any]],
) -> None:
    schema = definitions["Stack", "pulumi.com/v1"]
    document = {"apiVersion": "pulumi.com/v1", "kind": "Stack", "metadata": {}, "spec": {"stack": "a/b/c"}}
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"spec": {"stack": "a/b/c", "previewOnly": True}}, schema)


@pytest.fixture(scope="module")
def reader() -> Path:
    """A program that reads settings files with Pulumi's own types, and refuses fields that these do not have."""
    if not SETTINGS.is_file():
        pytest.skip("the reader of deployment settings is not built: make judges, with Go")
    return SETTINGS


def read(reader: Path, text: str) -> str:
    """What the program says of a file; "" if it takes it."""
    return subprocess.run(
        [reader], input=text, capture_output=True, text=True, check=False, timeout=60
    ).stderr


def test_pulumi_reads_every_settings_file(reader: Path) -> None:
    files = [each for each in written(Service.DEPLOYMENTS) if each[0].endswith(".deploy.yaml")]
    assert len(files) > len(STACKS) * len(PLACES)
    assert {name: read(reader, text) for name, text in files} == {name: "" for name, _ in files}


def test_a_field_that_pulumi_does_not_know_is_found(reader: Path) -> None:
    assert "pullRequests" in read(reader, "settings: {gitHub: {repository: a/b, pullRequests: true}}")
