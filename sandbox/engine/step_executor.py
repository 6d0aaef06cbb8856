"""Executes steps: calls providers and records the outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sandbox.engine.backend import timestamp
from sandbox.engine.errors import StoppedError
from sandbox.engine.providers import ProviderError
from sandbox.engine.refresh import refresh_step
from sandbox.engine.resource import Resource
from sandbox.engine.run import Run
from sandbox.engine.snapshot import Operation
from sandbox.engine.step_generator import StepGenerator
from sandbox.engine.steps import Step
from sandbox.engine.values import Secret

_OPERATIONS = {
    "create": "creating",
    "create-replacement": "creating",
    "update": "updating",
    "delete": "deleting",
    "delete-replaced": "deleting",
    "import": "importing",
    "import-replacement": "importing",
}


class ProtectedError(ProviderError):
    """A delete of a protected resource; other deletes continue, so that all such cases are reported at once."""


class StepError(Exception):
    """A failed step; it has been reported."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.urn)
        self.step = step


class StepExecutor:
    """Runs chains of steps, a bounded number concurrently."""

    def __init__(self, run: Run, generator: StepGenerator) -> None:
        self._run = run
        self._generator = generator
        self._places = threading.Semaphore(run.parallel)
        self._components: dict[str, Step] = {}
        self._lock = threading.Lock()
        self.refreshing = False  # the results of a refresh count as changes

    # -- running ------------------------------------------------------------------------------------

    def run(self, steps: Sequence[Step]) -> None:
        """Run a chain in order.

        Raises:
            StoppedError: The run has failed or was cancelled before the chain completed.
            StepError: A step of the chain failed.
        """
        with self._places:
            for step in steps:
                if self._run.stopped.is_set():
                    raise StoppedError
                self._step(step)

    def run_all(self, steps: Sequence[Step]) -> list[Step]:
        """Run steps concurrently, wait for all of them, and return those that were not done."""
        undone: list[Step] = []
        threads = [threading.Thread(target=self._quietly, args=(step, undone)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return undone

    def delete(self, levels: Sequence[Sequence[Step]]) -> None:
        """Run deletes level by level. Resources referred to by one that stays, stay too [case protect]."""
        needed: set[str] = set()

        def stays(step: Step) -> bool:
            return step.urn in needed and id(step.resource) not in self._generator.superseded

        for level in levels:
            if self._run.stopped.is_set():
                return
            staying = [step for step in level if stays(step)]
            undone = self.run_all([step for step in level if not stays(step)])
            for step in [*undone, *staying]:
                needed.update(step.resource.references())

    def drain(self) -> None:
        """Wait for running steps."""
        for _ in range(self._run.parallel):
            self._places.acquire()
        self._places.release(self._run.parallel)

    def _quietly(self, step: Step, undone: list[Step]) -> None:
        try:
            self.run([step])
        except (StepError, StoppedError):
            undone.append(step)

    def _step(self, step: Step) -> None:
        events = self._run.events
        if not step.skipped:
            events.step("resourcePreEvent", step)
        try:
            self._apply(step)
        except ProviderError as error:
            self._failed(step, error)
            raise StepError(step) from error
        self._count(step)
        resource = step.resource
        if not step.skipped and (resource.custom or step.op in ("delete", "refresh")):
            events.step("resOutputsEvent", step)
        if not resource.custom and step.logical and step.new is not None:
            with self._lock:
                self._components[step.urn] = step

    def _failed(self, step: Step, error: ProviderError) -> None:
        run = self._run
        run.fail(f"{'Preview failed: ' if run.preview else ''}{error}", step.urn)
        # The summary ignores a create with an unknown outcome: nothing was recorded [case create_fails].
        run.outcome.doubtful |= error.doubtful and not step.op.startswith("create")
        if not run.preview:
            run.events.step("resOpFailedEvent", step, status=0, steps=0)
        self._generator.unavailable(step.urn)
        if not (run.continue_on_error or isinstance(error, ProtectedError)):
            run.stopped.set()

    def _count(self, step: Step) -> None:
        counts = self.refreshing if step.op == "refresh" else step.logical
        if step.internal or step.skipped or not counts:
            return
        changes = self._run.outcome.changes
        with self._lock:
            changes[step.shown_op] = changes.get(step.shown_op, 0) + 1

    # -- operations ---------------------------------------------------------------------------------

    def _apply(self, step: Step) -> None:
        if step.op in ("create", "create-replacement"):
            self._create(step)
        elif step.op == "update":
            self._update(step)
        elif step.op == "same":
            self._same(step)
        elif step.op in ("import", "import-replacement"):
            self._import(step)
        elif step.op == "refresh":
            refresh_step(step, self._run)
        elif step.op != "replace":
            self._delete(step)

    @contextmanager
    def _operation(self, step: Step, resource: Resource) -> Iterator[Operation | None]:
        """Record the start of an operation, and if it fails without effect, that nothing changed."""
        journal, operation = self._run.journal, None
        if not self._run.preview and resource.custom and not resource.is_provider:
            operation = journal.begin(_OPERATIONS[step.op], resource)
        try:
            yield operation
        except ProviderError as error:
            if error.partial is None:
                journal.end(operation)
            raise

    def _same(self, step: Step) -> None:
        new, old = step.new, step.old
        if new is None or old is None or new is old:  # skipped, or not part of this run
            return
        if step.skipped:
            step.new = old
            return
        new = _with_secrets(replace(new, id=old.id, outputs=old.outputs, init_errors=()))
        if new.is_provider:
            # DiffConfig found no change: keep the stored configuration.
            self._run.registry.same(replace(new, inputs=old.inputs))
        step.new = new
        self._run.journal.end(None, old=old, new=new)

    def _create(self, step: Step) -> None:
        new, old = _state(step.new), step.old
        now = timestamp()
        with self._operation(step, new) as operation:
            new = replace(new, created=now, modified=now)
            try:
                if provider := self._run.registry.of(new):
                    new = provider.create(new)
            except ProviderError as error:
                if error.partial is not None:
                    self._record(operation, old, _with_secrets(replace(error.partial, inputs=new.inputs)))
                raise
        step.new = _with_secrets(new)
        self._record(operation, old, step.new)

    def _record(self, operation: Operation | None, old: Resource | None, new: Resource) -> None:
        journal = self._run.journal
        if old is None:
            journal.end(operation, new=new)
        elif journal.current(old).pending_replacement:
            journal.end(operation, old=old, new=new)  # it was deleted first
        else:
            journal.replace_old(old, delete=True)  # it goes at the end
            journal.end(operation, new=new)

    def _update(self, step: Step) -> None:
        new, old = _state(step.new), _state(step.old)
        with self._operation(step, new) as operation:
            new = replace(new, id=old.id, modified=timestamp(), init_errors=())
            try:
                if provider := self._run.registry.of(new):
                    new = provider.update(old, new)
            except ProviderError as error:
                if error.partial is not None:
                    # Record the resulting outputs, but keep the old inputs [case plugin_partial_failure 04].
                    partly = _with_secrets(replace(error.partial, id=old.id, inputs=new.inputs))
                    self._run.journal.end(operation, old=old, new=replace(partly, inputs=old.inputs))
                raise
        step.new = _with_secrets(new)
        self._run.journal.end(operation, old=old, new=step.new)

    def _delete(self, step: Step) -> None:
        old, journal = _state(step.old), self._run.journal
        if old.protect and step.op == "delete":
            raise ProtectedError(
                f'resource "{old.urn}" cannot be deleted\n'
                "because it is protected. To unprotect the resource, either remove the `protect` flag from the "
                "resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                f"`pulumi state unprotect '{old.urn}'`"
            )
        operation = None
        if self._has_object(step, old) and not self._run.preview:
            with self._operation(step, old) as operation:
                self._run.registry.get(old.provider).delete(old)
        if step.keep:
            journal.replace_old(old, pending_replacement=True)
            journal.end(operation)
        else:
            journal.end(operation, old=old)

    def _has_object(self, step: Step, old: Resource) -> bool:
        """Whether the provider has something to delete [cases retain_on_delete, deleted_with]."""
        if not old.custom or old.is_provider or old.retain_on_delete:
            return False
        if step.op == "remove-pending-replace":
            return False
        return not (old.deleted_with and old.deleted_with in self._generator.deletions)

    def _import(self, step: Step) -> None:
        """Read an object that the program specifies by id [case import_option]."""
        new, journal = _state(step.new), self._run.journal
        now = timestamp()
        with self._operation(step, new) as operation:
            state = self._run.registry.get(new.provider).read_import(replace(new, created=now, modified=now))
        step.new = _with_secrets(state)
        if step.old is not None:
            journal.replace_old(step.old, delete=True)
            journal.end(operation, new=step.new)
        else:
            journal.end(operation, new=step.new)

    # -- outputs of components ----------------------------------------------------------------------

    def component_outputs(self, urn: str, merge: Callable[[dict[str, object]], dict[str, object]]) -> bool:
        """Store a component's outputs as merged by `merge`; False if no component of this URN awaits them."""
        with self._lock:
            step = self._components.pop(urn, None)
        if step is None or step.new is None:
            return False
        old = step.new
        before = step.old.outputs if step.old is not None else {}
        step.new = replace(old, outputs=merge(before))
        self._run.journal.replace_new(old, step.new)
        self._run.events.step("resOutputsEvent", step)
        return True


def _state(state: Resource | None) -> Resource:
    if state is None:
        raise ValueError("a step without a state")
    return state


def _with_secrets(new: Resource) -> Resource:
    """Mark outputs that are declared secret, or whose input of the same name is [case secrets]."""
    outputs = {
        key: Secret(value)
        if not isinstance(value, Secret)
        and (key in new.additional_secret_outputs or isinstance(new.inputs.get(key), Secret))
        else value
        for key, value in new.outputs.items()
    }
    return replace(new, outputs=outputs)
