"""The state: locks, damage, foreign fields, kills, interrupts."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.engine import stacks

ONE = 'a = Thing("a", value=os.environ.get("VALUE", "1"))\npulumi.export("serial", a.serial)\n'
MIXED = """\
class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("box:index:Group", name, None, opts)
        self.first = Thing(name + "-first", value=name, opts=pulumi.ResourceOptions(parent=self))
        self.second = Thing(name + "-second", uses=self.first.serial, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"serial": self.second.serial})

step = os.environ.get("VALUE", "1")
groups = [Group("g%d" % i) for i in range(2)]
zoned = Thing("zoned", zone=step)
slotted = Thing("slotted", slot=step)
user = Thing("user", uses=zoned.serial, other=groups[0].second.serial, value=step)
if step != "2":
    gone = Thing("gone", value="x")
pulumi.export("serial", user.serial)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    return stacks.Stack(tmp_path, ONE)


def test_a_foreign_lock_is_respected_and_named(stack: Any) -> None:
    stack.locks.mkdir(parents=True)
    lock = stack.locks / "0c1f9d5e-0000-4000-8000-000000000000.json"
    holder = {"pid": 4711, "username": "ada", "hostname": "engine-room", "timestamp": "2026-01-01T00:00:00Z"}
    lock.write_text(json.dumps(holder))
    before = stack.state_file.read_text()
    done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode == 1
    assert "currently locked by 1 lock(s)" in done.stderr
    assert "created by ada@engine-room (pid 4711) at 2026-01-01T00:00:00Z" in done.stderr
    assert stack.state_file.read_text() == before
    assert lock.exists()
    assert stack.run("preview").returncode == 0  # a preview takes no lock
    stack.must("cancel", "--yes")
    stack.up()
    assert list(stack.locks.glob("*")) == []


def test_running_update_holds_a_lock_that_others_see(stack: Any) -> None:
    stack.faults({"create:a": {"hang": True}})
    process = stack.start("up", "--yes", "--skip-preview")
    try:
        _await(lambda: stack.began("create", "a"))
        locks = list(stack.locks.glob("*.json"))
        assert json.loads(locks[0].read_text())["pid"] == process.pid
        assert "currently locked" in stack.run("refresh", "--yes", "--skip-preview").stderr
        stack.faults({})
        assert process.wait(60) == 0
    finally:
        stacks.kill_all(process)
    assert list(stack.locks.glob("*")) == []


