"""The audit log since a given time: changes in the console, log-ons, and group memberships."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_audit import (
    GET_AUDIT_EVENTS,
    GROUP_EVENT,
    LOG_ON_EVENTS,
    group_change,
    loses_group,
    new_name,
    tells_no_member,
    touches_sign_in,
)
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MalformedResponse
from providers.mimecast.groups import normal_member

_WIRE = "%Y-%m-%dT%H:%M:%S%z"
_AHEAD = timedelta(days=1)
_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class LoggedConsoleChange:
    """One event about profiles or application settings, in Mimecast's words."""

    at: datetime
    event: str
    by: str
    details: str


@dataclass(frozen=True, slots=True)
class LogOn:
    """A log-on or a failed one; ``address`` is empty if Mimecast does not show whose."""

    at: datetime
    address: str
    succeeded: bool
    details: str


@dataclass(frozen=True, slots=True)
class Events:
    """The log's entries since a moment, oldest first."""

    changes: tuple[LoggedConsoleChange, ...]
    """Of profiles, application settings and the group that they are bound to. Which events these are is assumed
    (`mimecast_sso.facts.mimecast_audit`)."""
    log_ons: tuple[LogOn, ...]


@dataclass(frozen=True, slots=True)
class GroupChange:
    """An address, or a whole domain, joined or left a group."""

    at: datetime
    member: str
    """An address, or ``@example.com``."""
    group: str
    """The group's name at that time. Names are not unique, and groups can be renamed."""
    joined: bool
    by: str = ""
    """The actor, as named by Mimecast."""
    later: tuple[str, ...] = ()
    """The names that the group may have had since. Where a renaming can be read in two ways, both count."""

    def is_of(self, name: str) -> bool:
        """Whether the group may be the one that has this name now."""
        return name == self.group or name in self.later

    def after(self, details: str) -> GroupChange:
        """The same change after an event, which may have renamed the group."""
        names = (new_name(details, each) for each in (self.group, *self.later))
        return replace(self, later=(*self.later, *filter(None, names)))


@dataclass(frozen=True, slots=True)
class GroupLog:
    """Events about groups since a given time, oldest first."""

    changes: tuple[GroupChange, ...]
    """Parsed from the text of the events, whose form is assumed (`mimecast_sso.facts.mimecast_audit`)."""
    unread: tuple[LoggedConsoleChange, ...]
    """Events about groups whose text could not be parsed. If there are any, the changes may be incomplete."""


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log's entries since a moment, newest first, but for log-ons: read once for several questions."""

    since: datetime
    rows: tuple[dict[str, JSON], ...] = field(repr=False)

    def console_changes(self, since: datetime, group: str = "") -> tuple[LoggedConsoleChange, ...]:
        """Changes of profiles, application settings and their ``group`` after ``since``, oldest first.

        ``since`` must not be before the log's. Raises MalformedResponse.
        """
        return _console_changes(self.rows, since, group)

    def group_changes(self, since: datetime) -> GroupLog:
        """As the function `group_changes`, likewise."""
        return _group_changes(self.rows, since)


def read_log(client: MimecastClient, since: datetime) -> AuditLog:
    """Read the log. Raises any `MimecastError`."""
    return AuditLog(
        since, tuple(row for row in _rows(client, since) if row.get("auditType") not in LOG_ON_EVENTS)
    )


def events_since(client: MimecastClient, since: datetime, group: str = "") -> Events:
    """Changes of profiles, application settings and their ``group``, and log-ons, after ``since``.

    Raises any `MimecastError`.
    """
    rows = _rows(client, since)
    log_ons = (_log_on(row) for row in rows if row.get("auditType") in LOG_ON_EVENTS)
    return Events(
        _console_changes(rows, since, group),
        tuple(sorted((each for each in log_ons if each.at > since), key=lambda each: each.at)),
    )


def _console_changes(
    rows: Iterable[dict[str, JSON]], since: datetime, group: str
) -> tuple[LoggedConsoleChange, ...]:
    changes = (_change(row) for row in rows if _counts(row) or _loses(row, group))
    return tuple(sorted((each for each in changes if each.at > since), key=lambda each: each.at))


