"""Run the engine: the Pulumi CLI, or the embedded engine for stacks on the sandbox."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import unquote, urlsplit

import click

from mimecast_sso.assessment import hand_over, plan_digest
from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.facts.engine_documents import QUIET, Deployment, EngineEvent, StateResource, Step, StepKind
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.resource_types import OF_MANY_ITEMS, OF_THE_ENGINE
from mimecast_sso.operations.display import Concise
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.failures import Failures, lines
from mimecast_sso.operations.memory import OF_CHILDREN, return_large_blocks
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.operations.state import (
    NoStateError,
    Shared,
    StateError,
    parse_state,
    read_checkpoint,
    refuse_foreign,
    require_version,
    without_inputs,
    without_lists,
)
from mimecast_sso.operations.terminal import say
from mimecast_sso.settings import REFUSED
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.terminals import READ_BY_PROGRAMS
from mimecast_sso.text.times import graph_time
from providers.deadline import DeadlinePassed

EngineName = Literal["auto", "pulumi", "embedded"]

_NEED_PULUMI = (
    "Stack {stack} is deployed on real tenants, which requires the Pulumi CLI. Install it "
    "(https://www.pulumi.com/docs/install/), or rehearse the stack on the sandbox: "
    "mimecast-sso sandbox run -- mimecast-sso {verb} --stack {stack}"
)

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.2
"""Seconds between two reads of a run's events."""

_SECONDS_TO_HEAR = 3.0
"""Seconds for an engine at the same terminal to end, after the terminal was closed."""
_APART: Mapping[str, int] = {"process_group": 0} if hasattr(os, "setpgid") else {}
"""For an engine without the terminal: a process group of its own, so that Ctrl-C reaches it once, from here."""
_HANGUP = getattr(signal, "SIGHUP", None)
"""What a closed terminal sends; Windows has none."""

_LONGEST_SECONDS = 600
"""Seconds to read or change a state, if the stack has no deadline."""
_NO_STACK = "no stack named"
"""The message of both engines if the stack does not exist."""

_ENDS: Final[tuple[StepKind, ...]] = ("resOutputsEvent", "resOpFailedEvent")

_CHANGING = {"up": "Deploy stack", "destroy": "Destroy stack", "refresh": "Refresh the state of stack"}
"""Verbs that ask for confirmation before they change something, and what they ask."""
_AGREED = frozenset({"--yes", "--skip-preview", "--preview-only"})


@dataclass(slots=True)
class RunOutcome:
    """The result of one run of the engine."""

    code: int
    changes: dict[str, int] = field(default_factory=dict)
    """Steps by operation, from the engine's summary."""
    errors: list[str] = field(default_factory=list)
    events: list[EngineEvent] = field(default_factory=list)
    snapshot: Snapshot | None = None
    """What the program read, where it was asked for and handed over."""

    @property
    def changed(self) -> bool:
        """Whether anything was (or, in a preview, would be) changed."""
        return any(count for operation, count in self.changes.items() if operation not in QUIET)

    @property
    def changed_types(self) -> frozenset[str]:
        """The types of the resources that were (or, in a preview, would be) written, successfully or not."""
        return frozenset(str(each["type"]) for each in self._steps("resourcePreEvent"))

    @property
    def wrote(self) -> bool:
        """Whether anything was, or may have been, written outside the state, which also records stack and components.

        Two kinds of steps may have written something: one of a resource of many items that failed, for it may have
        written the others; and one that never ended, because the engine was killed.
        """
        if any(each["type"] in OF_MANY_ITEMS for each in self._steps("resOpFailedEvent")):
            return True
        ended = {each["urn"] for kind in _ENDS for each in self._steps(kind)}
        unended = (each for each in self._steps("resourcePreEvent") if each["urn"] not in ended)
        sides = (each.get("new") or each.get("old") for each in (*self._steps("resOutputsEvent"), *unended))
        return any(
            each.get("custom") and not str(each.get("type")).startswith(OF_THE_ENGINE)
            for each in sides
            if each
        )

    def _steps(self, kind: StepKind) -> Iterator[Step]:
        steps = (event[kind]["metadata"] for event in self.events if kind in event)
        return (each for each in steps if each["op"] not in QUIET)

    @property
    def refused(self) -> bool:
        """Whether one of the program's guards stopped the run."""
        return any(REFUSED in error for error in self.errors)

    def failure(self, *, dry: bool = False) -> Exit:
        """The exit code of a failed run; ``dry`` for a run that changes nothing."""
        if self.refused:
            return Exit.REFUSED
        return Exit.PARTLY if self.wrote and not dry else Exit.ERROR


