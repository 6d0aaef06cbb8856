"""A run that stops half-way: whom it leaves without a sign-in, its last lines say, and so does every later command."""

from __future__ import annotations

import pytest

from mimecast_sso.assessment.sign_in import Result, Way
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import ADA, ALAN, BARBARA, World

pytestmark = pytest.mark.xdist_group("forecast")

PARTLY = 3


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
