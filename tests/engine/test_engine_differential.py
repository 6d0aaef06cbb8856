"""The Pulumi CLI and the embedded engine on the same random programs, with edits, failures and external changes.

Steps, provider calls, state, outputs and exit codes are compared as in recorded cases. A difference counts if the CLI
is consistent when repeated; a case that it does not finish is skipped.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine import record

PULUMI = shutil.which("pulumi") or ""
EMBEDDED = [sys.executable, "-m", "sandbox.engine"]
NAMES = "abcdef"
Spec = dict[str, Any]
INTERPRETER = """\
import json
import os

import pulumi
from boxcloud import *


class Group(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("box:index:Group", name)


KINDS = {"Thing": Thing, "Other": Other, "Bare": Bare, "Vault": Vault}
made, groups = {}, {}
for index, spec in enumerate(json.loads(os.environ["PROGRAM"])):
    if spec is None:
        continue
    name = "abcdef"[index]
    if spec["parent"] and spec["parent"] not in groups:
        groups[spec["parent"]] = Group(spec["parent"])
    given = {key: spec[key] for key in ("value", "zone", "slot", "diffMode", "nested") if spec[key] is not None}
    if spec["secret"]:
        given["hidden"] = pulumi.Output.secret("do-not-show-" + name)
    for used in spec["uses"]:
        if used in made:
            given["use%d" % used] = made[used].serial
    after = [made[other] for other in spec["after"] if other in made]
    after += [group for name_, group in groups.items() if name_ in spec["after_groups"] and name_ != spec["parent"]]
    made[index] = KINDS[spec["kind"]](
        name + spec["suffix"],
        label=name,
        opts=pulumi.ResourceOptions(
            parent=groups.get(spec["parent"]),
            depends_on=after,
            deleted_with=made.get(spec["deleted_with"]),
            aliases=[pulumi.Alias(name=name + suffix) for suffix in spec["aliases"]],
            **spec["options"],
        ),
        **given,
    )
pulumi.export("all", [each.serial for each in made.values()])
"""
# Without `protect`: its refusals end the run at once, and what was done before depends on timing.
OPTIONS: dict[str, list[Any]] = {
    "retain_on_delete": [True],
    "delete_before_replace": [True, False],
    "ignore_changes": [["value"], ["nested.b[0]"], ["nested"], ["zone"]],
    "replace_on_changes": [["value"], ["nested.*"], ["*"]],
    "additional_secret_outputs": [["serial"], ["value"]],
}


def _resource(chance: random.Random, index: int) -> Spec:
    def some(probability: float) -> list[int]:
        return [other for other in range(index) if chance.random() < probability][:2]

    return {
        "kind": chance.choice(["Thing"] * 5 + ["Other", "Bare", "Vault"]),
        "value": chance.choice(["1", "2"]),
        "zone": chance.choice([None, None, "eu", "us"]),
        "slot": chance.choice([None, None, None, "x", "y"]),
        "diffMode": chance.choice([None] * 6 + ["yes", "no"]),
        "nested": chance.choice(
            [None, None, {"a": 1, "b": [1, 2]}, {"a": 2, "b": [1]}, {"b": [1, 3], "c": None}]
        ),
        "secret": chance.random() < 0.2,
        "uses": some(0.3),
        "after": some(0.2),
        "after_groups": [group for group in ("g1", "g2") if chance.random() < 0.1],
        "parent": chance.choice([None, None, None, "g1", "g2"]),
        "deleted_with": chance.choice([None] * 5 + list(range(index))),
        "suffix": chance.choice(["", "", "", "2"]),
        "aliases": chance.choice([[], [], ["", "2"]]),
        "options": {key: chance.choice(values) for key, values in OPTIONS.items() if chance.random() < 0.12},
    }


def _edited(chance: random.Random, program: list[Spec | None]) -> list[Spec | None]:
    out: list[Spec | None] = []
    for index, spec in enumerate(program):
        luck, fresh = chance.random(), _resource(chance, index)
        if spec is None or luck < 0.25:
            out.append(fresh if chance.random() < 0.4 else None)
        else:
            changed = chance.sample(sorted(spec), chance.choice([0, 1, 1, 2]))
            out.append({key: fresh[key] if key in changed else spec[key] for key in spec})
    return out


def _step(chance: random.Random, program: list[Spec | None], *, first: bool) -> dict[str, Any]:
    """A run. Only with --continue-on-error does it have faults: otherwise the operations started before vary."""
    verbs = ["up --yes --skip-preview"] * 6 + ["up --yes --skip-preview --continue-on-error"] * 4
    if not first:
        verbs += ["up --yes --skip-preview --refresh", "refresh --yes --skip-preview", "preview --json"]
        verbs += ["refresh --preview-only --json", "destroy --yes --skip-preview"]
    verb = chance.choice(verbs)
    cloud: dict[str, Any] = {"faults": {}}
    labels = [NAMES[index] for index, spec in enumerate(program) if spec]
    if "--continue-on-error" in verb and labels:
        call = chance.choice(["create", "update", "delete"])
        cloud["faults"][f"{call}:{chance.choice(labels)}"] = {chance.choice(["raise", "after"]): "refused"}
    if not first and chance.random() < 0.3:
        cloud["gone"] = [f"{chance.choice(NAMES)}-{chance.choice('12')}"]
    return {"env": {"PROGRAM": json.dumps(program)}, "cloud": cloud, "run": verb}


def _case(folder: Path, seed: int) -> Path:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    (folder / "program").mkdir(parents=True)
    (folder / "program" / "Pulumi.yaml").write_text("name: box\nruntime: python\n")
    (folder / "program" / "__main__.py").write_text(INTERPRETER)
    size = chance.randint(3, len(NAMES))
    program = [_resource(chance, index) if chance.random() < 0.85 else None for index in range(size)]
    steps = [_step(chance, program, first=True)]
    for _ in range(chance.randint(2, 4)):
        program = _edited(chance, program)
        steps.append(_step(chance, program, first=False))
    steps += [
        {"cloud": {"faults": {}}, "run": "up --yes --skip-preview", "name": "last"},
        {"run": "preview --json --expect-no-changes", "name": "still"},
        {"run": "destroy --yes --skip-preview", "name": "end"},
    ]
    (folder / "steps.yaml").write_text(yaml.safe_dump({"about": f"seed {seed}", "steps": steps}))
    return folder


def _problems(case: Path, cli: list[str]) -> str:
    with closing(record.Runner(case, cli)) as runner:
        return "\n".join(record.check(runner))


@pytest.mark.soak
@pytest.mark.cli
@pytest.mark.parametrize("seed", range(12))
def test_random_programs_on_both_engines(
    tmp_path: Path, seed: int, tally: Callable[[str, int, str], None]
) -> None:
    case = _case(tmp_path / "case", seed)
    with closing(record.Runner(case, [PULUMI])) as recorder:
        record.record(recorder)
    told = [json.loads(path.read_text()) for path in (case / "expected").glob("*.json")]
    if crashed := [each["run"] for each in told if each["exit"] not in (0, 1, 7)]:
        pytest.skip(f"the Pulumi CLI itself does not come to an end: {crashed}")
    problems = _problems(case, EMBEDDED)
    if problems and _problems(case, [PULUMI]):
        pytest.skip("the Pulumi CLI does not do the same twice")
    tally("engine_differential", not problems, "cases")
    assert not problems, problems
