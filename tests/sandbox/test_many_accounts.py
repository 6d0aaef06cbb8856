"""Documents of one account among many: found by an index that every write and roll-back maintains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "a-test")
    yield made
    made.close()


def names(world: World, account: str) -> list[str]:
    return [each["name"] for each in world.of_account("mimecast.things", account)]


def put(world: World, key: str, account: str, name: str) -> None:
    world.put("mimecast.things", key, {"account": account, "name": name})


def test_each_account_has_its_own_documents_in_order_of_creation(world: World) -> None:
    for key, account in (("1", "CA"), ("2", "CB"), ("3", "CA")):
        put(world, key, account, f"thing {key}")
    world.put("mimecast.things", "4", {"name": "of no account"})
    world.put("mimecast.others", "1", {"account": "CA", "name": "in another collection"})
    assert names(world, "CA") == ["thing 1", "thing 3"]
    put(world, "1", "CA", "renamed")
    assert names(world, "CA") == ["renamed", "thing 3"], "an update keeps the place"
    put(world, "3", "CB", "moved")
    world.delete("mimecast.things", "2")
    assert (names(world, "CA"), names(world, "CB")) == (["renamed"], ["moved"])


def test_rolled_back_documents_are_not_found(world: World) -> None:
    put(world, "1", "CA", "kept")

    def stopped() -> None:
        with world.transaction():
            put(world, "1", "CB", "moved")
            put(world, "2", "CA", "new")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        stopped()
    assert (names(world, "CA"), names(world, "CB")) == (["kept"], [])


def test_a_world_of_an_earlier_version_is_found_too(world: World, tmp_path: Path) -> None:
    put(world, "1", "CA", "old")
    world._db.execute("DROP INDEX documents_by_account")
    world.close()
    again = World(tmp_path, "a-test")
    assert names(again, "CA") == ["old"]
    again.close()


def test_one_account_of_many_is_found_without_reading_the_others(world: World) -> None:
    for number in range(3_000):
        put(world, str(number), f"C{number}", "thing")
    steps = 0

    def counted() -> int:
        nonlocal steps
        steps += 1
        return 0

    world._db.set_progress_handler(counted, 1)
    assert names(world, "C1234") == ["thing"]
    world._db.set_progress_handler(None, 0)
    assert steps < 200, "steps of the database's machine"


def test_the_newest_are_kept(world: World) -> None:
    for number in range(5):
        put(world, str(number), "CA", f"thing {number}")
    world.keep_newest("mimecast.things", 9)
    assert len(names(world, "CA")) == 5
    world.keep_newest("mimecast.things", 2)
    assert names(world, "CA") == ["thing 3", "thing 4"]
