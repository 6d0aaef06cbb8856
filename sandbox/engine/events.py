"""The engine's events, in the Pulumi CLI's format for its automation API (`--event-log`, `--json`)."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.engine.outcome import Outcome
from sandbox.engine.resource import STACK_TYPE
from sandbox.engine.steps import Step
from sandbox.engine.values import shown

Listener = Callable[[str, dict[str, Any], Step | None], None]
_OUTER_LEVELS = 4
"""Levels of an event above its properties: the event, its metadata, the resource before and after it, and inputs."""


class Events:
    """Passes events to listeners, one at a time."""

    def __init__(self, *, preview: bool) -> None:
        self._preview = preview
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    def subscribe(self, listener: Listener) -> None:
        """Pass every event from now on to `listener(kind, payload, step)`."""
        self._listeners.append(listener)

    def emit(self, kind: str, payload: dict[str, Any], step: Step | None = None) -> None:
        """Pass an event to every listener."""
        with self._lock:
            for listener in self._listeners:
                listener(kind, payload, step)

    def step(self, kind: str, step: Step, **more: Any) -> None:
        """An event about a step: `resourcePreEvent`, `resOutputsEvent` or `resOpFailedEvent`."""
        op = step.shown_op if kind == "resOutputsEvent" else step.op
        planning = {"planning": True} if self._preview else {}
        self.emit(kind, {"metadata": metadata(step, op), **more, **planning}, step)

    def diagnostic(self, severity: str, text: str, urn: str = "", stream: int = 0) -> None:
        """A message: error, warning, info, info#err or debug; processes' output has its own stream."""
        prefix = {"error": "error: ", "warning": "warning: "}.get(severity, "")
        payload = {"prefix": prefix, "message": text + "\n", "color": "never", "severity": severity}
        self.emit(
            "diagnosticEvent",
            payload | ({"urn": urn} if urn else {}) | ({"streamID": stream} if stream else {}),
        )

    def summary(self, outcome: Outcome) -> None:
        """The run's result."""
        payload = {
            "maybeCorrupt": outcome.doubtful,
            "durationSeconds": int(outcome.seconds),
            "resourceChanges": outcome.changes,
            "isPreview": self._preview,
            "result": "succeeded" if outcome.ok else "failed",
        }
        self.emit("summaryEvent", payload)


class JsonLines:
    """Writes events as JSON, one per line."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._sequence = 0

    def __call__(self, kind: str, payload: dict[str, Any], step: Step | None) -> None:
        """Write one event."""
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: payload}
        self._sequence += 1
        for piece in _pieces(event, _OUTER_LEVELS):
            self._write(piece)
        self._write("\n")

    @classmethod
    def to_file(cls, path: Path) -> JsonLines:
        """Write to a file line by line, so that it can be followed. A full disk does not stop the run."""
        file = path.open("w", encoding="utf-8", buffering=1)

        def write(text: str) -> None:
            if file.closed:
                return
            try:
                file.write(text)
            except OSError as error:
                print(f"warning: the event log {path} is incomplete: {error.strerror}", file=sys.stderr)
                with contextlib.suppress(OSError):
                    file.close()

        return cls(write)


def _pieces(value: Any, levels: int) -> Iterator[str]:
    """A value as JSON, in pieces: the event of an address book of 100,000 has 26 MB, its inputs alone a quarter."""
    if not levels or not isinstance(value, dict):
        yield json.dumps(value, separators=(",", ":"), default=str)
        return
    yield "{"
    for number, (key, item) in enumerate(value.items()):
        yield f"{',' if number else ''}{json.dumps(key)}:"
        yield from _pieces(item, levels - 1)
    yield "}"


class PreviewDocument:
    """Collects steps and messages for `preview --json`, and prints them as one document at the end.

    Args:
        config: The stack's configuration as text, secrets masked.
        refresh: Whether this is a refresh: its steps are reported by result.
    """

    def __init__(self, config: Mapping[str, str], *, refresh: bool) -> None:
        self._refresh = refresh
        self._config = dict(sorted(config.items()))
        self._steps: list[dict[str, Any]] = []
        self._diagnostics: list[dict[str, Any]] = []

    def __call__(self, kind: str, payload: dict[str, Any], step: Step | None) -> None:
        """Take one event."""
        if kind == "diagnosticEvent" and payload["severity"] != "debug":
            told = {"urn": payload.get("urn"), "prefix": payload["prefix"], "message": payload["message"]}
            told["message"] = payload["prefix"] + payload["message"]
            self._diagnostics.append(
                {**{k: v for k, v in told.items() if v}, "severity": payload["severity"]}
            )
        if step is None or step.internal or not (step.logical or step.op == "refresh"):
            return
        if kind == "resourcePreEvent":
            if step.op != "same" or step.resource.type == STACK_TYPE or step.changes_protection:
                self._steps.append(_planned(step, step.op))
        elif kind == "resOutputsEvent" and self._refresh and _reported_by_result(step):
            self._replace(_planned(step, step.result))

    def _replace(self, document: dict[str, Any]) -> None:
        for index, other in enumerate(self._steps):
            if other["urn"] == document["urn"] and other["op"] == "refresh":
                self._steps[index] = document

    def finish(self, outcome: Outcome) -> None:
        """Print the document."""
        document: dict[str, Any] = {"config": self._config} if self._config else {}
        if self._steps:
            document["steps"] = self._steps
        if self._diagnostics:
            document["diagnostics"] = self._diagnostics
        document["duration"] = int(outcome.seconds * 1e9)
        if changes := {op: n for op, n in sorted(outcome.changes.items()) if n}:
            document["changeSummary"] = changes
        print(json.dumps(document, indent=4, ensure_ascii=False, default=str))


def _reported_by_result(step: Step) -> bool:
    """Whether a refresh is reported by its result: with details, or for a removal [case refresh: d]."""
    return step.result == "delete" or (step.result == "update" and bool(step.diff and step.diff.detailed))


def metadata(step: Step, op: str) -> dict[str, Any]:
    """A step's metadata in events."""
    out: dict[str, Any] = {"op": op, "urn": step.urn, "type": step.resource.type}
    for side, state in (("old", step.old), ("new", step.new)):
        out[side] = None if state is None else state.to_json(shown)
    if step.diff is not None and step.diff.replace_keys:
        out["keys"] = list(step.diff.replace_keys)
    if step.diff is not None and step.diff.keys:
        out["diffs"] = list(step.diff.keys)
    if step.logical:
        out["logical"] = True
    return out | {"detailedDiff": _details(step, "diffKind"), "provider": step.resource.provider}


def _planned(step: Step, op: str) -> dict[str, Any]:
    """A step's metadata in `preview --json`."""
    told = metadata(step, op)
    names = {"op": "op", "urn": "urn", "provider": "provider", "old": "oldState", "new": "newState",
             "diffs": "diffReasons", "keys": "replaceReasons"}  # fmt: skip
    out = {name: told[key] for key, name in names.items() if told.get(key)}
    return out | {"detailedDiff": _details(step, "kind")}


def _details(step: Step, kind_key: str) -> dict[str, Any] | None:
    """A step's differences by path; None if the provider gave none."""
    if step.diff is None or step.diff.detailed is None:
        return None
    return {path: {kind_key: kind, "inputDiff": own} for path, (kind, own) in step.diff.detailed.items()}
