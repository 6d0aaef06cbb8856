"""Each command that a drift report offers does what its name says: it is run, and then drift is quiet."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from providers.mimecast.groups import change_members, find_group
from providers.mimecast.session import from_environment
from tests.end_to_end.test_planted_drift import (
    GRAPH,
    Plant,
    access_policy,
    assigned_again,
    claims_added,
    claims_changed,
    claims_renamed,
    encrypted,
    federated,
    hidden,
    inbound_type,
    owner_of_application,
    owner_of_principal,
    password_of_application,
    property_of_application,
    property_of_principal,
    put,
    renamed,
    roles_disabled,
)
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import ADA, GRACE, ROLL_OUT, World

pytestmark = pytest.mark.xdist_group("planted-drift")  # They share a deployment.

BARBARA, EDSGER = "barbara@example.com", "edsger@example.com"


def account_of(world: World, address: str) -> dict[str, Any]:
    found = world.made.control.documents("entra.users")
    return next(each for each in found if each["mail"] == address)


def address(who: str, **values: Any) -> Plant:
    def plant(world: World, _: random.Random) -> str:
        document = world.made.control.get("mimecast.users", who)
        assert document is not None
        world.made.control.put("mimecast.users", who, document | values)
        (aspect,) = (
            {"accountDisabled": "status", "aliasFor": "kind", "name": "name"}[each] for each in values
        )
        return f"address/{aspect}/changed/{who}"

    return plant


def moved(who: str, *, joins: bool) -> Plant:
    def plant(world: World, _: random.Random) -> str:
        with world.made.running.entered():
            client = from_environment(world.made.running.env)
            group = find_group(client, ROLL_OUT)
            assert group is not None
            change_members(client, group, add=[who] if joins else [], remove=[] if joins else [who])
        return f"roll-out-group/member/{'unmanaged' if joins else 'missing'}/{who}"

    return plant


def assigned(world: World, _: random.Random) -> str:
    who = account_of(world, BARBARA)["id"]
    own = next(
        each
        for each in world.made.control.documents("entra.assignments")
        if each["resourceId"] == world.principal["id"]
    )
    more = own | {"id": "by-somebody", "principalId": who, "principalType": "User"}
    world.made.control.put("entra.assignments", more["id"], more)
    return f"assignment/unmanaged/{who}"


def unassigned(world: World, _: random.Random) -> str:
    who = account_of(world, ADA)["id"]
    (own,) = (
        each for each in world.made.control.documents("entra.assignments") if each["principalId"] == who
    )
    world.made.control.delete("entra.assignments", own["id"])
    return f"assignment/missing/{who}"


def another_reply_url(world: World, _: random.Random) -> str:
    web = world.application["web"]
    urls = [*web["redirectUris"], "https://portal.example.com/acs"]
    put(world, "entra.applications", world.application, web=web | {"redirectUris": urls})
    return "application/redirectUris/changed"


def reply_url_replaced(world: World, _: random.Random) -> str:
    web = world.application["web"] | {"redirectUris": ["https://portal.example.com/acs"]}
    put(world, "entra.applications", world.application, web=web)
    return "application/redirectUris/changed"


def rolled_back(world: World, _: random.Random) -> str:
    done = world.made.sso("roll-out back")
    assert done.code == 0, done.text
    return f"roll-out-group/member/missing/{ADA}"


JOINED = moved(BARBARA, joins=True)
KEPT: Sequence[Plant] = (
    renamed,
    property_of_principal("appRoleAssignmentRequired", False, "appRoleAssignmentRequired"),
    property_of_principal("notificationEmailAddresses", ["x@example.com"], "notificationEmailAddresses"),
    property_of_principal("loginUrl", "https://elsewhere.example/", "loginUrl"),
    hidden,
    owner_of_application,
    owner_of_principal,
    claims_added,
    JOINED,
    assigned,
    moved(ADA, joins=False),
    unassigned,
    address(EDSGER, accountDisabled=True),
    address(GRACE, name="Somebody Else"),
)
"""Expressed by the stack file."""
KEPT_WHERE_NOBODY_SIGNS_IN: Sequence[Plant] = (
    rolled_back,
    reply_url_replaced,
    claims_changed,
    roles_disabled,
)
SNOOZED: Sequence[Plant] = (
    property_of_principal("notes", "theirs", "notes"),
    property_of_principal("description", "theirs", "description"),
    property_of_principal(
        "samlSingleSignOnSettings", {"relayState": "https://x.example/"}, "samlSingleSignOn"
    ),
    another_reply_url,
    owner_of_application,
    password_of_application,
    encrypted,
    inbound_type,
    claims_renamed,
    federated,
    property_of_application("groupMembershipClaims", "SecurityGroup"),
    access_policy,
)
"""No key of the stack file expresses it."""


RESTORED: Sequence[Plant] = (
    *(each for each in KEPT if each not in (JOINED, unassigned)),
    *SNOOZED[:4],
    encrypted,
    claims_renamed,
    federated,
)
RESTORED_WITH_UNMANAGED: Sequence[Plant] = (moved(EDSGER, joins=True), unassigned, claims_changed)


def planted(saved: SavedProject, plants: Sequence[Plant]) -> tuple[World, set[str]]:
    world = World(saved.restore())
    desired = {plant(world, random.Random(1)) for plant in plants}  # noqa: S311 (a test's seed)
    world.later()  # Mimecast acts on it.
    return world, desired


def ways_out(world: World) -> Mapping[str, Mapping[str, str]]:
    """The commands by the finding's id."""
    (stack,) = json.loads(world.made.sso("drift", "--format", "json").text)["stacks"]
    return {
        each["id"]: each.get("commands", {})
        for each in stack["entries"]
        if each["level"] != "fine" and "/" in each["id"] and not each["id"].startswith("drift/")
    }


