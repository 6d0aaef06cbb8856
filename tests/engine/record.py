"""Runs conformance cases with a Pulumi-like command line and records or compares what happened.

    python tests/engine/record.py check CASE... --cli "python -m sandbox.engine" [--then pulumi] [--jobs 2]
    python tests/engine/record.py record CASE... --cli pulumi

A case is a folder with program/, steps.yaml and expected/. Before each step `env`, `write`, `cloud` and
`config` are applied; then `run` is an engine verb, to which `--event-log`, `--stack` and the like are added,
or `cli` any other verb. Details that an implementation need not copy are masked or left out: texts, times, source
positions, order of independent steps. `expected/NN-name.alt.json` is a second accepted recording.

--then CLI: after the last step both command lines preview the same state and must exit alike.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SHARED = HERE / "cases" / "common"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DROPPED = {"created", "modified", "sourcePosition", "stackTrace", "lastReadAt"}
CREATES = ("create", "update", "read", "create-replacement", "import", "import-replacement")
DELETES = ("delete", "delete-replaced", "discard", "discard-replaced")
BIG_STEPS, BIG_CALLS = 60, 120
Document = dict[str, Any]


class CaseError(Exception):
    """The case cannot be run."""


class Runner:
    """Runs one case in a separate folder.

    Args:
        case: Folder of the case.
        cli: The command line, split.
        timeout: Seconds for one command.
    """

    def __init__(self, case: Path, cli: list[str], timeout: float = 240) -> None:
        self.case, self.cli, self.timeout = case, cli, timeout
        self.plan = yaml.safe_load((case / "steps.yaml").read_text())
        self.work = Path(tempfile.mkdtemp(prefix="case-"))
        self.folder = self.work / "program"
        shutil.copytree(case / "program", self.folder)
        plugins = self.work / "plugins"
        for path in (self.folder, plugins, self.work / "state", self.work / "home"):
            path.mkdir(exist_ok=True)
        for name in ("boxcloud.py", "crate.py"):
            shutil.copy(SHARED / name, self.folder)
        shutil.copy(SHARED / "pulumi-resource-crate", plugins)
        self.calls, self.cloud = self.work / "calls.jsonl", self.work / "cloud.json"
        self.cloud.write_text(
            json.dumps(self.plan.get("cloud", {"objects": {}, "counters": {}, "faults": {}}))
        )
        self.stack = self.plan.get("stack", "dev")
        self.extra: dict[str, str | None] = {}
        self.last_state: Document = {}
        self.base = {
            "PATH": os.pathsep.join(
                [str(plugins), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
            ),
            "PULUMI_BACKEND_URL": f"file://{self.work / 'state'}",
            "PULUMI_HOME": str(self.work / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_DEBUG_COMMANDS": "1",
            "PULUMI_SUPPRESS_NEO_LINK": "1",
            "SANDBOX_HOME": str(self.work / "sandbox"),
            "CASE_CLOUD": str(self.cloud),
            "CASE_CALLS": str(self.calls),
        }

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.work, ignore_errors=True)

    # -- running ------------------------------------------------------------------------------------

    def environment(self, *, extra: bool = True) -> dict[str, str]:
        """The environment of the commands."""
        out = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")} | self.base
        for key, value in (self.extra if extra else {}).items():
            out.pop(key, None)
            if value is not None:
                out[key] = str(value)
        return out

    def command(self, words: list[str], *, extra: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line under test."""
        return subprocess.run(
            self.cli + words,
            cwd=self.folder,
            env=self.environment(extra=extra),
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self.timeout,
            check=False,
        )

    def must(self, words: list[str]) -> str:
        """Run a command that must succeed."""
        done = self.command(words, extra=False)
        if done.returncode:
            raise CaseError(f"{self.case.name}: {words} failed\n{done.stdout}{done.stderr}")
        return done.stdout

    def _with_signal(self, words: list[str], spec: Mapping[str, Any]) -> tuple[int, str, str]:
        """Start the command, wait for a provider call to begin, signal it (and on KILL its children).

        The cloud's fault, which holds up the call, is removed once the command has said that it noticed.
        """
        desired = (spec["call"], spec["label"])
        out, err = self.work / "o", self.work / "e"
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(
                self.cli + words,
                cwd=self.folder,
                env=self.environment(),
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
            self._await(process, lambda: self._began(*desired))
            children = descendants(process.pid)
            process.send_signal(getattr(signal, "SIG" + spec.get("signal", "INT")))
            if spec.get("signal") == "KILL":
                process.wait(timeout=self.timeout)
                kill(children)
            else:  # nothing may continue before the command has noticed
                self._await(process, lambda: "received; cancelling" in out.read_text())
            if spec.get("release", True):
                self.edit_cloud({"faults": {}})
            code = process.wait(timeout=self.timeout)
        return code, out.read_text(), err.read_text()

    def _await(self, process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
        end = time.time() + self.timeout
        while process.poll() is None and time.time() < end and not happened():
            time.sleep(0.05)

    def _began(self, call: str, label: str) -> bool:
        lines = read_lines(self.calls)
        return any(line["at"] == "begin" and (line["call"], line["label"]) == (call, label) for line in lines)

    def edit_cloud(self, change: Mapping[str, Any]) -> None:
        """Change the simulated cloud. A hanging provider rereads the file: it finds the old or the new one."""
        cloud = json.loads(self.cloud.read_text())
        for id_, properties in (change.get("set") or {}).items():
            cloud.setdefault("objects", {}).setdefault(id_, {}).update(properties)
        for id_ in change.get("gone") or []:
            cloud["objects"].pop(id_, None)
        if "faults" in change:
            cloud["faults"] = change["faults"] or {}
        whole = self.cloud.with_suffix(".edited")
        whole.write_text(json.dumps(cloud))
        whole.replace(self.cloud)

    # -- normalising --------------------------------------------------------------------------------

    def mask(self, text: str) -> str:
        """The text without parts that vary from run to run."""
        for path in {str(self.work), os.path.realpath(self.work)}:
            text = text.replace(path + "/program", "<program>").replace(path, "<work>")
        text = text.replace(sys.prefix, "<venv>").replace(UNKNOWN, "<unknown>")
        text = UUID.sub("<uuid>", text)
        text = re.sub(r"/[^\s\"':]*/lib/python3\.\d+/", "<lib>/", text)
        text = re.sub(r"/[^\s\"':]*/pulumi-language-python-exec", "<exec>", text)
        held = r"created by \S+@\S+ \(pid \d+\) at [-0-9T:Z+]+"
        text = re.sub(held, "created by <user>@<host> (pid <pid>) at <time>", text)
        return re.sub(r"0x[0-9a-f]{6,}", "<address>", text)

    def value(self, value: Any, key: str | None = None) -> Any:
        """A value without parts that vary from run to run."""
        if key == "__provider" and isinstance(value, str):
            return "<provider>"
        if isinstance(value, dict):
            if value.get(SECRET_SIGNATURE) == SECRET:
                if "plaintext" in value:
                    return {"secret": self.value(json.loads(value["plaintext"]), key)}
                return "secret"
            return {name: self.value(item, name) for name, item in sorted(value.items())}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.mask(value) if isinstance(value, str) else value

    def resource(self, resource: Document) -> Document:
        """A resource of the state without parts that vary from run to run."""
        out = {}
        for key, value in resource.items():
            if key in DROPPED:
                continue
            if key in ("dependencies", "aliases", "additionalSecretOutputs"):
                out[key] = self.value(sorted(value), key)
            elif key == "propertyDependencies":
                out[key] = self.value({name: sorted(urns or []) for name, urns in value.items()}, key)
            else:
                out[key] = self.value(value, key)
        return out

    def state(self) -> Document:
        """The state of the stack, decrypted."""
        raw = self.command(["stack", "export", "--show-secrets", "--stack", self.stack], extra=False)
        if raw.returncode:
            return {"unreadable": self.mask(raw.stderr.strip())}
        deployment = json.loads(raw.stdout).get("deployment") or {}
        resources = deployment.get("resources") or []
        pending = [
            {"type": item["type"], "resource": self.resource(item["resource"])}
            for item in deployment.get("pending_operations") or []
        ]
        return {
            "resources": sorted(
                (self.resource(resource) for resource in resources),
                key=lambda resource: (resource["urn"], bool(resource.get("delete")), str(resource.get("id"))),
            ),
            "pending_operations": sorted(pending, key=lambda item: (item["resource"]["urn"], item["type"])),
            "ordered": in_order(resources),
        }

    def outputs(self) -> Any:
        """The stack's outputs, decrypted."""
        raw = self.command(
            ["stack", "output", "--json", "--show-secrets", "--stack", self.stack], extra=False
        )
        try:
            return self.value(json.loads(raw.stdout))
        except ValueError:
            return "none"

    # -- one step -----------------------------------------------------------------------------------

    def _engine(self, step: Document) -> Document:
        words = shlex.split(step["run"])
        log = self.work / "events.jsonl"
        for path in (self.calls, log):
            path.unlink(missing_ok=True)
        before = self.last_state
        words += ["--event-log", str(log), "--non-interactive", "--color", "never"]
        if "--stack" not in words:
            words += ["--stack", self.stack]
        if "interrupt" in step:
            code, out, err = self._with_signal(words, step["interrupt"])
        else:
            done = self.command(words)
            code, out, err = done.returncode, done.stdout, done.stderr
        after = self.last_state = self.state()
        edges = depends(after), depends(before)
        names = {
            resource["urn"]: resource["inputs"]["label"]
            for state in (before, after)
            for resource in state.get("resources", [])
            if isinstance(resource.get("inputs"), dict) and isinstance(resource["inputs"].get("label"), str)
        }
        document: Document = {"run": step["run"], "exit": code}
        document |= self._events(read_lines(log), edges, step)
        document |= _calls(read_lines(self.calls), edges, names)
        document["state"] = "unchanged" if after == before else after
        if after.get("resources"):
            document["outputs"] = self.outputs()
        document["cloud"] = json.loads(self.cloud.read_text()).get("objects")
        errors = self.mask(err).strip().splitlines()
        document["text"]["stderr"] = [line for line in errors if line.startswith("error:")]
        if "--json" in words and step.get("stdout", True):
            document["json"] = self._digest(out)
        return document

    def _digest(self, out: str) -> Any:
        try:
            whole = json.loads(out)
        except ValueError:
            return "not one JSON document"
        kept = ("op", "urn", "detailedDiff", "diffReasons", "replaceReasons")
        steps = [
            {key: self.value(value) for key, value in step.items() if key in kept}
            for step in whole.get("steps") or []
        ]
        told = [
            item
            for item in whole.get("diagnostics") or []
            if not item.get("message", "").startswith("warning: using ")
        ]
        return {
            "keys": sorted(key for key in whole if key != "diagnostics" or told),
            "changeSummary": whole.get("changeSummary"),
            "steps": sorted(steps, key=lambda step: (step["urn"], step["op"])),
        }

    def _events(self, events: list[Document], edges: tuple[Edges, Edges], step: Document) -> Document:
        seen = _Seen(self, refresh=step["run"].startswith("refresh"))
        for index, event in enumerate(events):
            seen.take(index, event)
        steps: Any = sorted(seen.steps, key=lambda row: (row["urn"], row["op"]))
        order = seen.order(edges)
        if len(steps) > BIG_STEPS:
            steps, order = tally(row["op"] for row in steps), []
        return {
            "changes": seen.changes,
            "maybeCorrupt": seen.corrupt,
            "steps": steps,
            "failed": sorted(seen.failed),
            "step_order": order,
            "text": {"diagnostics": sorted(d for d in seen.diagnostics if not d[2].startswith("using "))},
            "_seen": {f"{op} {urn}": index for (op, urn), index in seen.start.items()},
            "_done": {f"{op} {urn}": index for (op, urn), index in seen.done.items()},
        }

    def _other(self, step: Document) -> Document:
        done = self.command(shlex.split(step["cli"]))
        stderr = self.mask(done.stderr).strip().splitlines()
        document: Document = {"run": step["cli"], "exit": done.returncode, "text": {"stderr": stderr}}
        try:
            document["json"] = self.value(json.loads(done.stdout))
            if isinstance(document["json"], dict) and "deployment" in document["json"]:
                document["json"] = "deployment"
        except ValueError:
            document["text"]["stdout"] = self.mask(done.stdout).strip().splitlines()
        return document

    def _prepare(self, step: Document) -> None:
        self.extra.update(step.get("env") or {})
        for path, text in (step.get("write") or {}).items():
            (self.folder / path).write_text(text)
        if step.get("cloud"):
            self.edit_cloud(step["cloud"])
        for key, given in (step.get("config") or {}).items():
            spec = given if isinstance(given, dict) else {"value": given}
            if spec.get("remove"):
                self.must(["config", "rm", key, "--stack", self.stack])
                continue
            words = ["config", "set", key, str(spec["value"]), "--stack", self.stack]
            words.append("--secret" if spec.get("secret") else "--plaintext")
            self.must(words + (["--path"] if spec.get("path") else []))

    def run(self) -> Iterator[tuple[str, Document]]:
        """Run the steps in order; yields the name and record of each."""
        self.must(["stack", "init", self.stack, "--non-interactive"])
        self.last_state = self.state()
        for number, step in enumerate(self.plan["steps"], 1):
            self._prepare(step)
            verb = shlex.split(step.get("run") or step["cli"])[0]
            if "run" in step:
                document = self._engine(step)
            else:
                document = self._other(step)
                if step.get("mutates"):
                    document["state"] = self.last_state = self.state()
            yield f"{number:02d}-{step.get('name') or verb}", document


Edges = set[tuple[str, str]]


class _Seen:
    """A summary of a run's events."""

    def __init__(self, runner: Runner, *, refresh: bool) -> None:
        self._runner, self._refresh = runner, refresh
        self.steps: list[Document] = []
        self.start: dict[tuple[str, str], int] = {}
        self.done: dict[tuple[str, str], int] = {}
        self.failed: list[list[str]] = []
        self.diagnostics: list[list[str]] = []
        self.changes: Document | None = None
        self.corrupt: bool | None = None

    def take(self, index: int, event: Document) -> None:
        if "resourcePreEvent" in event:
            self._begin(index, event["resourcePreEvent"]["metadata"])
        elif "resOutputsEvent" in event:
            self._end(index, event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            metadata = event["resOpFailedEvent"]["metadata"]
            self.failed.append([metadata["op"], metadata["urn"]])
        elif "diagnosticEvent" in event:
            told = event["diagnosticEvent"]
            if told.get("severity") in ("error", "warning", "info"):
                message = self._runner.mask(told["message"]).strip()
                self.diagnostics.append([told["severity"], told.get("urn", ""), message])
        elif "summaryEvent" in event:
            summary = event["summaryEvent"]
            self.changes = {op: n for op, n in (summary.get("resourceChanges") or {}).items() if n}
            self.corrupt = summary.get("maybeCorrupt")

    def _begin(self, index: int, metadata: Document) -> None:
        self.start.setdefault((metadata["op"], metadata["urn"]), index)
        row = {"op": metadata["op"], "urn": metadata["urn"]}
        for key in ("keys", "diffs"):
            if metadata.get(key):
                row[key] = sorted(metadata[key])
        if metadata.get("detailedDiff"):
            row["detailedDiff"] = {
                path: f"{item.get('kind', item.get('diffKind'))}{' (input)' if item.get('inputDiff') else ''}"
                for path, item in sorted(metadata["detailedDiff"].items())
            }
        self.steps.append(row)

    def _end(self, index: int, metadata: Document) -> None:
        self.done[metadata["op"], metadata["urn"]] = index
        if metadata["op"] == "refresh" or self._refresh:
            for row in self.steps:
                if row["urn"] == metadata["urn"] and metadata["op"] != row["op"]:
                    row["became"] = metadata["op"]

    def order(self, edges: tuple[Edges, Edges]) -> list[list[str]]:
        """Required order as pairs: creates after what they use, deletes before."""
        start, done = self.start, self.done
        creates = [
            (f"{a} {first}", f"{b} {second}")
            for first, second in sorted(edges[0])
            for a, b in itertools.product(CREATES, CREATES)
            if (a, first) in start and (b, second) in start and start[a, first] < start[b, second]
        ]
        deletes = [
            (f"{b} {second}", f"{a} {first}")
            for first, second in sorted(edges[1])
            for a, b in itertools.product(DELETES, DELETES)
            if (a, first) in start and (b, second) in done and done[b, second] < start[a, first]
        ]
        return [list(pair) for pair in creates + deletes]


def _calls(lines: list[Document], edges: tuple[Edges, Edges], names: Mapping[str, str]) -> Document:
    calls: list[Document] = []
    seen: dict[str, int] = {}
    done: dict[str, int] = {}
    for index, line in enumerate(lines):
        key = f"{line['call']} {line['label']}"
        if line["at"] == "begin":
            calls.append(
                {"call": line["call"], "label": line["label"], "args": line["args"], "_index": index}
            )
            seen.setdefault(key, index)
            continue
        done[key] = index
        if line["failed"]:
            same = [row for row in calls if (row["call"], row["label"]) == (line["call"], line["label"])]
            same[-1]["failed"] = True
    order = _call_order(edges, names, seen, done)
    last = max((done[key] for key in done if key.split()[0] in ("create", "update")), default=-1)
    first = min((seen[key] for key in seen if key.split()[0] == "delete"), default=None)
    calls.sort(key=lambda row: (row["label"], row["_index"]))
    for row in calls:
        del row["_index"]
    shown: Any = calls
    if len(calls) > BIG_CALLS:
        shown, order = tally(row["call"] for row in calls), []
    return {
        "calls": shown,
        "call_order": order,
        "deletes_last": first is not None and last < first,
        "_calls_seen": seen,
        "_calls_done": done,
    }


def _call_order(
    edges: tuple[Edges, Edges], names: Mapping[str, str], seen: Mapping[str, int], done: Mapping[str, int]
) -> list[list[str]]:
    def labels(pairs: Edges) -> Iterator[tuple[str, str]]:
        for first, second in sorted(pairs):
            a, b = names.get(first), names.get(second)
            if a and b and a != b:
                yield a, b

    def before(first: str, second: str) -> bool:
        return first in done and second in seen and done[first] < seen[second]

    verbs = ("create", "update")
    order = [
        [f"{x} {a}", f"{y} {b}"]
        for a, b in labels(edges[0])
        for x, y in itertools.product(verbs, verbs)
        if before(f"{x} {a}", f"{y} {b}")
    ]
    order += [
        [f"delete {b}", f"delete {a}"] for a, b in labels(edges[1]) if before(f"delete {b}", f"delete {a}")
    ]
    for label in sorted({key.split(" ", 1)[1] for key in seen}):
        pair = [f"create {label}", f"delete {label}"]
        order += [list(way) for way in (pair, pair[::-1]) if before(*way)][:1]
    return [pair for index, pair in enumerate(order) if pair not in order[:index]]


def tally(items: Iterable[str]) -> dict[str, int]:
    """How often each item occurs."""
    out: dict[str, int] = {}
    for item in items:
        out[item] = out.get(item, 0) + 1
    return out


def read_lines(path: Path) -> list[Document]:
    """A file of JSON lines, without a line that is still being written."""
    out = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            out.append(json.loads(line))
        except ValueError:
            continue
    return out


def descendants(pid: int) -> list[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(path.name))
    out: list[int] = []
    todo = [pid]
    while todo:
        more = children.get(todo.pop(), [])
        out += more
        todo += more
    return out


def kill(pids: Iterable[int]) -> None:
    """Kill processes that may have ended already."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def references(resource: Document) -> list[str]:
    """URNs that a resource of the state refers to."""
    out = list(resource.get("dependencies") or [])
    for urns in (resource.get("propertyDependencies") or {}).values():
        out += urns or []
    return out + [resource[key] for key in ("parent", "deletedWith") if resource.get(key)]


def depends(state: Document) -> Edges:
    """Pairs of a URN and a URN that refers to it."""
    return {(urn, resource["urn"]) for resource in state.get("resources", []) for urn in references(resource)}


def in_order(resources: list[Document]) -> bool:
    """Whether every resource comes after those it refers to, except for copies pending deletion."""
    there = {resource["urn"] for resource in resources}
    seen: set[str] = set()
    for resource in resources:
        if not resource.get("delete") and any(u in there and u not in seen for u in references(resource)):
            return False
        seen.add(resource["urn"])
    return True


def dump(document: Document) -> str:
    """A record as text."""
    public = {key: value for key, value in document.items() if not key.startswith("_")}
    return json.dumps(public, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def compare(name: str, desired: Document, got: Document, *, text: bool = False) -> list[str]:
    """Differences between two records, as readable text."""
    problems = []
    a, b = dict(desired), {key: value for key, value in got.items() if not key.startswith("_")}
    for field, prefix in (("step_order", ""), ("call_order", "_calls")):
        seen, done = got.get(f"{prefix}_seen", {}), got.get(f"{prefix}_done", {})
        for x, y in a.pop(field, []):
            if x not in seen or y not in seen:
                problems.append(f"{name}: {field}: one of {x!r}, {y!r} did not happen")
                continue
            begins = field == "step_order" and x.split()[0] in CREATES
            if (seen[x] if begins else done.get(x, seen[x])) > seen[y]:
                problems.append(f"{name}: {field}: {x!r} must come before {y!r}")
        b.pop(field, None)
    dropped = [] if text else ["text"]
    if not a.get("deletes_last"):
        dropped.append("deletes_last")
    for field in dropped:
        a.pop(field, None)
        b.pop(field, None)
    x, y = dump(a), dump(b)
    if x != y:
        lines = difflib.unified_diff(
            x.splitlines(), y.splitlines(), f"expected/{name}", "got", lineterm="", n=4
        )
        problems.append("\n".join(list(lines)[:80]))
    return problems


def check(runner: Runner, *, then: list[str] | None = None, text: bool = False) -> list[str]:
    """Run a case and return the differences."""
    expected = runner.case / "expected"
    problems: list[str] = []
    names = set()
    for name, document in runner.run():
        names.add(f"{name}.json")
        path = expected / f"{name}.json"
        if not path.exists():
            problems.append(f"{name}: no expected file")
            continue
        found = compare(name, json.loads(path.read_text()), document, text=text)
        other = path.with_suffix(".alt.json")
        if found and other.exists():
            found = compare(name, json.loads(other.read_text()), document, text=text) and found
        problems += found
    for path in sorted(expected.glob("*.json")):
        if path.name not in names and not path.name.endswith(".alt.json"):
            problems.append(f"{path.name}: expected but never ran")
    if then:
        words = ["preview", "--expect-no-changes", "--non-interactive", "--stack", runner.stack]
        first = runner.command(words)
        runner.cli = then
        second = runner.command(words)
        if first.returncode != second.returncode:
            problems.append(
                f"then: preview exits {first.returncode} with one and {second.returncode} with the other\n"
                f"{second.stdout}{second.stderr}"
            )
    return problems


def record(runner: Runner) -> None:
    """Run a case and store its records as expected."""
    expected = runner.case / "expected"
    shutil.rmtree(expected, ignore_errors=True)
    expected.mkdir()
    for name, document in runner.run():
        (expected / f"{name}.json").write_text(dump(document))


def _one(case: str, arguments: argparse.Namespace) -> list[str]:
    runner = Runner(Path(case), shlex.split(arguments.cli), arguments.timeout)
    try:
        if arguments.mode == "record":
            record(runner)
            return []
        return check(runner, then=shlex.split(arguments.then or ""), text=arguments.text)
    except (CaseError, subprocess.TimeoutExpired) as error:
        return [str(error)]
    finally:
        runner.close()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=("record", "check"))
    parser.add_argument("case", nargs="+")
    parser.add_argument("--cli", default="pulumi")
    parser.add_argument("--then", help="another command line that must accept the state at the end")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=240)
    parser.add_argument("--text", action="store_true", help="compare messages too")
    arguments = parser.parse_args()
    bad = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda case: _one(case, arguments), arguments.case)
        for case, problems in zip(arguments.case, results, strict=True):
            print(f"{Path(case).name:<34} {'FAILED' if problems else 'ok'}", *problems, sep="\n", flush=True)
            bad += bool(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