class Engine:
    """The engine's command line, for one stack."""

    def __init__(self, stack: Stack, requested: EngineName, verb: str = "up") -> None:
        return_large_blocks()
        self._stack, self._wanted = stack, requested
        self._command = _command(stack, requested, verb)

    def _command_line(self, verb: str, flags: Sequence[str], log: Path) -> list[str]:
        stack = self._stack
        return [
            *self._command,
            verb,
            *("--stack", stack.name),
            *("--config-file", str(stack.config_file)),
            *("--event-log", str(log)),
            *flags,
        ]

    def run(
        self,
        verb: str,
        *flags: str,
        quiet: bool = False,
        show: Concise | None = None,
        take_snapshot: bool = False,
        keeps_lists: bool = False,
        expected_plan: str = "",
    ) -> RunOutcome:
        """Run a verb of the engine. Its output goes to the terminal.

        Args:
            verb: The verb of the engine's command line.
            flags: The flags of the engine's command line.
            quiet: Print the engine's output only if it fails.
            show: Displays the run instead of the engine.
            take_snapshot: Have the program hand over its snapshot of both tenants.
            keeps_lists: Keep changed address books and lists of members in the events, to name what differs.
            expected_plan: Have the program refuse any plan but the one of this digest.

        Raises:
            OperationError: `check_state` refuses the state; nothing was started.
        """
        stack = self._stack
        self.check_state(must_exist=verb == "destroy")
        if self._prompts_itself(verb, flags):
            flags = self._confirmed(verb, flags)
        with tempfile.TemporaryDirectory(prefix="mimecast-sso-") as folder, _ended_by_itself() as told:
            events = _Tail(Path(folder) / "events.jsonl", keeps_lists=keeps_lists)
            snapshot = Path(folder) / "snapshot"
            failures = Failures(stack.name, verb, partial(_names, snapshot))
            command = self._command_line(verb, flags, events.log)
            environment = self._environment(
                snapshot=snapshot if take_snapshot or show else None,
                expected_plan=expected_plan,
                displays=not (show or quiet),
            )
            _log.info("engine: %s", shlex.join(command))
            start = partial(subprocess.Popen, told.shielded(command), cwd=stack.root, env=environment)
            code = _displayed(start, events, told, failures, show=show, quiet=quiet)
            _log.info("engine: %s ended with %d", verb, code)
            outcome = _outcome(code, events, failures)
            outcome.snapshot = hand_over.read(snapshot) if take_snapshot else None
            return outcome

    def _environment(self, *, snapshot: Path | None, expected_plan: str, displays: bool) -> dict[str, str]:
        """The environment of a run.

        Args:
            snapshot: The file to which the program hands over its snapshot.
            expected_plan: The digest of the only plan that the program accepts; "" if it accepts any.
            displays: Whether the engine's output goes to the terminal.
        """
        # The flag that writes engine events exists only among the debug commands.
        environment = {**OF_CHILDREN, **self._stack.environment, "PULUMI_DEBUG_COMMANDS": "true"}
        if not displays or not self._is_embedded:
            environment |= READ_BY_PROGRAMS
        environment |= {plan_digest.EXPECTED: expected_plan} if expected_plan else {}
        return environment | ({hand_over.FILE: str(snapshot)} if snapshot else {})

    def require_answer(self, *, yes: bool) -> None:
        """Raise OperationError for a run that changes something if nobody has agreed, and nobody can be asked."""
        if not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise OperationError(
                "Nothing was changed: a deployment has to be confirmed on a terminal, and there is none. Preview it "
                f"(mimecast-sso preview --stack {self._stack.name}), then rerun this with --yes."
            )

    @property
    def _is_embedded(self) -> bool:
        return self._command[0] == sys.executable

    def _prompts_itself(self, verb: str, flags: Sequence[str]) -> bool:
        """Whether the run needs a person's agreement: the Pulumi CLI asks for it, the embedded engine never does."""
        return self._is_embedded and verb in _CHANGING and not _AGREED & set(flags)

    def _confirmed(self, verb: str, flags: tuple[str, ...]) -> tuple[str, ...]:
        self.require_answer(yes=False)
        looking = ("preview",) if verb == "up" else (verb, "--preview-only")
        if self.run(*looking, *flags).code:
            raise OperationError("Nothing was changed: the preview failed. Its messages are above.")
        click.confirm(f"{_CHANGING[verb]} {self._stack.name}?", abort=True)
        return (*flags, "--yes", "--skip-preview")

    def beside(self, name: str) -> Engine:
        """The same engine for another stack of the project."""
        stack = replace(self._stack, name=name, config_file=self._stack.project.stack_file(name))
        return Engine(stack, self._wanted)

    def check_state(self, *, must_exist: bool = False) -> None:
        """Raise OperationError for a state that is damaged or holds a foreign provider, or that ``must_exist``."""
        refuse_foreign(self._stack.name, self._deployed() if must_exist else self._deployment())

    def ensure_stack(self) -> None:
        """Create the stack in the sandbox's backend if it does not exist; do nothing for real tenants."""
        stack = self._stack
        if not stack.on_sandbox or _sandboxed(stack).exists():
            return
        _backend(stack).mkdir(parents=True, exist_ok=True)
        # In another folder, because the engine reads, and may write, the stack file of the current project.
        with tempfile.TemporaryDirectory(prefix="mimecast-sso-") as folder:
            project = {"name": stack.project.name, "runtime": "python"}
            Path(folder, "Pulumi.yaml").write_text(json.dumps(project), encoding="utf-8")
            shutil.copyfile(stack.config_file, Path(folder, f"Pulumi.{stack.name}.yaml"))
            self._quietly("stack", "init", stack.name, "--no-select", folder=Path(folder))

    def resources(self) -> list[StateResource]:
        """The resources in the stack's state, secrets encrypted and without inputs.

        Raises StateError, or NoStateError without a state.
        """
        return self._deployed().get("resources") or []

    def deployed(self) -> tuple[list[StateResource], datetime | None]:
        """The same resources, and when the state was last written. Raises as `resources` does."""
        deployment = self._deployed()
        try:
            written = graph_time(deployment["manifest"]["time"])
        except (KeyError, TypeError, ValueError):
            written = None
        return deployment.get("resources") or [], written

    def recorded(self) -> list[StateResource]:
        """The resources in the stack's state, as `resources`; none if the stack does not exist yet.

        Raises OperationError if the state cannot be read.
        """
        return self._deployment().get("resources") or []

    def _deployed(self) -> Deployment:
        file = _checkpoint(self._stack)
        if file is not None and file.exists():
            # The backend is a folder, and starting an engine to read a file takes half a second.
            return read_checkpoint(file)
        return without_inputs(cast("Deployment", self.export().get("deployment") or {}))

    def _deployment(self) -> Deployment:
        """The deployment in the state; empty if the stack does not exist yet."""
        try:
            return self._deployed()
        except NoStateError:
            return {}

    def unprotect(self) -> None:
        """Unprotect everything that the last deployment protected, for a tear-down that a guard override allows."""
        if any(resource.get("protect") for resource in self.resources()):
            self._quietly("state", "unprotect", "--all", "--yes", "--stack", self._stack.name)

    def export(self) -> dict[str, JSON]:
        """The stack's state, secrets encrypted. Raises StateError, or NoStateError if the stack does not exist."""
        try:
            printed = self._quietly("stack", "export", "--stack", self._stack.name)
        except OperationError as error:
            if _NO_STACK not in str(error):
                raise StateError(str(error), error.code) from None
            name = self._stack.name
            raise NoStateError(
                f"Stack {name} was never deployed to this backend, so it has no state. Deploy it first: mimecast-sso "
                f"up --stack {name}"
            ) from None
        state: dict[str, JSON] = parse_state(printed)
        require_version(f"The state of stack {self._stack.name}", state.get("version"))
        return state

    def secret_output(self, name: str) -> str:
        """One of the stack's outputs, decrypted. Raises OperationError if it is missing or cannot be decrypted."""
        return self._quietly("stack", "output", name, "--show-secrets", "--stack", self._stack.name).rstrip(
            "\n"
        )

    def _quietly(self, *words: str, folder: Path | None = None) -> str:
        _log.info("engine: %s", shlex.join([*self._command, *words]))
        with _ended_by_itself() as told:
            try:
                done = subprocess.run(
                    told.shielded([*self._command, *words]),
                    cwd=folder or self._stack.root,
                    env=self._stack.environment | READ_BY_PROGRAMS,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    check=False,
                    stdin=subprocess.DEVNULL,
                    timeout=self._stack.deadline.left(_LONGEST_SECONDS),
                )
            except (subprocess.TimeoutExpired, DeadlinePassed):
                raise OperationError(
                    f"The state of stack {self._stack.name} was not read in time, so the engine's command "
                    f"{words[0]} {words[1]} was stopped. Rerun, or allow more time."
                ) from None
        if told:
            raise KeyboardInterrupt  # This process was to end, and the engine has nothing to finish.
        if done.returncode:
            raise OperationError((done.stderr or done.stdout).strip())
        return done.stdout


