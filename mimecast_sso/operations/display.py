"""The display of an engine run, each thing once: messages, changed resources, outputs.

The engine shows a message beside its resource while it runs and again at the end, and a line each time a resource
changes its status. That fits its own terminal display; ``--verbose`` has it.

Source of the events: "Engine events" in Pulumi's automation API (``pulumi.automation.events``).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import click

from mimecast_sso.assessment.plan_digest import ANNOUNCED
from mimecast_sso.console.run_sheet import CONSOLE_WORK_IS_DUE
from mimecast_sso.facts.engine_documents import Diagnostic, EngineEvent, Step
from mimecast_sso.facts.outputs import OUTPUTS
from mimecast_sso.facts.resource_types import is_retained
from mimecast_sso.operations.failures import Failures
from mimecast_sso.text import foreign
from mimecast_sso.text.paragraphs import on_terminal
from mimecast_sso.text.wording import count

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_STACK = "pulumi:pulumi:Stack"
_PROGRAM_ENDED = "error: an unhandled error occurred: program exited with non-zero exit code"
_OWN_ERROR = "error: ResourceError: "
"""How the SDK prefixes an error of this project's providers (`providers.edge`)."""
_SAID_EVERY = 15.0
"""Seconds between two progress messages."""
_MOST_LISTED = 12
_DEEPEST = 4
"""Blanks of indentation of a message that are kept."""
_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "create": ("+", "created", "create"),
    "create-replacement": ("+-", "replaced", "replace"),
    "replace": ("+-", "replaced", "replace"),
    "update": ("~", "updated", "update"),
    "import": ("=", "imported", "import"),
    "import-replacement": ("=>", "imported", "import"),
    "delete": ("-", "deleted", "delete"),
    "discard": ("<", "discarded", "discard"),
}
"""Operation → mark, past participle, infinitive: the words of the Pulumi CLI."""
_FORGOTTEN: Final = ("-", "forgotten", "forget")
"""The words for a resource that the engine deletes from the state only."""
_STAYS = " (it stays in Entra)"
_MAIN_OUTPUTS = ("applicationId", "identifier", "replyUrl", "certificateThumbprint", "certificateExpiry")
"""Shown for a new stack. The run sheet has the others that people need, and ``pulumi stack output`` has all."""
_STATE = "authenticationProfile"
"""Shown after every run: the state of the console's profile."""


