"""Drift between the live state and the stack, from one preview that refreshes first.

Such a preview reads every object (recorded and live value) and then plans the program's changes (desired value),
and writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mimecast_sso.facts.engine_documents import EngineEvent, Step, StepState
from mimecast_sso.facts.json_types import JSON

_ABSENT = "(none)"
_PATH = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[]+)')
_INDEX = re.compile(r"\[\d+\]$")
_CHANGES = frozenset({"create", "update", "delete", "replace", "import"})


@dataclass(frozen=True, slots=True)
class NamedResource:
    """A resource by the name that people use."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True, slots=True)
class PropertyDifference:
    """One property whose live value differs from the recorded one; ``path`` is empty if the whole object is gone.

    ``expected`` says until when and why it is expected; "" if it is not.
    """

    resource: NamedResource
    path: str
    recorded: str
    live: str
    desired: str
    expected: str = ""

    @property
    def full_path(self) -> str:
        """What ``drift.expected`` names: the resource's type and name, and its property."""
        return ".".join(filter(None, (self.resource.type, self.resource.name, self.path)))


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """The result of a drift check: ``differences`` of the live state, and ``planned`` steps with another cause."""

    differences: tuple[PropertyDifference, ...]
    planned: tuple[str, ...]


def report(events: Iterable[EngineEvent]) -> RefreshReport:
    """Read the engine events of a preview that refreshes first."""
    reading: set[str] = set()
    read: dict[str, Step] = {}
    steps: dict[str, Step] = {}
    for event in events:
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            if metadata["op"] == "refresh":
                reading.add(metadata["urn"])
            elif metadata["op"] in _CHANGES and "pulumi:providers:" not in metadata["type"]:
                steps[metadata["urn"]] = metadata
        elif "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"]["metadata"]
            # The two engines report a refresh's result under different names.
            if metadata["urn"] in reading:
                reading.discard(metadata["urn"])
                read[metadata["urn"]] = metadata
    drifted = {urn: metadata for urn, metadata in read.items() if _differs(metadata)}
    differences = [row for urn, metadata in drifted.items() for row in _rows(metadata, steps.get(urn))]
    planned = [f"{step['op']} {_resource(urn)}" for urn, step in steps.items() if urn not in drifted]
    return RefreshReport(tuple(sorted(differences, key=str)), tuple(sorted(planned)))


def _differs(metadata: Step) -> bool:
    return not metadata.get("new") or bool(_paths(metadata))


def _paths(metadata: Step) -> list[str]:
    """The differing properties: those the provider names, else the differing outputs."""
    found = metadata.get("detailedDiff") or metadata.get("diffs")
    if found or metadata["op"] != "update":
        # A list is compared as a whole: the position of an element has no meaning.
        return list(dict.fromkeys(_INDEX.sub("", path) for path in found or ()))
    old, new = ((side or {}).get("outputs") or {} for side in (metadata["old"], metadata["new"]))
    return sorted(key for key in new if new[key] != old.get(key))


def _rows(metadata: Step, step: Step | None) -> Iterator[PropertyDifference]:
    resource = _resource(metadata["urn"])
    if not metadata.get("new"):
        desired = (
            "recreated by the next deployment" if step else "removed from the state by the next deployment"
        )
        yield PropertyDifference(resource, "", _ABSENT, _ABSENT, desired)
        return
    for path in _paths(metadata):
        recorded, live = _at(metadata["old"], path), _at(metadata["new"], path)
        desired = _at(step["new"], path, inputs=True) if step else live
        yield PropertyDifference(resource, path, recorded, live, desired)


def _at(state: StepState | None, path: str, *, inputs: bool = False) -> str:
    # Outputs are the current state; inputs are the desired state.
    value: JSON = (state or {}).get("inputs" if inputs else "outputs") or {}
    for key, index, name in _PATH.findall(path):
        if isinstance(value, dict):
            value = value.get(json.loads(f'"{key}"') if key else name)
        elif isinstance(value, list) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            return _ABSENT
    return _written(value)


def _written(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(sorted(value)) or _ABSENT
    if value is None:
        return _ABSENT
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _resource(urn: str) -> NamedResource:
    *_, chain, name = urn.split("::")
    return NamedResource(chain.rpartition("$")[2].rpartition(":")[2], name)
