"""Stacks created by the Pulumi CLI and continued; random programs, edited and rerun."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import stacks

MADE = sorted(path for path in (Path(__file__).parent / "cases" / "checkpoints").iterdir() if path.is_dir())
PULUMI = shutil.which("pulumi") or ""


@pytest.mark.parametrize("made", MADE, ids=lambda path: path.name)
def test_a_stack_of_the_pulumi_cli_is_continued(made: Path, tmp_path: Path) -> None:
    """No change planned, secrets readable, updated, refreshed and destroyed."""
    stack = stacks.Stack(tmp_path, (made / "program.py").read_text())
    shutil.copy(made / "Pulumi.dev.yaml", stack.folder)
    shutil.copy(made / "dev.json", stack.state_file)
    shutil.copy(made / "cloud.json", stack.cloud_file)
    before = {resource["urn"]: resource for resource in stack.state()["resources"]}
    stack.must("preview", "--expect-no-changes")
    assert stack.must("config", "get", "password").strip() == "hunter2"
    assert stack.must("stack", "output", "password", "--show-secrets").strip() == "hunter2"
    stack.must("config", "set", "--secret", "password", "hunter3")
    assert "~ 1 updated" in stack.up()
    after = {resource["urn"]: resource for resource in stack.state()["resources"]}
    assert after.keys() == before.keys()
    for urn, resource in before.items():
        kept = {key: value for key, value in resource.items() if key not in ("inputs", "outputs", "modified")}
        found = {key: after[urn].get(key) for key in kept}
        for state in (kept, found):
            state["dependencies"] = sorted(state.get("dependencies") or [])
        assert found == kept
    stack.must("refresh", "--yes", "--skip-preview")
    stack.must("preview", "--expect-no-changes")
    stack.must("state", "unprotect", "--all", "--yes")
    stack.must("destroy", "--yes", "--skip-preview")
    assert list(stack.objects()) == ["kept-1"]  # retain_on_delete


@pytest.mark.cli
def test_both_engines_take_turns(tmp_path: Path) -> None:
    stack = stacks.Stack(tmp_path, (MADE[0] / "program.py").read_text())
    stack.must("config", "set", "--secret", "password", "hunter2")
    stack.must("config", "set", "--path", "structure.word", "x")
    stack.up()
    for word in ("y", "z"):
        done = stack.run("preview", "--expect-no-changes", "--non-interactive", cli=[PULUMI])
        assert done.returncode == 0, done.stdout + done.stderr
        done = stack.run("config", "set", "--path", "structure.word", word, cli=[PULUMI])
        done = stack.run("up", "--yes", "--skip-preview", "--non-interactive", cli=[PULUMI])
        assert done.returncode == 0, done.stdout + done.stderr
        stack.must("preview", "--expect-no-changes")
        stack.must("refresh", "--yes", "--skip-preview")


DROPPED = """\
if os.environ["STEP"] == "1":
    b = Thing("b")
    Thing("d", KEY="x", opts=pulumi.ResourceOptions(depends_on=[b]))
else:
    Thing("d", KEY="y")
