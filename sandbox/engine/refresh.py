"""Refresh: compares the state with what providers find, and repairs references to what is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sandbox.engine.backend import timestamp
from sandbox.engine.providers import Provider, ProviderError, Registry, Result
from sandbox.engine.resource import Resource
from sandbox.engine.steps import Step
from sandbox.engine.values import equal


def refresh_step(step: Step, registry: Registry, warn: Callable[[str, str], None]) -> None:
    """Read one resource; `step.new` and `step.result` say what was found [case refresh]."""
    old = step.old
    if old is None:
        raise ValueError("nothing to refresh")
    step.new, step.result = old, "same"
    if not old.custom or old.is_provider or old.pending_replacement:
        return
    provider = registry.get(old.provider)
    reasons: tuple[str, ...] = ()
    try:
        found = provider.read(old.urn, old.id, old.inputs, old.outputs, old.custom_timeouts.get("read", 0))
    except ProviderError as error:
        # Not healthy is not a failure of the refresh [case plugin_partial_failure 07].
        if error.partial is None:
            raise
        reasons = error.partial.reasons
        found = Result(error.partial.id, error.partial.outputs, error.partial.inputs or None)
        warn("\n* ".join(["Refreshed resource is in an unhealthy state:", *reasons]), old.urn)
    if not found.id:
        step.new, step.result = None, "delete"
        return
    inputs = old.inputs if found.inputs is None else found.inputs
    new = replace(old, id=found.id, inputs=inputs, outputs=found.outputs, init_errors=reasons)
    if not (equal(inputs, old.inputs) and equal(found.outputs, old.outputs)):
        new = replace(new, modified=timestamp())
    step.new = new
    _compare(step, provider, old, new)


def _compare(step: Step, provider: Provider, old: Resource, new: Resource) -> None:
    """What an update with an unchanged program would do, seen from the other side."""
    if old.external:
        step.result = "same" if equal(old.outputs, new.outputs) else "update"
        return
    diff = provider.diff(new, old.inputs, old.ignore_changes).settled(new.inputs, old.inputs)
    step.diff = diff.inverted()
    step.result = "update" if diff.changed else "same"


def rebuild(resources: Sequence[Resource], results: Mapping[int, Step]) -> list[Resource]:
    """The state after a refresh, without what is gone and without references to it.

    Lists of dependencies shrink, children move up to the next parent that is there, and a resource none of
    whose properties depends on anything loses its `propertyDependencies` until the next update.
    """
    parents = {resource.urn: resource.parent for resource in resources}
    kept: list[Resource] = []
    there: set[str] = set()
    for resource in resources:
        step = results.get(id(resource))
        new = resource if step is None else step.new
        if new is None:
            continue
        parent = new.parent
        while parent and parent not in there:
            parent = parents.get(parent, "")
        properties = new.property_dependencies
        if properties is not None:
            properties = {key: [urn for urn in urns if urn in there] for key, urns in properties.items()}
            properties = {key: urns for key, urns in properties.items() if urns} or None
        there.add(new.urn)
        kept.append(
            replace(
                new,
                parent=parent,
                dependencies=tuple(urn for urn in new.dependencies if urn in there),
                property_dependencies=properties,
                deleted_with=new.deleted_with if new.deleted_with in there else "",
            )
        )
    return kept
