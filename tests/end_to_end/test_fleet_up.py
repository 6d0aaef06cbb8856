"""Many stacks deployed ring by ring: held, stopped, locked, killed at any moment, and continued."""

from __future__ import annotations

import fcntl
import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mimecast_sso.operations.reports import history
from tests.support.fleets import Fleet, fleet
from tests.support.projects import ENGINES_AT_LENGTH

pytestmark = pytest.mark.xdist_group("fleet-up")  # They share the tenants.

RINGS = {"canary": ("canary-1",), "early": ("early-1", "early-2"), "late": ("late-1",)}
STACKS = tuple(stack for stacks in RINGS.values() for stack in stacks)
SCHEMA = Path(history.__file__).with_name("schema.json")
ORDER = ("--rings", "canary,early,late", "--yes")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet-up"), STACKS) as tenants:
        for ring, stacks in RINGS.items():
            for stack in stacks:
                configure(tenants, stack, tags=[ring])
        yield tenants


@pytest.fixture
def made(deployed: Fleet) -> Iterator[Fleet]:
    """The same, with something to deploy in every stack; whole again afterwards."""
    texts = {stack: deployed.stack_file(stack).read_text() for stack in STACKS}
    for stack in STACKS:
        change(deployed, stack)
    yield deployed
    for stack, text in texts.items():
        deployed.stack_file(stack).write_text(text)
        deployed.set_credentials(stack)


_changes = iter(range(1_000_000))


def change(tenants: Fleet, stack: str) -> None:
    """Something to deploy that concerns nobody's sign-in."""
    configure(
        tenants, stack, application={"notificationEmails": [f"identity-{next(_changes)}@{stack}.example"]}
    )


def configure(tenants: Fleet, stack: str, **values: Any) -> None:
    file = tenants.stack_file(stack)
    document = yaml.safe_load(file.read_text())
    document["config"] |= {f"mimecast-sso:{key}": value for key, value in values.items()}
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def assigned(stack: str) -> dict[str, list[str]]:
    """One person of three."""
    return {"users": [f"person-00000@{stack}.example"]}


