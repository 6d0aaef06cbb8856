"""Who caused the findings of a drift check, from the directory audit log."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from mimecast_sso.assessment import drift
from mimecast_sso.operations import actors
from mimecast_sso.operations.actors import name_actors
from mimecast_sso.provenance import live
from providers.entra.applications import Holder
from providers.entra.graph import GraphClient
from providers.mimecast.audit import GroupChange, GroupLog
from providers.mimecast.client import MimecastClient
from tests.assessment.test_drift import changed, quiet
from tests.assessment.worlds import CLIENT, LINUS, World

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Log:
    """A directory's audit log: by object, what was done to it, and by whom."""

    def __init__(self, by: str = "linus", /, **entries: str) -> None:
        self._by = by
        self._entries = entries

    def claims(self) -> dict[str, Any]:
        return {"oid": "deployer"}

    def now(self) -> datetime:
        return NOW

    def list(self, _: str, **query: str) -> list[dict[str, Any]]:
        return [
            {
                "activityDisplayName": activity,
                "activityDateTime": "2026-11-21T08:00:00Z",
                "result": "success",
                "initiatedBy": {"user": {"id": self._by, "userPrincipalName": f"{self._by}@example.com"}},
            }
            for object_id, activity in self._entries.items()
            if f"'{object_id}'" in query["filter"]
        ]


def actor(world: World, log: Log) -> str:
    (finding,) = name_actors(
        drift.find(world.assess()), cast("GraphClient", log), cast("MimecastClient", object())
    )
    return finding.actor.value or finding.actor.source


@pytest.mark.parametrize(
    ("holders", "log", "activity"),
    [
        ((), Log(object="Delete application"), "Delete application"),
        (
            (Holder(CLIENT, "object", "portal"),),
            Log(principal="Remove service principal"),
            "Remove service principal",
        ),
    ],
)
def test_who_deleted_the_application_is_named(holders: tuple[Holder, ...], log: Log, activity: str) -> None:
    world = World(application=None, changes={"holders": live(holders)})
    assert actor(world, log) == f"linus@example.com, 2026-11-21 08:00:00Z: {activity}"


def test_what_was_done_before_a_deletion_is_not_taken_for_it() -> None:
    log = Log(object="Update application", principal="Remove service principal credentials")
    assert actor(World(application=None), log) == "not in the directory's audit log since 2026-10-23"


class Named(Log):
    """A log that names the changed properties: the last update was of others."""

    def list(self, path: str, **query: str) -> list[dict[str, Any]]:
        def named(row: dict[str, Any], names: str, at: str) -> dict[str, Any]:
            values = [{"displayName": "Included Updated Properties", "newValue": json.dumps(names)}]
            target = {"id": "principal", "modifiedProperties": values}
            return row | {"activityDateTime": at, "targetResources": [target]}

        return [
            each
            for row in super().list(path, **query)
            for each in (
                named(row, "Notes, Tags", "2026-11-20T08:00:00Z"),
                named(
                    row | {"initiatedBy": {"app": {"displayName": "HR bot"}}}, "Tags", "2026-11-21T09:00:00Z"
                ),
            )
        ]


def test_of_several_updates_the_one_that_names_the_property_counts() -> None:
    world = quiet()
    changed(notes="theirs")(world)
    log = Named(principal="Update service principal")
    assert (
        actor(world, log) == "linus@example.com, 2026-11-20 08:00:00Z: Update service principal (Notes, Tags)"
    )
    world = quiet()
    changed(sign_on_url="https://example.com")(world)
    assert actor(world, log) == "app HR bot, 2026-11-21 09:00:00Z: Update service principal (Tags)", (
        "the last one, with what the log says of it"
    )


def test_what_only_the_deploying_principal_did_is_named_and_not_denied() -> None:
    world = quiet()
    changed(notes="theirs")(world)
    log = Log("deployer", principal="Update service principal")
    assert actor(world, log) == (
        "not in the directory's audit log since 2026-10-23, except by the deploying principal (2026-11-21 08:00:00Z: "
        "Update service principal)"
    )


class _Mimecast:
    """An account's clock."""

    def now(self) -> datetime:
        return NOW


def test_whoever_added_somebody_to_another_group_did_not_add_them_to_the_roll_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = quiet()
    world.members.add(LINUS)
    (finding,) = drift.find(world.assess())
    assert finding.group == "Single sign-on"

    def named(*changes: GroupChange) -> str | None:
        monkeypatch.setattr(actors, "group_changes", lambda *_: GroupLog(changes, ()))
        client = cast("MimecastClient", _Mimecast())
        (found,) = name_actors([finding], cast("GraphClient", Log()), client)
        return found.actor.value

    at = NOW - timedelta(hours=2)
    here = GroupChange(at, LINUS, "Single sign-on", joined=True, by="ann@example.com")
    elsewhere = GroupChange(NOW, LINUS, "Newsletter", joined=True, by="bob@example.com")
    former = replace(here, group="Pilot", later=("Single sign-on",))
    assert named(elsewhere) is None
    assert named(here, elsewhere) == named(former, elsewhere) == "ann@example.com, 2026-11-22 07:00:00Z"