def follow(world: World, command: str) -> None:
    """Runs it as somebody who pastes it."""
    program, *words = shlex.split(command)
    assert program == "mimecast-sso"
    deploys = words[0] == "up"
    done = world.made.program(*words, *(["--yes"] if deploys else []))
    # A deployment ends with 2 if what others added remains.
    assert done.code in ((0, 2) if deploys else (0,)), f"{command}\n{done.text}"


def is_quiet(world: World) -> None:
    for fast in ((), ("--fast",)):
        drift = world.made.sso("drift", *fast)
        assert "No drift: the live state matches the record and the program." in drift.text
    preview = world.made.sso("preview")
    assert preview.code == 0, preview.text


@pytest.mark.parametrize(
    "plants",
    [KEPT, KEPT_WHERE_NOBODY_SIGNS_IN, [assigned_again]],
    ids=["in use", "rolled back", "assigned again"],
)
def test_what_is_kept_is_desired_afterwards(saved_tutorial: SavedProject, plants: Sequence[Plant]) -> None:
    world, desired = planted(saved_tutorial, plants)
    offered = ways_out(world)
    assert offered.keys() >= desired
    for finding in desired:
        assert "keep it" in offered[finding], f"{finding}: {offered[finding]}"
    for command in dict.fromkeys(each["keep it"] for each in offered.values()):
        follow(world, command)
    follow(world, "mimecast-sso up --stack sandbox --refresh")
    is_quiet(world)


def test_what_is_snoozed_is_expected_for_a_while(saved_tutorial: SavedProject) -> None:
    world, desired = planted(saved_tutorial, SNOOZED)
    offered = ways_out(world)
    assert offered.keys() == desired
    for finding in desired:
        follow(world, offered[finding]["snooze"])
    drift = world.made.sso("drift")
    assert drift.code == 0, drift.text
    assert world.made.sso("preview").code == 0


@pytest.mark.parametrize("plants", [RESTORED, RESTORED_WITH_UNMANAGED], ids=["look", "urgent"])
def test_what_is_restored_or_removed_is_as_recorded(
    saved_tutorial: SavedProject, plants: Sequence[Plant]
) -> None:
    world, _ = planted(saved_tutorial, plants)
    offered = ways_out(world)
    for command in (each["remove"] for each in offered.values() if "remove" in each):
        words = shlex.split(command)
        assert words[:5] == ["az", "rest", "--method", "DELETE", "--url"]
        assert words[5].startswith(GRAPH)
        assert world.made.running.graph().delete(words[5], timeout=30).ok, command
    for command in {each["restore"] for each in offered.values() if "restore" in each}:
        follow(world, command)
    left = ways_out(world)
    assert {each for each in left if "restore" in offered[each] or "remove" in offered[each]} == set()


def test_after_a_roll_back_people_are_let_in_again(saved_tutorial: SavedProject) -> None:
    world, _ = planted(saved_tutorial, [rolled_back])
    (command,) = {each["restore"] for each in ways_out(world).values()}
    assert " --undo " in command
    follow(world, f"{command} --yes")
    is_quiet(world)


def test_what_keeps_people_out_is_not_kept(saved_tutorial: SavedProject) -> None:
    world, _ = planted(saved_tutorial, [reply_url_replaced])
    before = world.made.in_force()
    for words in ((), ("--days", "30")):
        refused = world.made.sso("keep", "application.redirectUris", *words)
        assert refused.code == 4, refused.text
        assert "people cannot sign in because of this" in refused.text
    absent = world.made.sso("keep", "application.displayName")
    assert absent.code == 64
    assert "application.redirectUris. Nothing was changed." in absent.text
    assert world.made.sso("keep", "application.redirectUris", "--days", "3", "--apply").code == 64
    assert world.made.in_force() == before
