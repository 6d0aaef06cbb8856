"""The display of a run: lines, or a live tree on a terminal, then diagnostics, outputs and a summary."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.engine.object_diff import ObjectDiff
from sandbox.engine.outcome import Outcome
from sandbox.engine.resource import STACK_TYPE, display_type, make_urn, tree, urn_name, urn_type
from sandbox.engine.stack import Stack
from sandbox.engine.steps import Step, is_default_provider
from sandbox.engine.values import UNKNOWN, Properties, Secret, equal


class _Words(NamedTuple):
    """An operation's symbol, and its labels while running, when done and when planned."""

    symbol: str
    running: str
    done: str
    planned: str


_OPERATIONS = {
    "create": _Words("+ ", "creating", "created", "create"),
    "delete": _Words("- ", "deleting", "deleted", "delete"),
    "update": _Words("~ ", "updating", "updated", "update"),
    "refresh": _Words("~ ", "refreshing", "refresh", "refreshing"),
    "replace": _Words("+-", "replacing", "replaced", "replace"),
    "create-replacement": _Words("++", "creating replacement", "created replacement", "create replacement"),
    "delete-replaced": _Words("--", "deleting original", "deleted original", "delete original"),
    "import": _Words("= ", "importing", "imported", "import"),
    "import-replacement": _Words("=>", "importing replacement", "imported replacement", "import-replacement"),
}
_OTHER = _Words("  ", "", "", "")
_COLOURS = {"+": "32", "-": "31", "~": "33", "=": "36", "error": "31", "warning": "33"}
_COUNTED = ("create", "update", "replace", "delete", "import", "import-replacement")
_TITLES = {
    "update": ("Updating", "Previewing update"),
    "refresh": ("Refreshing", "Previewing refresh"),
    "destroy": ("Destroying", "Previewing destroy"),
}


@dataclass(frozen=True)
class _Message:
    severity: str
    text: str
    stream: int = 0


