"""`preview --json`, `refresh --preview-only --json`: the plan as one document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.engine.deployment import Outcome
from sandbox.engine.events import details, state_document
from sandbox.engine.resource import STACK_TYPE
from sandbox.engine.steps import Step


class PreviewDocument:
    """Collects steps and messages and prints them at the end.

    Args:
        config: The stack's configuration as text, secrets masked.
        refresh: Whether this is a refresh, whose steps are told by their results.
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
            if step.op != "same" or step.resource.type == STACK_TYPE:
                self._steps.append(_document(step, step.op))
        elif kind == "resOutputsEvent" and self._refresh and _worth_telling(step):
            self._replace(_document(step, step.result))

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
        document["changeSummary"] = {op: n for op, n in sorted(outcome.changes.items()) if n}
        print(json.dumps(document, indent=4, ensure_ascii=False, default=str))


def _worth_telling(step: Step) -> bool:
    """A refresh is told by its result only if there are details; a removal always is [case refresh: d]."""
    return step.result == "delete" or (step.result == "update" and bool(step.diff and step.diff.detailed))


def _document(step: Step, op: str) -> dict[str, Any]:
    out: dict[str, Any] = {"op": op, "urn": step.urn}
    if step.resource.provider:
        out["provider"] = step.resource.provider
    if step.old is not None:
        out["oldState"] = state_document(step.old)
    if step.new is not None:
        out["newState"] = state_document(step.new)
    diff = step.diff
    if diff is not None and diff.keys:
        out["diffReasons"] = list(diff.keys)
    if diff is not None and diff.replace_keys:
        out["replaceReasons"] = list(diff.replace_keys)
    return out | {"detailedDiff": details(step, "kind")}
