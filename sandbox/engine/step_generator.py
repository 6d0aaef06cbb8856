"""Decides on steps: a registration becomes a chain of steps; resources no longer registered are deleted.

Decisions follow the order of the Pulumi engine's step generator. Each rule names the conformance case
(tests/engine/cases) that shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from sandbox.engine import paths
from sandbox.engine.errors import NotSupportedError, RegistrationError
from sandbox.engine.providers import Diff, DiffUnavailableError, Provider, ProviderError, Registry
from sandbox.engine.resource import (
    STACK_TYPE,
    Resource,
    make_urn,
    package_of,
    provider_urn,
    urn_name,
    urn_type,
    urn_types,
)
from sandbox.engine.run import Run
from sandbox.engine.snapshot import foreign_features
from sandbox.engine.steps import Alias, Goal, Step
from sandbox.engine.values import UNKNOWN, Properties, equal, plain, shown

_IMPORTED = (
    "previously-imported resources that still specify an ID may not be replaced; "
    "please remove the `import` declaration from your program;"
)


@dataclass
class Registration:
    """A registration in the generator.

    Attributes:
        new: The desired state; its inputs are replaced with those that the provider returns from its check.
        old: The previous state, or the one that an import read.
        given: The program's inputs.
    """

    new: Resource
    old: Resource | None
    given: Properties
    delete_before_replace: bool | None
    imported: bool = False
    provider: Provider | Registry | None = None


class StepGenerator:
    """Tracks what the run has registered so far. Thread-safe."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._registered: dict[str, Resource] = {}
        self._operated: set[str] = set()
        self._aliases: dict[str, str] = {}  # new URN -> old URN
        self._aliased: dict[str, str] = {}  # old URN -> new URN
        self._deleted: dict[str, tuple[str, ...]] = {}  # deleted for a replacement, with its keys
        self._replaced: set[str] = set()
        self._unavailable: set[str] = set()  # failed or skipped under --continue-on-error
        self.deletions: set[str] = set()
        self.rebase()

    def rebase(self) -> None:
        """Take the old state from the journal, which differs after a refresh."""
        self._olds = {resource.urn: resource for resource in self._run.journal.base if not resource.delete}
        # Copies that an earlier run replaced; a dependency on their URN means their successors.
        self.superseded = {id(resource) for resource in self._run.journal.base if resource.delete}

    # -- registrations ------------------------------------------------------------------------------

    def begin(self, goal: Goal) -> Registration:
        """Resolve the goal's URN, inherited options and old state.

        Raises:
            RegistrationError: Duplicate URN, unknown parent.
        """
        with self._lock:
            parent = self._registered.get(goal.state.parent)
            if goal.state.parent and parent is None:
                raise RegistrationError(f"could not find parent resource {goal.state.parent} of {goal.name}")
            urn = self._urn(goal.state.parent, goal.state.type, goal.name)
            if urn in self._registered:
                self._error(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
            new = replace(
                goal.state,
                urn=urn,
                protect=bool(parent and parent.protect) if goal.protect is None else goal.protect,
                retain_on_delete=bool(parent and parent.retain_on_delete)
                if goal.retain_on_delete is None
                else goal.retain_on_delete,
                deleted_with=goal.state.deleted_with or (parent.deleted_with if parent else ""),
            )
            self._registered[urn] = new
            old = self._old(urn, goal)
            if old is not None:
                extra = {key: value for key, value in old.extra.items() if key != "aliases"}
                new = replace(new, created=old.created, modified=old.modified, extra=extra)
            return Registration(new, old, new.inputs, goal.delete_before_replace)

    def recorded_inputs(self, parent: str, type_: str, name: str) -> Properties:
        """The inputs in the old state of a resource that is not renamed; empty if it has none."""
        old = self._olds.get(self._urn(parent, type_, name))
        return old.inputs if old is not None else {}

    def inherited_provider(self, parent: str, type_: str) -> str:
        """The provider that a child of `parent` inherits, or "" if none."""
        with self._lock:
            found = self._registered.get(parent)
            return found.provider if found and package_of(found.type) == package_of(type_) else ""

    def _urn(self, parent: str, type_: str, name: str) -> str:
        return make_urn(self._run.stack, self._run.project, parent, type_, name)

    def _old(self, urn: str, goal: Goal) -> Resource | None:
        """By URN, then by alias, in the order given [case alias_rename]."""
        if urn in self._aliased:
            self._error(
                f"Duplicate resource alias '{urn}' applied to resource with URN '{self._aliased[urn]}'", urn
            )
        for candidate in [urn, *self._candidates(goal)]:
            old = self._olds.get(candidate)
            if old is None:
                continue
            if candidate != urn:
                taken = candidate if candidate in self._registered else self._aliased.get(candidate)
                if taken:
                    self._error(
                        f"Duplicate resource alias '{candidate}' applied to resource with URN '{urn}' "
                        f"conflicting with resource with URN '{taken}'",
                        urn,
                    )
                self._aliases[urn], self._aliased[candidate] = candidate, urn
                self._run.journal.rename(candidate, urn)
            return old
        return None

    def _candidates(self, goal: Goal) -> Iterable[str]:
        own = [self._collapse(alias, goal) for alias in goal.aliases]
        yield from own
        parent = self._aliases.get(goal.state.parent)
        if parent is not None:
            # A child's name that begins with its parent's is renamed with it [case alias_rename: g2-kid].
            stem = urn_name(goal.state.parent)
            for type_, name in [(goal.state.type, goal.name), *((urn_type(a), urn_name(a)) for a in own)]:
                renamed = urn_name(parent) + name.removeprefix(stem) if name.startswith(stem) else name
                yield self._urn(parent, type_, renamed)

    def _collapse(self, alias: Alias, goal: Goal) -> str:
        if alias.urn:
            return alias.urn
        parent = self._aliases.get(alias.parent, alias.parent) if alias.parent else goal.state.parent
        if alias.no_parent or (parent and urn_types(parent) == STACK_TYPE):
            parent = ""
        stack, project = alias.stack or self._run.stack, alias.project or self._run.project
        return make_urn(stack, project, parent, alias.type or goal.state.type, alias.name or goal.name)

    # -- import -------------------------------------------------------------------------------------

    def import_steps(self, registration: Registration) -> list[Step]:
        """Steps that import an existing object first [case import_option].

        Needed if there is no old state, or it is another object's.
        """
        new, old = registration.new, registration.old
        if not (new.custom and new.import_id):
            return []
        if old is not None and (old.import_id or old.id) == new.import_id:
            return []
        self._mark(new.urn)
        if old is not None and new.urn not in self._deleted:
            read = Step("import-replacement", old, new, logical=False)
            return [read, Step("replace", old, new)]
        return [Step("import", None, new)]

    def imported(self, registration: Registration, state: Resource) -> Registration:
        """Continue the registration with the imported state as its old state."""
        new = replace(registration.new, created=state.created, modified=state.modified)
        return replace(registration, old=state, new=new, imported=True)

    # -- check and diff -----------------------------------------------------------------------------

    def steps(self, registration: Registration) -> list[Step]:
        """The chain of steps for a registration; empty if an import did everything. Reports invalid inputs."""
        new, old = registration.new, registration.old
        self._guard_foreign(old)
        with self._lock:
            if skipped := self._skipped(registration):
                return skipped
            deleted = new.urn in self._deleted
        registration.provider = self._provider(new)
        if old is not None:
            registration.new = replace(new, inputs=self._ignore_changes(new, old.inputs))
        if old is None or deleted:
            self._check(registration, {}, registration.given)
            with self._lock:
                return self._create(registration.new, old)
        self._check(registration, old.inputs, registration.new.inputs)
        diff = self._diff(registration, old)
        with self._lock:
            if new.urn in self._deleted:  # deleted for another's replacement during this diff
                return self._create(registration.new, old)
            return self._change(registration, old, diff)

    def _guard_foreign(self, old: Resource | None) -> None:
        if old is not None and (found := foreign_features(old)):
            raise NotSupportedError(f"changing {old.urn}, which has {', '.join(found)}")

    def _provider(self, resource: Resource) -> Provider | Registry | None:
        try:
            return self._run.registry.of(resource)
        except ProviderError as error:
            self._error(str(error), resource.urn)

    def _check(self, registration: Registration, olds: Properties, news: Properties) -> None:
        """Have the provider check the inputs [case check_failures]; components accept any."""
        new = registration.new
        if registration.provider is None:
            return
        try:
            inputs, failures = registration.provider.check(new, olds, news)
        except ProviderError as error:
            self._error(str(error), new.urn)
        for failure in failures:
            text = f"{new.type} resource '{new.name}'"
            if failure.property:
                value = _brief(new.inputs.get(failure.property))
                text += f": property {failure.property} value {{{value}}}"
            self._run.fail(f"{text} has a problem: {failure.reason}", new.urn)
        if failures:
            raise RegistrationError
        registration.new = replace(new, inputs=inputs)

    def _ignore_changes(self, new: Resource, olds: Properties) -> Properties:
        """The new inputs with ignored paths reset to their old values [case ignore_changes]."""
        if not new.ignore_changes:
            return new.inputs
        inputs: Properties = paths.copy(new.inputs)
        lost = [text for text in new.ignore_changes if not paths.reset(paths.parse(text), olds, inputs)]
        if lost:
            text = f'cannot ignore changes in added or removed elements of the path: "{", ".join(lost)}"'
            self._run.events.diagnostic("info", text, new.urn)
        return inputs

    def _diff(self, registration: Registration, old: Resource) -> Diff:
        new = registration.new
        try:
            return _replace_on_changes(self._compare(registration.provider, new, old), new)
        except DiffUnavailableError as unavailable:
            # [case plugin_config_and_invoke: a provider whose configuration is unknown]
            self._run.events.diagnostic("warning", str(unavailable), new.urn)
            return Diff(changed=True)
        except ProviderError as error:
            self._error(str(error), new.urn)

    def _compare(self, provider: Provider | Registry | None, new: Resource, old: Resource) -> Diff:
        if new.deleted_with in self._replaced:
            return Diff(changed=True, replace_keys=("deletedWith",))  # [case deleted_with]
        if self._provider_changed(old, new):
            return Diff(changed=True, replace_keys=("provider",))  # [case plugin_config_and_invoke: site]
        if provider is None:
            # Components differ by their inputs, never by outputs [case components].
            return Diff(changed=not equal(old.inputs, new.inputs))
        return self._ask(provider, old, new)

    def _ask(self, provider: Provider | Registry, old: Resource, new: Resource) -> Diff:
        """The provider's diff; "unknown" is resolved by comparing inputs [case diff_answers]."""
        diff = provider.diff(old, new)
        if diff.changed is not None:
            return diff
        return diff.settled(old.inputs, self._ignore_changes(new, old.inputs))

    def _provider_changed(self, old: Resource, new: Resource) -> bool:
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        if self._aliased.get(provider_urn(old.provider)) == provider_urn(new.provider):
            return False
        return self._run.registry.replaced_config(old.provider, new.provider)

    # -- decisions ----------------------------------------------------------------------------------

    def _create(self, new: Resource, old: Resource | None) -> list[Step]:
        urn = new.urn
        self._mark(urn)
        if urn in self._deleted:
            # Deleted earlier in this run for something else's replacement [case replace_delete_first].
            keys = self._deleted.pop(urn)
            self.deletions.discard(urn)
            self._replaced.add(urn)
            diff = Diff(changed=True, replace_keys=keys)
            create = Step("create-replacement", old, new, diff, logical=False)
            return [Step("replace", old, new), create]
        return [Step("create", None, new)]

    def _change(self, registration: Registration, old: Resource, diff: Diff) -> list[Step]:
        new = registration.new
        self._mark(new.urn)
        if old.pending_replacement or (diff.changed and diff.replaces):
            return self._replace(registration, old, diff)
        # A partial failure is retried [case plugin_partial_failure].
        if diff.changed or old.init_errors:
            return [Step("update", old, new, diff)]
        return [] if registration.imported else [Step("same", old, new)]

    def _replace(self, registration: Registration, old: Resource, diff: Diff) -> list[Step]:
        urn = registration.new.urn
        if registration.new.protect and old.protect:
            self._refuse_replacement(urn)  # [case protect]
        if registration.new.import_id:
            self._refuse_imported(registration.new, old, diff)  # [case import_option: replace]
        self._replaced.add(urn)
        # Defaults came from the old inputs, which is wrong for a replacement [case replace_create_first].
        self._check(registration, {}, registration.given)
        new = registration.new
        delete_first = registration.delete_before_replace  # [case option_delete_before_replace]
        if delete_first is None:
            delete_first = diff.delete_first
        marker = Step("replace", old, new, diff)
        create = Step("create-replacement", old, new, diff, logical=False)
        if not delete_first:
            return [create, marker]  # the old one is deleted at the end [case replace_create_first]
        steps = []
        for dependent, keys in reversed(self._dependents(old)):
            if dependent.protect:
                self._refuse_replacement(dependent.urn, urn)
            self._deleted[dependent.urn] = keys
            if not dependent.pending_replacement:
                steps.append(self._delete_first(dependent))
        if not old.pending_replacement:
            steps.append(self._delete_first(old))
        return [*steps, marker, create]

    def _delete_first(self, old: Resource) -> Step:
        self.deletions.add(old.urn)
        return Step("delete-replaced", old, logical=False, keep=True)

    def _refuse_replacement(self, urn: str, cause: str = "") -> None:
        cause = f' as part of replacing "{cause}" ' if cause else "\n"
        text = (
            f'unable to replace resource "{urn}"{cause}as it is currently marked for protection. To unprotect the '
            "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
        )
        self._run.fail(text, urn)
        if not self._run.preview:
            raise RegistrationError

    def _refuse_imported(self, new: Resource, old: Resource, diff: Diff) -> None:
        lines = [_IMPORTED]
        for key in diff.replace_keys:
            before, after = _brief(old.inputs.get(key)), _brief(new.inputs.get(key))
            lines.append(f"{key}: {{{before}}} => {{{after}}}")
        if not self._run.preview:
            self._error("\n".join(lines), new.urn)
        self._run.events.diagnostic("warning", "\n".join(lines), new.urn)

    def _dependents(self, root: Resource) -> list[tuple[Resource, tuple[str, ...]]]:
        """The resources to delete before `root`, in old-state order, each with its replace keys.

        Custom resources that use a replaced provider, are deleted with a replaced resource, or would be replaced
        themselves if the values that they take from one became unknown [case replace_delete_first].
        """
        replaced = {root.urn}
        found = []
        for resource in self._run.journal.remaining():
            if not resource.custom or resource.delete or resource.urn in self._operated:
                continue
            keys = self._goes_with(resource, replaced)
            if keys is not None:
                replaced.add(resource.urn)
                found.append((resource, keys))
        return found

    def _goes_with(self, resource: Resource, replaced: set[str]) -> tuple[str, ...] | None:
        if resource.provider and provider_urn(resource.provider) in replaced:
            return ()
        if resource.deleted_with in replaced:
            return ()
        inputs = dict(resource.inputs)
        affected = False
        for key, urns in (resource.property_dependencies or {}).items():
            if key in inputs and not replaced.isdisjoint(urns):
                inputs[key], affected = UNKNOWN, True
        if not affected or resource.is_provider:
            return None
        try:
            provider = self._run.registry.get(resource.provider)
            diff = self._ask(provider, resource, replace(resource, inputs=inputs))
        except ProviderError as error:
            self._error(str(error), resource.urn)
        diff = _replace_on_changes(diff, resource)
        return diff.replace_keys if diff.replaces else None

    # -- continue-on-error --------------------------------------------------------------------------

    def unavailable(self, urn: str) -> None:
        """Record that a resource failed or was skipped: nothing that needs it is executed."""
        with self._lock:
            self._unavailable.add(urn)

    def _skipped(self, registration: Registration) -> list[Step]:
        """Skip dependents of a failure: their inputs may be incomplete [case continue_on_error]."""
        new = registration.new
        if self._unavailable.isdisjoint(new.references()):
            return []
        self._mark(new.urn)
        self.unavailable(new.urn)
        return [Step("same", registration.old, new, skipped=True)]

    # -- the rest -----------------------------------------------------------------------------------

    def deletes(self, *, keep: Callable[[Resource], bool] = lambda _: False) -> list[list[Step]]:
        """Steps for resources that the program no longer has, in levels: each starts when the previous one is done."""
        steps: dict[int, Step] = {}
        resources = self._run.journal.remaining()
        for resource in resources:
            operated = resource.urn in self._operated or resource.urn in self._aliased
            if resource.delete:
                steps[id(resource)] = Step("delete-replaced", resource, logical=False)
            elif not (operated or keep(resource)):
                self._guard_foreign(resource)
                op = "remove-pending-replace" if resource.pending_replacement else "delete"
                steps[id(resource)] = Step(op, resource)
        self._spare(resources, steps)
        self.deletions.update(step.urn for step in steps.values())
        return _levels(resources, steps)

    @staticmethod
    def _spare(resources: Sequence[Resource], steps: dict[int, Step]) -> None:
        """Keep what an old resource refers to if it stays because its step failed [test_random_programs]."""
        waiting = [resource for resource in resources if id(resource) not in steps]
        while waiting:
            needed = set(waiting.pop().references())
            for resource in resources:
                step = steps.get(id(resource))
                # A copy pending deletion has a successor; the reference means that one.
                if step and resource.urn in needed and step.op != "delete-replaced":
                    del steps[id(resource)]
                    waiting.append(resource)

    def _mark(self, urn: str) -> None:
        with self._lock:
            self._operated.add(urn)

    def _error(self, text: str, urn: str) -> NoReturn:
        self._run.fail(text, urn)
        raise RegistrationError


def _replace_on_changes(diff: Diff, new: Resource) -> Diff:
    """Turn changes under the resource's paths into replacements [case replace_on_changes]."""
    if not diff.changed or not new.replace_on_changes:
        return diff
    requested = [paths.parse(text) for text in new.replace_on_changes]

    def covered(text: str) -> bool:
        return any(paths.covers(path, paths.parse(text)) for path in requested)

    detailed = diff.detailed
    if detailed is not None:
        detailed = {
            path: (kind.removesuffix("-replace") + "-replace" if covered(path) else kind, inputs)
            for path, (kind, inputs) in detailed.items()
        }
    keys = dict.fromkeys([*diff.replace_keys, *(key for key in diff.keys if covered(key))])
    return replace(diff, replace_keys=tuple(keys), detailed=detailed)


def _levels(resources: Sequence[Resource], steps: dict[int, Step]) -> list[list[Step]]:
    """Order deletes: a resource after everything that refers to it.

    A dependency on a component includes all its children [case depends_on_order].
    """
    doomed = [resource for resource in resources if id(resource) in steps]
    depth = _depths(doomed, _spreading(resources))
    levels: list[list[Step]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for resource in doomed:
        levels[depth[id(resource)]].append(steps[id(resource)])
    return levels


def _spreading(resources: Sequence[Resource]) -> Callable[[str], Iterable[str]]:
    """A function from a URN to those that a dependency on it includes."""
    children: dict[str, list[str]] = {}
    for resource in resources:
        children.setdefault(resource.parent, []).append(resource.urn)
    components = {resource.urn for resource in resources if not resource.custom}

    def spread(urn: str) -> Iterable[str]:
        yield urn
        if urn in components:
            for child in children.get(urn, ()):
                yield from spread(child)

    return spread


def _depths(doomed: Sequence[Resource], spread: Callable[[str], Iterable[str]]) -> dict[int, int]:
    """How many levels of deletes come before each resource, by its identity."""
    by_urn: dict[str, list[Resource]] = {}
    for resource in doomed:
        by_urn.setdefault(resource.urn, []).append(resource)
    depth: dict[int, int] = {}
    for resource in reversed(doomed):
        level = depth.setdefault(id(resource), 0)
        needed = set(resource.references())
        for urn in set(resource.dependencies):
            needed.update(spread(urn))
        for urn in needed:
            for other in by_urn.get(urn, ()):
                if other is not resource:
                    depth[id(other)] = max(depth.get(id(other), 0), level + 1)
    return depth


def _brief(value: Any) -> str:
    """A value in an error message, never a secret."""
    if plain(value) != value:
        return "[secret]"
    text = shown(value)
    if isinstance(text, bool):
        return str(text).lower()
    return "<nil>" if text is None else str(text)
