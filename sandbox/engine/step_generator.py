"""Decides what has to be done: one registration becomes a chain of steps, the rest becomes deletes.

The order of the questions is that of the Pulumi engine's step generator. Each rule names the conformance
case (tests/engine/cases) that shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from sandbox.engine import paths
from sandbox.engine.errors import NotSupportedError, RegistrationError
from sandbox.engine.providers import (
    Diff,
    DiffUnavailableError,
    Provider,
    ProviderError,
    Registry,
)
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
from sandbox.engine.snapshot import Journal, foreign_features
from sandbox.engine.steps import Alias, Goal, Step
from sandbox.engine.values import UNKNOWN, Properties, equal, plain, shown

# Fields that a resource takes from the goal as they are.
_TAKEN = (
    "type", "custom", "inputs", "parent", "provider", "dependencies", "property_dependencies", "deleted_with",
    "additional_secret_outputs", "ignore_changes", "replace_on_changes", "hide_diff", "custom_timeouts", "import_id",
)  # fmt: skip
Report = Callable[[str, str, str], None]  # severity, text, URN


@dataclass
class Registration:
    """A registration on its way through the generator."""

    goal: Goal
    urn: str
    old: Resource | None
    new: Resource
    imported: bool = False


class StepGenerator:
    """Holds what the run has seen so far. Calls may come from several threads.

    Args:
        stack: Name of the stack.
        project: Name of the project.
        journal: Gives the old state and takes renames.
        registry: The providers.
        report: Receives diagnostics.
        preview: Whether this is a preview.
        mode: "refresh" or "destroy" when the program runs for these (`--run-program`), else empty.
    """

    def __init__(
        self,
        stack: str,
        project: str,
        journal: Journal,
        registry: Registry,
        report: Report,
        *,
        preview: bool,
        mode: str,
    ) -> None:
        self.mode = mode
        self._stack = stack
        self._project = project
        self._journal = journal
        self._registry = registry
        self._report = report
        self._preview = preview
        self._lock = threading.RLock()
        self._olds = {r.urn: r for r in journal.base if not r.delete}
        self._goals: dict[str, Goal] = {}
        self._operated: set[str] = set()
        self._aliases: dict[str, str] = {}  # new URN -> old URN
        self._aliased: dict[str, str] = {}  # old URN -> new URN
        self._deleted: dict[str, tuple[str, ...]] = {}  # deleted for a replacement, with its keys
        self._replaced: set[str] = set()
        self._unavailable: set[str] = set()  # failed or skipped under --continue-on-error
        self.deletions: set[str] = set()
        self.failed = False

    def rebase(self) -> None:
        """The journal has another old state (after a refresh)."""
        self._olds = {r.urn: r for r in self._journal.base if not r.delete}

    # -- registrations ------------------------------------------------------------------------------

    def begin(self, goal: Goal) -> Registration:
        """Give the goal its URN and its old state.

        Raises:
            RegistrationError: Duplicate URN, unknown parent.
        """
        with self._lock:
            if goal.parent and goal.parent not in self._goals:
                raise RegistrationError(f"could not find parent resource {goal.parent} of {goal.name}")
            goal = self._inherit(goal)
            urn = make_urn(self._stack, self._project, goal.parent, goal.type, goal.name)
            if urn in self._goals:
                self._error(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
            self._goals[urn] = goal
            old = self._old(urn, goal)
            return Registration(goal, urn, old, _wanted(goal, urn, old))

    def _inherit(self, goal: Goal) -> Goal:
        parent = self._goals.get(goal.parent)
        if parent is None:
            return goal
        provider = goal.provider
        same_package = parent.provider and package_of(parent.type) == package_of(goal.type)
        if not provider and goal.custom and not goal.is_provider and same_package:
            provider = parent.provider
        return replace(
            goal,
            protect=parent.protect if goal.protect is None else goal.protect,
            retain_on_delete=parent.retain_on_delete
            if goal.retain_on_delete is None
            else goal.retain_on_delete,
            deleted_with=goal.deleted_with or parent.deleted_with,
            provider=provider,
        )

    def inherited_provider(self, parent: str, type_: str) -> str:
        """The provider that a child of `parent` would inherit, or nothing."""
        with self._lock:
            goal = self._goals.get(parent)
            if goal is None or not goal.provider or package_of(goal.type) != package_of(type_):
                return ""
            return goal.provider

    def _old(self, urn: str, goal: Goal) -> Resource | None:
        """By URN, then by alias, in the order given [case alias_rename]."""
        if urn in self._aliased:
            self._error(
                f"Duplicate resource alias '{urn}' applied to resource with URN '{self._aliased[urn]}'", urn
            )
        for candidate in [urn, *self._candidates(urn, goal)]:
            old = self._olds.get(candidate)
            if old is None:
                continue
            if candidate != urn:
                taken = candidate if candidate in self._goals else self._aliased.get(candidate)
                if taken:
                    self._error(
                        f"Duplicate resource alias '{candidate}' applied to resource with URN '{urn}' "
                        f"conflicting with resource with URN '{taken}'",
                        urn,
                    )
                self._aliases[urn], self._aliased[candidate] = candidate, urn
                self._journal.rename(candidate, urn)
            return old
        return None

    def _candidates(self, urn: str, goal: Goal) -> Iterable[str]:
        own = [self._collapse(alias, goal) for alias in goal.aliases]
        yield from own
        parent = self._aliases.get(goal.parent)
        if parent is not None:
            # A child's name that begins with its parent's is renamed with it [case alias_rename: g2-kid].
            for type_, name in [(goal.type, goal.name), *((urn_type(a), urn_name(a)) for a in own)]:
                stem = urn_name(goal.parent)
                renamed = urn_name(parent) + name.removeprefix(stem) if name.startswith(stem) else name
                yield make_urn(self._stack, self._project, parent, type_, renamed)

    def _collapse(self, alias: Alias, goal: Goal) -> str:
        if alias.urn:
            return alias.urn
        parent = self._aliases.get(alias.parent, alias.parent) if alias.parent else goal.parent
        if alias.no_parent or (parent and urn_types(parent) == STACK_TYPE):
            parent = ""
        return make_urn(
            alias.stack or self._stack,
            alias.project or self._project,
            parent,
            alias.type or goal.type,
            alias.name or goal.name,
        )

    # -- import -------------------------------------------------------------------------------------

    def import_steps(self, registration: Registration) -> list[Step]:
        """Steps that take an existing object into the state first [case import_option].

        When there is no old state, or it is another object's, or one that the engine does not own.
        """
        goal, old, urn = registration.goal, registration.old, registration.urn
        if not (goal.custom and goal.import_id):
            return []
        if old is not None and not old.external and (old.import_id or old.id) == goal.import_id:
            return []
        self._mark(urn)
        new = registration.new
        if old is not None and urn not in self._deleted:
            return [
                Step("import-replacement", urn, old, new, logical=False),
                Step("replace", urn, old, new),
            ]
        return [Step("import", urn, None, new)]

    def imported(self, registration: Registration, state: Resource) -> Registration:
        """The registration goes on with what was read as its old state."""
        new = replace(registration.new, created=state.created, modified=state.modified)
        return replace(registration, old=state, new=new, imported=True)

    # -- check and diff -----------------------------------------------------------------------------

    def steps(self, registration: Registration) -> list[Step]:
        """The chain of steps for a registration; none when an import already did everything.

        Raises:
            RegistrationError: It is invalid; what there is to say was reported.
        """
        goal, urn, old = registration.goal, registration.urn, registration.old
        if self.mode and goal.custom and not goal.is_provider:
            return self._of_mode(registration)
        if self._blocked(registration):
            self._mark(urn)
            self.unavailable(urn)
            return [Step("same", urn, old, registration.new, skipped=True)]
        self._guard_foreign(old)
        provider = self._provider(registration.new)
        with self._lock:
            recreating = urn in self._deleted
        inputs = goal.inputs
        if old is not None:
            inputs = self._ignore_changes(urn, inputs, old.inputs, goal.ignore_changes)
        new = replace(registration.new, inputs=inputs)
        if goal.custom:
            fresh = recreating or old is None or old.external
            olds = {} if fresh or old is None else old.inputs
            new = replace(new, inputs=self._check(provider, new, olds, goal.inputs if fresh else inputs))
        if old is None or recreating or old.external:
            with self._lock:
                return self._create(new, old)
        diff = self._diff(registration, provider, new, old)
        with self._lock:
            if urn in self._deleted:  # deleted for another's replacement while this was being compared
                return self._create(new, old)
            return self._change(registration, provider, new, old, diff)

    def _of_mode(self, registration: Registration) -> list[Step]:
        """With `--run-program` the program only says what there is; nothing is made or changed."""
        urn, old, new = registration.urn, registration.old, registration.new
        self._mark(urn)
        if old is None:
            self.unavailable(urn)
            return [Step("same", urn, None, new, skipped=True)]
        if self.mode == "refresh":
            return [Step("refresh", urn, old, old, logical=False)]
        return [Step("same", urn, old, replace(new, inputs=old.inputs))]

    def unregistered(self) -> list[Resource]:
        """Old states that the program did not ask for."""
        return [r for r in self._journal.remaining() if r.urn not in self._operated or r.delete]

    def _guard_foreign(self, old: Resource | None) -> None:
        if old is not None and (found := foreign_features(old)):
            raise NotSupportedError(f"changing {old.urn}, which has {', '.join(found)}")

    def _provider(self, resource: Resource) -> Provider | None:
        if not resource.custom or resource.is_provider:
            return None
        try:
            return self._registry.get(resource.provider)
        except ProviderError as error:
            self._error(str(error), resource.urn)

    def _check(
        self, provider: Provider | None, new: Resource, olds: Properties, news: Properties
    ) -> Properties:
        """Ask the provider whether it takes the inputs [case check_failures]."""
        try:
            if provider is None:
                inputs, failures = self._registry.check(new.urn, olds, news)
            else:
                inputs, failures = provider.check(new.urn, olds, news)
        except ProviderError as error:
            self._error(str(error), new.urn)
        for failure in failures:
            text = f"{new.type} resource '{new.name}'"
            if failure.property:
                value = _brief(new.inputs.get(failure.property))
                text += f": property {failure.property} value {{{value}}} has a problem: {failure.reason}"
            else:
                text += f" has a problem: {failure.reason}"
            self._report("error", text, new.urn)
        if failures:
            self.failed = True
            raise RegistrationError
        return inputs

    def _ignore_changes(
        self, urn: str, inputs: Properties, olds: Properties, ignore: Sequence[str]
    ) -> Properties:
        """Put ignored paths back to their old values [case ignore_changes]."""
        if not ignore:
            return inputs
        inputs = paths.copy(inputs)
        lost = [text for text in ignore if not paths.reset(paths.parse(text), olds, inputs)]
        if lost:
            text = f'cannot ignore changes in added or removed elements of the path: "{", ".join(lost)}"'
            self._report("info", text, urn)
        return inputs

    def _diff(
        self, registration: Registration, provider: Provider | None, new: Resource, old: Resource
    ) -> Diff:
        try:
            return self._compare(registration, provider, new, old)
        except DiffUnavailableError as unavailable:
            # [case plugin_config_and_invoke: a provider whose configuration is unknown]
            self._report("warning", str(unavailable), new.urn)
            return Diff(changed=True)
        except ProviderError as error:
            self._error(str(error), new.urn)

    def _compare(
        self, registration: Registration, provider: Provider | None, new: Resource, old: Resource
    ) -> Diff:
        goal = registration.goal
        if new.deleted_with in self._replaced:
            return Diff(changed=True, replace_keys=("deletedWith",))  # [case deleted_with]
        if self._provider_changed(old, new):
            # [case plugin_config_and_invoke: site]
            return Diff(changed=True, replace_keys=("provider",))
        if new.is_provider:
            diff = self._registry.diff(old, new.urn, new.inputs)
        elif provider is None:
            # Components differ by their inputs, never by outputs [case components].
            diff = Diff(changed=not equal(old.inputs, new.inputs))
        else:
            diff = self._ask(provider, old, new.inputs, goal.ignore_changes)
        return _replace_on_changes(diff, goal.replace_on_changes)

    def _ask(self, provider: Provider, old: Resource, inputs: Properties, ignore: Sequence[str]) -> Diff:
        """The provider's diff; "unknown" is settled by comparing inputs [case diff_answers]."""
        diff = provider.diff(old, inputs, tuple(ignore))
        if diff.changed is not None:
            return diff
        return diff.settled(old.inputs, self._ignore_changes(old.urn, inputs, old.inputs, ignore))

    def _provider_changed(self, old: Resource, new: Resource) -> bool:
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        if self._aliased.get(provider_urn(old.provider)) == provider_urn(new.provider):
            return False
        return self._registry.replaced_config(old.provider, new.provider)

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
            return [
                Step("replace", urn, old, new),
                Step("create-replacement", urn, old, new, diff, logical=False),
            ]
        if old is not None:  # it was external; this one is owned
            return [
                Step("create-replacement", urn, old, new, logical=False),
                Step("replace", urn, old, new),
            ]
        return [Step("create", urn, None, new)]

    def _change(
        self, registration: Registration, provider: Provider | None, new: Resource, old: Resource, diff: Diff
    ) -> list[Step]:
        self._mark(new.urn)
        if diff.changed or old.pending_replacement:
            if diff.replaces or old.pending_replacement:
                return self._replace(registration, provider, new, old, diff)
            return [Step("update", new.urn, old, new, diff)]
        if old.init_errors:
            # Try again what was not finished [case plugin_partial_failure].
            return [Step("update", new.urn, old, new, diff)]
        if registration.imported:
            return []
        return [Step("same", new.urn, old, new)]

    def _replace(
        self, registration: Registration, provider: Provider | None, new: Resource, old: Resource, diff: Diff
    ) -> list[Step]:
        goal, urn = registration.goal, new.urn
        if new.protect and old.protect:
            self._refuse_replacement(urn)  # [case protect]
        if goal.import_id:
            self._refuse_imported(new, old, diff)  # [case import_option: replace]
        self._replaced.add(urn)
        if new.custom:
            # Defaults were carried over from the old inputs; that is wrong now [case replace_create_first].
            new = replace(new, inputs=self._check(provider, new, {}, goal.inputs))
        delete_first = diff.delete_first
        if goal.delete_before_replace is not None:
            delete_first = goal.delete_before_replace  # [case option_delete_before_replace]
        marker = Step("replace", urn, old, new, diff)
        create = Step("create-replacement", urn, old, new, diff, logical=False)
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
        return Step("delete-replaced", old.urn, old, logical=False, keep=True)

    def _refuse_replacement(self, urn: str, cause: str = "") -> None:
        cause = f' as part of replacing "{cause}" ' if cause else "\n"
        text = (
            f'unable to replace resource "{urn}"{cause}as it is currently marked for protection. To unprotect the '
            "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
        )
        self._report("error", text, urn)
        self.failed = True
        if not self._preview:
            raise RegistrationError

    def _refuse_imported(self, new: Resource, old: Resource, diff: Diff) -> None:
        told = (
            "previously-imported resources that still specify an ID may not be replaced; "
            "please remove the `import` declaration from your program;"
        )
        lines = [told]
        for key in diff.replace_keys:
            before, after = _brief(old.inputs.get(key)), _brief(new.inputs.get(key))
            lines.append(f"{key}: {{{before}}} => {{{after}}}")
        if not self._preview:
            self._error("\n".join(lines), new.urn)
        self._report("warning", "\n".join(lines), new.urn)

    def _dependents(self, root: Resource) -> list[tuple[Resource, tuple[str, ...]]]:
        """What must be deleted before `root` can be, in old-state order, each with its replace keys.

        Custom resources that use a replaced provider, are deleted with something replaced, or would be
        replaced themselves if what they take from it became unknown [case replace_delete_first].
        """
        replaced = {root.urn}
        found = []
        for resource in self._journal.remaining():
            if not resource.custom or resource.external or resource.delete or resource.urn in self._operated:
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
            diff = self._ask(self._registry.get(resource.provider), resource, inputs, resource.ignore_changes)
        except ProviderError as error:
            self._error(str(error), resource.urn)
        diff = _replace_on_changes(diff, resource.replace_on_changes)
        return diff.replace_keys if diff.replaces else None

    # -- continue-on-error --------------------------------------------------------------------------

    def unavailable(self, urn: str) -> None:
        """Note that a resource failed or was skipped: nothing that needs it is carried out."""
        with self._lock:
            self._unavailable.add(urn)

    def _blocked(self, registration: Registration) -> bool:
        """Newer SDKs register what depends on a failure with inputs missing [case update_fails]."""
        with self._lock:
            new = registration.new
            return not self._unavailable.isdisjoint(new.references())

    # -- the rest -----------------------------------------------------------------------------------

    def deletes(self, *, keep: Callable[[Resource], bool] = lambda _: False) -> list[list[Step]]:
        """Steps for what the program no longer has, in levels: a level begins when the one before is done.

        Args:
            keep: Resources that stay (`destroy --exclude-protected`, continue-on-error).
        """
        steps: dict[int, Step] = {}
        everything = self.mode == "destroy"
        resources = self._journal.resources() if everything else self._journal.remaining()
        for resource in resources:
            operated = resource.urn in self._operated or resource.urn in self._aliased
            if resource.delete:
                steps[id(resource)] = Step("delete-replaced", resource.urn, resource, logical=False)
            elif (everything or not operated) and not keep(resource):
                self._guard_foreign(resource)
                op = "discard" if resource.external else "delete"
                if resource.pending_replacement:
                    op = "remove-pending-replace"
                steps[id(resource)] = Step(op, resource.urn, resource)
        if not everything:
            self._spare(resources, steps)
        self.deletions.update(step.urn for step in steps.values())
        return _levels(resources, steps)

    @staticmethod
    def _spare(resources: Sequence[Resource], steps: dict[int, Step]) -> None:
        """An old resource that stays, because its step failed, keeps what it refers to [test_random_programs]."""
        waiting = [resource for resource in resources if id(resource) not in steps]
        while waiting:
            needed = set(waiting.pop().references())
            for resource in resources:
                step = steps.get(id(resource))
                # A copy that waits for its deletion has a successor, which the reference means.
                if step and resource.urn in needed and step.op != "delete-replaced":
                    del steps[id(resource)]
                    waiting.append(resource)

    def _mark(self, urn: str) -> None:
        with self._lock:
            self._operated.add(urn)

    def _error(self, text: str, urn: str) -> NoReturn:
        self._report("error", text, urn)
        self.failed = True
        raise RegistrationError


