"""Deleted applications and service principals, kept for 30 days.

Source: Microsoft's "Deletion and recovery of applications FAQ".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mimecast_sso.facts.entra import DELETED_ITEMS_DAYS
from sandbox.entra.clock import on_the_wire
from sandbox.entra.objects import APPLICATIONS, SERVICE_PRINCIPALS
from sandbox.entra.odata import Document
from sandbox.world import World

_BINS: Mapping[str, str] = {
    APPLICATIONS: "entra.deletedApplications",
    SERVICE_PRINCIPALS: "entra.deletedServicePrincipals",
}
_RETENTION = timedelta(days=DELETED_ITEMS_DAYS)


def move(world: World, collection: str, document: Document, **beside: Any) -> None:
    """Move an object to the recycle bin, with the values ``beside`` it."""
    world.delete(collection, document["id"])
    deleted = {**document, **beside, "deletedDateTime": on_the_wire(world.now())}
    world.put(_BINS[collection], document["id"], deleted)


def items(world: World, collection: str) -> list[Document]:
    """A collection's objects deleted within the last 30 days, oldest first."""
    oldest = world.now() - _RETENTION
    return [
        document
        for document in world.all(_BINS[collection])
        if datetime.fromisoformat(document["deletedDateTime"]) > oldest
    ]


def find(world: World, identifier: str) -> tuple[str, Document] | None:
    """A deleted object with its collection, or ``None``."""
    for collection in _BINS:
        for document in items(world, collection):
            if document["id"] == identifier.casefold():
                return collection, document
    return None


def purge(world: World, collection: str, identifier: str) -> None:
    """Delete an object permanently."""
    world.delete(_BINS[collection], identifier)