class _Told:
    """The signals that have asked this process to end while the engine runs; false if there are none.

    A container or CI service may send SIGTERM to this process alone, and kill the engine soon.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._passed_on = 0
        self._patience = _SECONDS_TO_HEAR

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def take(self, number: int, _frame: object) -> None:
        """Handle a signal."""
        self._numbers.append(number)

    @staticmethod
    def shielded(command: Sequence[str]) -> list[str]:
        """The command, ignoring SIGHUP: the terminal's would end the Pulumi CLI at once, with its lock held.

        Not outside the main thread, where nobody waits for the signal.
        """
        if threading.current_thread() is not threading.main_thread() or _HANGUP is None:
            return [*command]
        return ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command]

    def wait(
        self,
        engine: subprocess.Popen[Any],
        meanwhile: Callable[[], object] = lambda: None,
        *,
        apart: bool = False,
    ) -> int:
        """Wait for the engine, and tell it to end when this process is told. Returns its exit code.

        Args:
            engine: A shielded engine.
            meanwhile: Called several times a second.
            apart: Whether it was started with `_APART`, so that signals reach it from here only. Else a signal other
                than SIGHUP is presumed to have reached it.
        """
        tell = self._pass_on if apart and _APART else self._presume
        while engine.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                engine.wait(_LOOK_EVERY)
            if self:
                tell(engine)
            meanwhile()
        return engine.returncode

    def _pass_on(self, engine: subprocess.Popen[Any]) -> None:
        """Send the first signal, and each further Ctrl-C: with a second one the engine ends at once, locked."""
        for number in self._numbers[self._passed_on :]:
            if self._passed_on == 0 or number == signal.SIGINT:
                engine.send_signal(signal.SIGTERM if number == _HANGUP else number)
            self._passed_on += 1

    def _presume(self, engine: subprocess.Popen[Any]) -> None:
        if self._patience > 0:
            self._patience -= _LOOK_EVERY
            if self._patience <= 0 and set(self._numbers) == {_HANGUP}:
                engine.terminate()


@contextmanager
def _ended_by_itself() -> Iterator[_Told]:
    """Leave Ctrl-C, SIGTERM and SIGHUP to the engine while it runs.

    It finishes current operations, writes the state and releases the lock. `subprocess.run` would kill it a quarter of
    a second later.
    """
    told = _Told()
    if threading.current_thread() is not threading.main_thread():
        yield told  # Only the main thread may set them, and has done so.
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:  # as under nohup
        numbers.append(_HANGUP)
    before = {each: signal.signal(each, told.take) for each in numbers}  # not SIG_IGN: it is inherited
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _names(snapshot: Path) -> Mapping[str, str]:
    """The names of people and groups by object id, as far as the program handed them over."""
    found = hand_over.read(snapshot)
    if found is None:
        return {}
    directory = found.directory
    return {each.object_id: each.address for each in directory.users} | {
        each.object_id: f"group {quoted(each.name)}" for each in directory.groups
    }


def _displayed(
    start: Callable[..., subprocess.Popen[Any]],
    events: _Tail,
    told: _Told,
    failures: Failures,
    *,
    show: Concise | None,
    quiet: bool,
) -> int:
    """Run the engine, and return its exit code; it displays itself unless ``show`` does, or it is ``quiet``."""
    if show:
        show.failures = failures
        return _shown(start, events, show, told)
    if quiet:
        return _quiet(start, events, told, failures)
    code = told.wait(start())
    _explain(events, failures)
    return code


def _explain(events: _Tail, failures: Failures) -> None:
    """Explain below the engine's own display what it only passed on from a provider."""
    said: dict[str, None] = {}
    for event in events.new():
        failures.take(event)
        explained, _ = failures.explain(event.get("diagnosticEvent") or {})
        if explained:
            said[explained] = None
    for each in said:
        say(f"error: {each}", err=True)


