"""Verbs, flags and output."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import environment
from tests.engine import stacks

TWO = """\
a = Thing("a", value=os.environ.get("VALUE", "1"), tags={"k": "v"})
if os.environ.get("VALUE") != "3":
    b = Thing("b", uses=a.serial, zone=os.environ.get("VALUE", "1"))
pulumi.export("serial", a.serial)
pulumi.export("list", [1, "two"])
"""


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    return stacks.Stack(tmp_path, TWO)


def test_a_stack_from_creation_to_removal(stack: Any) -> None:
    shown = stack.up("--color", "never")
    assert " +  pulumi-python:dynamic/box:Thing a created" in shown
    assert 'serial: "a-1"' in shown
    assert "    + 3 created" in shown
    assert "\x1b[" not in shown
    assert stack.must("stack", "output", "serial").strip() == "a-1"
    assert json.loads(stack.must("stack", "output", "--json")) == {"list": [1, "two"], "serial": "a-1"}
    assert "pulumi-python:dynamic/box:Thing  b" in stack.must("stack")
    shown = stack.must("preview", VALUE="2")
    assert "[diff: ~value]" in shown
    assert "    +-1 to replace" in shown
    shown = stack.must("preview", "--diff", VALUE="2")
    assert '~ value: "1" => "2"' in shown
    assert "[id=a-1]" in shown
    shown = stack.up("--color", "always", VALUE="3")
    assert "\x1b[31m- " in shown
    shown = stack.must("destroy", "--yes", "--skip-preview")
    assert "pulumi stack rm dev" in shown
    assert stack.objects() == {}
    stack.must("stack", "rm", "--yes")
    done = stack.run("preview", "--stack", "dev")
    assert done.returncode == 6
    assert "no stack named 'dev' found" in done.stderr


def test_a_changed_stack_file_keeps_its_link_and_its_mode(stack: Any) -> None:
    file, own = stack.folder / "Pulumi.dev.yaml", stack.folder / "own.yaml"
    file.unlink(missing_ok=True)
    own.write_text("config: {}\n")
    own.chmod(0o640)
    file.symlink_to(own.name)
    stack.must("config", "set", "region", "us")
    assert file.is_symlink()
    assert "region: us" in own.read_text()
    assert own.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("config: {a: J\u00fcrgen}\n".encode("latin-1"), "is not text in UTF-8 (line 1)"),
        (b"config: [secret\n", "not valid YAML, line 2, column 1"),
    ],
)
def test_a_stack_file_that_cannot_be_read_is_one_line(stack: Any, content: bytes, said: str) -> None:
    (stack.folder / "Pulumi.dev.yaml").write_bytes(content)
    done = stack.run("config")
    (line,) = done.stderr.strip().splitlines()
    assert (done.returncode, line.startswith("error: ")) == (1, True)
    assert said in line
    assert "secret" not in line


def test_a_stack_file_in_utf_16_is_read_as_by_the_pulumi_cli(stack: Any) -> None:
    file = stack.folder / "Pulumi.dev.yaml"
    content = file.read_text() if file.exists() else ""
    file.write_bytes(f"{content}config: {{'box:colour': gr\u00fcn}}\n".encode("utf-16"))
    assert "gr\u00fcn" in stack.must("config")


def test_an_exported_state_can_be_imported(stack: Any, tmp_path: Path) -> None:
    stack.must("config", "set", "--secret", "password", "hunter2")
    stack.up()
    file = tmp_path / "deployment.json"
    stack.must("stack", "export", "--file", str(file))
    before = stack.state()["resources"]
    stack.must("destroy", "--yes", "--skip-preview")
    stack.must("stack", "import", "--file", str(file))
    assert stack.state()["resources"] == before
    file.write_text(file.read_text().replace("urn:pulumi:dev::", "urn:pulumi:other::"))
    done = stack.run("stack", "import", "--file", str(file))
    assert done.returncode == 1
    assert "another stack" in done.stderr


def test_it_never_prompts(stack: Any) -> None:
    done = stack.run("up")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert stack.objects() == {}


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--yes", "--target", "urn"],
        ["destroy", "--yes", "--exclude=urn"],
        ["refresh", "--yes", "--run-program"],
        ["up", "--yes", "--plan", "file"],
        ["preview", "--policy-pack", "folder"],
        ["stack", "init", "other", "--secrets-provider", "awskms://key"],
    ],
)
def test_flags_that_only_the_cli_has(stack: Any, words: list[str]) -> None:
    done = stack.run(*words)
    assert done.returncode == 1
    assert "not supported by the sandbox's embedded engine" in done.stderr
    assert "Pulumi CLI" in done.stderr


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PULUMI_BACKEND_URL": "s3://bucket"}, "s3://bucket"),
        ({"Pulumi.yaml": "name: box\nruntime: nodejs\n"}, "nodejs"),
        (
            {"Pulumi.yaml": "name: box\nruntime: python\nplugins: {}\npackages: {x: y}\n"},
            "packages",
        ),
        ({"Pulumi.dev.yaml": "environment: [shared]\n"}, "ESC"),
        ({"Pulumi.dev.yaml": "secretsprovider: awskms://key\n"}, "awskms"),
    ],
)
def test_environments_that_only_the_cli_supports(stack: Any, change: dict[str, str], named: str) -> None:
    for name, text in change.items():
        if name.endswith(".yaml"):
            (stack.folder / name).write_text(text)
        else:
            stack.environment[name] = text
    done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode == 1
    assert named in done.stderr
    assert "Pulumi CLI" in done.stderr


REFUSED = {
    "a stack reference": 'pulumi.StackReference("organization/box/other")',
    "Resource.get": 'Thing("a", opts=Opts(id="a-1"))',
    "transforms": 'Thing("a", opts=Opts(transforms=[hook]))',
    "a stack transform": "pulumi.runtime.register_stack_transform(hook)",
    "a resource hook": 'pulumi.ResourceHook("hook", hook)',
    "an asset or archive": 'Thing("a", files={"one": [pulumi.StringAsset("text")]})',
    "replacement_trigger": 'Thing("a", opts=Opts(replacement_trigger="x"))',
    "replace_with": 'Thing("a", opts=Opts(replace_with=[before]))',
    "plugin_download_url": 'Thing("a", opts=Opts(plugin_download_url="https://plugins.example.com"))',
    "a remote component": 'pulumi.ComponentResource("x:y:Z", "remote", {}, None, True)',
    "a parameterised package": 'pulumi.CustomResource("x:y:Z", "z", {}, None, False, hook())',
    "a method of a resource": 'pulumi.runtime.call("x:y:Z/method", {})',
    "state_migrations": 'Thing("a", opts=Opts(state_migrations=[hook]))',
    "pulumi:index:Stash": 'pulumi.CustomResource("pulumi:index:Stash", "kept", {"input": 1})',
    "pulumi:pulumi:getResource": 'pulumi.runtime.invoke("pulumi:pulumi:getResource", {"urn": "x"})',
}
REFUSING = """\
from pulumi import ResourceOptions as Opts

