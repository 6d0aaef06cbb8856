"""The state of a stack: reading it, following a run with it, and writing it safely."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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
_SCHEMAS = (3, 4)
# Fields of version 4 that are carried along. A resource that uses one is kept, but not changed.
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
    """An operation that began and was not seen to end: `creating`, `updating`, `deleting`, `reading`, `importing`."""

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
        decrypter: Gives the decrypting function for a place (a URN).
        to_change: Refuse what can be read but not changed.

    Raises:
        ValueError: The state contradicts itself.
        NotSupportedError: It has features that the engine does not know.
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
        raise NotSupportedError(f"a state with what the stack does not own ({read[0]})")
    if own := [r.urn for r in resources if r.custom and not r.is_provider and package_of(r.type) == BUILTIN]:
        raise NotSupportedError(f"a state with a resource of the package {BUILTIN} ({own[0]})")


def check_version(document: Mapping[str, Any]) -> None:
    """Raise NotSupportedError for a state of another version."""
    if document.get("version") not in _SCHEMAS:
        raise NotSupportedError(f"a state of version {document.get('version')}")
    if unknown := set(document.get("features") or ()) - _FEATURES:
        raise NotSupportedError(f"a state with {', '.join(sorted(unknown))}")


def _magic(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()


def verify(resources: Sequence[Resource]) -> None:
    """Raise ValueError unless every resource stands after what it refers to, and URNs are unique."""
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
                    f"snapshot integrity: {resource.urn} refers to {urn}, which does not come before it"
                )
        if resource.urn in live and not resource.delete:
            raise ValueError(f"snapshot integrity: {resource.urn} is there twice")
        seen.add(resource.urn)
        if resource.is_provider:
            providers.add(provider_reference(resource.urn, resource.id))
        if not resource.delete:
            live.add(resource.urn)


def foreign_features(resource: Resource) -> list[str]:
    """What a resource uses that only the Pulumi CLI can deal with."""
    return [name for name in _FOREIGN if resource.extra.get(name)]


class Journal:
    """Follows a run: what was there, what is done, what is under way. Writes through `save`.

    New states come first, in the order of completion, then old ones that nothing was done with, so
    dependencies always stand before dependents.
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
        # Pending creates are carried along until a refresh clears them [case pending_operation].
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
        """Record that an operation begins, on disk, before it does."""
        operation = Operation(resource, type_)
        with self._lock:
            self._pending[id(operation)] = operation
            self._changed += 1
        self._flush()
        return operation

    def end(
        self, operation: Operation | None, *, old: Resource | None = None, new: Resource | None = None
    ) -> None:
        """Record the outcome: `old` is gone, `new` is there. Both None: nothing changed."""
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
        """Change marks (`delete`, `pending_replacement`) of an old state that stays."""
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
        """The old state with the marks that it was given since."""
        while id(old) in self._moved:
            old = self._moved[id(old)]
        return old

    def remaining(self) -> list[Resource]:
        """Old states that nothing was done with, or that wait for deletion."""
        with self._lock:
            return [resource for resource in self.base if id(resource) not in self._done]

    def replace_new(self, old: Resource, new: Resource) -> None:
        """Put another state in the place of a new one (outputs of components)."""
        with self._lock:
            self._new[next(i for i, r in enumerate(self._new) if r is old)] = new
            self._changed += 1
            self._kept.append((old, new))

    def rename(self, old: str, new: str) -> None:
        """References to the URN `old` become `new` [case alias_rename]."""
        with self._lock:
            self._aliases[old] = new

    def rebase(self, resources: Sequence[Resource], *, clear_pending: bool = False) -> None:
        """Take the result of a refresh as the resource's state."""
        with self._lock:
            self.base, self._new, self._done = list(resources), [], set()
            if clear_pending:
                self._pending = {}
            self._changed += 1

    @property
    def pending(self) -> list[Operation]:
        """Operations that have begun, or were found, and not ended."""
        return list(self._pending.values())

    def resources(self) -> list[Resource]:
        """The state as it is now."""
        return [resource for resource in self._new + self.base if id(resource) not in self._done]

    # -- writing ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write what is not written yet, down to the disk.

        Raises:
            EngineError: The state contradicts itself. The last consistent state was written all the same.
        """
        if self._save is not None and self._changed != self._written:
            self._flush(durable=True)
        try:
            verify([rewrite(resource, self._aliases) for resource in self.resources()])
        except ValueError as error:
            raise EngineError(f"the engine made a state that contradicts itself: {error}") from error

    def settle(self) -> None:
        """Write to disk what the Pulumi CLI would have written by now: the program may read it (`builtins`).

        The CLI writes at the end of every operation too, but not after a refresh, nor where nothing that counts has
        changed; that is written with the next operation [case builtin_invokes].
        """
        with self._lock:
            due = self._due > self._written or any(_differ(old, new) for old, new in self._kept)
            self._kept.clear()
        if due:
            self._flush()

    def _flush(self, *, durable: bool = False) -> None:
        """Write, or wait for a write that includes the current state: waiting callers share one write."""
        if self._save is None:
            return
        with self._lock:
            wanted = self._changed
            while self._written < wanted and self._error is None:
                if self._writing:
                    self._lock.wait()
                else:
                    self._write(self._save, durable)
            if self._error is not None:
                raise EngineError(str(self._error)) from self._error

    def _write(self, save: Callable[[str, bool], None], durable: bool) -> None:
        """Write, and let others go on meanwhile; the lock is held before and after.

        It begins after as long as the last one took, so that operations which begin meanwhile share it: the whole state
        is written each time, and otherwise many resources would be written too often.
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
    """Whether an unchanged resource changed in what the Pulumi CLI writes at once."""
    return any(
        not equal(getattr(old, name), getattr(new, name))
        for name in (
            "urn", "custom", "inputs", "outputs", "parent", "protect", "provider", "custom_timeouts",
            "retain_on_delete", "deleted_with",
        )
    ) or sorted(old.dependencies) != sorted(new.dependencies)  # fmt: skip


def manifest(salt: str | None) -> dict[str, Any]:
    """The manifest of a state written now, and the secrets provider."""
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
    """The text of a checkpoint; resources and operations are given as JSON."""
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