@pytest.mark.parametrize("damage", ["truncated", "foreign", "order", "magic", "future", "not owned"])
def test_damaged_state_is_kept_and_its_backup_named(stack: Any, damage: str) -> None:
    stack.up()
    text = stack.state_file.read_text()
    document = json.loads(text)
    if damage == "truncated":
        text = text[: len(text) // 2]
    elif damage == "foreign":
        text = json.dumps({"version": 4, "terraform_version": "1.9.0", "resources": []})
    elif damage == "order":
        document["checkpoint"]["latest"]["resources"].reverse()
        text = json.dumps(document)
    elif damage == "magic":
        document["checkpoint"]["latest"]["manifest"]["magic"] = "0" * 64
        text = json.dumps(document)
    elif damage == "not owned":
        document["checkpoint"]["latest"]["resources"][-1]["external"] = True
        text = json.dumps(document)
    else:
        text = json.dumps({**document, "version": 4, "features": ["from-the-future"]})
    stack.state_file.write_text(text)
    for verb in ("up", "refresh", "destroy"):
        done = stack.run(verb, "--yes", "--skip-preview")
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        if damage in ("future", "not owned"):
            assert {"future": "from-the-future", "not owned": "does not own"}[damage] in done.stderr
            assert "Pulumi CLI" in done.stderr
        else:
            assert str(stack.state_file) in done.stderr
            assert "dev.json.bak" in done.stderr
    assert stack.state_file.read_text() == text
    assert list(stack.objects()) == ["a-1"]


def test_fields_of_other_engines_survive(stack: Any) -> None:
    stack.up()
    document = json.loads(stack.state_file.read_text())
    latest = document["checkpoint"]["latest"]
    latest["metadata"] = {"future": {"kept": True}}
    for resource in latest["resources"]:
        resource["stackTrace"] = [{"sourcePosition": "project:///__main__.py#4"}]
        resource["fieldFromTheFuture"] = {"kept": [1, 2, 3]}
    stack.state_file.write_text(json.dumps(document))
    stack.must("preview", "--expect-no-changes")
    stack.up(VALUE="2")
    stack.must("refresh", "--yes", "--skip-preview")
    latest = stack.state()
    assert latest["metadata"] == {"future": {"kept": True}}
    assert len(latest["resources"]) == 3
    for resource in latest["resources"]:
        assert resource["fieldFromTheFuture"] == {"kept": [1, 2, 3]}


def test_resource_with_hooks_is_not_changed(stack: Any) -> None:
    stack.up()
    document = json.loads(stack.state_file.read_text())
    document["checkpoint"]["latest"]["resources"][-1]["resourceHooks"] = {"BeforeDelete": ["h"]}
    document |= {"version": 4, "features": ["hooks"]}
    stack.state_file.write_text(json.dumps(document))
    done = stack.run("destroy", "--yes", "--skip-preview")
    assert done.returncode == 1
    assert "resourceHooks" in done.stdout + done.stderr
    assert "Pulumi CLI" in done.stdout + done.stderr
    assert list(stack.objects()) == ["a-1"]
    assert json.loads(stack.must("stack", "export"))["features"] == ["hooks"]


def test_resource_of_the_engine_itself_is_refused(stack: Any) -> None:
    """A stash, for example, which only the Pulumi CLI has."""
    stack.up()
    document = json.loads(stack.state_file.read_text())
    resources = document["checkpoint"]["latest"]["resources"]
    urn = "urn:pulumi:dev::box::pulumi:index:Stash::kept"
    resources.append({"urn": urn, "custom": True, "id": "1", "type": "pulumi:index:Stash"})
    stack.state_file.write_text(json.dumps(document))
    for words in (["destroy", "--yes", "--skip-preview"], ["preview"]):
        done = stack.run(*words)
        assert done.returncode == 1
        assert f"a state with a resource of the package pulumi ({urn})" in done.stderr
        assert "Pulumi CLI" in done.stderr
    assert list(stack.objects()) == ["a-1"]


PROGRAM_THAT_ASKS = """\
from threading import Thread as Worker

from pulumi.runtime.proto import resource_pb2

read = "pulumi:pulumi:readStackResourceOutputs"
monitor = pulumi.runtime.settings.get_monitor()
failed = []


def ask():
    for _ in range(100):
        try:
            monitor.Invoke(resource_pb2.ResourceInvokeRequest(tok=read, args={"stackName": "dev"}))
        except Exception as error:
            failed.append(error.details())


worker = Worker(target=ask)
worker.start()
things = [Thing(f"t{index}") for index in range(20)]
pulumi.export("failed", pulumi.Output.all(*(each.serial for each in things)).apply(lambda _: worker.join() or failed))
"""


def test_state_is_never_found_half_written(tmp_path: Path) -> None:
    """Here the Pulumi CLI occasionally finds an empty file: "failed to load checkpoint: EOF"."""
    stack = stacks.Stack(tmp_path, PROGRAM_THAT_ASKS)
    stack.up()
    assert json.loads(stack.must("stack", "output", "failed")) == []


@pytest.mark.parametrize("secrets", [True, False])
def test_wrong_passphrase_changes_nothing(stack: Any, secrets: bool) -> None:
    if secrets:
        stack.must("config", "set", "--secret", "password", "hunter2")
    before = stack.state_file.read_text()
    for words in (["up", "--yes", "--skip-preview"], ["preview"]):
        done = stack.run(*words, PULUMI_CONFIG_PASSPHRASE="wrong")
        assert done.returncode == 1
        assert "incorrect passphrase" in done.stderr
    assert stack.state_file.read_text() == before
    assert stack.objects() == {}
    assert "hunter2" not in "".join(path.read_text() for path in stack.folder.glob("*.yaml"))


def test_secrets_are_never_written_in_plain(tmp_path: Path) -> None:
    program = 'pulumi.export("out", pulumi.Config().require_secret("password"))\n'
    program += 'Thing("a", value=pulumi.Config().require_secret("password"))\n'
    stack = stacks.Stack(tmp_path, program)
    stack.must("config", "set", "--secret", "password", "hunter2")
    log = tmp_path / "events.jsonl"
    shown = stack.up("--diff", "--event-log", str(log))
    shown += stack.must("preview", "--json") + stack.must("stack", "output") + stack.must("config")
    shown += stack.must("stack", "output", "out") + stack.must("stack", "export")
    assert "[secret]" in shown
    written = [path for path in stack.backend.rglob("*") if path.is_file()]
    for text in [shown, log.read_text(), *(path.read_text() for path in written)]:
        assert "hunter2" not in text
    assert stack.must("stack", "output", "out", "--show-secrets").strip() == "hunter2"


def test_second_interrupt_leaves_the_operation_pending(stack: Any) -> None:
    stack.faults({"create:a": {"hang": True}})
    process = stack.start("up", "--yes", "--skip-preview")
    try:
        _await(lambda: stack.began("create", "a"))
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        _await(lambda: "^C received" in process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 8
    finally:
        stacks.kill_all(process)
    assert [op["type"] for op in stack.state()["pending_operations"]] == ["creating"]
    assert list(stack.locks.glob("*.json")) == []
    stack.faults({})
    told = stack.up()
    assert "interrupted while creating" in told
    assert "pending operations" in told


def test_sighup_lets_the_operation_finish_and_may_be_repeated(stack: Any) -> None:
    """A closed terminal sends it, and a shell repeats it; before, it killed the engine, and the lock stayed."""
    stack.faults({"create:a": {"hang": True}})
    process = stack.start("up", "--yes", "--skip-preview")
    try:
        _await(lambda: stack.began("create", "a"))
        process.send_signal(signal.SIGHUP)
        assert process.stdout is not None
        _await(lambda: "SIGHUP received" in process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        stack.faults({})
        assert process.wait(60) == 1
    finally:
        stacks.kill_all(process)
    assert list(stack.locks.glob("*.json")) == []
    assert "pending_operations" not in stack.state()
    assert list(stack.objects()) == ["a-1"]


def test_nohup_keeps_it_running(stack: Any) -> None:
    stack.faults({"create:a": {"hang": True}})
    process = stack.start("up", "--yes", "--skip-preview", before=["nohup"])
    try:
        _await(lambda: stack.began("create", "a"))
        process.send_signal(signal.SIGHUP)
        stack.faults({})
        assert process.wait(60) == 0
    finally:
        stacks.kill_all(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_run_releases_the_lock(stack: Any, number: signal.Signals) -> None:
    """The lock is held from before that, and the signal's own action left it."""
    log = stack.folder / "events"
    os.mkfifo(log)  # opening it waits for a reader
    process = stack.start("up", "--yes", "--skip-preview", "--event-log", str(log))
    try:
        _await(lambda: list(stack.locks.glob("*.json")))
        process.send_signal(number)
        # Python dies of SIGINT itself if its KeyboardInterrupt met an `exec`, as in an import; a shell shows 130, too.
        assert process.wait(60) in (130, -signal.SIGINT)
    finally:
        stacks.kill_all(process)
    assert list(stack.locks.glob("*.json")) == []


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        (
            "pulumi-python:dynamic/mimecast:Domain",
            "found by their natural key: the next run adopts an existing one",
        ),
        ("azuread:index/application:Application", "Entra ID: look for an object that may have been created"),
        ("box:index:Thing", "It may have been created without being recorded"),
    ],
)
def test_the_next_run_explains_an_interrupted_operation(stack: Any, kind: str, meaning: str) -> None:
    stack.write("")
    document = json.loads(stack.state_file.read_text())
    urn = f"urn:pulumi:dev::box::{kind}::lost"
    operation = {"type": "creating", "resource": {"urn": urn, "custom": True, "type": kind}}
    document["checkpoint"]["latest"]["pending_operations"] = [operation]
    stack.state_file.write_text(json.dumps(document))
    told = stack.up()
    assert f"* {urn}, interrupted while creating" in told
    assert meaning in told
    assert [op["resource"]["urn"] for op in stack.state()["pending_operations"]] == [
        urn
    ]  # until it is cleared


@pytest.mark.parametrize("failing", ["open", "replace"])
def test_a_state_that_cannot_be_written_is_kept_and_nothing_is_created(stack: Any, failing: str) -> None:
    """A full disk leaves the old file intact, whenever it occurs."""
    before = stack.state_file.read_text()
    real = getattr(Path, failing)

    def full(path: Path, *words: Any, **more: Any) -> Any:
        if path.name.startswith("dev.json."):
            raise OSError(28, "No space left on device")
        return real(path, *words, **more)

    with mock.patch.object(Path, failing, full):
        done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode == 1
    assert "the state cannot be written: [Errno 28] No space left on device" in done.stdout + done.stderr
    assert stack.state_file.read_text() == before
    assert stack.objects() == {}


def test_children_of_a_killed_engine_end(stack: Any) -> None:
    stack.faults({"create:a": {"hang": True}})
    process = stack.start("up", "--yes", "--skip-preview")
    children: list[int] = []
    try:
        _await(lambda: stack.began("create", "a"))
        children = stacks.children(process.pid)
        process.kill()
        process.wait()
        _await(lambda: not any(map(_alive, children)))
    finally:
        stacks.kill_all(process, children)
    assert len(children) >= 3  # the program, the plugin, and the watcher that kills them


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_killed_at_random_points_it_converges(tmp_path: Path, tally: Any) -> None:
    _kills(tmp_path, 10, 1, tally)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_killed_often_it_converges(tmp_path: Path, seed: int, tally: Any) -> None:
    _kills(tmp_path, 50, 100 + seed, tally)


def _kills(folder: Path, count: int, seed: int, tally: Any) -> None:
    """Kill updates at random moments: the state stays readable, and nothing disappears from it unnoticed."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    stack = stacks.Stack(folder, MIXED)
    started = time.monotonic()
    stack.up()
    whole = time.monotonic() - started
    for number in range(count):
        stack.environment["VALUE"] = str(number % 3)
        process = stack.start("up", "--yes", "--skip-preview")
        time.sleep(chance.uniform(0.3, 1.0) * whole)
        stacks.kill_all(process)
        lost = _lost(stack)
        tally("engine_kills", 1, "kills")
        tally("engine_kills_lost", len(lost), "objects")
        assert not lost
        stack.must("cancel", "--yes")
        if number % 5 == 4:
            stack.must("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
            stack.up()
            stack.must("preview", "--expect-no-changes")
            tally("engine_kills_converged", 5, "kills")
            assert "pending_operations" not in stack.state()
            _forget_orphans(stack)


def _lost(stack: Any) -> list[str]:
    """Objects that the provider created but the state does not have."""
    latest = stack.state()
    known = {resource.get("id") for resource in latest.get("resources", [])}
    pending = {op["resource"]["urn"].rsplit("::", 1)[1] for op in latest.get("pending_operations", [])}
    return [
        id_ for id_, found in stack.objects().items() if id_ not in known and found["label"] not in pending
    ]


def _forget_orphans(stack: Any) -> None:
    """Remove what an interrupted create left and a refresh cleared, as the user would."""
    known = {resource.get("id") for resource in stack.state().get("resources", [])}
    cloud = json.loads(stack.cloud_file.read_text())
    cloud["objects"] = {id_: found for id_, found in cloud["objects"].items() if id_ in known}
    stack.cloud_file.write_text(json.dumps(cloud))


def _await(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