@dataclass
class _Row:
    """The display's record of one resource of the run."""

    urn: str
    type: str
    parent: str = ""
    op: str = "same"
    status: str = ""
    info: str = ""
    started: float = 0.0
    failed: bool = False
    done: bool = False
    messages: list[_Message] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The type as displayed."""
        return display_type(self.type)


class Style:
    """Colours, if enabled by `--color`, NO_COLOR and the terminal."""

    def __init__(self, choice: str) -> None:
        requested = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.on = choice == "always" or (choice == "auto" and requested)

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour (an SGR code)."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.on and colour else text

    def mark(self, text: str, mark: str) -> str:
        """The text in the colour of a symbol (`+`, `-`, `~`) or a severity."""
        return self.paint(text, _COLOURS.get(mark, ""))

    def symbol(self, op: str) -> str:
        """The two-character symbol of an operation."""
        text = _OPERATIONS.get(op, _OTHER).symbol
        return self.mark(text, text[0])


class Display:
    """Shows one run: on a terminal as a tree that is redrawn in place, else as one line per event.

    With `--diff`, as property differences.
    """

    def __init__(self, kind: str, stack: Stack, options: argparse.Namespace, *, preview: bool) -> None:
        self._kind = kind
        self._preview = preview
        self._style = style = Style(options.color)
        self._diff = options.diff
        self._values = ObjectDiff(style.mark, show_secrets=options.show_secrets)
        self._inputs = ObjectDiff(style.mark, sames=False)
        self._printed: set[str] = set()  # URNs that have an entry in the tree of `--diff`
        self._outputs_shown = not options.suppress_outputs
        self._rows: dict[str, _Row] = {}
        project = stack.project.name
        self._stack_urn = make_urn(stack.name, project, "", STACK_TYPE, f"{project}-{stack.name}")
        self._ended = False
        self._lock = threading.Lock()
        live = sys.stdout.isatty() and not options.non_interactive and os.environ.get("TERM") != "dumb"
        live = live and not options.suppress_progress and not options.diff
        self._painter = _Painter(self) if live else None
        print(style.paint(f"{_TITLES[kind][preview]} ({stack.name}):", "1;35"), flush=True)

    # -- events -------------------------------------------------------------------------------------

    def __call__(self, kind: str, payload: dict[str, Any], step: Step | None) -> None:
        """Take one event."""
        with self._lock:
            if step is not None and not step.internal:
                self._step(kind, step)
            elif kind == "diagnosticEvent":
                self._diagnostic(payload)

    def _row(self, urn: str, type_: str = "") -> _Row:
        return self._rows.setdefault(urn, _Row(urn, type_ or urn_type(urn)))

    def _step(self, kind: str, step: Step) -> None:
        row = self._row(step.urn, step.resource.type)
        row.parent = step.resource.parent
        op = step.shown_op if kind == "resOutputsEvent" else step.op
        words = _OPERATIONS.get(op, _OTHER)
        if op != "same" and (kind != "resOutputsEvent" or row.op in ("same", "refresh")):
            row.op = op
        if kind == "resourcePreEvent":
            row.started = time.monotonic()
            row.status = words.planned if self._preview else words.running
            if op == "same" and row.type == STACK_TYPE:
                row.status = "running"
            row.info = _summary_of(step)
        elif kind == "resOpFailedEvent":
            row.failed, row.done = True, True
            row.status = f"**{words.running or op} failed**"
        else:
            row.done = True
            if step.op == "refresh":
                row.op = op
                row.info = _summary_of(step)
            row.status = words.planned
            if op != "same" and not self._preview:
                row.status = f"{words.done} ({_duration(time.monotonic() - row.started)})"
            if step.resource.retain_on_delete and op == "delete":
                row.status += "[retain]"
        if self._diff:
            self._print_diff(step, kind)
        elif self._painter is None and self._worth_a_line(row, step, kind):
            self._print_row(row)

    def _worth_a_line(self, row: _Row, step: Step, kind: str) -> bool:
        if row.type == STACK_TYPE:
            return kind == "resourcePreEvent" or step.op == "delete"  # its last line is printed at the end
        if self._preview and kind == "resOutputsEvent" and step.op != "refresh":
            return False
        return step.op != "same" or bool(row.info)

    def _diagnostic(self, payload: dict[str, Any]) -> None:
        text = payload["prefix"] + payload["message"].rstrip("\n")
        message = _Message(payload["severity"], text, payload.get("streamID", 0))
        row = self._row(payload.get("urn") or self._stack_urn)
        row.messages.append(message)
        row.failed = row.failed or message.severity == "error"
        if self._diff:
            print(self._tinted(message) + ("\n" if message.stream else ""), flush=True)
        elif self._painter is None:
            self._print_row(row, message.text)

    def _tinted(self, message: _Message) -> str:
        return "\n".join(self._style.mark(line, message.severity) for line in message.text.splitlines())

    # -- rows ---------------------------------------------------------------------------------------

    def _told(self, row: _Row, message: str = "") -> str:
        """The right part of a row: its difference, and its most severe message or the number of messages."""
        if self._ended:
            message = _counts(row)
        elif row.messages and not message:
            order = ("error", "warning", "info#err", "info")
            message = min(reversed(row.messages), key=lambda one: order.index(one.severity)).text
        return "; ".join(text for text in (row.info, message.split("\n", 1)[0]) if text)

    def _print_row(self, row: _Row, message: str = "") -> None:
        status = row.status
        if not row.done and not self._preview and status and status != "running":
            status += " (0s)"
        text = f" {self._style.symbol(row.op)} {row.kind} {urn_name(row.urn)} {status} {self._told(row, message)}"
        print(text.rstrip(), flush=True)

    def tree(self) -> Iterator[str]:
        """The rows as a tree, for the live display."""
        rows = {row.urn: row for row in list(self._rows.values()) if not is_default_provider(row.urn)}
        for urn, branch in tree({urn: row.parent for urn, row in rows.items()}):
            row = rows[urn]
            if row.op != "same" or row.type == STACK_TYPE or row.messages or row.info or row.failed:
                yield self._tree_line(row, branch)

    def _tree_line(self, row: _Row, branch: str) -> str:
        status = row.status
        if not row.done and not self._preview and row.started and status:
            status += f" ({time.monotonic() - row.started:.0f}s)"
        text = f"{branch}{row.kind}  {urn_name(row.urn)}  {status}  {self._told(row)}".rstrip()
        width = max(20, shutil.get_terminal_size((120, 30)).columns - 5)
        if len(text) > width:
            text = text[: width - 1] + "…"
        return f" {self._style.symbol(row.op)} {text}"

    # -- the end ------------------------------------------------------------------------------------

    def finish(self, outcome: Outcome) -> None:
        """Print the end of the display: diagnostics, outputs, summary."""
        with self._lock:
            stack = self._rows.get(self._stack_urn)
            if stack is not None:
                self._end_stack(stack, outcome)
            self._ended = True
            if stack is not None and self._painter is None and not self._diff:
                self._print_row(stack)
        if self._painter is not None:
            self._painter.stop()
        if not self._diff:
            self._print_diagnostics()
        if self._outputs_shown:
            self._print_outputs(outcome)
        self._print_resources(outcome)
        if not self._preview:
            print(f"Duration: {max(1, round(outcome.seconds))}s\n", flush=True)

    def _end_stack(self, stack: _Row, outcome: Outcome) -> None:
        if not outcome.ok and not self._preview and self._kind != "refresh":
            text = "update canceled" if outcome.canceled else "update failed"
            stack.messages.append(_Message("error", f"error: {text}"))
        stack.done = True
        if any(message.severity == "error" for message in stack.messages) and not self._preview:
            stack.status = "**failed**"
        elif stack.op == "same":
            stack.status = ""

    def _print_diagnostics(self) -> None:
        rows = [row for row in self._rows.values() if row.messages]
        if rows:
            print(self._style.paint("Diagnostics:", "1"))
        for row in rows:
            print(f"  {row.kind} ({urn_name(row.urn)}):")
            for stream in dict.fromkeys(message.stream for message in row.messages):
                for message in row.messages:
                    if message.stream == stream:
                        print("\n".join(f"    {line}" for line in self._tinted(message).splitlines()))
                print()

    def _print_outputs(self, outcome: Outcome) -> None:
        if outcome.outputs is None:
            return
        lines = list(self._output_lines(outcome.old_outputs, outcome.outputs))
        if lines and self._diff:
            print("    --outputs:--\n" + "\n".join(lines), flush=True)
        elif lines:
            print(self._style.paint("Outputs:", "1"))
            print("\n".join(lines) + "\n")

    def _output_lines(self, old: Properties, new: Properties) -> Iterator[str]:
        stack = self._rows.get(self._stack_urn)
        if stack is not None and stack.op == "create":
            return self._values.values(new, "    ")
        width = max(map(len, {**old, **new}), default=0)
        if self._preview:  # only what will change; an unknown value probably will not
            same = [
                key
                for key, value in new.items()
                if equal(old.get(key), value)
                or (value is UNKNOWN and isinstance(old.get(key), str))
                or (isinstance(value, Secret) and isinstance(old.get(key), Secret))
            ]
            old, new = ({key: v for key, v in side.items() if key not in same} for side in (old, new))
        return self._values.changes(old, new, "  ", width)

    def _print_resources(self, outcome: Outcome) -> None:
        changes = {op: n for op, n in outcome.changes.items() if n}
        lines = []
        for op in _COUNTED:
            if op in changes:
                told = f"to {op.split('-')[0]}" if self._preview else _OPERATIONS[op].done
                lines.append(f"    {self._style.symbol(op)}{changes[op]} {told}")
        changed = sum(n for op, n in changes.items() if op != "same")
        same = changes.get("same", 0)
        if len(lines) > 1:
            lines.append(f"    {changed} changes" + (f". {same} unchanged" if same else ""))
        elif same:
            lines.append(f"    {same} unchanged")
        errors = sum(row.failed for row in self._rows.values())
        if errors:
            lines.append(f"    {self._style.paint(f'{errors} errored', '31')}")
        if lines:
            print(self._style.paint("Resources:", "1"))
            print("\n".join(lines) + "\n", flush=True)

    # -- --diff -------------------------------------------------------------------------------------

    def _print_diff(self, step: Step, kind: str) -> None:
        if step.op in ("create-replacement", "delete-replaced", "refresh"):
            return
        stack = step.urn == self._stack_urn
        depth, parent = 0, step.resource.parent
        while parent in self._rows:
            depth, parent = depth + (parent in self._printed), self._rows[parent].parent
        pad = "    " * depth
        if kind == "resOutputsEvent":
            self._print_new_outputs(step, pad)
        if kind != "resourcePreEvent" or (step.op == "same" and not stack):
            return
        self._printed.add(step.urn)
        print(f"{pad}{self._style.symbol(step.op)}{display_type(step.resource.type)}: ({step.op})")
        id_ = (step.old or step.resource).id
        if id_ and not stack:
            print(f"{pad}    [id={id_}]")
        print(f"{pad}    [urn={step.urn}]")
        old, new = (_visible(side.inputs) if side else {} for side in (step.old, step.new))
        if step.op == "create":
            lines = self._values.values(new, pad + "    ", _width(step))
        else:
            lines = self._inputs.changes(old, new, pad + "  ")
        for line in lines:
            print(line)
        sys.stdout.flush()

    def _print_new_outputs(self, step: Step, pad: str) -> None:
        """Print the outputs of a create that are not inputs."""
        new = step.new
        if step.op != "create" or new is None or not new.custom or self._preview:
            return
        added = {key: value for key, value in _visible(new.outputs).items() if key not in new.inputs}
        if added:
            print(f"{pad}    --outputs:--")
            print("\n".join(self._values.values(added, pad + "    ", _width(step))), flush=True)


class _Painter:
    """Redraws the tree in place on a terminal, a few times a second."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._height = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.15):
            self._paint(limit=shutil.get_terminal_size((120, 30)).lines - 2)

    def _paint(self, limit: int | None = None) -> None:
        lines = list(self._display.tree())
        if limit is not None and len(lines) > limit:
            lines = lines[-limit:]
        clear = f"\x1b[{self._height}A\x1b[J" if self._height else ""
        sys.stdout.write(clear + "".join(line + "\n" for line in lines))
        sys.stdout.flush()
        self._height = len(lines)

    def stop(self) -> None:
        """Draw the final tree in full."""
        self._end.set()
        self._thread.join()
        self._paint()
        print()