async def hook(args=None):
    pass

before = Thing("before")
exec(os.environ["STATEMENT"])
"""


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return stacks.Stack(tmp_path_factory.mktemp("refusing"), REFUSING)


@pytest.mark.parametrize("feature", REFUSED)
def test_programs_that_only_the_cli_supports(refusing: Any, feature: str) -> None:
    """Refused before anything is created, even without a preview and after an earlier registration."""
    done = refusing.run("up", "--yes", "--skip-preview", STATEMENT=REFUSED[feature])
    assert done.returncode == 1
    text = done.stdout + done.stderr
    assert feature in text
    assert "not supported by the sandbox's embedded engine; use the Pulumi CLI" in text
    assert refusing.objects() == {}
    # During a call the stack itself may be registered.
    assert not any(resource["custom"] for resource in refusing.state().get("resources", ()))


CRATES = """\
from crate import *

first = Thing("first")
found = get_crate("base-0")
second = Thing("second", value=found["value"])
"""


@pytest.fixture
def crates(tmp_path: Path) -> Any:
    stack = stacks.Stack(tmp_path, CRATES)
    shutil.copy(stacks.COMMON / "crate.py", stack.folder)
    stack.environment["PATH"] = os.pathsep.join([str(stacks.COMMON), stack.environment["PATH"]])
    base = {"label": "base", "serial": "base-0", "rev": 1, "token": "t", "value": "found"}
    stack.cloud_file.write_text(json.dumps({"objects": {"base-0": base}, "counters": {}, "faults": {}}))
    return stack


def test_refused_after_a_function_was_called(crates: Any) -> None:
    """During the call the SDK registers earlier resources."""
    crates.write(CRATES + 'pulumi.StackReference("organization/box/other")\n')
    done = crates.run("up", "--yes", "--skip-preview")
    assert "a stack reference" in done.stdout
    assert list(crates.objects()) == ["base-0"]
    crates.write(CRATES)
    crates.up()
    assert list(crates.objects()) == ["base-0", "first-1", "second-1"]


def test_function_that_waits_for_a_resource(crates: Any) -> None:
    crates.write(
        CRATES + 'print(pulumi.runtime.invoke("crate:index:getCrate", {"id": second.serial}).value)\n'
    )
    assert "found" in crates.up()


def test_children_reach_nothing_without_a_sandbox(tmp_path: Path) -> None:
    program = """\