@dataclass(slots=True)
class Concise:
    """Show one run from its events.

    Attributes:
        title: Printed first.
        plans: Whether it is a preview, which changes nothing.
        destroys: Whether it is a tear-down.
        failures: Explains errors.
    """

    title: str
    plans: bool = False
    destroys: bool = False
    failures: Failures = field(default_factory=lambda: Failures(""))
    _said: set[str] = field(default_factory=set)
    _changed: list[str] = field(default_factory=list)
    _outputs: Mapping[str, object] | None = None
    _before: Mapping[str, object] | None = None
    _summary: dict[str, int] = field(default_factory=dict)
    _failed: int = 0
    _console_work: str = ""
    _begun: bool = False
    _last: float = field(default_factory=time.monotonic)

    def take(self, event: EngineEvent) -> None:
        """Show an event; before the first one, the title."""
        self._begin()
        self.failures.take(event)
        if "diagnosticEvent" in event:
            self._message(event["diagnosticEvent"])
        elif "resourcePreEvent" in event and self.plans:
            self._change(event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            self._done(event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            self._failed += 1
        elif "summaryEvent" in event:
            self._summary = event["summaryEvent"].get("resourceChanges") or {}

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            click.echo(f"{self.title}:")

    def still_running(self) -> None:
        """Print a progress message now and then."""
        if time.monotonic() - self._last >= _SAID_EVERY:
            self._last = time.monotonic()
            self._begin()
            done = f"{count(len(self._changed), 'resource')} done so far" if self._changed else "starting"
            click.echo(f"  … {done}")

    def end(self, *, ok: bool) -> None:
        """Show the end of the run: outputs (if it succeeded), and the count of changes."""
        if self.plans or not ok or 0 < len(self._changed) <= _MOST_LISTED:
            for line in dict.fromkeys(self._changed):
                click.echo(on_terminal(line))
        if ok and not self.plans:
            self._show_outputs()
        elif self._console_work:
            click.echo("\n".join(wrapped(self._console_work)))
        lines = list(self._resources())
        if lines:
            click.echo("Resources:")
        for line in lines:
            click.echo(f"    {line}")

    def _message(self, event: Diagnostic) -> None:
        if event.get("ephemeral") or event.get("severity") == "debug":
            return
        text = text_of(event).replace(_OWN_ERROR, "error: ", 1)
        # The command itself prints the digest after the run, and after a successful one the run sheet.
        if text.startswith(f"warning: {CONSOLE_WORK_IS_DUE}") and not self.plans:
            self._console_work = text
            return
        explained, raw = self.failures.explain(event)
        text = f"error: {explained}\n  {raw}" if explained else text
        if _PROGRAM_ENDED in text and any(each.startswith("error: ") for each in self._said):
            return  # It only repeats that there was an error.
        if text and text not in self._said and not text.startswith(ANNOUNCED):
            self._said.add(text)
            for line in wrapped(text):
                click.echo(line, err=event.get("severity") == "error")

    def _change(self, metadata: Step) -> None:
        forgotten = _is_forgotten(metadata) and not self.destroys
        mark, done, planned = _words(metadata, forgotten=forgotten)
        if mark:
            word = (planned if self.plans else done) + (_STAYS if forgotten else "")
            self._changed.append(f" {mark:2} {_named(metadata)} {word}{_difference(metadata)}")

    def _done(self, metadata: Step) -> None:
        if metadata["type"] == _STACK:
            self._outputs = (metadata.get("new") or {}).get("outputs")
            self._before = (metadata.get("old") or {}).get("outputs")
        if not self.plans:
            self._change(metadata)

    def _show_outputs(self) -> None:
        before, now = self._before or {}, self._outputs or {}
        # The engine's order is that in which the values became known.
        changed = [
            key for key in _in_order(now) if before.get(key) != now[key] and (before or key in _MAIN_OUTPUTS)
        ]
        shown = dict.fromkeys(key for key in (*changed, _STATE) if key in now)
        if shown:
            click.echo("Outputs:")
        for key in shown:
            for line in _output(key, before.get(key), now[key]):
                click.echo(f"    {line}")

    def _resources(self) -> Iterator[str]:
        changes = {operation: number for operation, number in self._summary.items() if operation in _WORDS}
        for operation, number in changes.items():
            mark, done, planned = _WORDS[operation]
            yield f"{mark} {number} {f'to {planned}' if self.plans else done}"
        unchanged = self._summary.get("same", 0)
        if len(changes) > 1:
            rest = f". {unchanged} unchanged" if unchanged else ""
            yield f"{count(sum(changes.values()), 'change')}{rest}"
        elif unchanged:
            yield f"{unchanged} unchanged"
        if self._failed:
            yield f"{self._failed} errored"


def _in_order(outputs: Iterable[str]) -> list[str]:
    """The names of outputs in the order of their reference, then all others."""
    known = list(OUTPUTS)
    return sorted(outputs, key=lambda each: (known.index(each) if each in OUTPUTS else len(known), each))


def _output(path: str, before: object, now: object) -> Iterator[str]:
    """An output with its previous value; for a map, each changed item and its state, by path."""
    if not isinstance(now, Mapping):
        was = f"{_json(before)} => " if before not in (None, now) else ""
        yield f"{path}: {was}{_json(now)}"
        return
    known = before if isinstance(before, Mapping) else {}
    for name, value in now.items():
        if name == "state" or (known and value != known.get(name)):
            yield from _output(f"{path}.{name}", known.get(name), value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def planned_step(metadata: Step) -> str:
    """The planned step for a resource: ``update ServicePrincipal portal [diff: notes]``; "" if nothing changes."""
    mark, _, planned = _words(metadata, forgotten=_is_forgotten(metadata))
    return f"{planned} {_named(metadata)}{_difference(metadata)}" if mark else ""


def _is_forgotten(metadata: Step) -> bool:
    """Whether a step deletes a resource from the state only; a tear-down deletes what it belongs to."""
    return metadata["op"] == "delete" and is_retained(metadata["type"], metadata["urn"])


def _words(metadata: Step, *, forgotten: bool) -> tuple[str, str, str]:
    """Mark, participle and infinitive of a step; empty for one that changes nothing, and for providers."""
    nothing = ("", "", "")
    if forgotten:
        return _FORGOTTEN
    return nothing if "pulumi:providers:" in metadata["type"] else _WORDS.get(metadata["op"], nothing)


def text_of(event: Diagnostic) -> str:
    """The text of a diagnostic event, without colours."""
    return _COLOUR.sub("", f"{event.get('prefix') or ''}{event.get('message') or ''}").strip()


def wrapped(text: str) -> Iterator[str]:
    """A message wrapped for the terminal; one line in a pipe or a file, so that it can be searched."""
    for paragraph in text.splitlines():
        # A refusal's facts are indented below their heading, and both below the refusal.
        depth = min(len(paragraph) - len(paragraph.lstrip(" ")), _DEEPEST)
        yield on_terminal(f"{' ' * (depth + 2) if depth else ''}{foreign.one_line(paragraph)}")


def _named(metadata: Step) -> str:
    return f"{metadata['type'].rpartition(':')[2]} {metadata['urn'].rpartition('::')[2]}"


def _difference(metadata: Step) -> str:
    paths = metadata.get("detailedDiff") or metadata.get("diffs") or ()
    properties = dict.fromkeys(re.split(r"[.\[]", path)[0] for path in paths)
    return f" [diff: {', '.join(properties)}]" if properties and metadata["op"] != "create" else ""
