"""The engine's events, in the form that the Pulumi CLI gives its automation API (`--event-log`, `--json`)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.engine.resource import Resource
from sandbox.engine.steps import Step
from sandbox.engine.values import shown

Listener = Callable[[str, dict[str, Any], Step | None], None]


class Events:
    """Numbers events and passes them to listeners, one at a time."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    def subscribe(self, listener: Listener) -> None:
        """Let `listener(kind, payload, step)` have every event from now on."""
        self._listeners.append(listener)

    def emit(self, kind: str, payload: dict[str, Any], step: Step | None = None) -> None:
        """Tell everybody."""
        with self._lock:
            for listener in self._listeners:
                listener(kind, payload, step)

    def step(self, kind: str, step: Step, *, preview: bool, **more: Any) -> None:
        """An event about a step: `resourcePreEvent`, `resOutputsEvent` or `resOpFailedEvent`."""
        payload = {
            "metadata": metadata(step, step.shown_op if kind == "resOutputsEvent" else step.op),
            **more,
        }
        if preview:
            payload["planning"] = True
        self.emit(kind, payload, step)

    def diagnostic(self, severity: str, text: str, urn: str = "", stream: int = 0) -> None:
        """A message: error, warning, info, info#err or debug; what processes print has a stream of its own."""
        prefix = {"error": "error: ", "warning": "warning: "}.get(severity, "")
        payload = {"prefix": prefix, "message": text + "\n", "color": "never", "severity": severity}
        self.emit(
            "diagnosticEvent",
            payload | ({"urn": urn} if urn else {}) | ({"streamID": stream} if stream else {}),
        )


class JsonLines:
    """Writes events as JSON, one a line."""

    def __init__(self, write: Callable[[str], Any], *, show_secrets: bool = False) -> None:
        self._write = write
        self._sequence = 0

    def __call__(self, kind: str, payload: dict[str, Any], step: Step | None) -> None:
        """Write one event."""
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: payload}
        self._sequence += 1
        self._write(json.dumps(event, separators=(",", ":"), default=str) + "\n")

    @classmethod
    def to_file(cls, path: Path) -> JsonLines:
        """Write to a file, line by line so that it can be followed."""
        return cls(path.open("w", encoding="utf-8", buffering=1).write)


def metadata(step: Step, op: str) -> dict[str, Any]:
    """What events say about a step."""
    out: dict[str, Any] = {"op": op, "urn": step.urn, "type": step.resource.type}
    for side, state in (("old", step.old), ("new", step.new)):
        out[side] = None if state is None else state_document(state)
    diff = step.diff
    if diff is not None and diff.replace_keys:
        out["keys"] = list(diff.replace_keys)
    if diff is not None and diff.keys:
        out["diffs"] = list(diff.keys)
    out["detailedDiff"] = details(step, "diffKind")
    if step.logical:
        out["logical"] = True
    out["provider"] = step.resource.provider
    return out


def details(step: Step, kind_key: str) -> dict[str, Any] | None:
    """The differences of a step by path; None where the provider gave none."""
    if step.diff is None or step.diff.detailed is None:
        return None
    return {
        path: {kind_key: kind, "inputDiff": inputs} for path, (kind, inputs) in step.diff.detailed.items()
    }


def state_document(state: Resource) -> dict[str, Any]:
    """A resource as people may see it, with the state file's keys."""
    return state.to_json(shown)
