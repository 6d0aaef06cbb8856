"""Changes of the console and log-ons, read from the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mimecast_sso.facts.mimecast_audit import GROUP_EVENT, touches_sign_in
from providers.mimecast.audit import events_since, group_changes
from providers.mimecast.errors import MalformedResponse
from tests.providers.vendor import Adapter, Reply, client, legacy

SINCE = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


def event(minutes: int, kind: str = "Existing Authentication Profile Changed", **more: str) -> dict[str, Any]:
    at = SINCE + timedelta(minutes=minutes)
    row = {"auditType": kind, "category": "account_logs", "user": "admin@example.com", "eventInfo": "x"}
    return row | {"id": str(minutes), "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S+0000")} | more


def vendor(*pages: list[dict[str, Any]]) -> Adapter:
    def respond(_path: str, body: Any) -> Reply:
        number = int(body["meta"]["pagination"].get("pageToken", 0))
        paging = {"next": str(number + 1)} if number + 1 < len(pages) else {}
        response = legacy(None, pageSize=2, **paging)
        response.body["data"] = pages[number]
        return response

    return Adapter(respond)


def test_changes_after_the_confirmation_are_found_on_every_page_oldest_first() -> None:
    log = vendor(
        [event(9, "New Application Settings"), event(7, "User Logged On", category="authentication_logs")],
        [event(3, "Account Changed", eventInfo="Authentication profile Entra"), event(0), event(-5)],
    )
    found = events_since(client(log), SINCE).changes
    assert [(change.event, change.at - SINCE) for change in found] == [
        ("Account Changed", timedelta(minutes=3)),
        ("New Application Settings", timedelta(minutes=9)),
    ]
    (first, _) = log.bodies("/api/audit/get-audit-events")
    assert first["data"][0]["startDateTime"] == "2026-11-22T10:00:00+0000"


def test_log_ons_are_told_from_other_events() -> None:
    log = vendor(
        [
            event(4, "Logon Authentication Failed", category="authentication_logs", user="Ada@example.com"),
            event(3, "User Logged On", category="authentication_logs", user="grace@example.com"),
            event(2, "Logon Requires Challenge", category="authentication_logs"),
            event(-1, "User Logged On", category="authentication_logs"),
        ]
    )
    found = events_since(client(log), SINCE)
    assert found.changes == ()
    assert [(each.address, each.succeeded) for each in found.log_ons] == [
        ("grace@example.com", True),
        ("ada@example.com", False),
    ]


def test_an_event_without_a_time_or_an_endless_log_is_an_error() -> None:
    with pytest.raises(MalformedResponse, match="no time"):
        events_since(client(vendor([event(1, eventTime="yesterday")])), SINCE)


@pytest.mark.parametrize(
    ("kind", "category", "details", "counts"),
    [
        ("New Authentication Profile", "anything", "", True),
        ("APPLICATION SETTINGS changed", "", "", True),
        ("Folder Log Entry", "profile_group_logs", "Application settings pilot", False),
        ("User Logged On", "authentication_logs", "Authentication profile", False),
    ],
)
def test_which_events_concern_sign_ins(kind: str, category: str, details: str, counts: bool) -> None:
    assert touches_sign_in(kind, category, details) is counts


def folder(minutes: int, details: str) -> dict[str, Any]:
    return event(minutes, GROUP_EVENT, category="profile_group_logs", eventInfo=details)


AT = ", Date: 2026-11-22, Time: 10:05:00+0000, IP: 127.0.0.1"
# As the one recorded event of a group ends.
BY = " by admin@example.com<Ann Admin> Date: 2026-11-22 Time: 10:05:00 +0000 IP: 67.43.156.15 Application: Console"


def test_who_joined_and_left_which_group_is_read_oldest_first() -> None:
    log = vendor(
        [
            folder(9, f"Action Performed - Removed Ada@example.com from pilot{AT}"),
            folder(5, f"Action Performed - Removed example.org from A to Z, by all{BY}"),
            event(4, "User Logged On", category="authentication_logs"),
        ],
        [
            folder(3, f"Action Performed - Added ada@example.com to pilot{AT}"),
            folder(2, f"Action Performed - Created pilot{AT}"),
            folder(0, f"Action Performed - Added grace@example.com to pilot{BY}"),
            folder(-1, f"Action Performed - Added alan@example.com to pilot{AT}"),
        ],
    )
    found = group_changes(client(log), SINCE.replace(microsecond=900_000))
    assert found.unread == ()
    assert [(each.at - SINCE, each.member, each.group, each.joined) for each in found.changes] == [
        (timedelta(0), "grace@example.com", "pilot", True),
        (timedelta(minutes=3), "ada@example.com", "pilot", True),
        (timedelta(minutes=5), "@example.org", "A to Z, by all", False),
        (timedelta(minutes=9), "ada@example.com", "pilot", False),
    ]


def test_whoever_left_a_group_left_it_under_its_new_name() -> None:
    log = vendor(
        [
            folder(7, f"Action Performed - Removed grace@example.com from Move to A{AT}"),
            folder(6, f"Action Performed - Renamed Pilot to X to Y{AT}"),
            folder(5, f"Action Performed - Renamed Go to Z to Move to A{BY}"),
            folder(4, f"Action Performed - Removed alan@example.com from Go{AT}"),
            folder(3, f"Action Performed - Removed ada@example.com from Go to Z{AT}"),
        ]
    )
    found = group_changes(client(log), SINCE)
    ada, alan, grace = found.changes
    assert ada.is_of("Move to A")
    assert not ada.is_of("Pilot")
    # The renaming may be of Alan's group as well, to "Z to Move to A".
    assert alan.is_of("Go")
    assert not alan.is_of("Move to A")
    assert grace.is_of("Move to A")


def test_a_member_of_the_log_is_spelt_as_in_the_list() -> None:
    log = vendor(
        [
            folder(2, f"Action Performed - Removed Ada@Bücher.example from pilot{AT}"),
            folder(1, f"Action Performed - Removed bücher.example from pilot{AT}"),
        ]
    )
    members = [each.member for each in group_changes(client(log), SINCE).changes]
    assert members == ["@xn--bcher-kva.example", "ada@xn--bcher-kva.example"]


def test_events_of_one_second_keep_their_order() -> None:
    texts = ("Removed ada@example.com from", "Added ada@example.com to", "Removed ada@example.com from")
    log = vendor([folder(1, f"Action Performed - {text} pilot{AT}") for text in texts])
    assert [each.joined for each in group_changes(client(log), SINCE).changes] == [False, True, False]


def test_an_event_of_a_group_that_cannot_be_read_is_shown_as_such() -> None:
    texts = ("Imported 40 addresses into pilot", f"Action Performed - Added ada to{AT}", "")
    found = group_changes(client(vendor([folder(1, text) for text in texts])), SINCE)
    assert found.changes == ()
    assert sorted(each.details for each in found.unread) == sorted(texts)


@pytest.mark.parametrize(
    ("details", "lost"),
    [
        ("Action Performed - Deleted Pilot" + BY, True),
        ("Action Performed - Deleted Pilot" + AT, True),
        ("Action Performed - Renamed Pilot to Old pilot" + AT, True),
        ("Action Performed - Renamed Old pilot to Pilot" + AT, False),
        ("Action Performed - Deleted Pilot two" + AT, False),
        ("Action Performed - Created Pilot" + AT, False),
        ("Action Performed - Removed ada@example.com from Pilot" + AT, False),
    ],
)
def test_a_lost_group_is_a_change_of_the_console(details: str, lost: bool) -> None:
    found = events_since(client(vendor([folder(3, details)])), SINCE, "Pilot").changes
    assert [each.details for each in found] == ([details] if lost else [])


def test_the_loss_of_another_group_is_none() -> None:
    log = vendor([folder(3, "Action Performed - Deleted Pilot" + AT)])
    assert events_since(client(log), SINCE).changes == ()