def up(tenants: Fleet, *words: str, code: int | None = 0, **environment: str) -> tuple[dict[str, Any], str]:
    """The report of ``fleet up``, by stack, and what it said."""
    file = tenants.project.folder / "up.json"
    file.unlink(missing_ok=True)
    ended = tenants.sso("fleet", "up", *words, "--format", "json", "--out", str(file), **environment)
    assert code in (None, ended.code), ended.text
    document = json.loads(file.read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    return {each["stack"]: each for each in document["stacks"]}, ended.text


def summaries(rows: dict[str, Any]) -> dict[str, str]:
    return {stack: row["summary"] for stack, row in rows.items()}


def written(tenants: Fleet, after: int) -> list[str]:
    """The stacks whose tenants were written to since, once for each deployment."""
    by_tenant = {tenants.tenants(stack).tenant_id: stack for stack in STACKS}
    return [
        stack
        for each in tenants.project.control.journal(after=after)
        if each["method"] == "PATCH" and "notificationEmailAddresses" in json.dumps(each["body"])
        for stack in [by_tenant[tenant_of(tenants, each)]]
    ]


def tenant_of(tenants: Fleet, entry: dict[str, Any]) -> str:
    (address,) = entry["body"]["notificationEmailAddresses"]
    return tenants.tenants(address.partition("@")[2].removesuffix(".example")).tenant_id


def now(tenants: Fleet) -> int:
    number: int = tenants.project.control.journal()[-1]["number"]
    return number


DONE = "deployed (1 update)"


def test_a_ring_is_deployed_and_the_next_waits_for_a_person(made: Fleet) -> None:
    begun = now(made)
    rows, said = up(made, *ORDER)
    assert summaries(rows) == dict.fromkeys(STACKS, "not started") | {"canary-1": DONE}
    assert "Paused before ring early" in said
    assert "Next: mimecast-sso fleet up --continue" in said
    rows, said = up(made, "--continue")
    assert summaries(rows) == dict.fromkeys(STACKS, DONE) | {"late-1": "not started"}
    assert "Paused before ring late" in said
    assert "Ring early   2 of 2 stacks deployed" in said
    assert "Ring late    0 of 1 stack deployed" in said
    rows, said = up(made, "--continue")
    assert summaries(rows) == dict.fromkeys(STACKS, DONE)
    assert "Every stack is deployed." in said
    assert sorted(written(made, begun)) == sorted(STACKS), "each stack was deployed once"
    rows, _ = up(made, "--continue")
    assert sorted(written(made, begun)) == sorted(STACKS)
    assert {each["figures"]["signIn"] for each in rows.values()} == {3}
    assert {entry["text"] for entry in rows["early-2"]["entries"]} >= {"Ring early"}


def test_it_stops_after_a_failure_and_continues_once_that_is_fixed(made: Fleet) -> None:
    begun, whole = now(made), made.stack_file("early-1").read_text()
    configure(made, "early-1", assign=assigned("early-1"))
    rows, said = up(made, *ORDER, "--select", "!early-2", "--no-hold", code=4)
    assert "Stopped in ring early: 1 stack failed." in said
    assert summaries(rows) == {
        "canary-1": DONE,
        "early-1": "Refused",
        "late-1": "not started",
    }
    assert "last-sign-in-method" in rows["early-1"]["entries"][0]["text"]
    assert written(made, begun) == ["canary-1"]
    made.stack_file("early-1").write_text(whole)
    rows, _ = up(made, "--continue", "--no-hold")
    assert summaries(rows) == dict.fromkeys(rows, DONE)
    assert written(made, begun) == ["canary-1", "early-1", "late-1"]


@pytest.mark.soak
def test_failures_that_are_allowed_stop_no_ring(made: Fleet) -> None:
    made.set_credentials("canary-1", ARM_CLIENT_SECRET="wrong")
    rows, _ = up(made, *ORDER, "--stop-after", "2", code=1)
    assert rows["early-1"]["summary"] == "not started"
    rows, said = up(made, "--continue", "--stop-after", "2", code=1)
    assert summaries(rows) == dict.fromkeys(STACKS, DONE) | {
        "canary-1": "Entra ID issued no token",
        "late-1": "not started",
    }
    assert "Paused before ring late" in said
    assert "--stop-after 2" in said, "the command that goes on has the same terms"


@pytest.mark.parametrize("engine", ENGINES_AT_LENGTH)
def test_a_locked_stack_is_a_row_and_the_others_of_its_ring_are_deployed(made: Fleet, engine: str) -> None:
    locks = made.project.home / "state/.pulumi/locks/organization/mimecast-sso/early-1"
    locks.mkdir(parents=True, exist_ok=True)
    lock = locks / "somebody.json"
    lock.write_text(
        json.dumps({"pid": 1, "username": "grace", "hostname": "laptop", "timestamp": "2026-11-30T06:00:00Z"})
    )
    rows, said = up(made, *ORDER, "--select", "!canary-*", "--no-hold", code=1, ENGINE=engine)
    assert rows["early-1"]["summary"] == "Locked by another deployment"
    assert "grace@laptop" in json.dumps(rows["early-1"])
    assert rows["early-2"]["summary"] == DONE
    assert rows["late-1"]["summary"] == "not started"
    assert "Stopped in ring early: 1 stack locked by another deployment." in said
    lock.unlink()
    rows, _ = up(made, "--continue", "--no-hold", ENGINE=engine)
    assert summaries(rows) == dict.fromkeys(rows, DONE)


def test_people_who_lose_their_sign_in_stop_the_run(made: Fleet) -> None:
    override = {"name": "last-sign-in-method", "reason": "a test", "until": "2099-12-31"}
    configure(made, "canary-1", assign=assigned("canary-1"), guards=[override])
    rows, said = up(
        made, *ORDER, "--select", "canary-1", "--select", "early-1", "--no-hold", "--stop-after", "9", code=2
    )
    assert rows["canary-1"]["summary"].endswith("2 people can no longer sign in")
    assert rows["canary-1"]["level"] == "urgent"
    assert "person-00001@canary-1.example" in json.dumps(rows["canary-1"])
    assert rows["early-1"]["summary"] == "not started"
    assert "Stopped in ring canary: people lost their sign-in in canary-1." in said
    rows, _ = up(made, "--continue", "--no-hold", code=2)
    assert rows["early-1"]["summary"] == "not started", "they still cannot sign in"
    change(made, "canary-1")
    configure(made, "canary-1", guards=[], assign=assigned("canary-1") | {"groups": ["Mimecast users"]})
    ended = made.sso("up", "--stack", "canary-1", "--yes")
    assert ended.code == 0, ended.text
    rows, _ = up(made, "--continue", "--no-hold")
    assert rows["early-1"]["summary"] == DONE


def test_preview_says_what_would_change_and_only_that_plan_is_deployed(made: Fleet) -> None:
    configure(made, "late-1", assign=assigned("late-1"))
    file = made.project.folder / "preview.json"
    ended = made.sso("fleet", "preview", "--format", "json", "--out", str(file))
    assert ended.code == 4, ended.text
    found = {each["stack"]: each for each in json.loads(file.read_text())["stacks"]}
    jsonschema.validate(json.loads(file.read_text()), json.loads(SCHEMA.read_text()))
    assert (found["early-1"]["summary"], found["early-1"]["exit"]) == ("1 update", 2)
    assert (found["late-1"]["exit"], found["late-1"]["figures"]["lost"]) == (4, 2)
    change(made, "early-1")
    rows, _ = up(made, *ORDER, "--no-hold", "--expect", str(file), code=4)
    assert rows["canary-1"]["summary"] == DONE
    assert "the configuration changed since" in rows["early-1"]["entries"][0]["text"]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 13))])
