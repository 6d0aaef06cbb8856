"""A program's own assessment: what it reads, what it logs, and when it stops. No engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from mimecast_sso.assessment import hand_over, plan_digest, program
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.settings import ConfigurationError, Written, from_values
from providers.entra.errors import Refused, Unreachable
from providers.mimecast import Credentials
from tests.assessment.tenants import Entra
from tests.assessment.worlds import (
    ADA,
    ALAN,
    CLIENT,
    GRACE,
    TENANT,
    World,
    application,
    attested,
    deployed,
    values,
)


class _Mocks(pulumi.runtime.Mocks):
    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {"name": "x", "outputs": {}}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, args.inputs


class Said(list[str]):
    """What the program logs and exports, in order."""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    pulumi.runtime.set_mocks(_Mocks(), project="mimecast-sso", stack="prod-eu", organization="organization")
    found = Said()
    monkeypatch.setattr(pulumi.log, "warn", lambda text: found.append(f"warning: {text}"))
    monkeypatch.setattr(pulumi.log, "info", lambda text: found.append(f"info: {text}"))
    monkeypatch.setattr(pulumi, "export", lambda key, value: found.append(f"output: {key} = {value}"))
    monkeypatch.delenv("MIMECAST_CLIENT_ID", raising=False)
    monkeypatch.delenv("MIMECAST_CLIENT_SECRET", raising=False)
    yield found
    pulumi.runtime.reset_options()


def entra(**changes: Any) -> Any:
    """A directory with a cloud, as a Graph client has one."""
    found = Entra(**changes)
    found.cloud = CLOUDS["public"]  # type: ignore[attr-defined]
    return found


def assess(graph: Any, root: Path, **keys: Any) -> Assessment:
    """The assessment of a configuration."""
    return program.assess(from_values(values(**keys)), graph=graph, root=root)


@pytest.mark.usefixtures("said")
def test_settings_are_the_configuration_of_the_running_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = {
        f"mimecast-sso:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values().items()
    }
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(config))
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    monkeypatch.delenv("SANDBOX_INSTANCE", raising=False)
    written = tmp_path / "stacks" / "Pulumi.prod-eu.written.json"
    written.parent.mkdir()
    written.write_text(Written(written).text(values(), values(rollOut={"who": "none"})))
    assert program.settings() == from_values(values()), "what was written on a sandbox counts there only"
    monkeypatch.setenv("SANDBOX_INSTANCE", "x")
    assert program.settings() == from_values(values(rollOut={"who": "none"}))


@pytest.mark.usefixtures("said")
def test_a_stack_file_cannot_point_the_plugin_at_another_tenant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARM_TENANT_ID", TENANT)
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"azuread:tenantId": CLIENT}))
    with pytest.raises(ConfigurationError, match="azuread:tenantId differs from ARM_TENANT_ID"):
        program.assess(from_values(values()), root=tmp_path)


@pytest.mark.usefixtures("said")
def test_a_program_reads_both_tenants_and_its_own_record(tmp_path: Path) -> None:
    found = assess(entra(), tmp_path)
    assert found.snapshot.application.value is not None
    assert found.snapshot.record.source == "the stack's state"
    assert "MIMECAST_CLIENT_ID" in found.snapshot.account.source, "who has no credentials is told which"
    assert found.command("up") == "mimecast-sso up --stack prod-eu"
    assert found.snapshot.recorded.component == ""
    of_one = program.assess(from_values(values()), component="portal", graph=entra(), root=tmp_path)
    assert of_one.snapshot.recorded.component == "portal"


@pytest.mark.usefixtures("said")
def test_the_tenant_is_that_of_the_client_that_is_passed_else_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARM_ENVIRONMENT", "china")
    monkeypatch.setattr(program, "shared_client", entra)
    assert assess(entra(), tmp_path).snapshot.cloud is CLOUDS["public"]
    assert assess(None, tmp_path).snapshot.cloud is CLOUDS["china"]


@pytest.mark.usefixtures("said")
def test_an_address_file_must_be_in_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"address\n{ALAN}\n")
    keys = {"addresses": {"source": "csv", "csv": "people.csv"}}
    assert [each.address for each in assess(entra(), tmp_path, **keys).addresses] == [ALAN]
    monkeypatch.chdir(tmp_path)
    found = program.assess(from_values(values(**keys)), graph=entra())
    assert [each.address for each in found.addresses] == [ALAN]


@pytest.mark.usefixtures("said")
def test_credentials_may_be_passed_or_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clients: list[Any] = []
    monkeypatch.setattr(program, "shared_client_of", lambda passed: clients.append(passed) or _no_client())
    monkeypatch.setattr(program, "from_environment", lambda **names: clients.append(names) or _no_client())
    passed = Credentials("id", "secret")
    program.assess(from_values(values()), graph=entra(), root=tmp_path, mimecast=passed)
    assess(entra(), tmp_path, mimecastClientId="configured", mimecastClientSecret="hidden")
    assess(entra(), tmp_path)
    assert clients == [
        passed,
        {"client_id": "configured", "client_secret": "hidden"},
        {"client_id": "", "client_secret": ""},
    ]


def _no_client() -> Any:
    from providers.mimecast import MimecastError  # noqa: PLC0415

    return MimecastError("out of reach")


@pytest.mark.usefixtures("said")
def test_a_configuration_that_does_not_fit_the_directory_stops_the_program(tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError, match=f"is not in Entra.*{ALAN}"):
        assess(entra(), tmp_path, assign={"users": [ALAN]})
    with pytest.raises(pulumi.RunError) as refused:
        assess(entra(), tmp_path, assign={"users": [ALAN], "groups": ["Missing"]})
    lines = str(refused.value).splitlines()
    assert [line.startswith("mimecast-sso:assign") for line in lines] == [True, True]


@pytest.mark.usefixtures("said")
def test_an_unreachable_directory_stops_the_program(tmp_path: Path) -> None:
    graph = entra()
    graph.batch = _unreachable
    with pytest.raises(pulumi.RunError) as stopped:
        assess(graph, tmp_path)
    assert str(stopped.value) == "Entra could not be read: time-out"
    graph.batch = _refused
    with pytest.raises(pulumi.RunError) as stopped:
        assess(graph, tmp_path)
    assert str(stopped.value) == "Entra refused the ARM_* credentials or a request: no"


def _unreachable(_: Any) -> Any:
    raise Unreachable("time-out")


def _refused(_: Any) -> Any:
    raise Refused("no")


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(("component", "handed_over"), [("", True), ("portal", False)])
def test_the_snapshot_of_a_program_with_one_component_is_handed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, component: str, handed_over: bool
) -> None:
    file = tmp_path / "snapshot"
    monkeypatch.setenv(hand_over.FILE, str(file))
    program.assess(from_values(values()), component=component, graph=entra(), root=tmp_path)
    assert file.exists() is handed_over


@pytest.mark.usefixtures("said")
def test_a_domain_of_another_stack_of_the_account_stops_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stacks").mkdir()
    domains = [{"name": "example.com"}]
    file = yaml.safe_dump({"config": {f"mimecast-sso:{k}": v for k, v in values(domains=domains).items()}})
    (tmp_path / "stacks" / "Pulumi.prod-eu.yaml").write_text(file)
    assessment = World().assess(attested(values(domains=domains)))
    program.judge(assessment, root=tmp_path)
    (tmp_path / "stacks" / "Pulumi.other.yaml").write_text(file)
    with pytest.raises(pulumi.RunError) as stopped:
        program.judge(assessment, assessment, root=tmp_path)
    first, second = str(stopped.value).splitlines()
    assert first == second
    assert "names example" in first
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pulumi.RunError, match="names example"):
        program.judge(assessment)


def test_an_allowed_run_reports_its_effects(said: Said) -> None:
    nobody_yet = deployed(from_values(attested(values())), members=frozenset())
    both = World().assess(), World(members=set(), deployed=nobody_yet).assess()
    program.judge(*both)
    assert said == [], "the component's own guard is left"
    for each in (*both, both[0]):
        program.say_that_it_passed(each)
    assert said == [
        "info: Guards: all passed; this run sends nobody else to Entra.",
        f"info: Guards: all passed; this run sends 2 more people to Entra: {ADA}, {GRACE}.",
    ]


def test_another_plan_than_the_reviewed_one_is_refused(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command compared the plan; somebody changed Entra before the program read it."""
    reviewed = plan_digest.digest(World().assess())
    monkeypatch.setenv(plan_digest.EXPECTED, reviewed)
    program.judge(World().assess())
    changed = World(application=application(enabled=False)).assess()
    with pytest.raises(pulumi.RunError) as stopped:
        program.judge(changed)
    assert str(stopped.value).startswith(
        "Refused by guard reviewed-plan: the tenants and people's sign-ins changed"
    )
    assert "mimecast-sso preview --stack" in str(stopped.value)
    monkeypatch.delenv(plan_digest.EXPECTED)
    program.judge(changed)


