"""Reading a stack's record: from a state, and from within the program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest

from mimecast_sso.assessment.record import Record
from mimecast_sso.assessment.recorded import RecordedResource, from_state, in_program
from mimecast_sso.provenance import How, Known
from mimecast_sso.settings import SECRET
from mimecast_sso.text.names import email_address
from tests.engine import stacks

SECRET_VALUE = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "v1:never-shown",
}
APPLICATION = "azuread:index/application:Application"
FUNCTION = "pulumi:pulumi:readStackResourceOutputs"
Reply = Callable[[], Any]


def _urn(name: str, type_: str = APPLICATION) -> str:
    return f"urn:pulumi:prod-eu::mimecast-sso::{type_}::{name}"


class _Mocks(pulumi.runtime.Mocks):
    def __init__(self, response: Reply) -> None:
        self.calls: list[pulumi.runtime.MockCallArgs] = []
        self._response = response

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        self.calls.append(args)
        return self._response()

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, args.inputs


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    pulumi.runtime.reset_options()


def _asked(response: Reply) -> tuple[Known[Record], list[pulumi.runtime.MockCallArgs]]:
    mocks = _Mocks(response)
    pulumi.runtime.set_mocks(mocks, project="mimecast-sso", stack="prod-eu", organization="organization")
    return in_program(sleep=lambda _: None), mocks.calls


# -- from a state -------------------------------------------------------------------------------------


def test_state_without_pending_deletions_and_secrets() -> None:
    outputs = {"uri": "api://x", "key": SECRET_VALUE, "list": [1, SECRET_VALUE], "__provider": "pickled"}
    resources = [
        {"urn": _urn("b"), "type": APPLICATION, "custom": True, "outputs": outputs},
        {"urn": _urn("a"), "type": APPLICATION, "custom": True},
        {"urn": _urn("a"), "type": APPLICATION, "custom": True, "delete": True, "outputs": {"uri": "old"}},
        {
            "urn": _urn("default", "pulumi:providers:pulumi"),
            "type": "pulumi:providers:pulumi",
            "custom": True,
        },
    ]
    known = from_state(resources)
    assert (known.how, known.source) == (How.RECORDED, "the stack's state")
    assert resources_of(known) == [
        RecordedResource(_urn("a"), APPLICATION, {}),
        RecordedResource(
            _urn("b"),
            APPLICATION,
            {"uri": "api://x", "key": SECRET, "list": [1, SECRET], "__provider": "pickled"},
        ),
    ]


def test_a_state_is_copied_only_where_a_secret_is_in_it_and_has_its_time() -> None:
    """An address book may have 100,000 entries."""
    clean = {"addresses": {"ada@example.com": {"name": ""}}, "created": ["ada@example.com"]}
    outputs = {**clean, "keys": [{"key": SECRET_VALUE}]}
    state = [
        {"urn": _urn(name), "type": APPLICATION, "outputs": each}
        for name, each in (("a", clean), ("b", outputs))
    ]
    written_at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    known = from_state(state, written_at)
    assert known.value is not None
    assert known.value.written_at == written_at
    untouched, cleaned = (each.outputs for each in resources_of(known))
    assert untouched is clean
    assert cleaned["keys"] == [{"key": SECRET}]
    assert all(cleaned[key] is value for key, value in clean.items())


def resources_of(known: Known[Record]) -> list[RecordedResource]:
    """Custom resources by URN."""
    assert known.value is not None
    return sorted(
        (each for each in known.value.resources if each.type == APPLICATION), key=lambda each: each.urn
    )


def unread(reason: str) -> Known[Record]:
    """An unknown record."""
    return Known(None, How.UNKNOWN, f"the recorded state could not be read from the engine: {reason}")


# -- in a program -------------------------------------------------------------------------------------


def test_program_asks_about_its_own_stack() -> None:
    outputs = {
        "uri": "api://x",
        "count": 3,
        "ratio": 0.5,
        "none": None,
        "key": pulumi.Output.secret("hunter2"),
        "nested": {"list": ["open", pulumi.Output.secret({"password": "hunter2"})]},
    }
    known, calls = _asked(
        lambda: {
            "name": "organization/mimecast-sso/prod-eu",
            "outputs": {_urn("a"): {"type": APPLICATION, "outputs": outputs}},
        }
    )
    assert known.how is How.RECORDED
    assert known.value is not None
    (resource,) = known.value.resources
    assert (resource.urn, resource.type) == (_urn("a"), APPLICATION)
    assert resource.outputs["key"] == SECRET
    assert resource.outputs["nested"] == {"list": ["open", SECRET]}
    assert resource.outputs["count"] == 3
    assert resource.outputs["ratio"] == 0.5
    assert "hunter2" not in repr(known)
    (call,) = calls
    assert (call.token, call.args) == (FUNCTION, {"stackName": "organization/mimecast-sso/prod-eu"})


def test_of_equal_texts_in_the_record_there_is_one() -> None:
    """An address book has each address as a key and in a list; 100,000 of them are also handed over to commands."""
    book = {"addresses": {"ada@example.com": {"name": "Ada"}}, "created": ["ada@example.com"]}
    reply = {"name": "x", "outputs": {_urn("a"): {"type": APPLICATION, "outputs": book}}}
    known, _ = _asked(lambda: json.loads(json.dumps(reply)))
    (resource,) = resources_of(known)
    assert resource.outputs == book
    (address,) = resource.outputs["addresses"]
    assert address is resource.outputs["created"][0] is email_address("Ada@example.com")


def test_a_component_reads_its_own_part() -> None:
    _asked(lambda: {"name": "x", "outputs": {}})
    found = in_program("us")
    assert found.value is not None
    assert found.value.component == "us"


def test_before_the_first_deployment_the_record_is_empty() -> None:
    known, _ = _asked(lambda: {"name": "organization/mimecast-sso/prod-eu", "outputs": {}})
    assert known == Known(Record(), How.RECORDED, "the stack's state")


def test_a_state_that_is_being_written_is_read_again() -> None:
    failures = [RuntimeError("failed to load checkpoint: EOF")] * 2

    def response() -> Any:
        if failures:
            raise failures.pop()
        return {"name": "x", "outputs": {}}

    known, calls = _asked(response)
    assert known.is_known
    assert len(calls) == 3


def test_state_that_cannot_be_read_is_unknown() -> None:
    def response() -> Any:
        raise RuntimeError("failed to load checkpoint: EOF")

    known, calls = _asked(response)
    assert known == unread("failed to load checkpoint: EOF")
    assert len(calls) == 4
    pauses: list[float] = []
    in_program(sleep=pauses.append)
    assert pauses == [0.1, 0.3, 1.0]


class _Failed(grpc.RpcError, grpc.Call):
    """What a call of the engine raises; its own text is a page long."""

    def details(self) -> str:
        return "unknown stack"


def test_the_reason_is_what_the_engine_says_else_the_kind_of_error() -> None:
    for error, reason in ((_Failed("status = …"), "unknown stack"), (KeyError(), "KeyError")):

        def response(error: Exception = error) -> Any:
            raise error

        assert _asked(response)[0] == unread(reason)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: ({}, [("stackName", "not allowed")]), "not allowed"),
        (lambda: {"name": "x"}, f"the response of {FUNCTION} has no outputs"),
        (dict, f"the response of {FUNCTION} has no outputs"),
    ],
)
def test_engine_without_the_function(response: Reply, reason: str) -> None:
    known, calls = _asked(response)
    assert known == unread(reason)
    assert len(calls) == 1


def test_other_errors_are_not_retried() -> None:
    def response() -> Any:
        raise RuntimeError('unknown stack "organization/mimecast-sso/prod-eu"')

    known, calls = _asked(response)
    assert known == unread('unknown stack "organization/mimecast-sso/prod-eu"')
    assert len(calls) == 1


def test_without_an_engine_the_record_is_unknown() -> None:
    pulumi.runtime.reset_options(project="mimecast-sso", stack="prod-eu", organization="organization")
    assert in_program() == unread("the program does not run under a Pulumi engine")


PROGRAM = """
import json
from mimecast_sso.assessment.recorded import in_program

