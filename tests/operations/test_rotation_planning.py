"""Planning of rotations: each step with its gates, and that no order of steps, deaths and foreign changes locks out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from components.settings import Certificates, CutOver, Lane
from operations import rotation
from operations.rotation import NewGeneration, Plan, Step
from tests.support.rotation_world import PEOPLE, WAIT, World, in_group

NEW = NewGeneration("next", "2029-12-01T00:00:00Z")
FIRST = {"label": "2026", "endDate": "2029-07-28T00:00:00Z"}
OBSERVED = {"by": "ada@example.com", "at": "2026-11-01T00:00:00Z", "evidence": "seen"}


def certificates(**changes: Any) -> Certificates:
    values = {"generations": [FIRST], "active": "2026", "rotation": "blue-green", "soakDays": 1}
    return Certificates.model_validate(values | changes)


def at_rest(**changes: Any) -> World:
    """The first generation signs, its profile is confirmed, and people are in the first group for long."""
    world = World(certificates(**changes))
    assert world.deploy()
    world.work_at_the_console(Lane.FIRST)
    world.pass_time(WAIT)
    assert world.deploy()
    world.pass_time(timedelta(days=2))
    return world


def forward(world: World, *, start: bool = True) -> Plan:
    return rotation.plan(world.picture(), NEW, start=start)


def make(world: World, planned: Plan) -> None:
    assert planned.refusals == (), planned
    if planned.change is not None:
        world.wanted = Certificates.model_validate(planned.change.model_dump(by_alias=True))


def step(world: World, expected: Step) -> None:
    planned = forward(world)
    assert planned.step is expected, planned
    make(world, planned)
    assert world.deploy()
    assert world.locked_out() == []


def until(world: World, *steps: Step) -> World:
    """Takes these steps, with the console work and the waiting between them."""
    for expected in steps:
        step(world, expected)
        world.work_at_the_console(Lane.SECOND)
        world.deploy()
        world.pass_time(WAIT)
    return world


TO_OVERLAP = (Step.STAGE, Step.OVERLAP)
TO_ACTIVATE = (*TO_OVERLAP, Step.ACTIVATE)
TO_LEAVE = (*TO_ACTIVATE, Step.LEAVE)


def refusals(planned: Plan) -> str:
    return " | ".join(refusal.text for refusal in planned.refusals)


# -- Steps and their gates ------------------------------------------------------------------------------------


def test_blue_green_goes_step_by_step() -> None:
    world = until(at_rest(), *TO_LEAVE)
    early = forward(world)
    assert (early.step, "soaks until" in refusals(early), early.due) == (Step.RETIRE, True, False)
    world.pass_time(timedelta(days=1))
    step(world, Step.RETIRE)
    assert [each.label for each in world.entra] == ["next"]
    done = forward(world, start=False)
    assert (done.step, done.due) == (Step.NONE, False)
    assert [each.label for each in world.wanted.retired] == ["2026"]


def test_the_next_rotation_goes_back_to_the_first_profile() -> None:
    world = until(at_rest(soakDays=0), *TO_LEAVE, Step.RETIRE)
    staged = rotation.plan(world.picture(), NewGeneration("third", "2029-12-02T00:00:00Z"), start=True)
    assert staged.change is not None
    assert staged.change.generation("third").profile is Lane.FIRST


def test_a_rotation_begins_when_the_end_is_near_or_when_told_to() -> None:
    world = at_rest()
    assert forward(world, start=False).step is Step.NONE
    assert forward(world, start=True).step is Step.STAGE
    world.pass_time(timedelta(days=1000 - rotation.LEAD_DAYS))
    assert forward(world, start=False).step is Step.STAGE


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (NewGeneration("2026", NEW.end_date), "label 2026 is in use"),
        (NewGeneration("next", "2027-01-01T00:00:00Z"), "ends no later"),
    ],
)
def test_a_generation_that_leads_nowhere_is_not_staged(new: NewGeneration, part: str) -> None:
    assert part in refusals(rotation.plan(at_rest().picture(), new, start=True))


def test_nothing_moves_before_trust_is_attested() -> None:
    world = at_rest()
    step(world, Step.STAGE)
    waiting = forward(world)
    assert (waiting.step, waiting.due) == (Step.CONSOLE, True)
    assert "Trust in generation next is not attested: the second profile is due" in refusals(waiting)
    world.work_at_the_console(Lane.SECOND)
    deploy = forward(world)
    assert (deploy.step, "confirmation of the second profile" in deploy.text) == (Step.DEPLOY, True)


@pytest.mark.parametrize(
    ("window", "part", "due"),
    [
        ({"notBefore": "2027-01-01T00:00:00Z", "approvedBy": "grace@example.com"}, "not open before", False),
        ({"notBefore": "2026-11-01T00:00:00Z"}, "Nobody approved it", True),
    ],
)
@pytest.mark.parametrize("steps", [(Step.STAGE,), TO_OVERLAP])
def test_a_window_holds_what_touches_people(
    window: dict[str, str], part: str, due: bool, steps: tuple[Step, ...]
) -> None:
    world = until(at_rest(), *steps)
    world.wanted = Certificates.model_validate(world.wanted.model_dump(by_alias=True) | {"window": window})
    held = forward(world)
    assert (part in refusals(held), held.due) == (True, due), held
    assert rotation.back(world.picture()).refusals == () or steps == (Step.STAGE,)


def test_an_approval_is_for_one_rotation() -> None:
    window = {"notBefore": "2026-11-01T00:00:00Z", "approvedBy": "grace@example.com"}
    world = until(at_rest(soakDays=0, window=window), *TO_LEAVE, Step.RETIRE)
    assert world.wanted.window is not None
    assert world.wanted.window.approved_by is None


def test_every_change_is_awaited() -> None:
    world = at_rest()
    until(world, Step.STAGE)
    step(world, Step.OVERLAP)
    assert "Wait until" in refusals(forward(world))
    world.pass_time(WAIT)
    step(world, Step.ACTIVATE)
    assert "Wait until" in refusals(forward(world))
    back = rotation.back(world.picture())
    assert (back.step, back.refusals) == (Step.REACTIVATE, ())


def test_what_is_configured_and_not_there_is_deployed_first() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    make(world, forward(world))
    ahead = forward(world)
    assert (ahead.step, "generation next becomes the active one" in ahead.text) == (Step.DEPLOY, True)


@pytest.mark.parametrize("rotated", [(), TO_OVERLAP, TO_ACTIVATE, TO_LEAVE])
def test_a_foreign_certificate_stops_the_rotation_and_is_shown(rotated: tuple[Step, ...]) -> None:
    world = until(at_rest(), *rotated)
    world.make_certificate("CN=Somebody else's")
    stopped = forward(world)
    assert stopped.step is Step.NONE
    assert "added: " in refusals(stopped)
    assert "CN=Somebody else's" in refusals(stopped)


def test_a_foreign_activation_stops_the_rotation_and_a_refresh_puts_it_back() -> None:
    world = until(at_rest(), Step.STAGE)
    before = world.preferred
    world.preferred = world.thumbprint("next")
    stopped = forward(world)
    assert f"after the last deployment it was {before}" in refusals(stopped)
    assert "signs with" in refusals(rotation.back(world.picture()))
    assert world.deploy(refresh=True)
    assert world.preferred == before
    assert world.locked_out() == []


def test_somebody_in_the_group_that_is_to_be_empty_stops_the_rotation() -> None:
    world = until(at_rest(), *TO_LEAVE)
    world.members[in_group("ada@example.com", Lane.FIRST)].set(world.now, True)
    assert "In the group by another hand" in refusals(forward(world))
    assert world.deploy(refresh=True)
    world.pass_time(timedelta(days=1))
    assert forward(world).step is Step.RETIRE


@pytest.mark.parametrize(
    ("rotated", "expected"),
    [
        ((Step.STAGE,), [Step.UNSTAGE]),
        (TO_OVERLAP, [Step.SEPARATE, Step.UNSTAGE]),
        (TO_ACTIVATE, [Step.REACTIVATE, Step.SEPARATE, Step.UNSTAGE]),
        (TO_LEAVE, [Step.REJOIN, Step.REACTIVATE, Step.SEPARATE, Step.UNSTAGE]),
    ],
)
def test_every_step_has_a_way_back(rotated: tuple[Step, ...], expected: list[Step]) -> None:
    world = until(at_rest(), *rotated)
    taken = []
    for _ in expected:
        planned = rotation.back(world.picture())
        taken.append(planned.step)
        make(world, planned)
        assert world.deploy()
        assert world.locked_out() == []
        world.pass_time(WAIT)
    assert taken == expected
    assert (world.wanted.active, world.preferred) == ("2026", world.thumbprint("2026"))
    assert [each.label for each in world.entra] == ["2026"]
    assert "nothing to go back to" in rotation.back(world.picture()).text


def test_going_back_twice_needs_people_in_the_group_they_go_back_to() -> None:
    world = until(at_rest(), *TO_LEAVE)
    make(world, rotation.back(world.picture()))
    world.pass_time(timedelta(days=1))
    twice = rotation.back(world.picture())
    assert (twice.step, "deploy first" in refusals(twice)) == (Step.REACTIVATE, True)
    assert not world.deploy(dies_after=3)
    assert forward(world).step is Step.DEPLOY
    assert "deploy first" in refusals(rotation.back(world.picture()))


def dies_when_all_have_joined(world: World, lane: Lane) -> None:
    """Everybody is in the group, and the run died before it could record that."""
    while world.live(lane) < frozenset(PEOPLE):
        assert not world.deploy(refresh=False, dies_after=len(Lane) + 1)  # Both forms, and one joins.
    assert not world.state.members[lane]


def test_joining_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), Step.STAGE)
    make(world, forward(world))
    dies_when_all_have_joined(world, Lane.SECOND)
    planned = forward(world)
    assert (planned.step, "is recorded" in planned.text) == (Step.DEPLOY, True)
    assert world.deploy()
    assert "Wait until" in refusals(forward(world))


def test_joining_after_a_hold_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    picture = world.picture()
    held = replace(picture.group(Lane.SECOND), held=True)
    seen = replace(picture, groups={**picture.groups, Lane.SECOND: held})
    planned = rotation.plan(seen, NEW)
    assert (planned.step, "is recorded" in planned.text) == (Step.DEPLOY, True)


def test_joining_again_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), *TO_LEAVE)
    make(world, rotation.back(world.picture()))
    dies_when_all_have_joined(world, Lane.FIRST)
    assert "is not recorded: deploy first" in refusals(rotation.back(world.picture()))
    assert world.deploy()
    assert "Wait until" in refusals(rotation.back(world.picture()))


def test_what_cannot_be_read_is_unknown() -> None:
    unread = replace(at_rest().picture(), entra=None, unknown=("Entra was not read: 503",))
    for planned in (rotation.plan(unread, NEW), rotation.back(unread)):
        assert "Unknown, and so not fine: Entra was not read: 503" in refusals(planned)
    text = "\n".join(rotation.lines(unread))
    assert "Entra: unknown" in text
    assert "signs" not in text


def test_what_an_interrupted_run_left_is_taken_away_with_the_former_one() -> None:
    world = at_rest(soakDays=0)
    make(world, forward(world))
    assert not world.deploy(dies_after=1)
    until(world, Step.DEPLOY, Step.OVERLAP, Step.ACTIVATE, Step.LEAVE, Step.RETIRE)
    assert [each.label for each in world.wanted.retired] == ["next", "2026"]
    assert [each.thumbprint for each in world.entra] == [world.preferred]


def single(**changes: Any) -> World:
    world = at_rest(rotation="single", soakDays=0, **changes)
    step(world, Step.STAGE)
    return world


def test_single_mode_waits_for_the_console_and_then_activates() -> None:
    world = single()
    before = world.preferred
    step(world, Step.ACTIVATE)
    assert (world.preferred, forward(world).step) == (before, Step.CONSOLE)
    assert forward(world).touches_people
    world.work_at_the_console(Lane.FIRST)
    assert world.locked_out() == sorted(PEOPLE, key=world.locked_out().index), "the gap that was announced"
    world.pass_time(WAIT)
    assert world.deploy()
    assert world.preferred == world.thumbprint("next")
    assert world.locked_out() == []
    assert forward(world).step is Step.RETIRE


def test_single_mode_goes_back_without_a_gap_before_the_console_is_touched() -> None:
    world = single()
    step(world, Step.ACTIVATE)
    planned = rotation.back(world.picture())
    assert planned.step is Step.REACTIVATE
    make(world, planned)
    assert world.deploy()
    assert world.locked_out() == []


def test_metadata_mode_activates_what_is_staged() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED)
    make(world, forward(world))
    assert world.deploy()
    picture = world.picture()
    profile = replace(picture.profiles[Lane.FIRST], thumbprint="", state="claimed")
    followed = replace(picture, profiles={Lane.FIRST: profile})
    planned = rotation.plan(followed, NEW)
    assert (planned.step, planned.touches_people) == (Step.ACTIVATE, True)
    due = replace(followed, profiles={Lane.FIRST: replace(profile, state="stale")})
    assert rotation.plan(due, NEW).step is Step.CONSOLE


# -- Any order ------------------------------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Steps, steps back, deployments that die, console work, time, and other people's changes, in any order.

    Whoever could sign in before one of our deeds can afterwards; and when everybody else keeps still, the rotation
    comes to its end.
    """

    @initialize()
    def begin(self) -> None:
        self.world = at_rest()
        self.others_changed = False

    def _ours(self, deed: Callable[[], object]) -> None:
        before = set(self.world.locked_out())
        deed()
        assert set(self.world.locked_out()) <= before

    @rule()
    def go_on(self) -> None:
        planned = forward(self.world)
        if not planned.refusals:
            make(self.world, planned)

    @rule()
    def a_whole_step(self) -> None:
        """On, deployed, the console work done, and the vendors' time awaited: else few orders come far."""
        self.go_on()
        for _ in range(2):
            self.deploy(refresh=True, dies_after=None)
            self.work_at_the_console(Lane.SECOND)
        self.wait(15)

    @rule()
    def go_back(self) -> None:
        planned = rotation.back(self.world.picture())
        if not planned.refusals:
            make(self.world, planned)

    @rule(refresh=st.booleans(), dies_after=st.none() | st.integers(0, 12))
    def deploy(self, refresh: bool, dies_after: int | None) -> None:
        self._ours(lambda: self.world.deploy(refresh=refresh, dies_after=dies_after))

    @rule(lane=st.sampled_from(Lane))
    def work_at_the_console(self, lane: Lane) -> None:
        self._ours(lambda: self.world.work_at_the_console(lane))

    @rule(minutes=st.sampled_from([5, 15, 60 * 24]))
    def wait(self, minutes: int) -> None:
        self._ours(lambda: self.world.pass_time(timedelta(minutes=minutes)))

    @rule()
    def somebody_adds_a_certificate(self) -> None:
        self.world.make_certificate("CN=Somebody else's")
        self.others_changed = True

    @rule(data=st.data())
    def somebody_activates(self, data: st.DataObject) -> None:
        self.world.preferred = data.draw(st.sampled_from([each.thumbprint for each in self.world.entra]))
        self.others_changed = True

    @precondition(lambda self: self.others_changed)
    @rule()
    def the_others_put_it_back(self) -> None:
        """A refreshed deployment, and the stranger's certificates taken away in the portal."""
        self.world.deploy(refresh=True)
        strangers = self.world.picture().strangers
        self.world.entra = [
            each
            for each in self.world.entra
            if each not in strangers or each.thumbprint == self.world.preferred
        ]
        self.others_changed = False

    @invariant()
    def the_configuration_is_valid(self) -> None:
        if hasattr(self, "world"):
            Certificates.model_validate(self.world.wanted.model_dump(by_alias=True))

    def teardown(self) -> None:
        if not hasattr(self, "world") or self.others_changed:
            return
        self._come_to_the_end()

    def _come_to_the_end(self) -> None:
        for _ in range(40):
            planned = forward(self.world, start=False)
            if planned.step is Step.NONE and not planned.refusals:
                assert len(self.world.wanted.generations) == 1
                assert self.world.wanted.cut_over is CutOver.ACTIVE
                assert self.world.locked_out() == []
                return
            if planned.step is Step.CONSOLE:
                for lane in Lane:
                    self._ours(lambda lane=lane: self.world.work_at_the_console(lane))
            elif planned.refusals:
                self._ours(self.world.deploy)
                self._ours(lambda: self.world.pass_time(timedelta(days=1)))
            else:
                make(self.world, planned)
                self._ours(self.world.deploy)
        pytest.fail(f"no end: {forward(self.world, start=False)}")


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