def _summary_of(step: Step) -> str:
    """`[diff: +new-old~value,other]` with top-level keys."""
    old, new = step.old, step.new
    if old is None or new is None:
        return ""
    if step.op == "same":
        return "[diff: ~protect]" if step.changes_protection else ""
    if step.diff is None or not step.diff.changed:
        return ""
    signs: dict[str, list[str]] = {"+": [], "-": [], "~": []}
    for key in sorted(step.diff.keys or {*old.inputs, *new.inputs}):
        before, after = old.inputs.get(key), new.inputs.get(key)
        if step.op == "refresh":
            before, after = old.outputs.get(key), new.outputs.get(key)
        if not key.startswith("__") and (not equal(before, after) or key in step.diff.keys):
            signs["+" if before is None else "-" if after is None else "~"].append(key)
    text = "".join(sign + ",".join(keys) for sign, keys in signs.items() if keys)
    return f"[diff: {text}]" if text else ""


def _visible(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if not key.startswith("__")}


def _width(step: Step) -> int:
    return max(map(len, step.resource.inputs), default=0)


def _counts(row: _Row) -> str:
    errors = sum(message.severity == "error" for message in row.messages)
    warnings = sum(message.severity == "warning" for message in row.messages)
    rest = len(row.messages) - errors - warnings
    parts = [(errors, "error"), (warnings, "warning"), (rest, "message")]
    return "; ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in parts if n)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f}s" if seconds < 1 else f"{seconds:.0f}s"
