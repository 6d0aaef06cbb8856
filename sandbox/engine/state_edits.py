"""The verbs that edit the state and do not touch objects [case state_edits]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sandbox.engine.errors import EngineError, NotSupportedError
from sandbox.engine.resource import Resource, rewrite, urn_name
from sandbox.engine.snapshot import Journal, foreign_features
from sandbox.engine.stack import Session


@contextmanager
def _edited(session: Session) -> Iterator[Journal]:
    """The stack's locked state; written at the end unless the edit is refused."""
    stack = session.stack().open()
    with session.backend.lock(stack.name):
        journal = stack.journal(write=True)
        yield journal
        journal.finish()


def _find(resources: Sequence[Resource], urn: str) -> Resource:
    found = [resource for resource in resources if resource.urn == urn]
    if not found:
        raise EngineError(f'No such resource "{urn}" exists in the current state. To list them: stack export')
    if len(found) > 1:
        ids = "\n".join(f"  {resource.id}" for resource in found)
        raise EngineError(f"{urn} ambiguously refers to multiple resources:\n{ids}")
    return found[0]


def _require_known_references(resources: Sequence[Resource]) -> None:
    """Refuse a state whose resources may refer to others in ways unknown to this engine."""
    for resource in resources:
        if features := foreign_features(resource):
            raise NotSupportedError(f"editing a state with {', '.join(features)} ({resource.urn})")


# -- unprotect ----------------------------------------------------------------------------------------


def _unprotect(session: Session, options: argparse.Namespace) -> None:
    if bool(options.urn) == options.all:
        raise EngineError("name one URN, or pass --all")
    with _edited(session) as journal:
        chosen = [resource for resource in journal.base if options.all or resource.urn == options.urn]
        if options.urn and not chosen:
            raise EngineError(f"No such resource {options.urn!r} exists in the current state")
        for resource in chosen:
            journal.replace_old(resource, protect=False)
    print("All resources unprotected" if options.all else "Resource unprotected")


# -- delete -------------------------------------------------------------------------------------------


def _delete(session: Session, options: argparse.Namespace) -> None:
    if not options.urns and not options.all:
        raise EngineError("name at least one URN, or pass --all")
    if options.urns and options.all:
        raise EngineError("cannot specify a resource URN when deleting all resources")
    with _edited(session) as journal:
        resources = journal.base
        _require_known_references(resources)
        named = [_find(resources, urn) for urn in options.urns] or resources
        dependents = _dependents(resources, named)
        if dependents and not options.target_dependents:
            raise EngineError(
                f"{', '.join(resource.urn for resource in named)} can't be safely deleted because the following "
                "resources depend on it:\n"
                + "".join(f' * "{urn_name(resource.urn)}" ({resource.urn})\n' for resource in dependents)
                + "Delete those resources first or pass --target-dependents."
            )
        gone = [*named, *dependents]
        _require_unprotected(gone, force=options.force)
        journal.rebase([resource for resource in resources if resource not in gone])
    print(f"{len(named)} resources deleted" if len(named) > 1 else "Resource deleted")


def _dependents(resources: Sequence[Resource], named: Sequence[Resource]) -> list[Resource]:
    """All other resources that directly or indirectly refer to the named ones."""
    urns = {resource.urn for resource in named}
    found: list[Resource] = []
    for resource in resources:  # dependents come after what they refer to
        if resource not in named and urns.intersection(resource.references()):
            urns.add(resource.urn)
            found.append(resource)
    return found


def _require_unprotected(resources: Sequence[Resource], *, force: bool) -> None:
    for resource in resources:
        if resource.protect and not force:
            raise EngineError(
                f"{resource.urn} can't be safely deleted because it is protected. "
                "Re-run this command with --force to force deletion"
            )
    for resource in resources:
        if resource.protect:
            print(
                f"warning: deleting protected resource {resource.urn} due to presence of --force",
                file=sys.stderr,
            )


# -- rename -------------------------------------------------------------------------------------------


def _rename(session: Session, options: argparse.Namespace) -> None:
    old = options.urn
    if not old.startswith("urn:pulumi:") or old.count("::") < 3:  # noqa: PLR2004 (stack, project, types, name)
        raise EngineError("The provided input URN is not valid")
    if not options.name:
        raise EngineError("the new name must not be empty")
    new = f"{old.removesuffix(urn_name(old))}{options.name}"
    with _edited(session) as journal:
        resources = journal.base
        _require_known_references(resources)
        renamed = _find(resources, old)
        if any(resource.urn == new for resource in resources):
            raise EngineError("The chosen new urn for the state corresponds to an already existing resource")
        journal.rebase(
            [
                replace(resource, urn=new) if resource is renamed else _refer(resource, old, new)
                for resource in resources
            ]
        )
    print("Resource renamed")


def _refer(resource: Resource, old: str, new: str) -> Resource:
    """The resource with its references renamed; like the CLI, this writes no empty ones."""
    used = {key: urns for key, urns in (resource.property_dependencies or {}).items() if urns}
    return rewrite(replace(resource, property_dependencies=used), {old: new})


VERBS: dict[str, Callable[[Session, argparse.Namespace], None]] = {
    "state unprotect": _unprotect,
    "state delete": _delete,
    "state rename": _rename,
}
