"""What people see of a run: lines, or a live tree on a terminal, then diagnostics, outputs and a summary."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.engine import paths
from sandbox.engine.deployment import Outcome
from sandbox.engine.resource import STACK_TYPE, Resource, urn_name, urn_type
from sandbox.engine.steps import Step, is_default_provider
from sandbox.engine.values import SIGNATURE, UNKNOWN, Properties, Secret, equal, has_unknowns, shown

_SYMBOLS = {
    "create": "+ ",
    "delete": "- ",
    "update": "~ ",
    "refresh": "~ ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "import": "= ",
    "import-replacement": "=>",
    "discard": "< ",
    "same": "  ",
}
_COLOURS = {"+": "32", "-": "31", "~": "33", "=": "36", "<": "36"}
_RUNNING = {
    "create": "creating",
    "delete": "deleting",
    "update": "updating",
    "refresh": "refreshing",
    "replace": "replacing",
    "create-replacement": "creating replacement",
    "delete-replaced": "deleting original",
    "import": "importing",
    "import-replacement": "importing replacement",
    "discard": "discarding",
}
_DONE = {
    "create": "created",
    "delete": "deleted",
    "update": "updated",
    "replace": "replaced",
    "create-replacement": "created replacement",
    "delete-replaced": "deleted original",
    "import": "imported",
    "import-replacement": "imported replacement",
    "discard": "discarded",
}
_COUNTED = {**_DONE, "same": "unchanged"}
_ORDER = ("create", "update", "replace", "delete", "import", "import-replacement", "discard")
_VERBS = {
    ("update", False): "Updating",
    ("update", True): "Previewing update",
    ("refresh", False): "Refreshing",
    ("refresh", True): "Previewing refresh",
    ("destroy", False): "Destroying",
    ("destroy", True): "Previewing destroy",
}


@dataclass
class _Row:
    """What is known about one resource of the run."""

    urn: str
    type: str
    parent: str = ""
    op: str = "same"
    status: str = ""
    info: str = ""
    started: float = 0.0
    failed: bool = False
    done: bool = False
    messages: list[tuple[str, str]] = field(default_factory=list)


class Style:
    """Colours, if they are wanted: `--color`, NO_COLOR and the terminal decide."""

    def __init__(self, choice: str) -> None:
        wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.on = choice == "always" or (choice == "auto" and wanted)

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour (an SGR code)."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.on and colour else text

    def symbol(self, op: str) -> str:
        """The two-character symbol of an operation."""
        text = _SYMBOLS.get(op, "  ")
        return self.paint(text, _COLOURS.get(text[0], ""))


class Display:
    """Shows one run.

    Args:
        kind: update, refresh or destroy.
        stack: Name of the stack.
        preview: Whether it is a preview.
        style: Colours.
        diff: Show a tree of property differences instead of a table.
        live: Redraw a tree in place; otherwise one line for each event.
        show_secrets: Show secret outputs.
    """

    def __init__(
        self,
        kind: str,
        stack: str,
        *,
        preview: bool,
        style: Style,
        diff: bool = False,
        live: bool = False,
        show_secrets: bool = False,
        suppress_outputs: bool = False,
    ) -> None:
        self._kind = kind
        self._stack = stack
        self._preview = preview
        self._style = style
        self._diff = diff
        self._show_secrets = show_secrets
        self._suppress = suppress_outputs
        self._rows: dict[str, _Row] = {}
        self._stack_urn = ""
        self._loose: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._painter = _Painter(self) if live and not diff else None
        print(self._style.paint(f"{_VERBS[kind, preview]} ({stack}):", "1;35"), flush=True)

    # -- events -------------------------------------------------------------------------------------

    def __call__(self, kind: str, payload: dict[str, Any], step: Step | None) -> None:
        """Take one event."""
        with self._lock:
            if step is not None:
                self._step(kind, step)
            elif kind == "diagnosticEvent":
                self._diagnostic(payload)

    def _row(self, urn: str, type_: str = "") -> _Row:
        return self._rows.setdefault(urn, _Row(urn, type_ or urn_type(urn)))

    def _step(self, kind: str, step: Step) -> None:
        row = self._row(step.urn, step.resource.type)
        row.parent = step.resource.parent
        if row.type == STACK_TYPE:
            self._stack_urn = row.urn
        op = step.op if kind == "resourcePreEvent" else step.shown_op
        if op != "same" or step.op == "refresh":
            row.op = op if row.op in ("same", "refresh", op) or kind != "resOutputsEvent" else row.op
        if kind == "resourcePreEvent":
            row.started = time.monotonic()
            row.status = op if self._preview else _RUNNING.get(op, "")
            if op == "refresh":
                row.status = "refreshing"
            row.info = _summary_of(step)
        elif kind == "resOpFailedEvent":
            row.failed, row.done = True, True
            row.status = f"**{_RUNNING.get(op, op)} failed**"
        else:
            self._outputs(row, step, op)
        if self._diff and kind == "resourcePreEvent" and step.op != "refresh":
            self._print_diff(step)
        elif self._painter is None and not self._diff and self._worth_a_line(row, step, kind):
            self._print_row(row)

    def _outputs(self, row: _Row, step: Step, op: str) -> None:
        row.done = True
        if step.op == "refresh":
            row.op = op
            row.info = _summary_of(step)
        if op == "same":
            row.status = ""
        elif self._preview:
            row.status = op
        else:
            row.status = f"{_DONE.get(op, op)} ({_duration(time.monotonic() - row.started)})"
        if step.resource.retain_on_delete and op == "delete":
            row.status += "[retain]"

    def _worth_a_line(self, row: _Row, step: Step, kind: str) -> bool:
        if is_default_provider(row.urn):
            return False
        if self._preview and kind == "resOutputsEvent" and step.op != "refresh":
            return False
        return step.op != "same" or (row.type == STACK_TYPE and kind == "resOutputsEvent") or bool(row.info)

    def _diagnostic(self, payload: dict[str, Any]) -> None:
        severity, text = payload["severity"], payload["message"].rstrip("\n")
        urn = payload.get("urn") or self._stack_urn
        label = payload["prefix"] + text
        if not urn:
            self._loose.append((severity, label))
        else:
            row = self._row(urn)
            row.messages.append((severity, label))
            if severity == "error":
                row.failed = True
        if self._painter is None:
            row_text = self._row_text(self._rows[urn], label.split("\n", 1)[0]) if urn else f"    {label}"
            print(row_text.rstrip(), flush=True)

    # -- rows ---------------------------------------------------------------------------------------

    def _row_text(self, row: _Row, message: str = "") -> str:
        parts = [f" {self._style.symbol(row.op)} {row.type} {urn_name(row.urn)} {row.status}"]
        parts += [text for text in (row.info, message) if text]
        return " ".join(parts)

    def _print_row(self, row: _Row) -> None:
        print(self._row_text(row).rstrip(), flush=True)

    def tree(self) -> Iterator[str]:
        """The rows as a tree, for the live display."""
        children: dict[str, list[_Row]] = {}
        for row in list(self._rows.values()):
            if not is_default_provider(row.urn):
                children.setdefault(row.parent if row.parent in self._rows else "", []).append(row)

        def visit(parent: str, indent: str) -> Iterator[str]:
            rows = children.get(parent, [])
            for index, row in enumerate(rows):
                last = index == len(rows) - 1
                branch = "" if not parent else indent + ("└─ " if last else "├─ ")
                if self._interesting(row):
                    yield self._tree_line(row, branch)
                yield from visit(row.urn, "" if not parent else indent + ("   " if last else "│  "))

        yield from visit("", "")

    @staticmethod
    def _interesting(row: _Row) -> bool:
        return (
            row.op != "same" or row.type == STACK_TYPE or bool(row.messages) or bool(row.info) or row.failed
        )

    def _tree_line(self, row: _Row, branch: str) -> str:
        status = row.status
        if not row.done and not self._preview and row.started and status:
            status += f" ({_duration(time.monotonic() - row.started)})"
        message = row.messages[-1][1].split("\n", 1)[0] if row.messages and not row.done else _counts(row)
        text = f"{branch}{row.type}  {urn_name(row.urn)}  {status}  {row.info} {message}".rstrip()
        width = max(20, shutil.get_terminal_size((120, 30)).columns - 5)
        if len(text) > width:
            text = text[: width - 1] + "…"
        return f" {self._style.symbol(row.op)} {text}"

    # -- the end ------------------------------------------------------------------------------------

    def finish(self, outcome: Outcome) -> None:
        """Print what stands at the end of a run."""
        with self._lock:
            if not outcome.ok and self._stack_urn and not self._preview and self._kind != "refresh":
                text = "update canceled" if outcome.canceled else "update failed"
                self._row(self._stack_urn).messages.append(("error", f"error: {text}"))
        if self._painter is not None:
            self._painter.stop()
        self._print_diagnostics()
        if not self._suppress:
            self._print_outputs(outcome)
        self._print_resources(outcome)
        if not self._preview:
            print(f"Duration: {max(1, round(outcome.seconds))}s\n", flush=True)

    def _print_diagnostics(self) -> None:
        groups = [
            (f"{row.type} ({urn_name(row.urn)}):", row.messages)
            for row in self._rows.values()
            if row.messages
        ]
        if self._loose:
            groups.insert(0, (f"{STACK_TYPE} ({self._stack}):", self._loose))
        if not groups:
            return
        print(self._style.paint("Diagnostics:", "1"))
        for title, messages in groups:
            print(f"  {title}")
            for severity, text in messages:
                colour = {"error": "31", "warning": "33"}.get(severity, "")
                print("\n".join(f"    {self._style.paint(line, colour)}" for line in text.splitlines()))
            print()

    def _print_outputs(self, outcome: Outcome) -> None:
        if outcome.outputs is None:
            return
        lines = list(self._output_lines(outcome.old_outputs, outcome.outputs))
        if lines:
            print(self._style.paint("Outputs:", "1"))
            print("\n".join(lines) + "\n")

    def _output_lines(self, old: Properties, new: Properties) -> Iterator[str]:
        width = max((len(key) for key in {**old, **new}), default=0)
        for key in sorted({**old, **new}):
            before, after = old.get(key), new.get(key)
            label = f"{key:<{width}}: "
            if key not in new:
                yield f"  {self._style.paint('- ' + label + self._text(before), '31')}"
            elif key not in old:
                if self._preview or old:
                    yield f"  {self._style.paint('+ ' + label + self._text(after), '32')}"
                else:
                    yield f"    {label}{self._text(after)}"
            elif equal(before, after):
                if not self._preview:
                    yield f"    {label}{self._text(after)}"
            elif not (self._preview and after is UNKNOWN and isinstance(before, str)):
                change = f"~ {label}{self._text(before)} => {self._text(after)}"
                yield f"  {self._style.paint(change, '33')}"

    def _text(self, value: Any, indent: str = "    ") -> str:
        if isinstance(value, Secret) and not self._show_secrets:
            return "[secret]"
        value = value.value if isinstance(value, Secret) else value
        if value is UNKNOWN:
            return "[unknown]"
        if isinstance(value, dict) and value:
            width = max(len(key) for key in value)
            rows = [
                f"{indent}    {key:<{width}}: {self._text(value[key], indent + '    ')}"
                for key in sorted(value)
            ]
            return "{\n" + "\n".join(rows) + f"\n{indent}}}"
        if isinstance(value, list) and value:
            rows = [f"{indent}    [{i}]: {self._text(item, indent + '    ')}" for i, item in enumerate(value)]
            return "[\n" + "\n".join(rows) + f"\n{indent}]"
        return json.dumps(value, ensure_ascii=False)

    def _print_resources(self, outcome: Outcome) -> None:
        changes = {op: n for op, n in outcome.changes.items() if n}
        lines = []
        for op in _ORDER:
            if op in changes:
                told = f"to {op.split('-')[0]}" if self._preview else _COUNTED[op]
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

    def _print_diff(self, step: Step) -> None:
        if step.internal or step.op in ("same", "create-replacement", "delete-replaced"):
            return
        depth, parent = 0, step.resource.parent
        while parent in self._rows:
            depth, parent = depth + 1, self._rows[parent].parent
        pad = "    " * depth
        print(f"{pad}{self._style.symbol(step.op)}{step.resource.type}: ({step.op})")
        id_ = (step.old or step.resource).id
        if id_:
            print(f"{pad}    [id={id_}]")
        print(f"{pad}    [urn={step.urn}]")
        for line in property_lines(step.old, step.new):
            print(f"{pad}  {self._style.paint(line, _COLOURS.get(line[0], ''))}", flush=True)


class _Painter:
    """Redraws the tree in place, a few times a second, on a terminal."""

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
        """Draw the last picture, whole."""
        self._end.set()
        self._thread.join()
        self._paint()
        print()


def _summary_of(step: Step) -> str:
    """`[diff: ~value,+new,-old]` with top-level keys."""
    old, new = step.old, step.new
    if old is None or new is None or step.op in ("create-replacement", "delete-replaced"):
        return ""
    if step.op == "same":
        return "[diff: ~protect]" if old.protect != new.protect else ""
    if step.diff is None or not step.diff.changed:
        return ""
    keys = {}
    for key in sorted(step.diff.keys or {*old.inputs, *new.inputs}):
        before, after = old.inputs.get(key), new.inputs.get(key)
        if step.op == "refresh":
            before, after = old.outputs.get(key), new.outputs.get(key)
        if not key.startswith("__") and (not equal(before, after) or key in step.diff.keys):
            keys[key] = "+" if before is None else "-" if after is None else "~"
    return f"[diff: {','.join(sign + key for key, sign in keys.items())}]" if keys else ""


def property_lines(old: Resource | None, new: Resource | None) -> Iterator[str]:
    """Differences of inputs, one path a line, as in `~ tags.k: "a" => "b"`."""
    before = _visible(old.inputs) if old else {}
    after = _visible(new.inputs) if new else {}
    for path, kind in paths.difference(before, after).items():
        name = paths.render(path)
        if kind == "add":
            yield f"+ {name}: {_leaf(paths.get(path, after))}"
        elif kind == "delete":
            yield f"- {name}: {_leaf(paths.get(path, before))}"
        else:
            yield f"~ {name}: {_leaf(paths.get(path, before))} => {_leaf(paths.get(path, after))}"


def _visible(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def _leaf(value: Any) -> str:
    if isinstance(value, Secret):
        return "[secret]"
    if has_unknowns(value) and not isinstance(value, dict | list):
        return "[unknown]"
    if isinstance(value, dict) and SIGNATURE in value:
        return str(value.get("urn"))
    return json.dumps(shown(value), ensure_ascii=False)


def _counts(row: _Row) -> str:
    errors = sum(severity == "error" for severity, _ in row.messages)
    warnings = sum(severity == "warning" for severity, _ in row.messages)
    rest = len(row.messages) - errors - warnings
    parts = [(errors, "error"), (warnings, "warning"), (rest, "message")]
    return "; ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in parts if n)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f}s" if 0.005 <= seconds < 1 else f"{seconds:.0f}s"  # noqa: PLR2004
