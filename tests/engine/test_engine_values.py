"""Values and property paths: round trips, and resetting a path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2

from sandbox.engine import paths
from sandbox.engine.providers import Outgoing, request
from sandbox.engine.values import (
    SIGNATURE,
    UNKNOWN,
    Repeated,
    Secret,
    equal,
    from_state,
    from_struct,
    mark_secrets,
    plain,
    shared,
    to_state,
    to_struct,
)

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6).filter(
    lambda key: key != SIGNATURE
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer())
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MODEL = st.recursive(
    SCALARS | st.just(UNKNOWN) | VALUES.map(Secret),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _over_the_wire(properties: dict[str, Any], **options: bool) -> dict[str, Any]:
    message = to_struct(properties, **options)
    return from_struct(Struct.FromString(message.SerializeToString()))


@given(st.dictionaries(KEYS, MODEL, max_size=4))
def test_values_survive_the_wire(properties: dict[str, Any]) -> None:
    assert equal(_over_the_wire(properties, secrets=True), properties)


@given(st.dictionaries(KEYS, MODEL, max_size=4))
def test_receivers_that_take_no_secrets_get_plain_values(properties: dict[str, Any]) -> None:
    got = _over_the_wire(properties)
    assert equal(got, plain(properties))


@given(st.dictionaries(KEYS, VALUES | VALUES.map(Secret), max_size=4))
def test_values_survive_the_state_file(properties: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(to_state(properties, lambda text: "v1:" + text)))
    assert equal(from_state(stored, lambda text: text.removeprefix("v1:")), properties)


def _text(properties: dict[str, Any]) -> str:
    """With every type told apart, in any order of keys."""
    return json.dumps(to_state(properties, str), sort_keys=True)


@given(st.dictionaries(KEYS, MODEL, max_size=4), st.dictionaries(KEYS, MODEL, max_size=4))
def test_what_is_known_changes_no_value(properties: dict[str, Any], known: dict[str, Any]) -> None:
    before = _text(known)
    message = to_struct(properties, secrets=True)
    assert _text(from_struct(message, known)) == _text(from_struct(message))
    assert _text(shared(properties, known)) == _text(properties)
    assert _text(known) == before


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_equal_values_are_held_once(properties: dict[str, Any]) -> None:
    known = _over_the_wire(properties)
    assert from_struct(to_struct(properties), known) is known
    other = _over_the_wire(properties)
    assert shared(other, known) is known
    changed = {**other, "\x00": "more"}
    part = shared(changed, known)
    assert part is not known
    assert all(part[key] is known[key] for key in known)


def test_a_truth_is_no_number_and_a_number_no_text() -> None:
    for value, known in ((True, 1), (1, True), (1, 1.0), ("1", 1), ([], {}), (None, {})):
        assert shared({"a": value}, {"a": known})["a"] is value


@given(st.dictionaries(KEYS, MODEL, max_size=4), st.dictionaries(KEYS, MODEL, max_size=4))
def test_a_request_in_parts_is_the_request(olds: dict[str, Any], news: dict[str, Any]) -> None:
    urn = "urn:pulumi:dev::p::pulumi-python:dynamic:Resource::box"
    parts = {"olds": Outgoing(olds, secrets=True, references=True), "news": Outgoing(news, False, False)}
    whole = provider_pb2.DiffRequest(
        urn=urn, name="box", type="pulumi-python:dynamic:Resource", id="1", ignoreChanges=["a"],
        olds=to_struct(olds, secrets=True, references=True), news=to_struct(news),
    )  # fmt: skip
    encoded = request("Diff", urn, {"id": "1", "ignoreChanges": ["a"], **parts})
    assert provider_pb2.DiffRequest.FromString(encoded) == whole


def test_parsed_maps_with_one_text_are_held_once() -> None:
    text = '{"in": {"a": {"name": "x"}, "b": {"name": "y"}}, "out": {"a": {"name": "x"}, "c": {"name": 1}}}'
    found = json.loads(text, object_hook=Repeated())
    assert found == json.loads(text)
    assert found["in"]["a"] is found["out"]["a"]


def test_numbers_are_written_as_people_write_them() -> None:
    properties = {"whole": 7.0, "exact": 9007199254740991, "half": 1.5, "truth": True}
    text = json.dumps(to_state(_over_the_wire(properties), str))
    assert text == '{"whole": 7, "exact": 9007199254740991, "half": 1.5, "truth": true}' or json.loads(
        text
    ) == {
        "whole": 7,
        "exact": 9007199254740991,
        "half": 1.5,
        "truth": True,
    }
    assert "7.0" not in text


def test_true_does_not_equal_one() -> None:
    assert not equal({"a": True}, {"a": 1})
    assert not equal(Secret("x"), "x")


def test_secret_markers_are_restored() -> None:
    sources = {"map": {"key": Secret("k"), "open": "o"}, "list": ["x", Secret("y")], "gone": Secret("z")}
    marked = mark_secrets({"map": {"key": "k2", "open": "o"}, "list": ["x", "y"], "new": 1}, sources)
    assert marked == {"map": {"key": Secret("k2"), "open": "o"}, "list": Secret(["x", "y"]), "new": 1}


@given(st.lists(KEYS.filter(lambda key: key != "*") | st.integers(0, 9), min_size=1, max_size=4))
def test_property_paths_survive_being_written(path: list[str | int]) -> None:
    rendered = paths.render(path)
    if all(part != "" for part in path):
        assert paths.parse(rendered) == tuple(path)


def test_paths_are_written_as_the_cli_writes_them() -> None:
    """Case builtin_invokes: URNs as keys."""
    path = ["after", "urn:pulumi:dev::box::box:Thing::a", "snake_case", 0, "with-hyphen"]
    assert paths.render(path) == 'after["urn:pulumi:dev::box::box:Thing::a"].snake_case[0]["with-hyphen"]'


@pytest.mark.parametrize("text", ["a..b", "a[", "a]b", ".a", "a[x]", 'a["b]'])
def test_broken_paths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a property path"):
        paths.parse(text)


@pytest.mark.parametrize(
    ("path", "old", "new", "desired", "followed"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}, True),
        ("a", {}, {"a": 2}, {}, True),
        ("a", {"a": 1}, {}, {"a": 1}, True),
        ("a.b", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}, True),
        ("a.b", {"a": {"b": 1}}, {}, {}, False),
        ("a[1]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [3, 2]}, True),
        ("a[1]", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}, False),
        ("a[*].x", {"a": [{"x": 1}]}, {"a": [{"x": 2, "y": 3}]}, {"a": [{"x": 1, "y": 3}]}, True),
        ("*", {"a": 1}, {"a": 2, "b": 3}, {"a": 1}, True),
        ("a", {"a": Secret(1)}, {"a": 2}, {"a": Secret(1)}, True),
        ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}, True),
    ],
)
def test_an_ignored_path_keeps_its_old_value(
    path: str, old: Any, new: Any, desired: Any, followed: bool
) -> None:
    assert paths.reset(paths.parse(path), old, new) is followed
    assert new == desired


@given(st.dictionaries(KEYS, VALUES, max_size=3), st.dictionaries(KEYS, VALUES, max_size=3))
def test_equal_maps_have_no_difference_and_others_do(old: dict[str, Any], new: dict[str, Any]) -> None:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if item is not None}
        return [bare(item) for item in value] if isinstance(value, list) else value

    found = paths.difference(old, new)
    assert paths.difference(old, old) == {}
    if not found:
        assert equal(bare(old), bare(new))
    assert {paths.render(path) for path in found if path[0] not in {**old, **new}} == set()


def test_results_are_not_copied_where_nothing_is_secret() -> None:
    results = {"book": {"ada@example.com": {"name": "Ada"}}}
    assert mark_secrets(results, {"book": {"ada@example.com": {"name": "Ada"}}, "other": 1}) is results
    marked = mark_secrets(results | {"key": "x"}, results | {"key": Secret("x")})
    assert marked == results | {"key": Secret("x")}
    assert marked["book"] is results["book"]
