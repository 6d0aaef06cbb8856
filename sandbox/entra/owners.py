"""Owners and other lists of references to directory objects, changed one ``$ref`` at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sandbox.entra import directory_audit_log, kinds, objects
from sandbox.entra.graph import Call, Operation, Permission, bad_request, no_content, not_found
from sandbox.entra.objects import OWNERS
from sandbox.entra.odata import Document
from sandbox.entra.permissions import READ_APPLICATIONS, WRITE_APPLICATIONS, check_owned

_BIND = "@odata.bind"


def bound(body: Document, name: str = "owners") -> list[str]:
    """Remove an ``<name>@odata.bind`` list from a body and return its ids."""
    targets: list[Any] = body.pop(f"{name}{_BIND}", None) or []
    return [str(target).rstrip("/").rpartition("/")[2].casefold() for target in targets]


def operations(path: str, collection: str) -> list[Operation]:
    """List, add and remove the owners of an application or a service principal."""
    return reference_operations(
        f"{path}/{{id}}/owners",
        collection,
        OWNERS,
        read=READ_APPLICATIONS,
        write=WRITE_APPLICATIONS,
        check=lambda call, document: check_owned(call.caller, document),
        noted=_noted(path),
    )


def _noted(path: str) -> Callable[[Call, Document, str], None]:
    kind = "application" if path == "/applications" else "service principal"
    verbs = {"add": f"Add owner to {kind}", "remove": f"Remove owner from {kind}"}

    def note(call: Call, document: Document, verb: str) -> None:
        directory_audit_log.note(call.world, call.caller, document, verbs[verb])

    return note


def reference_operations(
    path: str,
    collection: str,
    key: str,
    *,
    read: Permission,
    write: Permission,
    check: Callable[[Call, Document], None] = lambda call, document: None,
    noted: Callable[[Call, Document, str], None] = lambda call, document, verb: None,
) -> list[Operation]:
    """List, add and remove the references that the object keeps under ``key``; ``noted`` logs changes."""
    references = _References(path.rpartition("/")[2], collection, key, check, noted)
    return [
        Operation("GET", path, references.list, read, kinds.RELATED, "directoryObjects"),
        Operation("POST", f"{path}/$ref", references.add, write),
        Operation("DELETE", f"{path}/{{target}}/$ref", references.remove, write),
    ]


@dataclass(frozen=True, slots=True)
class _References:
    """The handlers of one list of references; ``name`` is its property in Graph."""

    name: str
    collection: str
    key: str
    check: Callable[[Call, Document], None]
    noted: Callable[[Call, Document, str], None]

    def list(self, call: Call) -> Response:
        document = objects.find(call.world, self.collection, call.path["id"])
        return call.many(objects.references(call.world, document[self.key]))

    def add(self, call: Call) -> Response:
        document = self._changeable(call)
        found = objects.directory_object(call.world, call.reference())
        if found is None:
            raise not_found(call.reference())
        target = found[1]["id"]
        if target in document[self.key]:
            raise bad_request(
                "One or more added object references already exist for the following modified properties:"
                f" '{self.name}'."
            )
        document[self.key].append(target)
        objects.save(call.world, self.collection, document)
        self.noted(call, document, "add")
        return no_content()

    def remove(self, call: Call) -> Response:
        document = self._changeable(call)
        target = call.path["target"].casefold()
        if target not in document[self.key]:
            raise not_found(call.path["target"])
        document[self.key].remove(target)
        objects.save(call.world, self.collection, document)
        self.noted(call, document, "remove")
        return no_content()

    def _changeable(self, call: Call) -> Document:
        document = objects.find(call.world, self.collection, call.path["id"])
        self.check(call, document)
        return document
