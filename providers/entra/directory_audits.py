"""Read from the directory's audit log who changed a service principal's credentials; writes nothing.

Names and formats, with sources and assumptions: `mimecast_sso.facts.entra_directory_audits`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from mimecast_sso.facts.entra_directory_audits import (
    ABSENT,
    CREDENTIALS,
    CREDENTIALS_ACTIVITIES,
    DIRECTORY_AUDITS,
    PREFERRED_CERTIFICATE,
    UNAVAILABLE,
    UPDATED_PROPERTIES,
)
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.times import graph_time, utc_text
from providers.entra.errors import GraphError, ObjectNotFound, Refused
from providers.entra.odata import literal
from providers.entra.protocols import GraphReads

MOST = 2_000
"""Maximum number of entries: a principal normally has a handful per month."""

_CREDENTIAL = re.compile(
    r"\[KeyIdentifier=(?P<id>[^,\]]+),KeyType=(?P<kind>[^,\]]*),KeyUsage=(?P<usage>[^,\]]*)"
    r"(?:,DisplayName=(?P<name>.*))?\]",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LoggedCredential:
    """A key or a password in the log; ``key_id`` in lower case."""

    key_id: str
    kind: str
    usage: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor: object id ("" if the log has none), a display name, and whether it is a person."""

    object_id: str
    name: str
    is_person: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """The changes of credentials and of the active certificate in one entry.

    ``activated``: the thumbprints before and after ("": none), ``None`` if the entry is not about that. ``unreadable``
    and ``hidden_activation``: it is about credentials, or about the active certificate, and does not say what.
    """

    id: str
    at: datetime
    by: Actor
    added: frozenset[LoggedCredential] = frozenset()
    removed: frozenset[LoggedCredential] = frozenset()
    activated: tuple[str, str] | None = None
    unreadable: str = ""
    hidden_activation: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry about an object: activity, time and actor."""

    name: str
    at: datetime
    by: Actor
    properties: frozenset[str]
    """Names of the log's own values."""
    changed: frozenset[str] = frozenset()
    """Names of the changed properties, where the log lists them."""


def activities(graph: GraphReads, object_id: str, moment: datetime) -> list[Activity]:
    """Successful changes of an object from ``moment`` on, oldest first. Raises GraphError, as `since` does."""
    return [
        Activity(
            str(row.get("activityDisplayName") or ""),
            graph_time(row["activityDateTime"]),
            _actor(row.get("initiatedBy") or {}),
            frozenset(_properties(row, object_id)),
            frozenset(_changed(_properties(row, object_id))),
        )
        for row in _rows(graph, object_id, moment)
        if row.get("result") == "success"
    ]


def since(graph: GraphReads, service_principal: str, moment: datetime) -> list[AuditEntry]:
    """Changes of the principal's credentials and of its active certificate from ``moment`` on, oldest first.

    Raises GraphError; `unavailable` says which of these only mean that this caller may not read the log. Refused
    also if there are more than `MOST` entries, because a change may be among the unread ones.
    """
    entries = (
        entry for row in _rows(graph, service_principal, moment) if (entry := _entry(row, service_principal))
    )
    return sorted(entries, key=lambda entry: entry.at)


def _rows(graph: GraphReads, object_id: str, moment: datetime) -> list[dict[str, JSON]]:
    """The entries about an object, oldest first."""
    start = utc_text(moment)
    rows = graph.list(
        DIRECTORY_AUDITS,
        filter=f"targetResources/any(t:t/id eq {literal(object_id)}) and activityDateTime ge {start}",
    )
    read = list(islice(rows, MOST + 1))
    if len(read) > MOST:
        raise Refused(f"The directory's audit log has more than {MOST} entries for {object_id} since {start}")
    # The newest come first, so entries of the same time keep their order.
    return read[::-1]


def unavailable(error: GraphError) -> str | None:
    """Why this caller cannot read the log, and the way out; None for any other error."""
    return ABSENT if isinstance(error, ObjectNotFound) else UNAVAILABLE.get(error.code)


