"""Each stack has the environment of its own tenants, and reading a state in a file starts no engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimecast_sso.operations import tenant
from mimecast_sso.operations.broker import VARIABLE, CredentialsError
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.project import find_project
from mimecast_sso.operations.stacks import StackFileError, Stacks
from mimecast_sso.operations.state import NoStateError, StateError
from providers.deadline import Deadline

TENANT, OTHER = (f"6c000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
NAMES = ("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET", "SANDBOX_INSTANCE", "SANDBOX_HOME", VARIABLE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    for name, identifier in (("one", TENANT), ("two", OTHER)):
        text = f"config:\n  mimecast-sso:region: eu\n  mimecast-sso:tenantId: {identifier}\n"
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    yield tmp_path
    assert {name: os.environ.get(name) for name in NAMES} == {name: before.get(name) for name in NAMES}


def engine(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, seconds: float = 60) -> Engine:
    """Of stack ``one``, with a CLI that does what the script says."""
    program = folder / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_BACKEND_URL", (folder / "backend").as_uri())
    return Engine(Stacks(find_project(), ["one"]).open("one", Deadline(seconds)), "pulumi")


@pytest.mark.usefixtures("folder")
def test_one_application_serves_every_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = Stacks(find_project(), ["one", "two"])
    opened = [stacks.open(name) for name in ("one", "two")]
    assert [each.environment["ARM_TENANT_ID"] for each in opened] == [TENANT, OTHER]
    for each in opened:
        tenant.reach(each)
    assert "ARM_TENANT_ID" not in os.environ
    monkeypatch.setattr(stacks, "_environment", {"ARM_TENANT_ID": "stated"})
    assert stacks.open("one").environment["ARM_TENANT_ID"] == "stated", (
        "what the environment says comes first"
    )


def test_a_failing_broker_affects_only_its_own_stack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "one.json").write_text(json.dumps({"ARM_CLIENT_ID": "of one", "ARM_CLIENT_SECRET": "x"}))
    with monkeypatch.context() as environment:
        environment.setenv(VARIABLE, "exec:cat {stack}.json")
        environment.setenv("ARM_CLIENT_ID", "of nobody")
        stacks = Stacks(find_project(), ["one", "two"])
    found = stacks.open("one")
    assert (found.environment["ARM_CLIENT_ID"], found.environment["ARM_TENANT_ID"]) == ("of one", TENANT)
    assert "of one" not in repr(found)
    with pytest.raises(CredentialsError):
        stacks.open("two")
    with pytest.raises(StackFileError, match=r"There is no stack file .*three\.yaml\. Stacks: one, two"):
        stacks.open("three")


def test_a_state_in_a_folder_is_read_without_the_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = engine(folder, monkeypatch, "touch started; exit 1")
    state = folder / "backend/.pulumi/stacks/p/one.json"
    state.parent.mkdir(parents=True)
    resource = {"urn": "urn:pulumi:one::p::t::n", "type": "t"}
    state.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [resource]}}}))
    assert asked.resources() == [resource]
    assert not (folder / "started").exists()
    state.write_text("{")
    with pytest.raises(StateError, match="it is not valid JSON"):
        asked.resources()


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        (
            "echo 'error: no stack named one found' >&2; exit 255",
            NoStateError,
            "never deployed .* mimecast-sso up --stack",
        ),
        ("echo 'error: getting secrets manager' >&2; exit 255", StateError, "getting secrets manager"),
        ("exec sleep 60", StateError, "was not read in time"),
    ],
)
def test_why_a_state_cannot_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, kind: type[StateError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        engine(folder, monkeypatch, script, seconds=0.5 if "sleep" in script else 60).resources()
