"""The sources of the record of the last deployment: the engine, asked by the program, or an exported state.

The engine's own function ``pulumi:pulumi:readStackResourceOutputs`` gives a program the outputs of every resource of a
stack, in a preview and in a deployment, ``{}`` before the first one (measured on the Pulumi CLI 3.260). So a program
knows the last deployment, whoever starts it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import grpc
from google.protobuf.json_format import MessageToDict

from mimecast_sso.assessment.record import Record
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.provenance import How, Known, unknown
from mimecast_sso.settings import SECRET

_FUNCTION = "pulumi:pulumi:readStackResourceOutputs"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_PAUSES = (0.1, 0.3, 1.0)
"""Seconds before the state is read again: the engine may be writing the file."""
_SOURCE = "the stack's state"
_BEING_WRITTEN = "failed to load checkpoint"


@dataclass(frozen=True, slots=True)
class RecordedResource:
    """A resource of a state. ``outputs`` hold no secret: `mimecast_sso.settings.SECRET` stands for each."""

    urn: str
    type: str
    outputs: Mapping[str, JSON] = field(repr=False)


def in_program(component: str = "", *, sleep: Callable[[float], None] = time.sleep) -> Known[Record]:
    """The record of the running program's stack; unknown if the engine cannot return it.

    ``component`` names one of several in the program; "" if it has one.

    In a preview that is the last deployment; during a deployment it is the state at this moment.
    """
    import pulumi  # noqa: PLC0415  (commands read an exported state, and do not load the SDK)

    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for pause in (*_PAUSES, None):
        try:
            record = _record(_ask(name))
            return Known(record.of(component) if component else record, How.RECORDED, _SOURCE)
        except Exception as error:
            reason = _reason(error)
        # The CLI's file backend does not replace its file atomically: a reader may find it half-written.
        if pause is None or _BEING_WRITTEN not in reason:
            break
        sleep(pause)
    return unknown(f"the recorded state could not be read from the engine: {reason}")


def _ask(stack: str) -> Mapping[str, Mapping[str, JSON]]:
    # `pulumi.runtime.invoke` gives secrets in plain text; the engine's own response marks each of them.
    from pulumi.runtime.proto import resource_pb2  # noqa: PLC0415
    from pulumi.runtime.settings import get_monitor  # noqa: PLC0415

    monitor = get_monitor()
    if monitor is None:
        raise ValueError("the program does not run under a Pulumi engine")
    request = resource_pb2.ResourceInvokeRequest(tok=_FUNCTION, acceptResources=True)
    request.args["stackName"] = stack
    response = monitor.Invoke(request)
    if response.failures:
        raise ValueError(response.failures[0].reason)
    returned = MessageToDict(getattr(response, "return"))
    if "outputs" not in returned:
        raise ValueError(f"the response of {_FUNCTION} has no outputs")
    outputs: Mapping[str, Mapping[str, JSON]] = _interned(returned["outputs"])
    return outputs


def _interned(value: JSON) -> JSON:
    """The value, with one string for all equal ones.

    An address book has each address several times, and the configuration and both tenants have the same ones, interned.
    """
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {sys.intern(key): _interned(entry) for key, entry in value.items()}
    return [_interned(entry) for entry in value] if isinstance(value, list) else value


def _reason(error: Exception) -> str:
    details = error.details() if isinstance(error, grpc.Call) else None
    return details or str(error) or type(error).__name__


def from_state(resources: Iterable[Mapping[str, JSON]], written_at: datetime | None = None) -> Known[Record]:
    """The record from the resources of an exported state, with how it is known; ``written_at`` is the state's time."""
    return Known(replace(in_state(resources), written_at=written_at), How.RECORDED, _SOURCE)


def in_state(resources: Iterable[Mapping[str, JSON]]) -> Record:
    """The record from the resources of an exported state; pending deletions are left out."""
    return _record({str(each["urn"]): each for each in resources if not each.get("delete")})


def _record(resources: Mapping[str, Mapping[str, JSON]]) -> Record:
    return Record(
        tuple(
            RecordedResource(urn, str(each["type"]), _without_secrets(each.get("outputs") or {}))
            for urn, each in resources.items()
        )
    )


def _without_secrets(value: JSON) -> JSON:
    """The value; a copy only where a secret is in it, because an address book may have 100,000 entries."""
    if isinstance(value, Mapping):
        if _SIGNATURE in value:
            return SECRET
        cleaned = {key: _without_secrets(entry) for key, entry in value.items()}
        return cleaned if any(cleaned[key] is not entry for key, entry in value.items()) else value
    if isinstance(value, list):
        entries = [_without_secrets(entry) for entry in value]
        return entries if any(new is not old for new, old in zip(entries, value, strict=True)) else value
    return value
