"""Carries steps out: calls providers and records what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from sandbox.engine.backend import timestamp
from sandbox.engine.errors import StoppedError
from sandbox.engine.events import Events
from sandbox.engine.providers import Partial, ProviderError, Registry, Result, visible
from sandbox.engine.resource import Resource
from sandbox.engine.snapshot import Journal, Operation
from sandbox.engine.step_generator import StepGenerator
from sandbox.engine.steps import Step
from sandbox.engine.values import Properties, Secret, has_unknowns

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
    """A delete of something protected; other deletes go on, so that all of these are reported at once."""


class StepError(Exception):
    """A step failed; everything there is to say was reported."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.urn)
        self.step = step


class StepExecutor:
    """Runs chains of steps, a bounded number of them at a time.

    Args:
        journal: Takes the outcome.
        registry: The providers.
        generator: Knows which deletes are planned.
        events: Receives what happens.
        parallel: How many steps run at a time.
        preview: Nothing is changed.
        continue_on_error: Go on after a failed step.
    """

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        generator: StepGenerator,
        events: Events,
        *,
        parallel: int,
        preview: bool,
        continue_on_error: bool,
    ) -> None:
        self._journal = journal
        self._registry = registry
        self._generator = generator
        self._events = events
        self._places = threading.Semaphore(parallel)
        self._parallel = parallel
        self._preview = preview
        self._continue = continue_on_error
        self._components: dict[str, Step] = {}
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self.failed = False
        self.doubtful = False
        self.changes: dict[str, int] = {}
        self.refreshing = False

    # -- running ------------------------------------------------------------------------------------

    def run(self, steps: Sequence[Step]) -> None:
        """Run a chain in order.

        Raises:
            StoppedError: The run has failed or was cancelled before the chain was through.
            StepError: A step of the chain failed.
        """
        with self._places:
            for step in steps:
                if self.stopped.is_set():
                    raise StoppedError
                self._step(step)

    def run_all(self, steps: Sequence[Step]) -> list[Step]:
        """Run steps side by side, wait for all of them, and give those that were not done."""
        undone: list[Step] = []
        threads = [threading.Thread(target=self._quietly, args=(step, undone)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return undone

    def delete(self, levels: Sequence[Sequence[Step]]) -> None:
        """Run deletes level by level. What something that stays refers to stays too [case protect]."""
        staying: set[str] = set()
        for level in levels:
            if self.stopped.is_set():
                return
            undone = self.run_all([step for step in level if step.urn not in staying])
            for step in [*undone, *(step for step in level if step.urn in staying)]:
                staying.update(step.resource.references())

    def drain(self) -> None:
        """Wait for the steps that are running."""
        for _ in range(self._parallel):
            self._places.acquire()
        self._places.release(self._parallel)

    def _quietly(self, step: Step, undone: list[Step]) -> None:
        try:
            self.run([step])
        except (StepError, StoppedError):
            undone.append(step)

    def _step(self, step: Step) -> None:
        if not step.skipped and step.op != "remove-pending-replace":
            self._events.step("resourcePreEvent", step, preview=self._preview)
        try:
            self._apply(step)
        except ProviderError as error:
            self._failed(step, error)
            raise StepError(step) from error
        self._count(step)
        resource = step.resource
        if not step.skipped and (resource.custom or step.op in ("delete", "refresh")):
            self._events.step("resOutputsEvent", step, preview=self._preview)
        if not resource.custom and step.logical and step.new is not None:
            with self._lock:
                self._components[step.urn] = step

    def _failed(self, step: Step, error: ProviderError) -> None:
        prefix = "Preview failed: " if self._preview else ""
        self._events.diagnostic("error", f"{prefix}{error}", step.urn)
        # The summary calls a create that ended in doubt clean: nothing was recorded [case create_fails].
        self.doubtful |= error.doubtful and not step.op.startswith("create")
        if not self._preview:
            self._events.step("resOpFailedEvent", step, preview=False, status=0, steps=0)
        self._generator.unavailable(step.urn)
        self.failed = True
        if not (self._continue or isinstance(error, ProtectedError)):
            self.stopped.set()

    def _count(self, step: Step) -> None:
        if step.internal or step.skipped:
            return
        op = step.op
        if op == "refresh":
            if not self.refreshing:
                return
            op = step.shown_op
        elif not step.logical:
            return
        with self._lock:
            self.changes[op] = self.changes.get(op, 0) + 1

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
            self._refresh(step)
        elif step.op != "replace":
            self._delete(step)

    def _begin(self, step: Step, resource: Resource) -> Operation | None:
        if self._preview or not resource.custom or resource.is_provider:
            return None
        return self._journal.begin(_OPERATIONS[step.op], resource)

    def _same(self, step: Step) -> None:
        new, old = step.new, step.old
        if new is None or old is None or new is old:  # skipped, or left out of this run
            return
        if step.skipped:
            step.new = old
            return
        new = replace(new, id=old.id, outputs=old.outputs, init_errors=())
        if new.is_provider:
            # A provider that calls a change none goes on with what it knows.
            self._registry.same(replace(new, inputs=old.inputs))
        step.new = new
        self._journal.end(None, old=old, new=new)

    def _create(self, step: Step) -> None:
        new, old = _state(step.new), step.old
        operation = self._begin(step, new)
        now = timestamp()
        new = replace(new, created=now, modified=now)
        try:
            if new.is_provider:
                new = replace(new, id=self._registry.create(new.urn, new.inputs), outputs=visible(new.inputs))
            elif new.custom:
                timeout = new.custom_timeouts.get("create", 0)
                result = self._registry.get(new.provider).create(new.urn, new.inputs, timeout)
                self._no_unknowns(result.outputs, new.urn)
                new = replace(new, id=result.id, outputs=result.outputs)
        except ProviderError as error:
            self._made(operation, old, _partly(new, error.partial) if error.partial else None)
            raise
        step.new = _with_secrets(new)
        self._made(operation, old, step.new)

    def _made(self, operation: Operation | None, old: Resource | None, new: Resource | None) -> None:
        if new is None or old is None:
            self._journal.end(operation, new=new)
        elif self._journal.current(old).pending_replacement:
            self._journal.end(operation, old=old, new=new)  # it was deleted first
        else:
            self._journal.replace_old(old, delete=True)  # it goes at the end
            self._journal.end(operation, new=new)

    def _update(self, step: Step) -> None:
        new, old = _state(step.new), _state(step.old)
        operation = self._begin(step, new)
        new = replace(new, id=old.id, modified=timestamp(), init_errors=())
        try:
            if new.is_provider:
                self._registry.update(new.urn, old.id, new.inputs)
                new = replace(new, outputs=visible(new.inputs))
            elif new.custom:
                timeout = new.custom_timeouts.get("update", 0)
                result = self._registry.get(new.provider).update(old, new, timeout)
                self._no_unknowns(result.outputs, new.urn)
                new = replace(new, outputs=result.outputs)
        except ProviderError as error:
            if error.partial is None:
                self._journal.end(operation)
            else:
                # What was reached is known, what was asked for is not [case plugin_partial_failure 04].
                partly = replace(_partly(new, error.partial), id=old.id, inputs=old.inputs)
                self._journal.end(operation, old=old, new=partly)
            raise
        step.new = _with_secrets(new)
        self._journal.end(operation, old=old, new=step.new)

    def _delete(self, step: Step) -> None:
        old = _state(step.old)
        if old.protect and step.op == "delete":
            raise ProtectedError(
                f'resource "{old.urn}" cannot be deleted\n'
                "because it is protected. To unprotect the resource, either remove the `protect` flag from the "
                "resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                f"`pulumi state unprotect '{old.urn}'`"
            )
        operation = None
        if self._has_object(step, old) and not self._preview:
            operation = self._begin(step, old)
            try:
                self._registry.get(old.provider).delete(old, old.custom_timeouts.get("delete", 0))
            except ProviderError:
                self._journal.end(operation)
                raise
        if step.keep:
            self._journal.replace_old(old, pending_replacement=True)
            self._journal.end(operation)
        else:
            self._journal.end(operation, old=old)

    def _has_object(self, step: Step, old: Resource) -> bool:
        """Whether the provider has something to delete [cases retain_on_delete, deleted_with]."""
        if not old.custom or old.is_provider or old.external or old.retain_on_delete:
            return False
        if step.op == "remove-pending-replace":
            return False
        return not (old.deleted_with and old.deleted_with in self._generator.deletions)

    def _import(self, step: Step) -> None:
        """Read an object that the program names by its id [case import_option]."""
        new = _state(step.new)
        operation = self._begin(step, new)
        try:
            inputs, result = self._read_for_import(new)
        except ProviderError:
            self._journal.end(operation)
            raise
        now = timestamp()
        state = replace(
            new,
            id=result.id or new.import_id,
            inputs=inputs,
            outputs=result.outputs,
            created=now,
            modified=now,
        )
        step.new = _with_secrets(state)
        if step.old is not None and not step.old.external:
            self._journal.replace_old(step.old, delete=True)
            self._journal.end(operation, new=step.new)
        else:
            self._journal.end(operation, old=step.old, new=step.new)

    def _read_for_import(self, new: Resource) -> tuple[Properties, Result]:
        timeout = new.custom_timeouts.get("read", 0)
        result = self._registry.get(new.provider).read(new.urn, new.import_id, {}, {}, timeout)
        if not result.found:
            raise ProviderError(f"resource '{new.import_id}' does not exist")
        if result.inputs is None:
            raise ProviderError(
                "provider does not support importing resources; please try updating the "
                f"'{new.type.split(':', 1)[0]}' plugin"
            )
        return result.inputs, result

    def _refresh(self, step: Step) -> None:
        from sandbox.engine.refresh import refresh_step  # noqa: PLC0415 (it needs this module's names)

        refresh_step(step, self._registry, self._warn)
        if self._generator.mode == "refresh":
            self._journal.end(None, old=step.old, new=step.new)

    def _warn(self, text: str, urn: str) -> None:
        self._events.diagnostic("warning", text, urn)

    def _no_unknowns(self, outputs: dict[str, object], urn: str) -> None:
        if not self._preview and has_unknowns(outputs):
            raise ProviderError(f"the provider returned a value that is not known for {urn}")

    # -- outputs of components ----------------------------------------------------------------------

    def component_outputs(self, urn: str, merge: Callable[[dict[str, object]], dict[str, object]]) -> bool:
        """Store the outputs of a component that was registered before.

        Args:
            urn: The component.
            merge: Gives the new outputs from the old ones.

        Returns:
            Whether there was such a component waiting for its outputs.
        """
        with self._lock:
            step = self._components.pop(urn, None)
        if step is None or step.new is None:
            return False
        old = step.new
        before = step.old.outputs if step.old is not None else {}
        step.new = replace(old, outputs=merge(before))
        self._journal.replace_new(old, step.new)
        self._events.step("resOutputsEvent", step, preview=self._preview)
        return True


def _state(state: Resource | None) -> Resource:
    if state is None:
        raise ValueError("a step without a state")
    return state


def _partly(new: Resource, partial: Partial) -> Resource:
    return _with_secrets(replace(new, id=partial.id, outputs=partial.outputs, init_errors=partial.reasons))


def _with_secrets(new: Resource) -> Resource:
    """Mark outputs that are asked to be secret, or whose input of the same name is [case secrets]."""
    outputs = {
        key: Secret(value)
        if not isinstance(value, Secret)
        and (key in new.additional_secret_outputs or isinstance(new.inputs.get(key), Secret))
        else value
        for key, value in new.outputs.items()
    }
    return replace(new, outputs=outputs)
