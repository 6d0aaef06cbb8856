"""A state as commands read it: small, whatever the number of addresses, and complete in what they need of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.state import read_checkpoint, refuse_foreign, require_version, without_lists
from mimecast_sso.settings import SECRET

BOOK = "pulumi-python:dynamic/mimecast:AddressBook"
ENTRIES = {"ada@example.com": {"name": "Ada"}, "grace@example.com": {"name": "Grace", "passwordVersion": "1"}}


def deployment(tmp_path: Path, *, inputs: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    resource = {"urn": f"urn:pulumi:s::p::{BOOK}::book", "type": BOOK, "inputs": inputs, "outputs": outputs}
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [resource]}}}))
    return read_checkpoint(file)


def test_inputs_repeat_the_outputs_and_are_left_out(tmp_path: Path) -> None:
    (book,) = deployment(tmp_path, inputs={"addresses": ENTRIES}, outputs={"addresses": ENTRIES})["resources"]
    assert (book["inputs"], book["outputs"]) == ({}, {"addresses": ENTRIES})


@pytest.mark.parametrize("version", [99, "4", None])
def test_a_state_of_another_version_is_refused_and_not_taken_for_empty(
    tmp_path: Path, version: object
) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"version": version, "checkpoint": {}}))
    with pytest.raises(OperationError, match=r"s\.json has version .*; this release reads versions 3 and 4"):
        read_checkpoint(file)
    # The same in other backends.
    with pytest.raises(OperationError, match=r"The state of stack s has version"):
        require_version("The state of stack s", version)


@pytest.mark.parametrize("half", ["", '{"version": 3, "checkp'])
def test_a_file_that_a_run_is_writing_is_read_again(tmp_path: Path, half: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(half)
    whole = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}})
    assert read_checkpoint(file, sleep=lambda _: void(file.write_text(whole))) == {"resources": []}


def void(_: object) -> None:
    """Nothing."""


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_a_foreign_provider_is_refused_in_either(tmp_path: Path, part: str) -> None:
    parts: dict[str, Any] = {"inputs": {}, "outputs": {}} | {part: {"__provider": "code"}}
    with pytest.raises(OperationError, match=r"holds a provider that is not this project's, for book"):
        refuse_foreign("s", deployment(tmp_path, **parts))


def test_entries_with_the_same_name_are_one_object(tmp_path: Path) -> None:
    entries = {
        "a@example.com": {"name": "Ada"},
        "b@example.com": {"name": "Ada"},
        "c@example.com": {"name": ""},
    }
    (book,) = deployment(tmp_path, inputs={}, outputs={"addresses": entries, "name": {"name": 1}})[
        "resources"
    ]
    found = book["outputs"]["addresses"]
    assert found == entries
    assert found["a@example.com"] is found["b@example.com"]


def test_the_record_copies_only_what_holds_a_secret(tmp_path: Path) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    state = deployment(tmp_path, inputs={}, outputs={"addresses": ENTRIES, "list": [{"password": secret}]})
    (recorded,) = in_state(state["resources"]).resources
    assert recorded.outputs == {"addresses": ENTRIES, "list": [{"password": SECRET}]}
    assert recorded.outputs["addresses"] is state["resources"][0]["outputs"]["addresses"]


def test_equal_address_books_are_one_object(tmp_path: Path) -> None:
    entries = {f"person{number}@example.com": {"name": ""} for number in range(1000)}
    others = entries | {"ada@example.com": {"name": "Ada"}}
    outputs = {"first": entries, "again": entries, "other": others}
    (book,) = deployment(tmp_path, inputs={}, outputs=outputs)["resources"]
    assert book["outputs"] == outputs
    assert book["outputs"]["first"] is book["outputs"]["again"]


@pytest.mark.parametrize("kind", ["resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"])
def test_events_are_read_without_address_books_and_with_everything_else(kind: Any) -> None:
    properties = {"inputs": {"addresses": ENTRIES}, "outputs": {"addresses": ENTRIES}}
    step: dict[str, Any] = {"op": "update", "urn": "book", "type": BOOK, "diffs": ["addresses"]}
    event: Any = {kind: {"metadata": step | {"old": {"type": BOOK, **properties}, "new": None}}}
    left = {"type": BOOK, "inputs": {}, "outputs": {}}
    assert without_lists(event) == {kind: {"metadata": step | {"old": left, "new": None}}}
    other: Any = {kind: {"metadata": step | {"type": "other", "old": None, "new": {**properties}}}}
    assert without_lists(other)[kind]["metadata"]["new"] == properties
    assert without_lists({"summaryEvent": {}}) == {"summaryEvent": {}}


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ({"op": "same"}, False),
        ({"op": "refresh"}, False),
        (
            {"op": "refresh", "detailedDiff": {'addresses["ada@example.com"].name': {"diffKind": "update"}}},
            True,
        ),
        ({"op": "refresh", "diffs": ["addresses"]}, True),
        ({"op": "update"}, True),
    ],
)
def test_lists_that_differ_stay_in_events_if_they_are_compared(step: Any, kept: bool) -> None:
    event: Any = {
        "resOutputsEvent": {"metadata": {"type": BOOK, "old": {"outputs": {"addresses": ENTRIES}}} | step}
    }
    found: Any = without_lists(event, changed=False)
    assert bool(found["resOutputsEvent"]["metadata"]["old"]["outputs"]) is kept
