"""Refresh: updates the state with what providers read, and removes references to deleted objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sandbox.engine.backend import timestamp
from sandbox.engine.providers import ProviderError
from sandbox.engine.resource import Resource
from sandbox.engine.run import Run
from sandbox.engine.steps import Step
from sandbox.engine.values import equal


def refresh_step(step: Step, run: Run) -> None:
    """Read one resource; `step.new` and `step.result` hold the outcome [case refresh]."""
    old = step.resource
    step.new, step.result = old, "same"
    if not old.custom or old.is_provider or old.pending_replacement:
        return
    provider = run.registry.get(old.provider)
    try:
        new = provider.read(old)
    except ProviderError as error:
        # An unhealthy resource does not fail the refresh [case plugin_partial_failure 07].
        if error.partial is None:
            raise
        new = error.partial
        text = "\n* ".join(["Refreshed resource is in an unhealthy state:", *new.init_errors])
        run.events.diagnostic("warning", text, old.urn)
    if not new.id:
        step.new, step.result = None, "delete"
        return
    if not (equal(new.inputs, old.inputs) and equal(new.outputs, old.outputs)):
        new = replace(new, modified=timestamp())
    step.new = new
    # The reverse of what an update with an unchanged program would do.
    diff = provider.diff(new, old).settled(new.inputs, old.inputs)
    step.diff, step.result = diff.inverted(), "update" if diff.changed else "same"


def rebuild(found: Sequence[Resource | None], before: Sequence[Resource]) -> list[Resource]:
    """The state after a refresh, without deleted resources (None) and references to them.

    Lists of dependencies shrink, children move to the nearest remaining parent, and a resource none of whose properties
    depends on anything loses its `propertyDependencies` until the next update.
    """
    parents = {resource.urn: resource.parent for resource in before}
    kept: list[Resource] = []
    there: set[str] = set()
    for new in found:
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