def _quiet(
    start: Callable[..., subprocess.Popen[Any]], events: _Tail, told: _Told, failures: Failures
) -> int:
    """Run the engine, show only why it failed, and return its exit code.

    Its whole output has the stack's outputs too, as if they were removed: names of people that no report has.
    """
    kept = events.log.with_name("output.txt")
    with kept.open("wb") as output:
        engine = start(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **_APART)
        code = told.wait(engine, apart=True)
    list(events.new())
    if code:
        errors = "".join(f"error: {each.strip()}\n" for each in lines(events.seen, failures))
        print(errors or kept.read_text(encoding="utf-8", errors="replace"), file=sys.stderr, end="")
    return code


def _shown(start: Callable[..., subprocess.Popen[Any]], events: _Tail, show: Concise, told: _Told) -> int:
    """Run the engine while ``show`` displays its events; print its output only if it fails without a message."""
    kept = events.log.with_name("output.txt")

    def take() -> None:
        for event in events.new():
            show.take(event)

    def meanwhile() -> None:
        take()
        show.still_running()

    with kept.open("wb") as output:
        engine = start(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **_APART)
        code = told.wait(engine, meanwhile, apart=True)
    take()
    show.end(ok=code == 0)
    if code and told:
        # Its output may have the traceback of a plugin that was just starting.
        recorded = "" if show.plans else " Finished steps are recorded; the next run continues from there."
        print(f"error: canceled.{recorded}", file=sys.stderr)
    elif code and not events.has_errors:
        print(kept.read_text(encoding="utf-8", errors="replace"), file=sys.stderr, end="")
    return code


