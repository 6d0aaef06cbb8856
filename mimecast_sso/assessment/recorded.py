"""Where the record of the last deployment comes from: the engine itself, asked by the program, or an exported state.

The engine's own function ``pulumi:pulumi:readStackResourceOutputs`` gives a program the outputs of every resource of a
stack, in a preview and in a deployment, ``{}`` before the first one (measured on the Pulumi CLI 3.260). So a program
knows what was deployed whoever starts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mimecast_sso.assessment.record import Record
from mimecast_sso.provenance import How, Known, unknown
from mimecast_sso.settings import SECRET

_FUNCTION = "pulumi:pulumi:readStackResourceOutputs"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_PAUSES = (0.1, 0.3, 1.0)
"""Seconds before the engine is asked again: it may be writing the state file that it reads."""
_SOURCE = "the stack's state"


@dataclass(frozen=True, slots=True)
class RecordedResource:
    """A resource of a state. ``outputs`` hold no secret: `mimecast_sso.settings.SECRET` stands for each."""

    urn: str
    type: str
    outputs: Mapping[str, Any] = field(repr=False)


def in_program(sleep: Callable[[float], None] = time.sleep) -> Known[Record]:
    """The record of the running program's own stack; unknown where the engine cannot tell."""
    import pulumi  # noqa: PLC0415  (commands read an exported state, and do not load the SDK)

    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    problem: Exception | None = None
    for pause in (*_PAUSES, 0.0):
        try:
            answer = pulumi.runtime.invoke(_FUNCTION, {"stackName": name}).value or {}
        except Exception as error:
            problem = error
            sleep(pause)
        else:
            resources = answer.get("outputs") or {}
            return Known(_record(resources), How.RECORDED, _SOURCE)
    return unknown(f"the engine did not tell what it recorded: {problem}")


def from_state(resources: Iterable[Mapping[str, Any]]) -> Known[Record]:
    """The record from the resources of an exported state; pending deletions are left out."""
    found = {
        str(each["urn"]): {"type": each["type"], "outputs": each.get("outputs") or {}}
        for each in resources
        if not each.get("delete")
    }
    return Known(_record(found), How.RECORDED, _SOURCE)


def _record(resources: Mapping[str, Mapping[str, Any]]) -> Record:
    return Record(
        tuple(
            RecordedResource(urn, str(each["type"]), _without_secrets(each.get("outputs") or {}))
            for urn, each in resources.items()
        )
    )


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _SIGNATURE in value:
            return SECRET
        return {key: _without_secrets(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_secrets(entry) for entry in value]
    return value
