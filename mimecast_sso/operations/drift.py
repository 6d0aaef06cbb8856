"""Drift: the live world against the stack, read from one preview that refreshes first.

Such a preview reads every object (recorded and live value) and then plans what the program wants (wanted value),
and writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mimecast_sso.text.wording import count

_ABSENT = "(none)"
_PATH = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[]+)')
_CHANGES = frozenset({"create", "update", "delete", "replace", "import"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as people name it."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One property whose live value is not the recorded one; ``path`` is empty when the whole object is gone."""

    resource: Resource
    path: str
    recorded: str
    live: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a drift check found: ``differences`` in the live world, and ``planned`` steps that have another cause."""

    differences: tuple[Difference, ...]
    planned: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether the live world, the stack and the program are anything but one."""
        return bool(self.differences or self.planned)

    def lines(self) -> Iterator[str]:
        """The report as text."""
        if not self.found:
            yield "No drift: the live world is as recorded, and as the program wants it."
            return
        if self.differences:
            yield f"Drift: {count(len(self.differences), 'difference')} between the live world and the stack."
        for difference in self.differences:
            yield f"  {difference.resource}{': ' + difference.path if difference.path else ' is gone'}"
            if difference.path:
                yield f"      recorded  {difference.recorded}"
                yield f"      live      {difference.live}"
            yield f"      wanted    {difference.wanted}"
        if self.planned:
            yield f"Not deployed yet: {count(len(self.planned), 'change')} of the program or its configuration."
            yield from (f"  {step}" for step in self.planned)


def report(events: Iterable[dict[str, Any]]) -> Report:
    """Reads the engine events of a preview that refreshes first."""
    reading: set[str] = set()
    read: dict[str, dict[str, Any]] = {}
    steps: dict[str, dict[str, Any]] = {}
    for event in events:
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            if metadata["op"] == "refresh":
                reading.add(metadata["urn"])
            elif metadata["op"] in _CHANGES and "pulumi:providers:" not in metadata["type"]:
                steps[metadata["urn"]] = metadata
        elif "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"]["metadata"]
            # The refresh reports its result under one name in one engine, under another in the next.
            if metadata["urn"] in reading:
                reading.discard(metadata["urn"])
                read[metadata["urn"]] = metadata
    drifted = {urn: metadata for urn, metadata in read.items() if _differs(metadata)}
    differences = [row for urn, metadata in drifted.items() for row in _rows(metadata, steps.get(urn))]
    planned = [f"{step['op']} {_resource(urn)}" for urn, step in steps.items() if urn not in drifted]
    return Report(tuple(sorted(differences, key=str)), tuple(sorted(planned)))


def _differs(metadata: dict[str, Any]) -> bool:
    return not metadata.get("new") or bool(_paths(metadata))


def _paths(metadata: dict[str, Any]) -> list[str]:
    """What differs: as the provider says, or the outputs where it only says that something does."""
    found = metadata.get("detailedDiff") or metadata.get("diffs")
    if found or metadata["op"] != "update":
        return list(found or ())
    old, new = (metadata[side].get("outputs") or {} for side in ("old", "new"))
    return sorted(key for key in new if new[key] != old.get(key))


def _rows(metadata: dict[str, Any], step: dict[str, Any] | None) -> Iterator[Difference]:
    resource = _resource(metadata["urn"])
    if not metadata.get("new"):
        wanted = "recreated by the next deployment" if step else "forgotten by the next deployment"
        yield Difference(resource, "", _ABSENT, _ABSENT, wanted)
        return
    for path in _paths(metadata):
        recorded, live = _at(metadata["old"], path), _at(metadata["new"], path)
        wanted = _at(step["new"], path, inputs=True) if step else live
        yield Difference(resource, path, recorded, live, wanted)


def _at(state: dict[str, Any], path: str, *, inputs: bool = False) -> str:
    # Outputs are what is; inputs are what is wanted.
    value: Any = state.get("inputs" if inputs else "outputs") or {}
    for key, index, name in _PATH.findall(path):
        if isinstance(value, dict):
            value = value.get(json.loads(f'"{key}"') if key else name)
        elif isinstance(value, list) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            return _ABSENT
    return (
        _ABSENT if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    )


def _resource(urn: str) -> Resource:
    *_, chain, name = urn.split("::")
    return Resource(chain.rpartition("$")[2].rpartition(":")[2], name)
