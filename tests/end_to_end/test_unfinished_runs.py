"""A run that stops half-way says whom it leaves without a sign-in, as does every later command.

One that would stop for a reason that is known is refused before.
"""

from __future__ import annotations

from random import Random

import pytest
import yaml

from mimecast_sso.assessment.sign_in import Result, Way
from tests.support.changes import another_claims_policy
from tests.support.hand_made import GRAPH
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import ADA, ALAN, BARBARA, GRACE, ROLL_OUT, World

pytestmark = pytest.mark.xdist_group("forecast")

PARTLY, REFUSED = 3, 4


def test_people_whose_tile_fails_after_half_a_run_are_named(saved_tutorial: SavedProject) -> None:
    world = World(saved_tutorial.restore())
    world.section("application", signOn="idp")
    refused = {"method": "PATCH", "path": "/v1.0/applications/.*", "status": 400, "times": 1000}
    world.made.control.faults(refused)
    ended = world.up()
    world.made.control.faults()
    assert ended.code == PARTLY, ended.text
    _, last = ended.text.split("Sign-ins after this run, which did not finish:")
    endings = world.walk()
    for text in (last, world.made.sso("preview").text, world.made.sso("drift").text):
        (line,) = (each for each in text.splitlines() if "from My Apps now, but can from" in each)
        for who in (ADA, ALAN, BARBARA):
            tile, page = (endings[who, way].result for way in (Way.FROM_MY_APPS, Way.FROM_MIMECAST))
            assert (who in line) == (tile is Result.REFUSED and page is Result.ENTRA), line
    assert "5 people cannot sign in from My Apps now" in last
    assert world.up().code == 0
    assert world.walk((ADA,))[ADA, Way.FROM_MY_APPS].result is Result.ENTRA
    assert "cannot sign in" not in world.made.sso("roll-out status").text


def test_a_run_that_wrote_some_of_its_addresses_is_partly_done(saved_tutorial: SavedProject) -> None:
    """Nothing but the address book changes, and it fails as a whole."""
    world = World(saved_tutorial.restore())
    world.section("rollOut", who="pilot", pilot=[ADA])
    assert world.up().code == 0
    more = ["new1@example.com", "new2@example.com"]
    listed = yaml.safe_load(world.made.stack_file.read_text())["config"]["mimecast-sso:addresses"]["list"]
    world.section("addresses", list=[*listed, *({"address": each} for each in more)])
    world.made.control.faults({"path": "/api/user/create-user", "status": 400, "times": 1})
    ended = world.up()
    world.made.control.faults()
    assert "1 of 2 addresses could not be written" in " ".join(ended.text.split())
    assert ended.code == PARTLY, ended.text


def test_a_claims_policy_that_somebody_replaced_is_seen_before_a_run_that_refreshes(
    saved_tutorial: SavedProject,
) -> None:
    world = World(saved_tutorial.restore())
    (own,) = world.principal["_claimsMappingPolicies"]
    another_claims_policy(world, Random(1))  # noqa: S311  (no secret)
    (other,) = world.principal["_claimsMappingPolicies"]
    seen = world.made.sso("preview")
    assert seen.code == 0, seen.text
    assert "a run with --refresh would stop half-way" in seen.text
    before = world.made.control.journal()[-1]["number"]
    refused = world.made.sso("up", "--yes", "--refresh")
    assert refused.code == REFUSED, refused.text
    asked = {each["host"] for each in world.made.control.journal(after=before)}
    assert "graph.microsoft.com" in asked
    assert "api.services.mimecast.com" not in asked, "which decides nothing here"
    assert "Refused by guard claims-policy" in refused.text
    assert world.principal["_claimsMappingPolicies"] == [other]
    # The last of the ways out that it names.
    path = f"{GRAPH}/servicePrincipals/{world.principal['id']}/claimsMappingPolicies/{other}/$ref"
    assert f"--method DELETE --url '{path}'" in refused.text
    assert world.made.running.graph().delete(path, timeout=30).ok
    assert world.made.sso("up", "--yes", "--refresh").code == 0
    assert world.principal["_claimsMappingPolicies"] == [own]


def test_a_roll_out_group_that_somebody_renamed_is_not_taken_for_empty(saved_tutorial: SavedProject) -> None:
    world = World(saved_tutorial.restore())
    group = next(
        each for each in world.made.control.documents("mimecast.groups") if each["description"] == ROLL_OUT
    )
    world.made.control.put("mimecast.groups", str(group["number"]), group | {"description": "Renamed"})
    assert world.walk((ADA,))[ADA, Way.FROM_MIMECAST].result is Result.ENTRA
    for verb in ("preview", "drift", "roll-out status"):
        assert f'Mimecast has no group "{ROLL_OUT}"' in " ".join(world.made.sso(verb).text.split()), verb
    world.section("assign", users=[GRACE])
    refused = world.up()
    assert refused.code == REFUSED, refused.text
    assert f"{ADA}: unknown: who is in the roll-out group; refused otherwise: not assigned" in refused.text
    assert world.walk((ADA,))[ADA, Way.FROM_MIMECAST].result is Result.ENTRA