class _Tail:
    """The events of a growing log.

    Attributes:
        log: The file.
        seen: The events so far; each is read once.
        keeps_lists: Whether events keep the lists that a step changes (`without_lists`).
    """

    def __init__(self, log: Path, *, keeps_lists: bool = False) -> None:
        self.log = log
        self.seen: list[EngineEvent] = []
        self.keeps_lists = keeps_lists
        self._read = 0

    @property
    def has_errors(self) -> bool:
        """Whether a message says why a run failed."""
        diagnostics = (event.get("diagnosticEvent") or {} for event in self.seen)
        return any(each.get("severity") == "error" for each in diagnostics)

    def new(self) -> Iterator[EngineEvent]:
        """The events since the last call, except an incomplete last line."""
        with suppress(FileNotFoundError), self.log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                text = line.decode("utf-8", errors="replace")
                del line  # With an address book of 100,000 it has 20 MB.
                try:
                    event = parse_json(text, Shared())
                except ValueError:
                    continue
                del text
                self.seen.append(without_lists(event, changed=not self.keeps_lists))
                yield event


def _command(stack: Stack, requested: EngineName, verb: str) -> list[str]:
    installed = shutil.which("pulumi", path=stack.environment.get("PATH"))
    if installed and requested != "embedded":
        return [installed]
    if not stack.on_sandbox:
        raise OperationError(_NEED_PULUMI.format(stack=stack.name, verb=verb))
    if requested == "pulumi":
        raise OperationError(
            "ENGINE=pulumi, but there is no pulumi on the PATH. Install it (https://www.pulumi.com/docs/install/), or "
            "leave ENGINE unset to use the embedded engine on the sandbox."
        )
    return [sys.executable, "-m", "sandbox.engine"]


def _backend(stack: Stack) -> Path:
    """The folder of the sandbox's backend."""
    return Path(unquote(urlsplit(stack.environment["PULUMI_BACKEND_URL"]).path))


def _sandboxed(stack: Stack) -> Path:
    """The path of the stack's state in the sandbox's backend."""
    return _backend(stack) / ".pulumi" / "stacks" / stack.project.name / f"{stack.name}.json"


def _checkpoint(stack: Stack) -> Path | None:
    """The path of the stack's state in a backend that is a folder on this machine; None for other backends."""
    parts = urlsplit(stack.environment.get("PULUMI_BACKEND_URL", ""))
    return _sandboxed(stack) if parts.scheme == "file" and not parts.netloc else None


def _outcome(code: int, events: _Tail, failures: Failures) -> RunOutcome:
    """The result of the run, from its events. Raises OperationError if they are cut off: "no change" could be wrong."""
    list(events.new())  # The rest of the events; all of them if none were shown.
    summaries = [event["summaryEvent"] for event in events.seen if "summaryEvent" in event]
    if code == 0 and not summaries:
        raise OperationError(
            "The engine succeeded, but its event log is incomplete, so what it did is unknown: "
            f"{events.log.parent.parent} is full, or a limit on file sizes was reached. Make room there, or set "
            "TMPDIR, and rerun."
        )
    changes = summaries[-1].get("resourceChanges") or {} if summaries else {}
    return RunOutcome(code, changes, lines(events.seen, failures), events.seen)
