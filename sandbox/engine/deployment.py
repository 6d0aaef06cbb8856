"""One run of an operation: update, preview, refresh or destroy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.engine.backend import Backend
from sandbox.engine.children import Children
from sandbox.engine.config import Project, StackConfig, package_config
from sandbox.engine.errors import EngineError, NotSupportedError
from sandbox.engine.plugins import DYNAMIC, PluginHost, free_address
from sandbox.engine.program import Program
from sandbox.engine.secrets import Cache, Crypter, passphrase
from sandbox.engine.snapshot import Journal, Snapshot, check_version
from sandbox.engine.snapshot import load as load_snapshot
from sandbox.engine.values import Properties

if TYPE_CHECKING:
    from sandbox.engine.events import Events
    from sandbox.engine.steps import Step

_MAX_PARALLEL = 64


def default_parallel() -> int:
    """How many steps run at a time if nobody says: four for each processor."""
    given = os.environ.get("PULUMI_PARALLEL", "")
    return int(given) if given.isdigit() and int(given) else 4 * (os.cpu_count() or 2)


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        refresh: Refresh before an update, preview or destroy.
        parallel: Steps at a time.
        continue_on_error: Go on after a failed step.
        exclude_protected: Leave protected resources and what they need (destroy).
        clear_pending: Forget creates that were begun and not seen to end (refresh).
        run_program: Run the program, so that providers get today's configuration (refresh, destroy).
    """

    refresh: bool = False
    parallel: int = field(default_factory=default_parallel)
    continue_on_error: bool = False
    exclude_protected: bool = False
    clear_pending: bool = False
    run_program: bool = False


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        ok: Whether everything that was begun was done.
        changes: Operation to number of resources, `same` included.
        outputs: The stack's outputs, for showing; None if unchanged or not run.
        old_outputs: The outputs before.
        protected: Protected resources that a destroy left.
        empty: Nothing is left in the state.
    """

    ok: bool = True
    canceled: bool = False
    doubtful: bool = False
    seconds: float = 0.0
    changes: dict[str, int] = field(default_factory=dict)
    outputs: Properties | None = None
    old_outputs: Properties = field(default_factory=dict)
    protected: int = 0
    empty: bool = False

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return any(count for op, count in self.changes.items() if op != "same")


class Target:
    """A stack with its state, configuration and keys.

    Secrets of the state are decrypted with the state's own salt and encrypted with the stack file's.
    """

    def __init__(self, backend: Backend, stack: str, config: StackConfig) -> None:
        self.backend = backend
        self.project: Project = backend.project
        self.stack = stack
        self.config = config
        self._document: dict[str, Any] = {}
        self.crypter: Crypter | None = None
        self._state_crypter: Crypter | None = None

    @property
    def reference(self) -> str:
        """The name in the state file."""
        return f"organization/{self.project.name}/{self.stack}"

    def open(self) -> None:
        """Read the state and begin to derive the keys that will be needed."""
        self._document = self.backend.read(self.stack)
        check_version(self._document)
        salt = self.config.salt
        latest = self._document["checkpoint"].get("latest") or {}
        provider = latest.get("secrets_providers") or {}
        if provider and provider.get("type") != "passphrase":
            raise NotSupportedError(f"the secrets provider {provider.get('type')!r} in the state")
        state_salt = (provider.get("state") or {}).get("salt")
        line = salt or state_salt
        if not line:
            return
        text = passphrase(os.environ)
        self.crypter = self._state_crypter = Crypter(text, line)
        if state_salt and state_salt != line:
            self._state_crypter = Crypter(text, state_salt)
        self.crypter.prepare()

    def snapshot(self, cache: Cache) -> Snapshot:
        """The state, decrypted.

        Raises:
            EngineError: It contradicts itself; the message names the backup.
        """

        def decrypter(place: str) -> Callable[[str], str]:
            def decrypt(ciphertext: str) -> str:
                if self._state_crypter is None:
                    raise EngineError("the state has a secret but no salt")
                text = self._state_crypter.decrypt(ciphertext)
                if self._state_crypter is self.crypter:
                    cache.remember(place, text, ciphertext)
                return text

            return decrypt

        try:
            return load_snapshot(self._document, decrypter)
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(self.backend.damaged(self.stack, str(error))) from error

    def require_crypter(self) -> Crypter:
        """The key for writing secrets; a stack without one gets it."""
        if self.crypter is None:
            self.config.ensure_salt()
            self.crypter = Crypter(passphrase(os.environ), str(self.config.salt))
        return self.crypter


class Deployment:
    """Runs one operation against a target.

    Args:
        target: An opened target.
        events: Receives what happens.
        options: How to run.
        preview: Change nothing.
        environment: What children get.
    """

    def __init__(
        self, target: Target, events: Events, options: Options, *, preview: bool, environment: dict[str, str]
    ) -> None:
        self._target = target
        self._events = events
        self._options = options
        self._preview = preview
        self._environment = environment
        self._address = free_address()
        self._children = Children()
        self._host = PluginHost(target.project, environment, self._address, self._plugin_log, self._children)
        self._program: Program | None = None
        self._cancelled = threading.Event()
        self._program_ok = False
        self._prepared = False
        self._parallel = max(1, min(options.parallel, _MAX_PARALLEL))

    # -- parts --------------------------------------------------------------------------------------

    def _plugin_log(self, severity: str, text: str) -> None:
        if severity != "debug":
            self._events.diagnostic(severity, text)

    def _output(self, line: str, error: bool) -> None:
        self._events.diagnostic("info#err" if error else "info", line, stream=2 if error else 1)

    def _prepare(self, mode: str = "") -> None:
        """Make what the run needs from the state. Imports gRPC, which takes longer than anything else here."""
        from sandbox.engine.providers import Registry  # noqa: PLC0415 (children start meanwhile)
        from sandbox.engine.step_executor import StepExecutor  # noqa: PLC0415
        from sandbox.engine.step_generator import StepGenerator  # noqa: PLC0415

        target = self._target
        cache = Cache(target.require_crypter)
        snapshot = target.snapshot(cache)
        self._olds = {(r.urn, r.id): r for r in snapshot.resources if r.is_provider}
        save = None if self._preview else self._save
        salt = target.crypter.salt_line if target.crypter else None
        self._journal = Journal(target.reference, snapshot, cache, save, salt)
        self._registry = Registry(
            self._host, lambda urn, id_: self._olds.get((urn, id_)), preview=self._preview
        )
        self._generator = StepGenerator(
            target.stack,
            target.project.name,
            self._journal,
            self._registry,
            self._report,
            preview=self._preview,
            mode=mode if self._options.run_program else "",
        )
        self._executor = StepExecutor(
            self._journal,
            self._registry,
            self._generator,
            self._events,
            parallel=self._parallel,
            preview=self._preview,
            continue_on_error=self._options.continue_on_error,
        )

    def _save(self, text: str, durable: bool) -> None:
        self._target.backend.write(self._target.stack, text, durable=durable)

    def _report(self, severity: str, text: str, urn: str) -> None:
        self._events.diagnostic(severity, text, urn)

    def _start_plugins(self) -> None:
        """Start the plugins of the state's providers now; most of the time they are wanted."""
        latest = self._target._document["checkpoint"].get("latest") or {}  # noqa: SLF001 (before decryption)
        for resource in latest.get("resources") or ():
            if resource["type"].startswith("pulumi:providers:"):
                version = (resource.get("inputs") or {}).get("version", "")
                self._host.start_early(resource["type"].rsplit(":", 1)[1], version, {})

    def cancel(self) -> None:
        """Let what is running end and begin nothing new."""
        self._cancelled.set()
        if self._prepared:
            self._executor.stopped.set()
            self._executor.failed = True
            self._registry.cancel()

    @property
    def cancelling(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def abandon(self) -> None:
        """Kill the children; what is running remains pending in the state."""
        if self._program is not None:
            self._program.kill()
        self._host.kill()

    # -- operations ---------------------------------------------------------------------------------

    def update(self) -> Outcome:
        """Make the stack what the program says; in a preview, say what that would take."""
        return self._timed(self._update)

    def refresh(self) -> Outcome:
        """Make the state what providers find."""
        return self._timed(self._refresh_only)

    def destroy(self) -> Outcome:
        """Delete everything."""
        return self._timed(self._destroy)

    def _timed(self, operation: Callable[[Outcome], None]) -> Outcome:
        start, outcome = time.monotonic(), Outcome()
        try:
            operation(outcome)
        finally:
            if self._program is not None:
                self._program.kill()
            self._host.stop()
            self._children.release()
        outcome.ok = not self._executor.failed and not self._generator.failed
        outcome.doubtful = self._executor.doubtful
        outcome.canceled = self._cancelled.is_set()
        outcome.changes = self._executor.changes
        outcome.seconds = time.monotonic() - start
        self._registry.close()
        return outcome

    def _update(self, outcome: Outcome) -> None:
        program = self._start("update")
        self._warn_pending()
        if self._options.refresh and not self._refresh_all():
            self._finish(outcome)
            return
        monitor = self._run_program(program)
        if self._program_ok and not self._executor.stopped.is_set():
            self._executor.delete(self._generator.deletes())
        self._stack_outputs(monitor, outcome)
        self._finish(outcome)

    @property
    def _failed(self) -> bool:
        return self._executor.failed or self._generator.failed

    def _run_program(self, program: Program | None) -> Any:
        if program is None:
            raise ValueError("the program was not started")
        from sandbox.engine.monitor import EngineService, Monitor, serve  # noqa: PLC0415

        values = self._target.config.decrypted(self._target.crypter)
        monitor = Monitor(
            self._generator,
            self._executor,
            self._registry,
            self._report,
            lambda package: package_config(values, package),
            preview=self._preview,
        )
        server = serve(self._address, self._parallel, monitor, EngineService(self._report, self._executor))
        program.run(
            {
                "engine": self._address,
                "stack": self._target.stack,
                "parallel": self._parallel,
                "dryRun": self._preview,
                "config": {key: text for key, (text, _) in values.items()},
                "secretKeys": [key for key, (_, secret) in values.items() if secret],
            }
        )
        code = program.wait(self._executor.stopped)
        self._program_ok = code == 0
        self._executor.drain()  # a program that was killed leaves operations that must end and be saved
        server.stop(grace=None)
        if code != 0:
            if not self._executor.stopped.is_set() and code != 32:  # noqa: PLR2004 (the launcher has told)
                text = f"an unhandled error occurred: program exited with non-zero exit code: {code}"
                self._report("error", text, "")
            self._executor.failed = True
        return monitor

    def _stack_outputs(self, monitor: Any, outcome: Outcome) -> None:
        """The stack's outputs come last; after a failure new ones are laid over the old ones."""
        new = monitor.stack_outputs
        if new is None or not monitor.stack_urn:
            return
        failed = self._failed

        def merge(old: Properties) -> Properties:
            outcome.old_outputs = old
            return {**old, **new} if failed else dict(new)

        self._executor.component_outputs(monitor.stack_urn, merge)
        outcome.outputs = dict(new)

    def _warn_pending(self) -> None:
        """Say what an interrupted run left behind."""
        if self._preview or not self._journal.pending:
            return
        lines = ["Attempting to deploy or update resources with pending operations from previous deployment."]
        for operation in self._journal.pending:
            lines.append(f"  * {operation.resource.urn}, interrupted while {operation.type}")
            lines.append(f"    {explain(operation.resource.type)}")
        lines.append(
            "These resources are in an unknown state. To forget them, once you have looked, run "
            "`refresh --clear-pending-creates`."
        )
        self._report("warning", "\n".join(lines), "")

    def _finish(self, outcome: Outcome) -> None:
        if not self._preview:
            self._journal.finish()
            outcome.empty = not self._journal.resources()

    # -- refresh and destroy ------------------------------------------------------------------------

    def _refresh_all(self) -> bool:
        """Refresh every resource, all at once and in no order; False if that failed."""
        from sandbox.engine.refresh import rebuild  # noqa: PLC0415
        from sandbox.engine.steps import Step  # noqa: PLC0415

        base = self._journal.base
        steps: dict[int, Step] = {id(r): Step("refresh", r.urn, r, r, logical=False) for r in base}
        self._executor.run_all(list(steps.values()))
        resources = rebuild(base, steps)
        self._journal.rebase(resources, clear_pending=self._options.clear_pending)
        self._generator.rebase()
        self._olds = {(r.urn, r.id): r for r in resources if r.is_provider}
        return not self._executor.failed

    def _refresh_only(self, outcome: Outcome) -> None:
        self._start("refresh")
        self._executor.refreshing = True
        if self._program is not None:
            self._refresh_with_program(self._program, outcome)
        else:
            self._refresh_all()
        self._finish(outcome)
        outcome.outputs = outcome.old_outputs = self._current_outputs()

    def _refresh_with_program(self, program: Program, outcome: Outcome) -> None:
        """What the program registers is read while it runs, the rest afterwards."""
        from sandbox.engine.refresh import rebuild  # noqa: PLC0415
        from sandbox.engine.steps import Step  # noqa: PLC0415

        monitor = self._run_program(program)
        if self._program_ok and not self._executor.stopped.is_set():
            rest = self._generator.unregistered()
            self._executor.run_all([Step("refresh", r.urn, r, r, logical=False) for r in rest])
        self._stack_outputs(monitor, outcome)
        resources = rebuild(self._journal.resources(), {})
        self._journal.rebase(resources, clear_pending=self._options.clear_pending)

    def _start(self, mode: str) -> Program | None:
        """Start children, the program too if it is to run, then prepare."""
        if mode == "update" or self._options.run_program:
            self._program = Program(self._target.project, self._environment, self._output, self._children)
        self._start_plugins()
        self._prepare(mode)
        if self._target.crypter is not None:
            self._target.crypter.verify()  # begun before the children, which take longer to start
        self._prepared = True
        if self._cancelled.is_set():
            self.cancel()
        return self._program

    def _current_outputs(self) -> Properties:
        for resource in self._journal.resources():
            if resource.type == "pulumi:pulumi:Stack":
                return resource.outputs
        return {}

    def _destroy(self, outcome: Outcome) -> None:
        from sandbox.engine.steps import Step  # noqa: PLC0415

        self._start("destroy")
        self._warn_pending()
        if self._options.refresh and not self._refresh_all():
            self._finish(outcome)
            return
        kept: set[str] = set()
        if self._options.exclude_protected:
            kept = protected_with_needs(self._journal.base)
            outcome.protected = len(kept)
            self._executor.run_all([Step("same", r.urn, r, r) for r in self._journal.base if r.urn in kept])
        if self._program is not None:
            self._run_program(self._program)
            if not self._program_ok:
                self._finish(outcome)
                return
        self._executor.delete(self._generator.deletes(keep=lambda resource: resource.urn in kept))
        self._finish(outcome)


def protected_with_needs(resources: Any) -> set[str]:
    """URNs of protected resources and of everything that they refer to."""
    kept: set[str] = set()
    for resource in reversed(resources):
        if resource.protect or resource.urn in kept:
            kept.add(resource.urn)
            kept.update(resource.references())
    return kept


def explain(type_: str) -> str:
    """What an interrupted operation means for a type of resource."""
    if type_.startswith(f"{DYNAMIC}:dynamic/mimecast:"):
        return "Mimecast objects are found by their natural key: the next run takes over what is there."
    if type_.startswith("azuread:"):
        return "Entra ID: look for an object that may have been made; import it or delete it before going on."
    return "It may have been made without the state knowing; look before going on."
