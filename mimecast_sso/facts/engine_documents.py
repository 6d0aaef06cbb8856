"""The documents of Pulumi's engine that commands read: the resources of a state, and the events of a run.

Values of inputs and outputs are any JSON. Only the keys that are read here are listed; both engines write them.

Source: Pulumi, ``sdk/go/common/apitype`` (``ResourceV3``, ``EngineEvent``, ``StepEventMetadata``).
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

from mimecast_sso.facts.json_types import JSON

STATE_VERSIONS: Final = (3, 4)
"""The versions of a state file that Pulumi 3 writes; the second adds `features` (``CheckpointV4``)."""


class StateResource(TypedDict, total=False):
    """A resource in a state."""

    urn: str
    type: str
    id: str
    custom: bool
    parent: str
    protect: bool
    delete: bool
    inputs: dict[str, JSON]
    outputs: dict[str, JSON]


class Manifest(TypedDict, total=False):
    """Which engine wrote a state, and when."""

    time: str


class Deployment(TypedDict, total=False):
    """What a state records of the last deployment."""

    manifest: Manifest
    resources: list[StateResource]
    pending_operations: list[dict[str, JSON]]


class StepState(TypedDict, total=False):
    """A resource before or after a step."""

    type: str
    custom: bool
    inputs: dict[str, JSON]
    outputs: dict[str, JSON]


class Step(TypedDict, total=False):
    """A step of a run: ``op`` is ``create``, ``update``, ``same`` …"""

    op: str
    urn: str
    type: str
    old: StepState | None
    new: StepState | None
    diffs: list[str] | None
    detailedDiff: dict[str, JSON] | None


QUIET: Final = frozenset({"same", "read", "refresh"})
"""Operations that change nothing: an unchanged resource, and a program's reads."""


class StepEvent(TypedDict):
    """The event of a step."""

    metadata: Step


StepKind = Literal["resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"]
STEP_EVENTS: Final[tuple[StepKind, ...]] = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent")
"""The events of a step: before it, after it, or after its failure."""


class Diagnostic(TypedDict, total=False):
    """A message of the engine, the program or a provider."""

    urn: str
    prefix: str
    message: str
    severity: str
    ephemeral: bool


class Summary(TypedDict, total=False):
    """The end of a run: the number of steps by operation."""

    resourceChanges: dict[str, int]


class EngineEvent(TypedDict, total=False):
    """An event, which has one of these keys, or one that is not read."""

    diagnosticEvent: Diagnostic
    resourcePreEvent: StepEvent
    resOutputsEvent: StepEvent
    resOpFailedEvent: StepEvent
    summaryEvent: Summary
