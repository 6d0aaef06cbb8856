"""The audit log: written by the console, the portal and the API, read by ``get-audit-events``.

Recorded events have ``id``, ``auditType``, ``user``, ``eventTime``, ``eventInfo`` and ``category``, newest first.
Recorded too are the types User Logged On, Logon Authentication Failed, Folder Log Entry and User Password Changed
with their categories, and the details of the first two: who, date, time, IP, application, method, reason. No
recording shows a log-on over SAML (method and reasons are EMU), and no source shows an event for a changed profile or
application settings (type and category are EMU).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from sandbox.mimecast import clock, ids
from sandbox.mimecast.envelope import Function, Item, ItemError, Page, Result, listing, require, text
from sandbox.mimecast.oauth import Caller
from sandbox.world import World

EVENTS = "mimecast.audit"

_PERMISSION = "Account | Logs | Read"


class Event(Enum):
    """A type of event and its category."""

    LOGGED_ON = ("User Logged On", "authentication_logs")
    LOGON_FAILED = ("Logon Authentication Failed", "authentication_logs")
    FOLDER = ("Folder Log Entry", "profile_group_logs")
    PASSWORD = ("User Password Changed", "user_account_and_role_logs")
    USER = ("Existing User Changed", "user_account_and_role_logs")  # EMU
    IMPORT = ("User Import", "user_account_and_role_logs")  # EMU
    DOMAIN = ("Internal Domain Changed", "account_logs")  # EMU
    PENDING_DOMAIN_DELETED = ("Pending Domain Deleted", "account_logs")  # EMU
    INTEGRATION_DELETED = ("Directory Integration Deleted", "account_logs")  # EMU
    PROFILE_CREATED = ("New Authentication Profile", "account_logs")  # EMU
    PROFILE_CHANGED = ("Existing Authentication Profile Changed", "account_logs")  # EMU
    SETTINGS_CREATED = ("New Application Settings", "account_logs")  # EMU
    SETTINGS_CHANGED = ("Existing Application Settings Changed", "account_logs")  # EMU


def record(world: World, account: str, event: Event, user: str, info: str, *, after: str = "") -> None:
    """Add an event; ``user`` is the actor, ``info`` the vendor's free text, ``after`` the text after the IP address."""
    audit_type, category = event.value
    number = ids.next_number(world)
    now = world.now()
    document = {
        "number": number,
        "account": account,
        "auditType": audit_type,
        "category": category,
        "user": user,
        "eventTime": now.isoformat(),
        "eventInfo": f"{info}, Date: {now:%Y-%m-%d}, Time: {now:%H:%M:%S}+0000, IP: 127.0.0.1{after}",
    }
    world.put(EVENTS, str(number), document)


def of_account(world: World, account: str) -> list[Item]:
    """The events of an account, newest first."""
    return world.of_account(EVENTS, account)[::-1]


def _get_events(caller: Caller, items: list[Item], page: Page) -> Result:
    """Unlike other lists, this one has its rows directly in ``data`` (recorded)."""
    item = items[0] if items else {}
    try:
        require(item, "startDateTime", "endDateTime")
        start, end = _time(item, "startDateTime"), _time(item, "endDateTime")
    except ItemError as error:
        return Result(fail=[{"key": item, "errors": [error.as_document()]}])
    chosen = [
        event
        for event in of_account(caller.world, caller.account)
        if start <= datetime.fromisoformat(event["eventTime"]).replace(microsecond=0) <= end
        and _is_wanted(event, item)
    ]
    events, pagination = page.cut(chosen, total=False)
    return Result(data=[_as_document(caller.world, event) for event in events], pagination=pagination)


def _time(item: Item, name: str) -> datetime:
    try:
        return clock.from_the_wire(text(item, name))
    except ValueError as error:
        raise ItemError("err_validation_date", "must be a date and time", field=name) from error


def _is_wanted(event: Item, item: Item) -> bool:
    categories = item.get("categories", [])
    query = text(item, "query").lower()
    found_in = (event["auditType"], event["user"], event["eventInfo"])
    return (not categories or event["category"] in categories) and any(
        query in part.lower() for part in found_in
    )


def _as_document(world: World, event: Item) -> Item:
    return {
        "id": ids.encode(world, ids.Kind.AUDIT, event["account"], event["number"]),
        "auditType": event["auditType"],
        "user": event["user"],
        "eventTime": clock.on_the_wire(event["eventTime"]),
        "eventInfo": event["eventInfo"],
        "category": event["category"],
    }


def _get_categories(_: Caller, __: Item, page: Page) -> tuple[Item, Item]:
    """The response is not documented (EMU)."""
    names = sorted({event.value[1] for event in Event})
    rows, pagination = page.cut([{"category": name} for name in names])
    return {"categories": rows}, pagination


FUNCTIONS = {
    "/api/audit/get-audit-events": Function(_get_events, _PERMISSION, 1),
    "/api/audit/get-categories": Function(listing(_get_categories), _PERMISSION, 1),
}