known = in_program()
found = {each.urn: [each.type, dict(each.outputs)] for each in known.value.resources}
pulumi.log.info("found " + json.dumps([known.how, known.source, found]))
Thing("a", value=1, password=pulumi.Output.secret("hunter2"), nested={"list": ["x", pulumi.Output.secret("y")]})
pulumi.export("password", pulumi.Output.secret("hunter2"))
"""


def _found(shown: str) -> list[Any]:
    line = shown.rpartition("found ")[2].splitlines()[0]
    found: list[Any] = json.loads(line)
    return found


@pytest.mark.parametrize(
    "cli",
    [
        pytest.param(None, id="embedded"),
        pytest.param("pulumi", marks=pytest.mark.cli),
    ],
)
def test_program_and_export_agree(tmp_path: Path, cli: str | None) -> None:
    stack = stacks.Stack(tmp_path, PROGRAM)

    def shown(*words: str) -> str:
        done = stack.run(*words, "--stack", "dev", cli=[cli] if cli else None)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert _found(shown("preview", "--non-interactive")) == [How.RECORDED, "the stack's state", {}]
    shown("up", "--yes", "--skip-preview", "--non-interactive")
    _, _, seen = _found(shown("preview", "--non-interactive"))
    exported = from_state(json.loads(shown("stack", "export"))["deployment"]["resources"])
    assert exported.value is not None
    in_state = {each.urn: [each.type, dict(each.outputs)] for each in exported.value.resources}
    assert seen == {urn: in_state[urn] for urn in seen}
    (thing,) = (outputs for urn, (_, outputs) in seen.items() if urn.endswith("::a"))
    assert (thing["password"], thing["nested"], thing["value"]) == (SECRET, {"list": SECRET}, 1)
    (own,) = (outputs for _, (type_, outputs) in seen.items() if type_ == "pulumi:pulumi:Stack")
    assert own == {"password": SECRET}