def test_killed_at_any_moment_and_continued_every_stack_is_deployed_once(made: Fleet, seed: int) -> None:
    folder, begun = made.project.folder, now(made)
    chance = random.Random(seed)  # noqa: S311
    victim, at = chance.choice(STACKS), chance.choice((1, 2, 3))
    # The broker is called before, during and after a deployment; it kills the run itself, whoever called.
    broker = folder / f"kill-{seed}"
    broker.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = {victim} ]; then echo >> asked-{seed}\n'
        f"[ $(wc -l < asked-{seed}) = {at} ] && kill -9 $(cat run-{seed}); fi\n"
        'cat credentials/"$1".json\n'
    )
    broker.chmod(0o755)
    variable = f"exec:./{broker.name} {{stack}}"
    run = [
        "sh",
        "-c",
        f'echo $$ > run-{seed}; exec "$@"',
        "sh",
        *made.command("fleet", "up", *ORDER, "--no-hold")[5:],
    ]
    words = [*made.command()[:4], *run]
    subprocess.run(
        words, cwd=folder, env=made.environment() | {"MIMECAST_SSO_CREDENTIALS": variable},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert (folder / f"asked-{seed}").exists()
    rows, _ = up(made, "--continue", "--no-hold")
    assert summaries(rows) == dict.fromkeys(STACKS, DONE)
    assert sorted(written(made, begun)) == sorted(STACKS)


@pytest.mark.soak
@pytest.mark.parametrize("at", [1, 2])
def test_an_interrupted_run_finishes_running_deployments_and_says_how_to_continue(
    made: Fleet, at: int
) -> None:
    folder, begun = made.project.folder, now(made)
    # As Ctrl-C does: everything of the terminal's group is interrupted, while the tenants are read, or the deployment.
    broker = folder / f"interrupt-{at}"
    broker.write_text(
        f"#!/bin/sh\necho >> interrupted-{at}\n"
        f"[ $(wc -l < interrupted-{at}) = {at} ] && kill -INT -$(cat group-{at})\n"
        'cat credentials/"$1".json\n'
    )
    broker.chmod(0o755)
    variable = f"exec:./{broker.name} {{stack}}"
    words = made.command("fleet", "up", *ORDER, "--no-hold", "--jobs", "1")
    ended = subprocess.run(
        ["sh", "-c", f'echo $$ > group-{at}; exec "$@"', "sh", *words], cwd=folder,
        env=made.environment() | {"MIMECAST_SSO_CREDENTIALS": variable}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert "Interrupted. Next: mimecast-sso fleet up --continue --no-hold" in ended.stdout
    assert ended.returncode != 0
    rows, _ = up(made, "--continue", "--no-hold")
    assert summaries(rows) == dict.fromkeys(STACKS, DONE)
    assert sorted(written(made, begun)) == sorted(STACKS)


def test_two_runs_never_share_a_folder(deployed: Fleet) -> None:
    work = deployed.project.folder / "work"
    for command in ("drift", "up"):
        (work / command).mkdir(parents=True)
        with (work / command / "lock").open("w") as lock:
            lock.write("4711\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            extra: Sequence[str] = ORDER if command == "up" else ()
            ended = deployed.sso("fleet", command, "--work", str(work), *extra)
        assert ended.code == 1
        assert f"Another run uses {work / command} (process 4711)" in ended.text
        assert [each.name for each in (work / command).iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--yes"], 1, "4 stacks without a ring"),
        (["--rings", "canary,early", "--yes"], 1, "1 stack without a ring: late-1"),
        (["--rings", "canry,*", "--yes"], 64, "no stack has the tag canry"),
        (["--rings", "canary,early,*"], 1, "Ring *: 1 stack: late-1"),
        (["--continue", "--rings", "canary", "--work", "nowhere"], 64, "Remove --rings"),
        (["--continue", "--work", "nowhere"], 1, "There is no run to resume in"),
    ],
)
def test_an_invalid_run_is_refused_before_anything_starts(
    deployed: Fleet, words: list[str], code: int, said: str
) -> None:
    begun = now(deployed)
    ended = deployed.sso("fleet", "up", *words)
    assert ended.code == code, ended.text
    assert said in ended.text
    assert not (deployed.project.folder / "nowhere").exists()
    assert now(deployed) == begun
