"""One run of an operation: update, preview, refresh or destroy."""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sandbox.engine.children import Children
from sandbox.engine.config import package_config
from sandbox.engine.outcome import Outcome
from sandbox.engine.plugins import DYNAMIC, PluginHost, ReservedAddress
from sandbox.engine.program import Program
from sandbox.engine.resource import BUILTIN, PROVIDER_PREFIX, STACK_TYPE, Resource
from sandbox.engine.run import Run
from sandbox.engine.stack import Stack
from sandbox.engine.values import Properties

if TYPE_CHECKING:
    from sandbox.engine.events import Events
    from sandbox.engine.monitor import Monitor

_MAX_PARALLEL = 64


def default_parallel() -> int:
    """The default number of concurrent steps: four for each processor."""
    given = os.environ.get("PULUMI_PARALLEL", "")
    return int(given) if given.isdigit() and int(given) else 4 * (os.cpu_count() or 2)


class Deployment:
    """Runs one operation (`update`, `refresh`, `destroy`) against a stack; `environment` is for its children."""

    def __init__(
        self,
        kind: str,
        stack: Stack,
        events: Events,
        options: argparse.Namespace,
        *,
        preview: bool,
        environment: Mapping[str, str],
    ) -> None:
        self._kind = kind
        self._stack = stack
        self._events = events
        self._options = options
        self._preview = preview
        self._environment = environment
        self._outcome = Outcome()
        self._parallel = max(1, min(options.parallel or default_parallel(), _MAX_PARALLEL))
        self._address = ReservedAddress()
        self._children = Children()
        self._host = PluginHost(
            stack.project, environment, str(self._address), self._plugin_log, self._children
        )
        self._program: Program | None = None
        self._program_ok = False
        self._cancelled = threading.Event()
        self._prepared = False

    def run(self) -> Outcome:
        """Make the stack match the program, the state match what providers find, or delete everything.

        In a preview, report the steps instead.
        """
        start = time.monotonic()
        operation = {"update": self._update, "refresh": self._refresh, "destroy": self._destroy}[self._kind]
        try:
            self._start()
            operation()
            if not self._preview:
                self._journal.finish()
                self._outcome.empty = not self._journal.resources()
        finally:
            self.abandon_program()
            self._host.stop()
            self._children.release()
            self._address.release()
        self._outcome.canceled = self.cancelling
        self._outcome.seconds = time.monotonic() - start
        self._registry.close()
        return self._outcome

    # -- parts --------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the children, including the program if it runs, then build the run's parts from the state."""
        if self._kind == "update":
            self._program = Program(self._stack.project, self._environment, self._output, self._children)
        self._start_plugins()
        self._prepare()
        if self._stack.crypter is not None:
            self._stack.crypter.key()  # started before the children, which take longer
        self._prepared = True
        if self._cancelled.is_set():
            self.cancel()

    def _start_plugins(self) -> None:
        """Start the plugins of the state's providers early; most runs need them."""
        for resource in self._stack.latest.get("resources") or ():
            package = resource["type"].removeprefix(PROVIDER_PREFIX)
            if package not in (resource["type"], BUILTIN):
                self._host.start_early(package, (resource.get("inputs") or {}).get("version", ""), {})

    def _prepare(self) -> None:
        """Build the run's parts; importing gRPC takes longest, and the children start meanwhile."""
        from sandbox.engine.builtins import Builtins  # noqa: PLC0415
        from sandbox.engine.providers import Registry  # noqa: PLC0415
        from sandbox.engine.step_executor import StepExecutor  # noqa: PLC0415
        from sandbox.engine.step_generator import StepGenerator  # noqa: PLC0415

        self._journal = self._stack.journal(write=not self._preview)
        self._registry = Registry(self._host, preview=self._preview)
        self._registry.know(self._journal.base)
        self._run = Run(
            stack=self._stack.name,
            project=self._stack.project.name,
            preview=self._preview,
            parallel=self._parallel,
            continue_on_error=self._options.continue_on_error,
            events=self._events,
            journal=self._journal,
            registry=self._registry,
            outcome=self._outcome,
        )
        self._registry.builtins = Builtins(self._stack.backend, self._run)
        self._generator = StepGenerator(self._run)
        self._executor = StepExecutor(self._run, self._generator)

    def _plugin_log(self, severity: str, text: str) -> None:
        if severity != "debug":
            self._events.diagnostic(severity, text)

    def _output(self, line: str, error: bool) -> None:
        self._events.diagnostic("info#err" if error else "info", line, stream=2 if error else 1)

    def cancel(self) -> None:
        """Let running operations finish and start no new ones."""
        self._cancelled.set()
        if self._prepared:
            self._run.stop()
            self._registry.cancel()

    @property
    def cancelling(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def abandon_program(self) -> None:
        """Kill the program if it is running."""
        if self._program is not None:
            self._program.kill()

    # -- operations ---------------------------------------------------------------------------------

    def _update(self) -> None:
        self._warn_pending()
        if self._options.refresh and not self._refresh_all():
            return
        monitor = self._run_program()
        if self._program_ok and not self._run.stopped.is_set():
            self._executor.delete(self._generator.deletes())
        self._stack_outputs(monitor)

    def _refresh(self) -> None:
        self._executor.refreshing = True
        self._refresh_all()
        resources = self._journal.resources()
        found = [resource.outputs for resource in resources if resource.type == STACK_TYPE]
        self._outcome.outputs = self._outcome.old_outputs = found[0] if found else {}

    def _destroy(self) -> None:
        self._warn_pending()
        if self._options.refresh and not self._refresh_all():
            return
        kept: set[str] = set()
        if self._options.exclude_protected:
            from sandbox.engine.steps import Step  # noqa: PLC0415

            kept = protected_with_needs(self._journal.base)
            self._outcome.protected = len(kept)
            self._executor.run_all([Step("same", r, r) for r in self._journal.base if r.urn in kept])
        self._executor.delete(self._generator.deletes(keep=lambda resource: resource.urn in kept))

    def _run_program(self) -> Monitor:
        from sandbox.engine.monitor import EngineService, Monitor, serve  # noqa: PLC0415

        if self._program is None:
            raise ValueError("the program was not started")
        run, values = self._run, self._stack.config.decrypted(self._stack.crypter)
        monitor = Monitor(
            run, self._generator, self._executor, lambda package: package_config(values, package)
        )
        server = serve(self._address, self._parallel, monitor, EngineService(run))
        self._program.run(
            {
                "engine": str(self._address),
                "stack": self._stack.name,
                "parallel": self._parallel,
                "dryRun": self._preview,
                "config": {key: text for key, (text, _) in values.items()},
                "secretKeys": [key for key, (_, secret) in values.items() if secret],
            }
        )
        code = self._program.wait(run.stopped)
        self._program_ok = code == 0
        self._executor.drain()  # operations of a killed program must finish and be saved
        server.stop(grace=None)
        if code != 0:
            told = run.stopped.is_set() or code == 32  # noqa: PLR2004 (reported by the launcher)
            text = f"an unhandled error occurred: program exited with non-zero exit code: {code}"
            run.fail("" if told else text)
        return monitor

    def _stack_outputs(self, monitor: Monitor) -> None:
        """Store the stack's outputs last; after a failure, merge new ones into the old ones."""
        new, outcome = monitor.stack_outputs, self._outcome
        if new is None or not monitor.stack_urn:
            return

        def merge(old: Properties) -> Properties:
            outcome.old_outputs = old
            return dict(new) if outcome.ok else {**old, **new}

        self._executor.component_outputs(monitor.stack_urn, merge)
        outcome.outputs = dict(new)

    def _warn_pending(self) -> None:
        """Report operations that an interrupted run left behind."""
        if self._preview or not self._journal.pending:
            return
        lines = ["Attempting to deploy or update resources with pending operations from previous deployment."]
        for operation in self._journal.pending:
            lines.append(f"  * {operation.resource.urn}, interrupted while {operation.type}")
            lines.append(f"    {explain(operation.resource.type)}")
        lines.append(
            "These resources are in an unknown state. Once you have checked them, run "
            "`refresh --clear-pending-creates` to forget them."
        )
        self._events.diagnostic("warning", "\n".join(lines))

    # -- refresh ------------------------------------------------------------------------------------

    def _refresh_all(self) -> bool:
        """Refresh all resources, concurrently and in no order; False if that failed."""
        from sandbox.engine.refresh import rebuild  # noqa: PLC0415
        from sandbox.engine.steps import Step  # noqa: PLC0415

        base = self._journal.base
        steps = [Step("refresh", resource, resource, logical=False) for resource in base]
        self._executor.run_all(steps)
        rebuilt = rebuild([step.new for step in steps], base)
        self._journal.rebase(rebuilt, clear_pending=self._options.clear_pending_creates)
        self._generator.rebase()
        self._registry.know(rebuilt)
        return self._outcome.ok


def protected_with_needs(resources: Sequence[Resource]) -> set[str]:
    """The URNs of protected resources and of everything that they refer to."""
    kept: set[str] = set()
    for resource in reversed(resources):
        if resource.protect or resource.urn in kept:
            kept.add(resource.urn)
            kept.update(resource.references())
    return kept


def explain(type_: str) -> str:
    """The consequence of an interrupted operation for a resource type."""
    if type_.startswith(f"{DYNAMIC}:dynamic/mimecast:"):
        return "Mimecast objects are found by their natural key: the next run adopts an existing one."
    if type_.startswith("azuread:"):
        return "Entra ID: look for an object that may have been created; import or delete it before you continue."
    return "It may have been created without being recorded; check before you continue."