def test_the_preview_of_one_component_announces_the_digest_of_its_plan(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assessment = World().assess()
    digest = f"info: {plan_digest.ANNOUNCED}{plan_digest.digest(assessment)}"
    program.judge(assessment)
    assert digest in said
    said.clear()
    program.judge(assessment, assessment)
    program.judge(World(unread=frozenset({"record"})).assess())
    assert not any(plan_digest.ANNOUNCED in each for each in said)


def test_a_refused_run_reports_the_current_state_and_keeps_its_outputs(said: Said) -> None:
    broken = World(application=application(enabled=False)).assess()
    override = [{"name": "account", "reason": "CHG-1", "until": "2026-11-01"}]
    refused = World().assess(attested(values()) | {"assign": {"users": [ADA]}, "guards": override})
    with pytest.raises(pulumi.RunError) as stopped:
        program.judge(broken, refused)
    assert str(stopped.value).startswith("Refused by guard last-sign-in-method: 1 person can sign in now")
    assert said[0].startswith("warning: The override for guard account expired on 2026-11-01")
    assert said[1].startswith("warning: 2 people cannot sign in now: ")
    assert said[2:] == [
        "output: accountCode = CUK25A118",
        f"output: applicationId = {CLIENT}",
        "output: region = eu",
        f"output: issuer = {CLOUDS['public'].issuer(TENANT)}",
    ], "of the stack, which the first component knows as well as any"


def test_every_refusal_is_reported(said: Said) -> None:
    refused = World().assess(attested(values()) | {"assign": {"users": [ADA]}})
    with pytest.raises(pulumi.RunError) as stopped:
        program.judge(refused, refused)
    assert str(stopped.value).count("\nRefused by guard") == 1
    with pytest.raises(pulumi.RunError, match=r"^Refused by guard"):
        program.judge(refused)
    assert not any(each.startswith("info") for each in said)