def _wanted(goal: Goal, urn: str, old: Resource | None) -> Resource:
    extra = {}
    if old is not None:
        extra = {key: value for key, value in old.extra.items() if key != "aliases"}
    return Resource(
        urn=urn,
        protect=bool(goal.protect),
        retain_on_delete=bool(goal.retain_on_delete),
        created=old.created if old else "",
        modified=old.modified if old else "",
        extra=extra,
        **{name: getattr(goal, name) for name in _TAKEN},
    )


def _replace_on_changes(diff: Diff, listed: Sequence[str]) -> Diff:
    """Turn changes under the listed paths into replacements [case replace_on_changes]."""
    if not diff.changed or not listed:
        return diff
    wanted = [paths.parse(text) for text in listed]

    def covered(text: str) -> bool:
        return any(paths.covers(path, paths.parse(text)) for path in wanted)

    detailed = diff.detailed
    if detailed is not None:
        detailed = {
            path: (kind.removesuffix("-replace") + "-replace" if covered(path) else kind, inputs)
            for path, (kind, inputs) in detailed.items()
        }
    keys = dict.fromkeys([*diff.replace_keys, *(key for key in diff.keys if covered(key))])
    return replace(diff, replace_keys=tuple(keys), detailed=detailed)


def _levels(resources: Sequence[Resource], steps: dict[int, Step]) -> list[list[Step]]:
    """Order deletes: a resource goes after everything that refers to it.

    A component that something depends on stands for all its children [case depends_on_order].
    """
    doomed = [resource for resource in resources if id(resource) in steps]
    children: dict[str, list[str]] = {}
    for resource in resources:
        children.setdefault(resource.parent, []).append(resource.urn)
    components = {resource.urn for resource in resources if not resource.custom}

    def spread(urn: str) -> Iterable[str]:
        yield urn
        if urn in components:
            for child in children.get(urn, ()):
                yield from spread(child)

    place = {id(resource): index for index, resource in enumerate(resources)}
    by_urn: dict[str, list[Resource]] = {}
    for resource in doomed:
        by_urn.setdefault(resource.urn, []).append(resource)
    depth: dict[int, int] = {}
    for resource in sorted(doomed, key=lambda r: place[id(r)], reverse=True):
        level = depth.setdefault(id(resource), 0)
        needed = set(resource.references())
        for urn in set(resource.dependencies):
            needed.update(spread(urn))
        for urn in needed:
            for other in by_urn.get(urn, ()):
                if other is not resource:
                    depth[id(other)] = max(depth.get(id(other), 0), level + 1)
    levels: list[list[Step]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for resource in doomed:
        levels[depth[id(resource)]].append(steps[id(resource)])
    return levels


def _brief(value: Any) -> str:
    """A value in an error message, never a secret."""
    if plain(value) != value:
        return "[secret]"
    text = shown(value)
    if isinstance(text, bool):
        return str(text).lower()
    return "<nil>" if text is None else str(text)
