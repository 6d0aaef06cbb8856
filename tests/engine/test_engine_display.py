"""The display of a run; the expected texts are those of the Pulumi CLI 3.260.0."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine.events import Events, JsonLines
from sandbox.engine.resource import display_type
from tests.engine import stacks

PROGRAM = """\
import sys
v = os.environ.get("VALUE", "1")
two = v == "2"
keys = {"gone": "x"} if not two else {"added": "y", "added2": "z"}
keys["tags"] = {"k": "v", "n": v, **({"new": [1]} if two else {})}
a = Thing("a", value=v, secretish=pulumi.Output.secret("s" + v), **keys)
pulumi.ComponentResource("box:index/groupThing:GroupThing", "g")
print("printed")
pulumi.log.warn("first line\\nsecond line", a)
if two:
    pulumi.log.error("bad\\nthing")
pulumi.export("obj", {"same": 1, "diff": v, **({"new": 1} if two else {"old": 1})})
pulumi.export("list", [1, 2, {"x": v, "same": 1}] + ([4] if two else []))
pulumi.export("type", v if not two else [1])
pulumi.export("secret", pulumi.Output.secret(v))
"""
CHANGED_OUTPUTS = """\
  ~ list  : [
        [0]: 1
        [1]: 2
      ~ [2]: {
                same: 1
              ~ x   : "1" => "2"
            }
      + [3]: 4
    ]
  ~ obj   : {
      ~ diff: "1" => "2"
      + new : 1
      - old : 1
        same: 1
    }
"""


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    return stacks.Stack(tmp_path, PROGRAM)


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("azuread:index/appRoleAssignment:AppRoleAssignment", "azuread:index:AppRoleAssignment"),
        ("azuread:index/other:AppRoleAssignment", "azuread:index/other:AppRoleAssignment"),
        ("pulumi-python:dynamic/mimecast:Domain", "pulumi-python:dynamic/mimecast:Domain"),
        ("pulumi:pulumi:Stack", "pulumi:pulumi:Stack"),
        ("pulumi:providers:azuread", "pulumi:providers:azuread"),
    ],
)
def test_types_are_shortened(type_: str, shown: str) -> None:
    assert display_type(type_) == shown


def test_up_prints_a_table_of_steps_messages_and_outputs(stack: Any) -> None:
    shown = stack.up()
    assert " +  box:index:GroupThing g creating (0s)" in shown
    assert re.search(r"^ \+  pulumi-python:dynamic/box:Thing a created \(0\.\d\ds\)", shown, re.MULTILINE)
    assert re.search(r"^ \+  pulumi:pulumi:Stack box-dev created \(\d.*s\) 1 message$", shown, re.MULTILINE)
    assert "\nOutputs:\n    list  : [\n        [0]: 1\n" in shown  # nothing is marked on a new stack
    assert "  pulumi:pulumi:Stack (box-dev):\n    printed\n\n" in shown
    shown = stack.up(VALUE="2")  # a logged error fails nothing
    assert "[diff: +added,added2-gone~secretish,tags,value]; warning: first line" in shown
    assert "    warning: first line\n    second line\n\n" in shown
    assert "    pulumi:pulumi:Stack box-dev **failed** 1 error; 1 message" in shown
    assert "    printed\n\n    error: bad\n    thing\n" in shown or "    thing\n\n    printed\n" in shown
    assert CHANGED_OUTPUTS + '    secret: [secret]\n  - type  : "1"\n  + type  : [' in shown
    assert "box:index:GroupThing  g" in stack.must("stack")


def test_diff_shows_each_property_that_changes(stack: Any) -> None:
    shown = stack.up("--diff")
    assert (
        '        label     : "a"\n        secretish : [secret]\n        tags      : {\n            k: "v"'
        in shown
    )
    assert "        --outputs:--\n        rev       : 0\n" in shown
    shown = stack.must("preview", "--diff", "--color", "never", VALUE="2")
    assert (
        "  pulumi:pulumi:Stack: (same)\n    [urn=urn:pulumi:dev::box::pulumi:pulumi:Stack::box-dev]" in shown
    )
    assert '      ~ tags     : {\n          ~ n  : "1" => "2"\n          + new: [' in shown
    assert "      ~ secretish: [secret] => [secret]\n" in shown
    assert "    --outputs:--\n" + CHANGED_OUTPUTS in shown
    assert "Diagnostics" not in shown


@pytest.mark.parametrize("no_color", [True, False])
def test_a_narrow_terminal_shortens_the_rows(stack: Any, no_color: bool) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 40, 0, 0))
    environment = {
        key: value for key, value in stack.environment.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")
    }
    environment |= {"TERM": "xterm", **({"NO_COLOR": "1"} if no_color else {})}
    process = subprocess.Popen(
        [*stacks.EMBEDDED, "up", "--yes", "--skip-preview"],
        cwd=stack.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 0
    os.close(ours)
    shown = text.decode()
    assert ("\x1b[32m+ " in shown) is not no_color
    assert "\x1b[J" in shown  # it is drawn in place
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown)
    tree = plain[: plain.index("Diagnostics:")]
    assert "└─ " in tree
    assert max(len(line.rstrip("\r")) for line in tree.split("\n")) <= 40


def test_an_event_is_one_line_of_json_however_deep_it_is(tmp_path: Path) -> None:
    """It is written in pieces, because that of an address book of 100,000 has 26 MB."""
    log = tmp_path / "events.jsonl"
    events = Events(preview=True)
    events.subscribe(JsonLines.to_file(log))
    book = {
        "addresses": {"é@example.com": {"name": 'A "quoted" name\n'}},
        "list": [1, {"x": None}],
        "none": {},
    }
    state = {"type": "book", "custom": True, "inputs": book, "outputs": {}}
    payloads = [
        {"metadata": {"op": "same", "old": None, "new": state, "diffs": []}},
        {},
        {"text": "x" * 3_000_000},
    ]
    for payload in payloads:
        events.emit("event", payload)
    lines = log.read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [each["event"] for each in found] == payloads
    assert lines == [json.dumps(each, separators=(",", ":")) for each in found]