"""


@pytest.mark.parametrize("key", ["slot", "zone"], ids=["delete first", "create first"])
@pytest.mark.parametrize(
    "cli",
    [
        None,
        pytest.param([PULUMI], marks=pytest.mark.cli),
    ],
    ids=["embedded", "pulumi"],
)
def test_a_failed_replacement_keeps_what_its_old_copy_needs(
    tmp_path: Path, cli: list[str] | None, key: str
) -> None:
    """Otherwise the state would name a deleted dependency, and no engine could read it."""
    stack = stacks.Stack(tmp_path, DROPPED.replace("KEY", key))
    words = ("up", "--yes", "--skip-preview", "--non-interactive")
    assert stack.run(*words, cli=cli, STEP="1").returncode == 0
    stack.faults({"create:d": {"raise": "refused"}})
    assert stack.run(*words, "--continue-on-error", cli=cli, STEP="2").returncode == 1
    assert "b-1" in stack.objects()
    stack.faults({})
    done = stack.run(*words, cli=cli, STEP="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(stack.objects()) == ["d-2"]


# -- random programs ----------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e")
RESOURCE = st.fixed_dictionaries(
    {
        "value": st.sampled_from(["1", "2"]),
        "zone": st.sampled_from([None, "eu", "us"]),
        "slot": st.sampled_from([None, None, "x", "y"]),
        "uses": st.lists(st.integers(0, 4), max_size=2, unique=True),
        "after": st.lists(st.integers(0, 4), max_size=1),
        "secret": st.booleans(),
        "fails": st.sampled_from([None, None, None, None, "create", "update", "delete"]),
    }
)
PROGRAM = st.lists(st.none() | RESOURCE, min_size=5, max_size=5)
INTERPRETER = """\
import json
made = {}
for index, spec in enumerate(json.loads(os.environ["PROGRAM"])):
    if spec is None:
        continue
    name = "abcde"[index]
    uses = {"use%d" % i: made[i].serial for i in spec["uses"] if i in made}
    given = {key: spec[key] for key in ("value", "zone", "slot") if spec[key] is not None}
    if spec["secret"]:
        given["hidden"] = pulumi.Output.secret("do-not-show-" + name)
    after = [made[i] for i in spec["after"] if i in made]
    made[index] = Thing(name, opts=pulumi.ResourceOptions(depends_on=after), **given, **uses)
"""


def _edits(folder: Path, programs: list[list[Any]]) -> None:
    stack = stacks.Stack(folder, INTERPRETER)
    for program in programs:
        stack.calls_file.unlink(missing_ok=True)
        faults = {
            f"{spec['fails']}:{name}": {"raise": "refused"}
            for name, spec in zip(NAMES, program, strict=True)
            if spec is not None and spec["fails"]
        }
        stack.faults(faults)
        done = stack.run("up", "--yes", "--skip-preview", "--continue-on-error", PROGRAM=json.dumps(program))
        assert done.returncode in (0, 1), done.stdout + done.stderr
        _orders(stack, program)
        _holds(stack)
    stack.faults({})
    stack.up(PROGRAM=json.dumps(programs[-1]))
    stack.must("preview", "--expect-no-changes", PROGRAM=json.dumps(programs[-1]))
    _holds(stack)
    stack.must("destroy", "--yes", "--skip-preview")
    assert stack.objects() == {}


def _holds(stack: Any) -> None:
    """The state matches the provider's objects, and has no secrets in plain text."""
    resources = stack.state().get("resources", [])
    things = [r for r in resources if "dynamic" in r["type"] and not r.get("pendingReplacement")]
    assert {resource["id"] for resource in things} == set(stack.objects())
    assert "do-not-show" not in stack.state_file.read_text()


def _orders(stack: Any, program: list[Any]) -> None:
    """No create starts before the resources that it uses exist."""
    ended: set[str] = set()
    for line in stack.calls_file.read_text().splitlines() if stack.calls_file.exists() else []:
        call = json.loads(line)
        if call["call"] == "create" and call["at"] == "begin" and call["label"] in NAMES:
            spec = program[NAMES.index(call["label"])]
            needed = {NAMES[i] for i in (spec or {}).get("uses", []) if i < NAMES.index(call["label"])}
            created_here = {name for name in needed if f"create {name} begun" in ended}
            assert all(f"create {name}" in ended for name in created_here)
        if call["call"] == "create":
            ended.add(f"create {call['label']}" + (" begun" if call["at"] == "begin" else ""))


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs=st.lists(PROGRAM, min_size=2, max_size=3))
def test_random_programs_leave_the_same_state_on_both_engines(
    tmp_path_factory: pytest.TempPathFactory, programs: list[list[Any]]
) -> None:
    _edits(tmp_path_factory.mktemp("random"), programs)


@pytest.mark.soak
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs=st.lists(PROGRAM, min_size=2, max_size=5))
def test_many_random_programs(
    tmp_path_factory: pytest.TempPathFactory, tally: Any, programs: list[list[Any]]
) -> None:
    _edits(tmp_path_factory.mktemp("random"), programs)
    tally("engine_random_programs", len(programs), "programs")