def last_group_change(client: MimecastClient, since: datetime) -> datetime | None:
    """The time of the last change of any group or its members after ``since``. Raises MimecastError."""
    times = [_time(row) for row in _rows(client, since) if row.get("auditType") == GROUP_EVENT]
    return max((at for at in times if at > since), default=None)


def group_changes(client: MimecastClient, since: datetime, *, most_pages: int = _MOST_PAGES) -> GroupLog:
    """Return the members who joined or left any group since ``since``.

    Raises any `MimecastError`; MalformedResponse if the log has more than ``most_pages`` pages of 100 events.

    Event times have a resolution of one second, so events in the same second as ``since`` are included. Events in the
    same second keep the order of the log, which lists the newest first.
    """
    return _group_changes(_rows(client, since, most_pages), since)


def _group_changes(rows: Sequence[dict[str, JSON]], since: datetime) -> GroupLog:
    first = since.replace(microsecond=0)
    changes: list[GroupChange] = []
    unread: list[LoggedConsoleChange] = []
    oldest_first = rows[::-1]  # Within each second, too.
    for row in sorted(oldest_first, key=_time):
        at, details = _time(row), str(row.get("eventInfo") or "")
        if row.get("auditType") != GROUP_EVENT or at < first:
            continue
        found = group_change(details)
        if found is not None:
            member = normal_member(found.member)
            changes.append(GroupChange(at, member, found.group, found.joined, str(row.get("user") or "")))
        elif tells_no_member(details):
            changes = [each.after(details) for each in changes]
        else:
            unread.append(_change(row))
    return GroupLog(tuple(changes), tuple(unread))


def _rows(client: MimecastClient, since: datetime, most_pages: int = _MOST_PAGES) -> list[dict[str, JSON]]:
    span = {
        "startDateTime": since.astimezone(UTC).strftime(_WIRE),
        # By Mimecast's clock, as far as it is known, and ahead of it, so that no event is missed at the end.
        "endDateTime": (client.now() + _AHEAD).strftime(_WIRE),
    }
    # Unlike other lists, this one has its rows directly in ``data``.
    rows: list[dict[str, JSON]] = []
    page: dict[str, JSON] = {"pageSize": GET_AUDIT_EVENTS.page_size}
    for _ in range(most_pages):
        response = client.legacy(GET_AUDIT_EVENTS, span, page=page).accepted("read the audit log")
        rows += response.data
        if not response.next_page:
            return rows
        page = page | {"pageToken": response.next_page}
    raise MalformedResponse(
        f"Mimecast's audit log has more than {most_pages} pages since {since:%Y-%m-%d %H:%MZ}, and was not read "
        "completely",
        method="POST",
        path=GET_AUDIT_EVENTS.path,
    )


def _counts(row: dict[str, JSON]) -> bool:
    return touches_sign_in(*(str(row.get(key) or "") for key in ("auditType", "category", "eventInfo")))


def _loses(row: dict[str, JSON], group: str) -> bool:
    return row.get("auditType") == GROUP_EVENT and loses_group(str(row.get("eventInfo") or ""), group)


def _change(row: dict[str, JSON]) -> LoggedConsoleChange:
    user = str(row.get("user") or "") or "an actor whom the audit log does not name"
    return LoggedConsoleChange(
        _time(row), str(row.get("auditType") or "an event"), user, str(row.get("eventInfo") or "")
    )


def _log_on(row: dict[str, JSON]) -> LogOn:
    return LogOn(
        _time(row),
        str(row.get("user") or "").lower(),
        LOG_ON_EVENTS[str(row["auditType"])],
        str(row.get("eventInfo") or ""),
    )


def _time(row: dict[str, JSON]) -> datetime:
    try:
        return datetime.strptime(str(row.get("eventTime")), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise MalformedResponse(
            "An event of Mimecast's audit log has no time", method="POST", path=GET_AUDIT_EVENTS.path
        ) from None