names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
pulumi.export("environment", {name: os.environ.get(name, "") for name in names})
"""
    stack = stacks.Stack(tmp_path, program)
    stack.environment["HTTPS_PROXY"] = "http://proxy.example.com:3128"
    stack.up()
    got = json.loads(stack.must("stack", "output", "environment"))
    assert {got[name] for name in got if "no" not in name.lower()} == {"http://127.0.0.1:9"}
    assert "127.0.0.1" in got["NO_PROXY"]


def test_the_callers_pulumi_variables_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    world = {
        "PULUMI_HOME": "theirs",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "PULUMI_BACKEND_URL": "file://theirs",
    }
    monkeypatch.setattr(environment, "_sandbox", lambda: world)
    got = environment.resolve(
        {"PULUMI_HOME": "mine", "HTTPS_PROXY": "http://elsewhere", "PATH": os.environ["PATH"]}
    )
    assert got["PULUMI_HOME"] == "mine"
    assert got["PULUMI_BACKEND_URL"] == "file://theirs"
    assert got["HTTPS_PROXY"] == "http://127.0.0.1:1"


def test_project_is_found_from_a_folder_below(stack: Any) -> None:
    below = stack.folder / "some" / "where"
    below.mkdir(parents=True)
    assert "dev" in stack.run("stack", "ls", "--cwd", str(below)).stdout
    stack.must("config", "set", "region", "eu")
    other = stack.folder / "other.yaml"
    other.write_text("config:\n  box:region: us\n")
    assert stack.must("config", "get", "region").strip() == "eu"
    assert stack.must("config", "get", "region", "--config-file", str(other)).strip() == "us"


def test_setting_a_value_keeps_the_rest_of_the_file(stack: Any) -> None:
    file = stack.folder / "Pulumi.dev.yaml"
    before = """\
# Who may change this: the network team.
config:
  # Where it runs.
  box:region: eu # near us
  zone: 042
  box:rules:
    # Checked twice.
    port: 443
    open: no
  box:old: x
"""
    salt = file.read_text()
    file.write_text(before + salt)
    stack.must("config", "set", "region", "us")
    stack.must("config", "set", "--path", "rules.host", "yes")
    stack.must("config", "set", "number", "042")
    stack.must("config", "rm", "old")
    after = file.read_text()
    expected = before.replace("region: eu", "region: us").replace("  box:old: x\n", "")
    added = '    host: "yes"\n'
    expected = expected.replace("    open: no\n", "    open: no\n" + added) + '  box:number: "042"\n' + salt
    assert sorted(after.splitlines()) == sorted(expected.splitlines())
    assert after.startswith(expected.partition("  box:number")[0])
    assert stack.must("config", "get", "zone").strip() == "042"
    assert json.loads(stack.must("config", "get", "rules")) == {"host": "yes", "open": "no", "port": 443}
    stack.must("config", "set", "--path", "rules.list[0]", "first")
    stack.must("config", "rm", "--path", "rules.port")
    assert json.loads(stack.must("config", "get", "rules")) == {
        "host": "yes",
        "list": ["first"],
        "open": "no",
    }


def test_configuration_is_read_as_the_pulumi_cli_reads_it(stack: Any) -> None:
    """As observed with the Pulumi CLI 3.260.0."""
    lines = ["flag: True", "y: y", "on: on", "octal: 042", "new: 0o42", "under: 1_000", "time: 12:30:45",
             "null_: ~", "f: 1e3", "hex: 0x1F"]  # fmt: skip
    file = stack.folder / "Pulumi.dev.yaml"
    file.write_text(file.read_text() + "config:\n  box:rules:\n" + "".join(f"    {line}\n" for line in lines))
    expected = (
        '{"f":1000,"flag":true,"hex":31,"new":34,"null_":null,"octal":34,"on":"on","time":"12:30:45",'
        '"under":1000,"y":"y"}'
    )
    assert stack.must("config", "get", "rules").strip() == expected
