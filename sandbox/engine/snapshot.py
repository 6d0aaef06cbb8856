"""The state of a stack: reads it, tracks a run in it, and writes it safely."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mimecast_sso.facts.engine_documents import STATE_VERSIONS
from sandbox.engine.backend import timestamp
from sandbox.engine.errors import EngineError, NotSupportedError
from sandbox.engine.resource import (
    BUILTIN,
    Resource,
    from_json,
    package_of,
    provider_reference,
    provider_urn,
    rewrite,
)
from sandbox.engine.secrets import Cache
from sandbox.engine.values import equal, to_state

VERSION = "v3.260.0-sandbox"
# Fields of version 4 that are preserved. A resource that uses one is kept, but not changed.
_FEATURES = frozenset({"hooks", "views", "taint", "replaceWith", "refreshBeforeUpdate"})
_FOREIGN = (
    "taint",
    "replaceWith",
    "resourceHooks",
    "viewOf",
    "refreshBeforeUpdate",
    "extensionRef",
    "snippetID",
)


@dataclass(frozen=True)
class Operation:
    """An operation that started and has not ended: `creating`, `updating`, `deleting`, `reading`, `importing`."""

    resource: Resource
    type: str


@dataclass(frozen=True)
class Snapshot:
    """The `latest` part of a checkpoint."""

    resources: tuple[Resource, ...] = ()
    pending: tuple[Operation, ...] = ()
    rest: dict[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()


def load(
    document: Mapping[str, Any], decrypter: Callable[[str], Callable[[str], str]], *, to_change: bool = True
) -> Snapshot:
    """Read a checkpoint document.

    Args:
        document: The whole file.
        decrypter: Returns the decrypting function for a place (a URN).
        to_change: Refuse features that can be read but not changed.

    Raises:
        ValueError: The state is inconsistent.
        NotSupportedError: It uses features that the engine does not support.
    """
    check_version(document)
    latest = dict(document["checkpoint"].get("latest") or {})
    manifest = latest.get("manifest") or {}
    version, magic = manifest.get("version", ""), manifest.get("magic", "")
    if (version or magic) and magic != _magic(version):
        raise ValueError("snapshot integrity: the magic cookie does not belong to the version")
    resources = tuple(from_json(item, decrypter(item["urn"])) for item in latest.pop("resources", None) or ())
    pending = tuple(
        Operation(from_json(item["resource"], decrypter(item["resource"]["urn"])), item["type"])
        for item in latest.pop("pending_operations", None) or ()
    )
    verify(resources)
    if to_change:
        _refuse(resources)
    return Snapshot(resources, pending, latest, tuple(document.get("features") or ()))


def _refuse(resources: Sequence[Resource]) -> None:
    if read := [resource.urn for resource in resources if resource.extra.get("external")]:
        raise NotSupportedError(f"a state with a resource that the stack does not own ({read[0]})")
    if own := [r.urn for r in resources if r.custom and not r.is_provider and package_of(r.type) == BUILTIN]:
        raise NotSupportedError(f"a state with a resource of the package {BUILTIN} ({own[0]})")


def check_version(document: Mapping[str, Any]) -> None:
    """Raise NotSupportedError for a state of another version."""
    if document.get("version") not in STATE_VERSIONS:
        raise NotSupportedError(f"a state of version {document.get('version')}")
    if unknown := set(document.get("features") or ()) - _FEATURES:
        raise NotSupportedError(f"a state with {', '.join(sorted(unknown))}")


def _magic(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()


def verify(resources: Sequence[Resource]) -> None:
    """Raise ValueError unless every resource comes after those it refers to, and URNs are unique."""
    seen: set[str] = set()  # URNs
    providers: set[str] = set()
    live: set[str] = set()
    for resource in resources:
        if not resource.custom and resource.id:
            raise ValueError(f"snapshot integrity: the component {resource.urn} has an id")
        if resource.provider and not resource.pending_replacement and resource.provider not in providers:
            raise ValueError(
                f"snapshot integrity: {resource.urn} has an unknown provider {resource.provider}"
            )
        for urn in resource.references():
            if urn not in seen and not (resource.provider and urn == provider_urn(resource.provider)):
                raise ValueError(
                    f"snapshot integrity: {resource.urn} refers to {urn}, which is not before it"
                )
        if resource.urn in live and not resource.delete:
            raise ValueError(f"snapshot integrity: {resource.urn} appears twice")
        seen.add(resource.urn)
        if resource.is_provider:
            providers.add(provider_reference(resource.urn, resource.id))
        if not resource.delete:
            live.add(resource.urn)


def foreign_features(resource: Resource) -> list[str]:
    """The features of a resource that only the Pulumi CLI supports."""
    return [name for name in _FOREIGN if resource.extra.get(name)]


class Journal:
    """Tracks a run: old states, new states, and operations under way. Writes through `save`.

    New states come first, in order of completion, then untouched old ones, so dependencies always come before
    dependents.
    """

    def __init__(
        self,
        stack: str,
        found: Snapshot,
        cache: Cache,
        save: Callable[[str, bool], None] | None,
        salt: str | None,
    ) -> None:
        self.base = list(found.resources)
        self._stack = stack
        self._found = found
        self._salt = salt
        self._cache = cache
        self._save = save
        self._new: list[Resource] = []
        self._done: set[int] = set()
        self._moved: dict[int, Resource] = {}
        # Pending creates are kept until a refresh clears them [case pending_operation].
        self._pending: dict[int, Operation] = {id(op): op for op in found.pending if op.type == "creating"}
        self._aliases: dict[str, str] = {}
        self._texts: dict[int, tuple[Resource, str]] = {}
        self._lock = threading.Condition()
        self._changed = 0
        self._due = 0
        self._kept: list[tuple[Resource, Resource]] = []
        self._written = 0
        self._writing = False
        self._took = 0.0
        self._error: Exception | None = None

    # -- what happens -------------------------------------------------------------------------------

    def begin(self, type_: str, resource: Resource) -> Operation:
        """Record an operation on disk before it starts."""
        operation = Operation(resource, type_)
        with self._lock:
            self._pending[id(operation)] = operation
            self._changed += 1
        self._flush()
        return operation

    def end(
        self, operation: Operation | None, *, old: Resource | None = None, new: Resource | None = None
    ) -> None:
        """Record the outcome: `old` is removed, `new` added. Both None: nothing changed."""
        with self._lock:
            if operation is not None:
                self._pending.pop(id(operation), None)
            if old is not None:
                self._done.add(id(self.current(old)))
            if new is not None:
                self._new.append(new)
            self._changed += 1
            if operation is None and old is not None and new is not None:
                self._kept.append((old, new))
            else:
                self._due = self._changed

    def replace_old(self, old: Resource, **changes: Any) -> Resource:
        """Change flags (`delete`, `pending_replacement`) of an old state that stays."""
        with self._lock:
            current = self.current(old)
            new = self._moved[id(current)] = replace(current, **changes)
            for resources in (self.base, self._new):
                for index, resource in enumerate(resources):
                    if resource is current:
                        resources[index] = new
            self._changed += 1
            return new

    def current(self, old: Resource) -> Resource:
        """The old state with its current flags."""
        while id(old) in self._moved:
            old = self._moved[id(old)]
        return old

    def remaining(self) -> list[Resource]:
        """Old states that are untouched or pending deletion."""
        with self._lock:
            return [resource for resource in self.base if id(resource) not in self._done]

    def replace_new(self, old: Resource, new: Resource) -> None:
        """Replace a new state (outputs of components)."""
        with self._lock:
            self._new[next(i for i, r in enumerate(self._new) if r is old)] = new
            self._changed += 1
            self._kept.append((old, new))

    def rename(self, old: str, new: str) -> None:
        """Change references to the URN `old` to `new` [case alias_rename]."""
        with self._lock:
            self._aliases[old] = new

    def rebase(self, resources: Sequence[Resource], *, clear_pending: bool = False) -> None:
        """Use the result of a refresh as the resource's state."""
        with self._lock:
            self.base, self._new, self._done = list(resources), [], set()
            if clear_pending:
                self._pending = {}
            self._changed += 1

    @property
    def pending(self) -> list[Operation]:
        """Operations that have started, or were found pending, and have not ended."""
        return list(self._pending.values())

    def resources(self) -> list[Resource]:
        """The current state."""
        return [resource for resource in self._new + self.base if id(resource) not in self._done]

    # -- writing ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write unwritten changes, synced to disk.

        Raises:
            EngineError: The state is inconsistent. The last consistent state was written nevertheless.
        """
        if self._save is not None and self._changed != self._written:
            self._flush(durable=True)
        try:
            verify([rewrite(resource, self._aliases) for resource in self.resources()])
        except ValueError as error:
            raise EngineError(f"the engine produced an inconsistent state: {error}") from error

    def settle(self) -> None:
        """Write what the Pulumi CLI would have written by now: the program may read it (`builtins`).

        The CLI also writes at the end of every operation, but not after a refresh, nor if no relevant field has
        changed; that is written with the next operation [case builtin_invokes].
        """
        with self._lock:
            due = self._due > self._written or any(_differ(old, new) for old, new in self._kept)
            self._kept.clear()
        if due:
            self._flush()

    def _flush(self, *, durable: bool = False) -> None:
        """Write, or wait for a write that includes the current state; waiting callers share one write."""
        if self._save is None:
            return
        with self._lock:
            requested = self._changed
            while self._written < requested and self._error is None:
                if self._writing:
                    self._lock.wait()
                else:
                    self._write(self._save, durable)
            if self._error is not None:
                raise EngineError(str(self._error)) from self._error

    def _write(self, save: Callable[[str, bool], None], durable: bool) -> None:
        """Write with the lock released meanwhile; it is held before and after.

        It starts after a delay as long as the last write took, so that operations which start meanwhile share it: each
        write contains the whole state, which would otherwise be written too often.
        """
        self._writing = True
        self._lock.wait(self._took)
        begin = time.monotonic()
        covered, text = self._changed, self._text()
        self._lock.release()
        failure: Exception | None = None
        try:
            save(text, durable)
        except EngineError as error:
            failure = error
        finally:
            self._lock.acquire()
            self._took = time.monotonic() - begin
            self._writing = False
            self._written, self._error = covered, failure
            self._lock.notify_all()

    def _text(self) -> str:
        resources = [self._resource_text(resource) for resource in self.resources()]
        pending = [
            f'{{"resource":{self._resource_text(op.resource)},"type":"{op.type}"}}'
            for op in self._pending.values()
        ]
        latest = self._found.rest | manifest(self._salt)
        return render(self._stack, latest, resources, pending, self._found.features)

    def _resource_text(self, resource: Resource) -> str:
        if self._aliases:
            return self._encode(rewrite(resource, self._aliases))
        if id(resource) not in self._texts:
            self._texts[id(resource)] = resource, self._encode(resource)
        return self._texts[id(resource)][1]

    def _encode(self, resource: Resource) -> str:
        encrypt = self._cache.encrypter(resource.urn)
        return _compact(resource.to_json(lambda properties: to_state(properties, encrypt)))


def _differ(old: Resource, new: Resource) -> bool:
    """Whether an unchanged resource differs in a field that makes the Pulumi CLI write at once."""
    return any(
        not equal(getattr(old, name), getattr(new, name))
        for name in (
            "urn", "custom", "inputs", "outputs", "parent", "protect", "provider", "custom_timeouts",
            "retain_on_delete", "deleted_with",
        )
    ) or sorted(old.dependencies) != sorted(new.dependencies)  # fmt: skip


def manifest(salt: str | None) -> dict[str, Any]:
    """The manifest and secrets provider of a state written now."""
    out: dict[str, Any] = {"manifest": {"time": timestamp(), "magic": _magic(VERSION), "version": VERSION}}
    if salt:
        out["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
    return out


def render(
    stack: str,
    latest: Mapping[str, Any],
    resources: Sequence[str] = (),
    pending: Sequence[str] = (),
    features: Sequence[str] = (),
) -> str:
    """The text of a checkpoint; resources and operations are passed as JSON."""
    parts = {key: _compact(value) for key, value in latest.items()}
    parts.setdefault("metadata", "{}")
    if resources:
        parts["resources"] = "[" + ",".join(resources) + "]"
    if pending:
        parts["pending_operations"] = "[" + ",".join(pending) + "]"
    order = ("manifest", "secrets_providers", "resources", "pending_operations")
    keys = [key for key in order if key in parts] + [key for key in parts if key not in order]
    body = ",".join(f'"{key}":{parts[key]}' for key in keys)
    version = 4 if features else 3
    extra = f',"features":{_compact(sorted(features))}' if features else ""
    return f'{{"version":{version}{extra},"checkpoint":{{"stack":{_compact(stack)},"latest":{{{body}}}}}}}'


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