def _entry(row: Mapping[str, JSON], service_principal: str) -> AuditEntry | None:
    """The entry of a row; ``None`` if it is about something else, or changed nothing."""
    found = _properties(row, service_principal)
    activity, result = (str(row.get(name) or "") for name in ("activityDisplayName", "result"))
    credentials = CREDENTIALS in found or any(part in activity for part in CREDENTIALS_ACTIVITIES)
    active = PREFERRED_CERTIFICATE in found
    names = str((found.get(UPDATED_PROPERTIES) or {}).get("newValue") or "")
    hidden = not active and PREFERRED_CERTIFICATE in names
    if result == "failure" or not (credentials or active or hidden):
        return None
    entry = AuditEntry(
        str(row["id"]),
        graph_time(row["activityDateTime"]),
        _actor(row.get("initiatedBy") or {}),
        hidden_activation=hidden,
    )
    try:
        _check_result(result)
        old, new = _credentials(found) if credentials else (frozenset(), frozenset())
        activated = _activated(found[PREFERRED_CERTIFICATE]) if active else None
    except ValueError as problem:
        return replace(entry, unreadable=f"{activity} ({problem})")
    return replace(entry, added=new - old, removed=old - new, activated=activated)


def _check_result(result: str) -> None:
    if result != "success":
        raise ValueError(f"its result is {result or 'missing'}")


def _properties(row: Mapping[str, JSON], service_principal: str) -> dict[str, Mapping[str, JSON]]:
    desired = service_principal.casefold()
    return {
        str(item.get("displayName")): item
        for target in row.get("targetResources") or ()
        if str(target.get("id") or "").casefold() == desired
        for item in target.get("modifiedProperties") or ()
    }


def _changed(found: Mapping[str, Mapping[str, JSON]]) -> Iterator[str]:
    """The names in the log's list of updated properties, which is JSON text such as ``"Web, DisplayName"``."""
    try:
        listed = json.loads(str((found.get(UPDATED_PROPERTIES) or {}).get("newValue") or '""'))
    except ValueError:
        return
    for each in listed.split(",") if isinstance(listed, str) else ():
        if each.strip():
            yield each.strip()


def _credentials(
    found: Mapping[str, Mapping[str, JSON]],
) -> tuple[frozenset[LoggedCredential], frozenset[LoggedCredential]]:
    """Before and after. Raises ValueError for an unknown form, and if both are missing."""
    old, new = (found.get(CREDENTIALS, {}).get(name) for name in ("oldValue", "newValue"))
    if old is None and new is None:
        raise ValueError("it shows no credentials")
    return _listed(old), _listed(new)


def _listed(value: object) -> frozenset[LoggedCredential]:
    if value is None:
        return frozenset()
    texts = json.loads(str(value))
    if not isinstance(texts, list):
        raise ValueError("its credentials are not a list")  # noqa: TRY004  (read, not given)
    return frozenset(_credential(text) for text in texts)


def _credential(text: object) -> LoggedCredential:
    match = _CREDENTIAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a credential has an unknown form")
    return LoggedCredential(match["id"].casefold(), match["kind"], match["usage"], match["name"] or "")


def _activated(found: Mapping[str, JSON]) -> tuple[str, str]:
    before, after = (_thumbprint(found.get(name)) for name in ("oldValue", "newValue"))
    return before, after


def _thumbprint(value: object) -> str:
    """The value, written as a text or as a list of one; "" for none. Raises ValueError."""
    shown = None if value is None else json.loads(str(value))
    if isinstance(shown, list) and len(shown) <= 1:
        shown = shown[0] if shown else None
    if shown is not None and not isinstance(shown, str):
        raise ValueError("its thumbprint has an unknown form")
    return (shown or "").upper()


def _actor(initiated_by: Mapping[str, JSON]) -> Actor:
    user, app = initiated_by.get("user") or {}, initiated_by.get("app") or {}
    if user:
        name = user.get("userPrincipalName") or user.get("displayName") or user.get("id")
        return Actor(str(user.get("id") or ""), str(name or "somebody"), is_person=True)
    identifier = str(app.get("servicePrincipalId") or app.get("appId") or "")
    return Actor(identifier, str(app.get("displayName") or identifier or "an unknown actor"), is_person=False)
