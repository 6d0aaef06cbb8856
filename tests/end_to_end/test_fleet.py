"""Many stacks at once: a failing tenant is a row and does not affect the others, even after a kill and resume."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mimecast_sso.operations.fleet.work import Work
from mimecast_sso.operations.reports import history
from tests.support.fleets import Fleet, fleet, write_credentials

pytestmark = pytest.mark.xdist_group("fleet")  # They share the tenants.

FINE = ("fine-1", "fine-2", "fine-3")
NOT_READ = {
    "no-entra": "Entra ID issued no token",
    "no-mimecast": "Mimecast could not be read",
    "failing": "Entra ID gave no usable response in time",
    "hanging": "Entra ID gave no usable response in time",
    "throttled": "Entra ID gave no usable response in time",
    "damaged-state": "The state cannot be read",
    "no-state": "There is no state",
    "no-yaml": "The stack file cannot be used",
    "another-account": "Refused",
    "no-credentials": "There are no credentials",
}
STACKS = (*FINE, "drifted", *NOT_READ)
SECONDS = "15"
QUICK = ("--select", "!hanging")
"""Without the tenant that is waited for to the end."""
SCHEMA = Path(history.__file__).with_name("schema.json")
SECRET = "a-secret-of-the-broker"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), STACKS) as tenants:
        tenants.change(
            "drifted", "entra.applications", identifierUris=["https://eu-api.mimecast.com/sso/COTHER"]
        )
        tenants.set_credentials("no-entra", ARM_CLIENT_SECRET=SECRET)
        tenants.set_credentials("no-mimecast", MIMECAST_CLIENT_SECRET=SECRET)
        other = tenants.tenants("fine-1").variables()
        names = ("MIMECAST_CLIENT_ID", "MIMECAST_CLIENT_SECRET")
        tenants.set_credentials("another-account", **{name: other[name] for name in names})
        write_credentials(tenants.project, "no-credentials", {"SOMETHING_ELSE": SECRET})
        tenants.state("damaged-state").write_text('{"version": 3, "checkpoint"')
        tenants.state("no-state").unlink()
        tenants.stack_file("no-yaml").write_text("config:\n\tmimecast-sso:region: eu\n")
        tenants.project.control.faults(
            {"path": token(tenants, "failing"), "status": 500, "times": 1000},
            {"path": token(tenants, "hanging"), "delay": 3600, "times": 1000},
            {
                "path": token(tenants, "throttled"),
                "status": 429,
                "headers": {"Retry-After": "3600"},
                "times": 1000,
            },
        )
        yield tenants


def token(tenants: Fleet, stack: str) -> str:
    return f"/{tenants.tenants(stack).tenant_id}/oauth2/v2.0/token"


def report(made: Fleet, *words: str, code: int | None = None, **environment: str) -> dict[str, Any]:
    ended = made.sso("fleet", *words, "--timeout", SECONDS, "--format", "json", **environment)
    assert code in (None, ended.code), ended.text
    found: dict[str, Any] = json.loads(ended.text)
    return found


def rows(document: Mapping[str, Any]) -> dict[str, tuple[object, ...]]:
    """What a report says of each stack, without times and the ids of requests."""
    return {
        each["stack"]: (
            *(each[name] for name in ("level", "exit", "summary", "figures")),
            sorted(entry["id"] for entry in each["entries"]),
        )
        for each in document["stacks"]
    }


def without_the_slowest(document: Mapping[str, Any]) -> dict[str, tuple[object, ...]]:
    return {stack: row for stack, row in rows(document).items() if stack != "hanging"}


@pytest.fixture(scope="module")
def whole(made: Fleet) -> dict[str, Any]:
    return report(made, "drift", code=1)


def test_every_tenant_has_a_row_and_none_hides_another(made: Fleet, whole: dict[str, Any]) -> None:
    jsonschema.validate(whole, json.loads(SCHEMA.read_text()))
    found = {each["stack"]: each for each in whole["stacks"]}
    assert set(found) == set(STACKS)
    for stack in FINE:
        assert (found[stack]["level"], found[stack]["exit"], found[stack]["figures"]["signIn"]) == (
            "fine",
            0,
            3,
        )
    assert (found["drifted"]["level"], found["drifted"]["exit"]) == ("urgent", 2)
    for stack, cause in NOT_READ.items():
        first = found[stack]["entries"][0]
        assert (found[stack]["level"], first["text"]) == ("unknown", cause), found[stack]
        assert found[stack]["exit"] == (4 if stack == "another-account" else 1)
    assert "used up" in found["hanging"]["entries"][0]["source"]
    assert found["fine-1"]["account"] in found["another-account"]["entries"][0]["source"]
    assert SECRET not in json.dumps(whole)


def test_the_page_groups_by_cause_within_a_terminal(made: Fleet, whole: dict[str, Any]) -> None:
    file = made.project.folder / "whole.json"
    file.write_text(json.dumps(whole))
    page = made.sso("fleet", "merge", str(file))
    assert page.code == 1
    assert "Fleet drift of 14 stacks" in page.text
    assert "1 urgent, 10 not readable, 3 fine" in page.text
    assert "3 Entra ID gave no usable response in time: failing, hanging, throttled" in " ".join(
        page.text.split()
    )
    # A path stays in one piece, to be copied.
    assert [line for line in page.text.splitlines() if len(line) > 80 and " " in line.strip()] == []
    assert SECRET not in page.text


def test_the_exit_code_is_that_of_the_worst_row(made: Fleet) -> None:
    assert report(made, "drift", "--select", "fine-*", code=0)["exit"] == 0
    report(made, "drift", "--select", "fine-*", "--select", "drifted", code=2)
    report(made, "drift", "--select", "drifted", "--select", "another-account", code=4)
    assert made.sso("fleet", "drift", "--select", "none*").code == 1
    assert made.sso("fleet", "drift", "--select", "colour=red").code == 64


def test_shards_make_the_same_report(made: Fleet, whole: dict[str, Any]) -> None:
    files = []
    for number in (1, 2, 3):
        files.append(made.project.folder / f"shard-{number}.json")
        part = report(made, "drift", *QUICK, "--shard", f"{number}/3", "--work", f"work-{number}")
        files[-1].write_text(json.dumps(part))
    merged = made.sso("fleet", "merge", *map(str, files), "--format", "json")
    assert merged.code == 1
    assert rows(json.loads(merged.text)) == without_the_slowest(whole)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_and_resumed_it_makes_the_same_report(
    made: Fleet, whole: dict[str, Any], seed: int
) -> None:
    folder, work = made.project.folder, ("--work", f"killed-work-{seed}")
    victim = random.Random(seed).choice(sorted({*STACKS} - {"no-yaml", "hanging"}))  # noqa: S311
    # Its broker kills the command that asks it, once.
    broker = folder / f"kill-{seed}"
    once = f'[ "$1" = {victim} ] && mkdir killed-{seed} 2>/dev/null && kill -9 $PPID'
    broker.write_text(f'#!/bin/sh\n{once}\ncat credentials/"$1".json\n')
    broker.chmod(0o755)
    variable = f"exec:./{broker.name} {{stack}}"
    words = made.command("fleet", "drift", *QUICK, "--jobs", "2", "--timeout", SECONDS, *work)
    ended = subprocess.run(
        words, cwd=folder, env=made.environment() | {"MIMECAST_SSO_CREDENTIALS": variable},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert ended.returncode == -9
    kept = {
        each.name: each.stat().st_mtime_ns for each in folder.glob(f"killed-work-{seed}/drift/row.*.json")
    }
    again = report(made, "drift", *QUICK, "--resume", *work, code=1, MIMECAST_SSO_CREDENTIALS=variable)
    assert rows(again) == without_the_slowest(whole)
    for name, at in kept.items():
        file = folder / f"killed-work-{seed}/drift/{name}"
        if json.loads(file.read_text())["exit"] != 1:
            assert file.stat().st_mtime_ns == at, "what was finished is not asked again"


def test_expiry_asks_entra_alone(made: Fleet) -> None:
    before = made.project.control.journal()[-1]["number"]
    found = report(made, "expiry", "--select", "fine-*", "--select", "no-mimecast", code=0)
    assert {each["figures"]["certificateDays"] > 365 for each in found["stacks"]} == {True}
    assert not [each for each in made.project.control.journal(after=before) if "mimecast" in each["host"]]


def test_verify_and_preflight_and_assess_report_alike(made: Fleet) -> None:
    for check in ("verify", "preflight", "assess"):
        found = report(made, check, "--select", "fine-1", "--select", "no-entra")
        levels = {each["stack"]: each["level"] for each in found["stacks"]}
        assert levels["fine-1"] == "fine", found
        assert levels["no-entra"] != "fine", found


def test_a_run_that_left_nothing_cannot_be_resumed(made: Fleet) -> None:
    ended = made.sso("fleet", "drift", "--resume", "--work", os.devnull)
    assert ended.code == 1
    assert "There is no run to resume in" in ended.text


def test_a_run_of_another_day_is_not_resumed(made: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "drift"
    folder.mkdir()
    Work.begin(folder, datetime.now(UTC) - timedelta(days=1))
    ended = made.sso("fleet", "drift", "--resume", "--work", str(tmp_path))
    assert ended.code == 1
    assert "Start a new one: leave out --resume" in " ".join(ended.text.split())
