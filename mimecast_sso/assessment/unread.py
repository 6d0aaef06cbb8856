"""Unread parts of both tenants, with reasons: one list, from which each check takes its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from enum import Enum, auto
from typing import Any

from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.text.names import enumerate_some
from providers.entra.applications import LiveApplication

_NOT_READ = "it was not read"


class SnapshotPart(Enum):
    """A part of the snapshot, in the order in which it is named."""

    RECORD = auto()
    APPLICATION = auto()
    """The application that Mimecast's sign-ins reach."""
    OWN = auto()
    """The application that this stack recorded or adopts."""
    HOLDERS = auto()
    PEOPLE = auto()
    DOMAINS = auto()
    ADDRESSES = auto()
    INTEGRATION = auto()
    GROUPS = auto()
    POLICIES = auto()
    FEDERATED = auto()
    """Federated identity credentials of the application."""
    ASSIGNED_GROUPS = auto()


def parts(
    snapshot: Snapshot, of_interest: Collection[SnapshotPart], application: LiveApplication | None
) -> Iterator[tuple[str, str]]:
    """The unread parts, in people's terms, with reasons.

    Args:
        snapshot: The snapshot.
        of_interest: The parts to check.
        application: The application whose claims policies are needed.
    """
    for part, what, why in _all(snapshot, application):
        if part in of_interest and why:
            yield what, why


def each(found: Iterable[tuple[str, str]]) -> Iterator[Statement]:
    """A statement for each part."""
    for what, why in found:
        yield Statement(f"{what} could not be read", How.UNKNOWN, why, Verdict.UNKNOWN)


def by_cause(found: Iterable[tuple[str, str]]) -> Iterator[Statement]:
    """A statement for each cause, which names the parts that failed for it."""
    causes: dict[str, dict[str, None]] = defaultdict(dict)
    for what, why in found:
        causes[why][what] = None
    yield from each((enumerate_some(list(whats)), why) for why, whats in causes.items())


def _all(snapshot: Snapshot, application: LiveApplication | None) -> Iterator[tuple[SnapshotPart, str, str]]:
    yield SnapshotPart.RECORD, "what this stack deployed", _why(snapshot.record)
    yield SnapshotPart.APPLICATION, "the application in Entra", _why(snapshot.application)
    yield SnapshotPart.OWN, "the application of this stack in Entra", _why(snapshot.own)
    yield SnapshotPart.HOLDERS, "other applications with the identifier in Entra", _why(snapshot.holders)
    yield SnapshotPart.PEOPLE, "the people in Entra", snapshot.directory.unread
    yield SnapshotPart.DOMAINS, "the internal domains at Mimecast", _why(snapshot.domains)
    yield SnapshotPart.ADDRESSES, "the addresses at Mimecast", _why(snapshot.addresses)
    yield SnapshotPart.INTEGRATION, "the directory integration at Mimecast", _why(snapshot.integration)
    for slot, group in snapshot.groups.items():
        yield SnapshotPart.GROUPS, f"the {slot} roll-out group at Mimecast", _why(group)
    if application is not None and application.policies is None:
        yield SnapshotPart.POLICIES, "the claims policy in Entra", application.policies_unread or _NOT_READ
    if application is not None and application.federated is None:
        why = application.federated_unread or _NOT_READ
        yield SnapshotPart.FEDERATED, "the application's federated credentials in Entra", why
    for why in snapshot.directory.unread_groups.values():
        yield SnapshotPart.ASSIGNED_GROUPS, "the members of assigned groups", why


def _why(known: Known[Any]) -> str:
    return "" if known.is_known else known.source or _NOT_READ
