"""Invariants in any order of rotation steps, steps back, kills, console work, time and external changes.

They are about the world after a step, not about the planner's own gates: it locks nobody out, changes one thing,
removes no certificate that may sign, and can be undone.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from mimecast_sso.operations import rotation
from mimecast_sso.operations.rotation import NewGeneration, RotationPlan, Step
from mimecast_sso.settings import CutOver, ProfileSlot, RotationMode
from tests.support import state_machines
from tests.support.rotation_world import NEW, PEOPLE, WAIT, World, at_rest, forward, in_group, make

UNMANAGED = "CN=Somebody else's"
OBSERVED = {"by": "ada@example.com", "at": "2026-11-01T00:00:00Z", "evidence": "seen"}
MODES = [
    {"rotation": "blue-green"},
    {"rotation": "metadata", "metadataObserved": OBSERVED},
    {"rotation": "single"},
]

CHANGES = {
    Step.NONE: set[str](),
    Step.DEPLOY: set[str](),
    Step.CONSOLE: set[str](),
    Step.STAGE: {"generations"},
    Step.OVERLAP: {"cut_over"},
    Step.ACTIVATE: {"active"},
    Step.LEAVE: {"cut_over"},
    Step.RETIRE: {"generations", "retired", "window"},
    Step.UNSTAGE: {"generations", "retired"},
    Step.SEPARATE: {"cut_over"},
    Step.REACTIVATE: {"active"},
    Step.REJOIN: {"cut_over"},
}
"""What a step may change in the section. Retiring moves a generation, and takes the approval of the rotation back."""

BACK = {
    Step.STAGE: Step.UNSTAGE,
    Step.OVERLAP: Step.SEPARATE,
    Step.ACTIVATE: Step.REACTIVATE,
    Step.LEAVE: Step.REJOIN,
}


class AnyOrder(RuleBasedStateMachine):
    """One stack and its people. ``others_changed``: somebody else's change has not been restored yet."""

    @initialize(mode=st.sampled_from(MODES), soak_days=st.integers(0, 1), window=st.booleans())
    def begin(self, mode: dict[str, object], soak_days: int, window: bool) -> None:
        opens = {"notBefore": "2026-11-05T00:00:00Z", "approvedBy": "grace@example.com"} if window else None
        self.world = at_rest(**mode, soakDays=soak_days, window=opens)
        self.others_changed = False

    @property
    def single(self) -> bool:
        return self.world.configured.rotation is RotationMode.SINGLE

    def _ours(self, deed: Callable[[], object]) -> None:
        """Whoever could sign in before can afterwards.

        With one profile there is the announced gap; and to put others' changes back may cost those whom they helped.
        """
        before = set(self.world.locked_out())
        deed()
        assert self.single or self.others_changed or set(self.world.locked_out()) <= before

    # What we do

    @rule()
    def go_on(self) -> None:
        planned = forward(self.world)
        if not planned.refusals:
            make(self.world, planned)

    @rule(slot=st.sampled_from(ProfileSlot))
    def a_whole_step(self, slot: ProfileSlot) -> None:
        """On, deployed, the console work done, and the vendors' time awaited: else few orders come far."""
        self.go_on()
        for _ in range(2):
            self.deploy(refresh=True, dies_after=None)
            self.work_at_the_console(slot)
        self.wait(15)

    @rule()
    def go_back(self) -> None:
        planned = rotation.back(self.world.snapshot())
        if not planned.refusals:
            make(self.world, planned)

    @rule(refresh=st.booleans(), dies_after=st.none() | st.integers(0, 12))
    def deploy(self, refresh: bool, dies_after: int | None) -> None:
        self._ours(lambda: self.world.deploy(refresh=refresh, dies_after=dies_after))

    @rule(slot=st.sampled_from(ProfileSlot))
    def work_at_the_console(self, slot: ProfileSlot) -> None:
        self._ours(lambda: self.world.work_at_the_console(slot))

    @rule(minutes=st.sampled_from([5, 15, 60 * 24]))
    def wait(self, minutes: int) -> None:
        self._ours(lambda: self.world.pass_time(timedelta(minutes=minutes)))

    @rule()
    def somebody_approves(self) -> None:
        if window := self.world.configured.window:
            approved = window.model_copy(update={"approved_by": "grace@example.com"})
            self.world.configured = self.world.configured.model_copy(update={"window": approved})

    # What others do; since when it counts nobody can read, so time passes

    def _others(self) -> None:
        self.world.pass_time(WAIT)
        self.others_changed = True

    @rule()
    def somebody_adds_a_certificate(self) -> None:
        self.world.make_certificate(UNMANAGED)
        self._others()

    @rule(data=st.data())
    def somebody_activates(self, data: st.DataObject) -> None:
        self.world.preferred = data.draw(st.sampled_from([each.thumbprint for each in self.world.entra]))
        self._others()

    @rule(data=st.data())
    def somebody_takes_an_inactive_certificate_away(self, data: st.DataObject) -> None:
        world = self.world
        signing = world.signing.possible(world.now)
        gone = data.draw(st.sampled_from([None, *(each.thumbprint for each in world.entra)]))
        if gone not in signing:
            world.entra = [each for each in world.entra if each.thumbprint != gone]
            self._others()

    @rule(person=st.sampled_from(sorted(PEOPLE)), slot=st.sampled_from(ProfileSlot), there=st.booleans())
    def somebody_changes_a_group(self, person: str, slot: ProfileSlot, there: bool) -> None:
        self.world.members[in_group(person, slot)].set(self.world.now, there)
        self._others()

    @precondition(lambda self: self.others_changed)
    @rule()
    def it_is_put_back(self) -> None:
        """A refreshed deployment, and the unmanaged certificates removed in the portal.

        An active certificate that was removed is created again, and is activated once Entra signs with it: until then
        its profile has to be set, which counts as late as any change at Mimecast.
        """
        world = self.world
        world.deploy(refresh=True)
        world.pass_time(WAIT)
        world.entra = [
            each
            for each in world.entra
            if each.display_name != UNMANAGED or each.thumbprint == world.preferred
        ]
        unmanaged = any(each.display_name == UNMANAGED for each in world.entra)
        self.others_changed = unmanaged or world.preferred != world.thumbprint(world.configured.active)

    # What always holds

    def _ready(self) -> bool:
        return hasattr(self, "world")

    @invariant()
    def each_step_changes_one_thing(self) -> None:
        for planned in self._planned():
            if planned.change is not None:
                before, after = self.world.configured.model_dump(), planned.change.model_dump()
                changed = {key for key in before if before[key] != after[key]}
                assert changed, planned
                assert changed <= CHANGES[planned.step], planned

    @invariant()
    def what_touches_people_says_so_and_keeps_to_the_window(self) -> None:
        for planned in self._planned():
            if planned.change is None:
                continue
            touches = planned.step in (Step.OVERLAP, Step.ACTIVATE, Step.REACTIVATE)
            assert planned.touches_people == touches, planned
            window = self.world.configured.window
            if planned.step in (Step.OVERLAP, Step.ACTIVATE) and window:
                is_open = self.world.now >= datetime.fromisoformat(window.not_before) and window.approved_by
                assert is_open or planned.refusals

    @invariant()
    def no_step_locks_anybody_out(self) -> None:
        for planned in self._offered():
            world = self._imagine(planned)
            before = set(world.locked_out())
            assert world.deploy(), planned
            if not self.single:
                assert set(world.locked_out()) <= before, planned
            world.pass_time(WAIT)
            if not self.single:
                assert set(world.locked_out()) <= before, planned

    @invariant()
    def no_certificate_goes_that_may_sign_and_a_valid_one_stays(self) -> None:
        for planned in self._offered():
            world = self._imagine(planned)
            signing = world.signing.possible(world.now)
            listed = {entry.thumbprint for entry in self.world.configured.retired}
            gone = {entry.thumbprint for entry in world.configured.retired} - listed
            assert not gone & signing, planned
            assert world.deploy()
            assert any(
                each.is_valid(world.now) and each.thumbprint == world.preferred for each in world.entra
            )

    @invariant()
    def others_changes_stop_every_step_on(self) -> None:
        if not self._ready():
            return
        world = self.world
        there = {each.thumbprint for each in world.entra}
        ours = {world.state.activated, world.thumbprint(world.configured.active)}
        empty = [slot for slot in world.configured.slots if slot not in world.configured.populated]
        foreign = (
            any(each.display_name == UNMANAGED for each in world.entra)
            or world.preferred not in ours
            or any(
                not {world.thumbprint(each.label), ""} & {*there, ""} for each in world.configured.generations
            )
            or any(world.live(slot) for slot in empty)
        )
        if foreign:
            assert forward(world).change is None

    @invariant()
    def nothing_is_planned_on_what_was_not_read(self) -> None:
        if not self._ready():
            return
        unread = replace(self.world.snapshot(), entra=None, unknown=("Entra was not read: 503",))
        for planned in (rotation.plan(unread, NEW, start=True), rotation.back(unread)):
            assert planned.change is None
            assert planned.refusals
        half = replace(self.world.snapshot(), unknown=("Mimecast was not read: 503",))
        planned = rotation.plan(half, NEW, start=True)
        assert planned.change is None
        assert planned.refusals

    @invariant()
    def a_step_back_undoes_a_step_and_the_next_makes_it_again(self) -> None:
        planned = next(iter(self._offered()), None)
        if planned is None or planned.step not in BACK:
            return
        world = self._imagine(planned)
        undone = rotation.back(world.snapshot())
        assert (undone.step, undone.change) == (BACK[planned.step], self.world.configured)
        if self.others_changed or self.single:
            return
        assert world.deploy()
        for slot in ProfileSlot:
            world.work_at_the_console(slot)
        assert world.deploy()
        world.pass_time(WAIT)
        undone = rotation.back(world.snapshot())
        assert undone.step is BACK[planned.step]
        make(world, undone)
        assert world.deploy()
        world.pass_time(WAIT)
        again = rotation.plan(world.snapshot(), NewGeneration("another", NEW.end_date), start=True)
        assert again.step is planned.step, again
        if planned.step is not Step.STAGE:
            assert (again.change, again.refusals) == (planned.change, ())

    @invariant()
    def at_rest_the_trusted_one_signs_and_nobody_is_in_two_groups(self) -> None:
        if not self._ready():
            return
        world = deepcopy(self.world)
        for _ in range(3):
            world.deploy()
            for slot in ProfileSlot:
                world.work_at_the_console(slot)
            world.pass_time(WAIT)
        assert world.deploy()
        active = world.configured.active_generation
        assert world.preferred == world.thumbprint(active.label)
        assert next(each for each in world.entra if each.thumbprint == world.preferred).is_valid(world.now)
        assert world.locked_out() == []
        if world.configured.cut_over is CutOver.ACTIVE:
            assert world.live(active.profile) == PEOPLE
            assert world.live(active.profile.other) == frozenset() or world.configured.slots == (
                ProfileSlot.FIRST,
            )

    def _planned(self) -> list[RotationPlan]:
        return [forward(self.world), rotation.back(self.world.snapshot())] if self._ready() else []

    def _offered(self) -> list[RotationPlan]:
        return [each for each in self._planned() if each.change is not None and not each.refusals]

    def _imagine(self, planned: RotationPlan) -> World:
        world = deepcopy(self.world)
        make(world, planned)
        return world

    # And it ends

    def teardown(self) -> None:
        if self._ready() and not self.others_changed:
            self._come_to_the_end()

    def _come_to_the_end(self) -> None:
        for _ in range(40):
            planned = forward(self.world, start=False)
            if planned.step is Step.NONE and not planned.refusals:
                # The last step may have been the console's, after somebody removed the certificate that it trusted.
                self.world.pass_time(WAIT)
                assert len(self.world.configured.generations) == 1
                assert self.world.configured.cut_over is CutOver.ACTIVE
                assert self.world.locked_out() == []
                return
            if planned.step is Step.CONSOLE:
                for slot in ProfileSlot:
                    self._ours(partial(self.world.work_at_the_console, slot))
            elif planned.refusals:
                self._ours(self.world.deploy)
                self._ours(lambda: self.world.pass_time(timedelta(days=1)))
                self.somebody_approves()
            else:
                make(self.world, planned)
                self._ours(self.world.deploy)
        pytest.fail(f"no end: {forward(self.world, start=False)}")


def test_every_step_is_safe_in_any_order() -> None:
    state_machines.run(AnyOrder, 25, 25)


@pytest.mark.soak
def test_every_step_is_safe_in_any_order_in_long_runs(tally: Callable[[str, int, str], None]) -> None:
    state_machines.run(AnyOrder, 1_000, 40)
    tally("rotation_machine", 1_000, "random histories")
