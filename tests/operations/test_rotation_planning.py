"""Planning of rotations: each step with its gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mimecast_sso.operations import rotation
from mimecast_sso.operations.rotation import NewGeneration, RotationPlan, Step
from mimecast_sso.settings import Certificates, ProfileSlot
from providers.entra.signing_certificates import subject
from tests.support.rotation_world import (
    NEW,
    PEOPLE,
    WAIT,
    World,
    at_rest,
    certificates,
    forward,
    in_group,
    make,
)

OBSERVED = {"by": "ada@example.com", "at": "2026-11-01T00:00:00Z", "evidence": "seen"}


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
        world.work_at_the_console(ProfileSlot.SECOND)
        world.deploy()
        world.pass_time(WAIT)
    return world


TO_OVERLAP = (Step.STAGE, Step.OVERLAP)
TO_ACTIVATE = (*TO_OVERLAP, Step.ACTIVATE)
TO_LEAVE = (*TO_ACTIVATE, Step.LEAVE)


def refusals(planned: RotationPlan) -> str:
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
    assert [each.label for each in world.configured.retired] == ["2026"]


def test_the_next_rotation_goes_back_to_the_first_profile() -> None:
    world = until(at_rest(soakDays=0), *TO_LEAVE, Step.RETIRE)
    staged = rotation.plan(world.snapshot(), NewGeneration("third", "2029-12-02T00:00:00Z"), start=True)
    assert staged.change is not None
    assert staged.change.generation("third").profile is ProfileSlot.FIRST


def test_a_rotation_starts_near_the_expiry_or_on_request() -> None:
    world = at_rest()
    assert forward(world, start=False).step is Step.NONE
    assert forward(world, start=True).step is Step.STAGE
    world.pass_time(timedelta(days=1000 - rotation.LEAD_DAYS))
    assert forward(world, start=False).step is Step.STAGE


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (NewGeneration("2026", NEW.end_date), "label 2026 is in use"),
        (NewGeneration("next", "2027-01-01T00:00:00Z"), "would not outlive the active one"),
    ],
)
def test_a_useless_generation_is_not_staged(new: NewGeneration, part: str) -> None:
    assert part in refusals(rotation.plan(at_rest().snapshot(), new, start=True))


def test_no_step_is_planned_before_trust_is_attested() -> None:
    world = at_rest()
    step(world, Step.STAGE)
    waiting = forward(world)
    assert (waiting.step, waiting.due) == (Step.CONSOLE, True)
    assert "Trust in generation next is not attested: the second profile is due" in refusals(waiting)
    world.work_at_the_console(ProfileSlot.SECOND)
    deploy = forward(world)
    assert (deploy.step, "confirmation of the second profile" in deploy.text) == (Step.DEPLOY, True)


@pytest.mark.parametrize(
    ("window", "part", "due"),
    [
        (
            {"notBefore": "2027-01-01T00:00:00Z", "approvedBy": "grace@example.com"},
            "The window opens at",
            False,
        ),
        ({"notBefore": "2026-11-01T00:00:00Z"}, "Nobody has approved it", True),
    ],
)
@pytest.mark.parametrize("steps", [(Step.STAGE,), TO_OVERLAP])
def test_a_window_holds_steps_that_affect_people(
    window: dict[str, str], part: str, due: bool, steps: tuple[Step, ...]
) -> None:
    world = until(at_rest(), *steps)
    world.configured = Certificates.model_validate(
        world.configured.model_dump(by_alias=True) | {"window": window}
    )
    held = forward(world)
    assert (part in refusals(held), held.due) == (True, due), held
    assert rotation.back(world.snapshot()).refusals == () or steps == (Step.STAGE,)


def test_an_approval_is_for_one_rotation() -> None:
    window = {"notBefore": "2026-11-01T00:00:00Z", "approvedBy": "grace@example.com"}
    world = until(at_rest(soakDays=0, window=window), *TO_LEAVE, Step.RETIRE)
    assert world.configured.window is not None
    assert world.configured.window.approved_by is None


def test_every_change_is_awaited() -> None:
    world = at_rest()
    until(world, Step.STAGE)
    step(world, Step.OVERLAP)
    assert "Wait until" in refusals(forward(world))
    world.pass_time(WAIT)
    step(world, Step.ACTIVATE)
    assert "Wait until" in refusals(forward(world))
    back = rotation.back(world.snapshot())
    assert (back.step, back.refusals) == (Step.REACTIVATE, ())


def test_configured_but_missing_objects_are_deployed_first() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    make(world, forward(world))
    ahead = forward(world)
    assert (ahead.step, "generation next becomes the active one" in ahead.text) == (Step.DEPLOY, True)


def test_the_second_profile_and_group_are_created_before_the_first_blue_green_rotation() -> None:
    world = at_rest(rotation="single")
    world.configured = certificates()
    ahead = forward(world)
    assert (ahead.step, "the second profile is described" in ahead.text) == (Step.DEPLOY, True)
    assert "the second group is created" in ahead.text
    assert world.deploy()
    assert forward(world).step is Step.STAGE


def test_a_form_that_a_killed_run_did_not_reach_is_deployed_first() -> None:
    world = at_rest()
    make(world, forward(world))
    assert not world.deploy(dies_after=2), "the certificate is made and recorded"
    ahead = forward(world)
    assert (ahead.step, "the form of the second profile" in ahead.text) == (Step.DEPLOY, True)


def test_an_activation_that_a_killed_run_did_not_record_is_deployed_again() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    make(world, forward(world))
    world.preferred = world.thumbprint("next")
    ahead = forward(world)
    assert (ahead.step, "generation next becomes the active one" in ahead.text) == (Step.DEPLOY, True)


def test_a_leaving_that_is_not_deployed_is_deployed_first() -> None:
    world = until(at_rest(), *TO_ACTIVATE)
    make(world, forward(world))
    ahead = forward(world)
    assert (ahead.step, '"first" loses 2 people' in ahead.text) == (Step.DEPLOY, True)


def test_console_work_touches_people_only_where_the_one_profile_changes() -> None:
    staged = until(at_rest(), Step.STAGE).snapshot()
    profiles = {
        **staged.profiles,
        ProfileSlot.SECOND: replace(staged.profiles[ProfileSlot.SECOND], state="stale"),
    }
    second = rotation.plan(replace(staged, profiles=profiles), NEW)
    assert (second.step, second.touches_people, second.console) == (Step.CONSOLE, False, ProfileSlot.SECOND)
    alone = at_rest(rotation="single").snapshot()
    stale = {ProfileSlot.FIRST: replace(alone.profiles[ProfileSlot.FIRST], state="stale")}
    again = rotation.plan(replace(alone, profiles=stale), NEW)
    assert (again.step, again.touches_people, again.console) == (Step.CONSOLE, False, ProfileSlot.FIRST)


def test_who_is_in_the_only_group_does_not_hold_a_rotation_by_metadata_up() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED)
    step(world, Step.STAGE)
    world.members[in_group("ada@example.com", ProfileSlot.FIRST)].set(world.now, False)
    assert (forward(world).step, forward(world).refusals) == (Step.ACTIVATE, ())


def test_an_active_certificate_that_is_gone_is_shown_and_the_only_one_is_active_unnamed() -> None:
    world = at_rest()
    world.make_certificate(subject("2026"))
    world.entra = world.entra[1:]
    assert f"active: {world.preferred}" not in refusals(forward(world))
    assert f"removed: generation 2026, {world.preferred}" in refusals(forward(world))
    world.preferred = "F" * 40
    assert f"active: {'F' * 40}; after the last deployment" in refusals(forward(world))
    snapshot = at_rest().snapshot()
    assert snapshot.entra is not None
    unnamed = replace(snapshot, entra=replace(snapshot.entra, preferred=""))
    assert rotation.foreign(unnamed) == []


def test_a_retired_certificate_that_is_still_there_is_deployed_first() -> None:
    world = until(at_rest(soakDays=0), *TO_LEAVE)
    make(world, forward(world))
    ahead = forward(world)
    assert (ahead.step, "(2026) is removed" in ahead.text) == (Step.DEPLOY, True)


@pytest.mark.parametrize("rotated", [(), TO_OVERLAP, TO_ACTIVATE, TO_LEAVE])
def test_an_unmanaged_certificate_stops_the_rotation_and_is_shown(rotated: tuple[Step, ...]) -> None:
    world = until(at_rest(), *rotated)
    world.make_certificate("CN=Somebody else's")
    stopped = forward(world)
    assert stopped.step is Step.NONE
    assert "added: " in refusals(stopped)
    assert "CN=Somebody else's" in refusals(stopped)


def test_an_external_activation_stops_the_rotation_and_a_refresh_reverts_it() -> None:
    world = until(at_rest(), Step.STAGE)
    before = world.preferred
    world.preferred = world.thumbprint("next")
    stopped = forward(world)
    assert f"after the last deployment it was {before}" in refusals(stopped)
    assert "signs with" in refusals(rotation.back(world.snapshot()))
    assert world.deploy(refresh=True)
    assert world.preferred == before
    world.pass_time(WAIT)
    assert world.locked_out() == []


def test_somebody_in_the_group_that_is_to_be_empty_stops_the_rotation() -> None:
    world = until(at_rest(), *TO_LEAVE)
    world.members[in_group("ada@example.com", ProfileSlot.FIRST)].set(world.now, True)
    assert "Added outside this stack:" in refusals(forward(world))
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
        planned = rotation.back(world.snapshot())
        taken.append(planned.step)
        make(world, planned)
        assert world.deploy()
        assert world.locked_out() == []
        world.pass_time(WAIT)
    assert taken == expected
    assert (world.configured.active, world.preferred) == ("2026", world.thumbprint("2026"))
    assert [each.label for each in world.entra] == ["2026"]
    assert "nothing to go back to" in rotation.back(world.snapshot()).text


def test_going_back_twice_needs_people_in_the_group_they_go_back_to() -> None:
    world = until(at_rest(), *TO_LEAVE)
    make(world, rotation.back(world.snapshot()))
    world.pass_time(timedelta(days=1))
    twice = rotation.back(world.snapshot())
    assert (twice.step, "deploy first" in refusals(twice)) == (Step.REACTIVATE, True)
    assert not world.deploy(dies_after=3)
    assert forward(world).step is Step.DEPLOY
    assert "deploy first" in refusals(rotation.back(world.snapshot()))


def dies_when_all_have_joined(world: World, slot: ProfileSlot) -> None:
    """Everybody is in the group, and the run died before it could record that."""
    while world.live(slot) < frozenset(PEOPLE):
        assert not world.deploy(refresh=False, dies_after=len(ProfileSlot) + 1)  # Both forms, and one joins.
    assert not world.state.members[slot]


def test_joining_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), Step.STAGE)
    make(world, forward(world))
    dies_when_all_have_joined(world, ProfileSlot.SECOND)
    planned = forward(world)
    assert (planned.step, "is recorded" in planned.text) == (Step.DEPLOY, True)
    assert world.deploy()
    assert "Wait until" in refusals(forward(world))


def test_joining_after_a_hold_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    snapshot = world.snapshot()
    held = replace(snapshot.group(ProfileSlot.SECOND), held=True)
    seen = replace(snapshot, groups={**snapshot.groups, ProfileSlot.SECOND: held})
    planned = rotation.plan(seen, NEW)
    assert (planned.step, "is recorded" in planned.text) == (Step.DEPLOY, True)


def test_joining_again_counts_from_when_it_is_recorded() -> None:
    world = until(at_rest(), *TO_LEAVE)
    make(world, rotation.back(world.snapshot()))
    dies_when_all_have_joined(world, ProfileSlot.FIRST)
    assert 'When people joined "first" is not recorded' in refusals(rotation.back(world.snapshot()))
    assert world.deploy()
    assert "Wait until" in refusals(rotation.back(world.snapshot()))


def test_a_form_that_is_due_again_is_console_work_and_not_a_deployment() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    world.entra = [each for each in world.entra if each.label != "next"]
    assert "removed: generation next" in refusals(forward(world))
    assert world.deploy(refresh=True)
    assert forward(world).step is Step.CONSOLE
    world.work_at_the_console(ProfileSlot.SECOND)
    assert world.deploy()
    world.pass_time(WAIT)
    step(world, Step.ACTIVATE)


def test_a_retired_certificate_that_signs_waits_for_the_console_and_no_deployment() -> None:
    world = until(at_rest(), Step.STAGE)
    make(world, rotation.back(world.snapshot()))
    world.preferred = world.thumbprint("next")
    world.entra = [each for each in world.entra if each.label != "2026"]
    assert not world.deploy(refresh=True), "the certificate signs, so it is not removed"
    assert forward(world).step is Step.CONSOLE
    world.work_at_the_console(ProfileSlot.FIRST)
    assert world.deploy()
    assert [each.label for each in world.entra] == ["2026"]
    assert forward(world, start=False).step is Step.NONE


def test_what_cannot_be_read_is_unknown() -> None:
    unread = replace(at_rest().snapshot(), entra=None, unknown=("Entra was not read: 503",))
    for planned in (rotation.plan(unread, NEW), rotation.back(unread)):
        assert "Entra was not read: 503" in refusals(planned)
    text = "\n".join(rotation.lines(unread))
    assert rotation.foreign(unread) == []
    assert "Entra: whether its certificate exists (unknown: Entra was not read)" in text
    assert "signs" not in text


def test_a_left_over_certificate_is_removed_with_the_former_one() -> None:
    world = at_rest(soakDays=0)
    make(world, forward(world))
    assert not world.deploy(dies_after=1)
    until(world, Step.DEPLOY, Step.OVERLAP, Step.ACTIVATE, Step.LEAVE, Step.RETIRE)
    assert [each.label for each in world.configured.retired] == ["next", "2026"]
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
    world.work_at_the_console(ProfileSlot.FIRST)
    assert world.locked_out() == sorted(PEOPLE, key=world.locked_out().index), "the gap that was announced"
    world.pass_time(WAIT)
    assert world.deploy()
    assert world.preferred == world.thumbprint("next")
    world.pass_time(WAIT)
    assert world.locked_out() == []
    assert forward(world).step is Step.RETIRE


def test_single_mode_goes_back_without_a_gap_before_the_console_is_touched() -> None:
    world = single()
    step(world, Step.ACTIVATE)
    planned = rotation.back(world.snapshot())
    assert planned.step is Step.REACTIVATE
    make(world, planned)
    assert world.deploy()
    assert world.locked_out() == []


def test_metadata_mode_activates_what_is_staged() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED)
    make(world, forward(world))
    assert world.deploy()
    snapshot = world.snapshot()
    profile = replace(snapshot.profiles[ProfileSlot.FIRST], thumbprint="", state="claimed")
    followed = replace(snapshot, profiles={ProfileSlot.FIRST: profile})
    planned = rotation.plan(followed, NEW)
    assert (planned.step, planned.touches_people) == (Step.ACTIVATE, True)
    due = replace(followed, profiles={ProfileSlot.FIRST: replace(profile, state="stale")})
    assert rotation.plan(due, NEW).step is Step.CONSOLE


# -- To the minute, and to the word ---------------------------------------------------------------------------


A_SECOND = timedelta(seconds=1)


def offered(world: World, expected: Step) -> bool:
    planned = forward(world)
    assert planned.step is expected, planned
    return not planned.refusals


def opens_after(world: World, expected: Step, duration: timedelta) -> None:
    """The step is refused until so much time has passed, to the second, and no longer."""
    world.pass_time(duration - A_SECOND)
    assert not offered(world, expected)
    assert not forward(world).due
    world.pass_time(A_SECOND)
    assert offered(world, expected)


def test_the_window_opens_to_the_second() -> None:
    opens = at_rest().now + timedelta(hours=1)
    window = {"notBefore": f"{opens:%Y-%m-%dT%H:%M:%SZ}", "approvedBy": "grace@example.com"}
    world = at_rest(window=window)
    step(world, Step.STAGE)
    world.work_at_the_console(ProfileSlot.SECOND)
    assert world.deploy()
    opens_after(world, Step.OVERLAP, timedelta(hours=1))


@pytest.mark.parametrize(
    ("before", "expected"),
    [(TO_OVERLAP, Step.ACTIVATE), (TO_ACTIVATE, Step.LEAVE), (TO_LEAVE, Step.RETIRE)],
)
def test_each_wait_ends_to_the_second(before: tuple[Step, ...], expected: Step) -> None:
    world = until(at_rest(soakDays=0), *before[:-1])
    step(world, before[-1])
    opens_after(world, expected, WAIT)


def test_the_soak_ends_to_the_second() -> None:
    world = until(at_rest(soakDays=2), *TO_OVERLAP)
    step(world, Step.ACTIVATE)
    world.pass_time(WAIT)
    step(world, Step.LEAVE)
    opens_after(world, Step.RETIRE, timedelta(days=2) - WAIT)


def test_without_a_soak_the_former_one_stays_while_entra_signs_with_it() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED, soakDays=0)
    step(world, Step.STAGE)
    step(world, Step.ACTIVATE)
    opens_after(world, Step.RETIRE, WAIT)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [({}, Step.SEPARATE), ({"rotation": "metadata", "metadataObserved": OBSERVED}, Step.UNSTAGE)],
)
def test_after_a_reactivation_the_next_step_back_waits_until_it_counts(
    mode: dict[str, Any], expected: Step
) -> None:
    world = at_rest(waitMinutes=5, **mode)
    until(world, *(TO_ACTIVATE if not mode else (Step.STAGE, Step.ACTIVATE)))
    make(world, rotation.back(world.snapshot()))
    assert world.deploy()
    world.pass_time(timedelta(minutes=5) - A_SECOND)
    planned = rotation.back(world.snapshot())
    assert (planned.step, [each.waits for each in planned.refusals]) == (expected, [True])
    world.pass_time(A_SECOND)
    assert rotation.back(world.snapshot()).refusals == ()


def test_people_stay_in_the_second_group_while_entra_signs_with_its_certificate() -> None:
    world = until(at_rest(), *TO_OVERLAP)
    world.preferred = world.thumbprint("next")
    planned = rotation.back(world.snapshot())
    assert (planned.step, "deploy first" in refusals(planned)) == (Step.SEPARATE, True)


@pytest.mark.parametrize("back", [False, True])
def test_people_stay_until_everybody_is_where_they_are_to_be(back: bool) -> None:
    world = until(at_rest(), *(TO_OVERLAP if back else TO_ACTIVATE))
    slot, expected = (ProfileSlot.FIRST, Step.SEPARATE) if back else (ProfileSlot.SECOND, Step.LEAVE)

    def planned() -> RotationPlan:
        return rotation.back(world.snapshot()) if back else forward(world)

    world.members[in_group("ada@example.com", slot)].set(world.now, False)
    assert planned().change is None or 'Not in "first" yet: 1 person' in refusals(planned())
    assert world.deploy(refresh=True)
    assert (planned().step, "Wait until" in refusals(planned())) == (expected, True)
    world.pass_time(WAIT)
    assert planned().refusals == ()


@pytest.mark.parametrize(
    ("rotated", "step_back"),
    [(TO_OVERLAP, Step.SEPARATE), (TO_ACTIVATE, Step.REACTIVATE)],
)
def test_no_step_back_out_of_a_group_that_was_not_read(rotated: tuple[Step, ...], step_back: Step) -> None:
    snapshot = until(at_rest(), *rotated).snapshot()
    group = replace(snapshot.group(ProfileSlot.FIRST), members=None)
    planned = rotation.back(replace(snapshot, groups={**snapshot.groups, ProfileSlot.FIRST: group}))
    assert (planned.step, 'The members of "first" could not be read:' in refusals(planned)) == (
        step_back,
        True,
    )


@pytest.mark.parametrize("members", [None, frozenset({"ada@example.com"})])
def test_a_certificate_stays_while_anybody_may_be_in_its_group(members: frozenset[str] | None) -> None:
    snapshot = until(at_rest(), Step.STAGE).snapshot()
    group = replace(snapshot.group(ProfileSlot.SECOND), members=members)
    planned = rotation.back(replace(snapshot, groups={**snapshot.groups, ProfileSlot.SECOND: group}))
    assert (planned.step, '"second" has members' in refusals(planned)) == (Step.UNSTAGE, True)


def test_a_certificate_of_a_killed_run_is_removed_when_unstaged() -> None:
    world = at_rest()
    make(world, forward(world))
    assert not world.deploy(dies_after=1), "the certificate is made, and not recorded"
    (left,) = world.snapshot().strays
    make(world, rotation.back(world.snapshot()))
    assert [entry.thumbprint for entry in world.configured.retired] == [left.thumbprint]
    assert world.deploy()
    assert world.snapshot().unmanaged == ()
    planned = forward(world, start=False)
    assert (planned.step, planned.refusals) == (Step.NONE, ())


def test_a_generation_without_a_certificate_is_unstaged_at_once() -> None:
    world = at_rest()
    make(world, forward(world))
    before = world.configured
    planned = rotation.back(world.snapshot())
    assert (planned.step, planned.refusals) == (Step.UNSTAGE, ())
    assert planned.change is not None
    assert planned.change.retired == before.retired
    snapshot = world.snapshot()
    group = replace(snapshot.group(ProfileSlot.SECOND), members=None)
    unread = replace(snapshot, groups={**snapshot.groups, ProfileSlot.SECOND: group})
    assert rotation.back(unread).refusals == ()


@pytest.mark.parametrize("rotated", [(Step.STAGE,), TO_OVERLAP])
def test_a_certificate_that_is_not_valid_is_not_relied_on(rotated: tuple[Step, ...]) -> None:
    snapshot = until(at_rest(), *rotated).snapshot()
    assert snapshot.entra is not None
    late = tuple(
        replace(each, not_before=snapshot.now + timedelta(days=1)) if each.label == "next" else each
        for each in snapshot.entra.certificates
    )
    planned = rotation.plan(replace(snapshot, entra=replace(snapshot.entra, certificates=late)), NEW)
    assert planned.change is not None
    assert "of generation next is valid from" in refusals(planned)


def test_no_way_back_to_a_certificate_that_is_not_valid_or_not_trusted() -> None:
    for rotated, expected in ((TO_ACTIVATE, Step.REACTIVATE), (TO_LEAVE, Step.REJOIN)):
        snapshot = until(at_rest(), *rotated).snapshot()
        assert snapshot.entra is not None
        over = tuple(
            replace(each, not_after=snapshot.now) if each.label == "2026" else each
            for each in snapshot.entra.certificates
        )
        expired = rotation.back(replace(snapshot, entra=replace(snapshot.entra, certificates=over)))
        assert (expired.step, "of generation 2026 is valid from" in refusals(expired)) == (expected, True)
        stale = replace(snapshot.profiles[ProfileSlot.FIRST], state="stale")
        untrusted = rotation.back(replace(snapshot, profiles={**snapshot.profiles, ProfileSlot.FIRST: stale}))
        said = "Trust in generation 2026 is not attested: the first profile is stale" in refusals(untrusted)
        assert (untrusted.step, said) == (expected, True)


@pytest.mark.parametrize(("rotated", "expected"), [(TO_ACTIVATE, Step.REACTIVATE), (TO_LEAVE, Step.REJOIN)])
def test_no_way_back_to_a_certificate_that_no_longer_exists(
    rotated: tuple[Step, ...], expected: Step
) -> None:
    world = until(at_rest(), *rotated)
    world.entra = [each for each in world.entra if each.label != "2026"]
    planned = rotation.back(world.snapshot())
    assert (planned.step, "of generation 2026 is not in Entra" in refusals(planned)) == (expected, True)


def test_an_unknown_start_time_stops_the_rotation() -> None:
    joined = until(at_rest(), *TO_OVERLAP).snapshot()
    group = replace(joined.group(ProfileSlot.SECOND), changed_at=None)
    activate = rotation.plan(replace(joined, groups={**joined.groups, ProfileSlot.SECOND: group}), NEW)
    leave = rotation.plan(replace(until(at_rest(), *TO_ACTIVATE).snapshot(), activated_at=None), NEW)
    retire = rotation.plan(replace(until(at_rest(), *TO_LEAVE).snapshot(), activated_at=None), NEW)
    for planned, expected in ((activate, Step.ACTIVATE), (leave, Step.LEAVE), (retire, Step.RETIRE)):
        assert (planned.step, planned.waits) == (expected, False)
        assert "is unknown" in refusals(planned)


def test_since_when_entra_signs_is_recorded_before_people_go_back() -> None:
    snapshot = replace(until(at_rest(), *TO_OVERLAP).snapshot(), activated="F" * 40)
    planned = rotation.back(snapshot)
    assert (planned.step, "When Entra began to sign" in refusals(planned)) == (Step.SEPARATE, True)


def test_people_stay_in_the_second_group_after_entra_switched_to_its_certificate_automatically() -> None:
    snapshot = until(at_rest(), *TO_OVERLAP).snapshot()
    assert snapshot.entra is not None
    over = tuple(
        replace(each, not_after=snapshot.now) if each.label == "2026" else each
        for each in snapshot.entra.certificates
    )
    switched = replace(snapshot, entra=replace(snapshot.entra, certificates=over))
    planned = rotation.back(switched)
    said = "not with generation 2026" in refusals(planned)
    assert (planned.step, said) == (Step.SEPARATE, True)


def test_nothing_was_activated_since_the_state_says_when() -> None:
    snapshot = replace(until(at_rest(), *TO_OVERLAP).snapshot(), activated_at=None)
    assert (rotation.back(snapshot).step, rotation.back(snapshot).refusals) == (Step.SEPARATE, ())


def test_the_certificate_that_entra_switched_to_is_not_removed() -> None:
    snapshot = until(at_rest(), *TO_LEAVE).snapshot()
    assert snapshot.entra is not None
    over = tuple(
        replace(each, not_after=snapshot.now) if each.label == "next" else each
        for each in snapshot.entra.certificates
    )
    switched = replace(snapshot, entra=replace(snapshot.entra, certificates=over))
    planned = rotation.plan(switched, NEW)
    assert (planned.step, "so it is not removed" in refusals(planned)) == (Step.RETIRE, True)


def test_the_certificate_that_entra_switched_to_is_not_unstaged() -> None:
    snapshot = until(at_rest(), Step.STAGE).snapshot()
    assert snapshot.entra is not None
    over = tuple(
        replace(each, not_after=snapshot.now) if each.label == "2026" else each
        for each in snapshot.entra.certificates
    )
    planned = rotation.back(replace(snapshot, entra=replace(snapshot.entra, certificates=over)))
    assert (planned.step, "Entra signs with" in refusals(planned)) == (Step.UNSTAGE, True)


def test_a_single_left_over_certificate_is_removed_too() -> None:
    world = at_rest()
    left = world.make_certificate(subject("2026"))
    planned = forward(world, start=False)
    assert (planned.step, planned.refusals) == (Step.RETIRE, ())
    assert planned.change is not None
    assert [(each.label, each.thumbprint) for each in planned.change.retired] == [("2026", left.thumbprint)]
    assert planned.change.generations == world.configured.generations


def test_an_activation_by_metadata_does_not_wait_for_people_who_joined() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED)
    step(world, Step.STAGE)
    snapshot = world.snapshot()
    group = replace(snapshot.group(ProfileSlot.FIRST), changed_at=world.now)
    planned = rotation.plan(replace(snapshot, groups={ProfileSlot.FIRST: group}), NEW)
    assert (planned.step, planned.refusals) == (Step.ACTIVATE, ())


def test_a_retirement_by_metadata_does_not_wait_for_people_who_joined() -> None:
    world = at_rest(rotation="metadata", metadataObserved=OBSERVED, soakDays=0)
    step(world, Step.STAGE)
    step(world, Step.ACTIVATE)
    world.pass_time(WAIT)
    snapshot = world.snapshot()
    group = replace(snapshot.group(ProfileSlot.FIRST), changed_at=world.now)
    planned = rotation.plan(replace(snapshot, groups={ProfileSlot.FIRST: group}), NEW)
    assert (planned.step, planned.refusals) == (Step.RETIRE, ())


def test_a_left_over_certificate_stays_while_entra_signs_with_it() -> None:
    world = at_rest()
    left = world.make_certificate(subject("2026"))
    active = world.preferred
    world.preferred = left.thumbprint
    assert world.deploy(refresh=True)
    assert world.preferred == active
    opens_after(world, Step.RETIRE, WAIT)


def test_the_rotation_is_due_by_the_live_certificate_and_not_by_the_configured_expiry() -> None:
    snapshot = at_rest().snapshot()
    assert snapshot.entra is not None
    (only,) = snapshot.entra.certificates
    begins = only.not_after - timedelta(days=rotation.LEAD_DAYS)
    assert rotation.plan(replace(snapshot, now=begins - A_SECOND), NEW).step is Step.NONE
    assert rotation.plan(replace(snapshot, now=begins), NEW).step is Step.STAGE
    later = replace(only, not_after=only.not_after + timedelta(days=100))
    longer = replace(snapshot, entra=replace(snapshot.entra, certificates=(later,)), now=begins)
    assert rotation.plan(longer, NEW).step is Step.NONE
    as_long = NewGeneration("next", f"{later.not_after:%Y-%m-%dT%H:%M:%SZ}")
    assert "would not outlive the active one" in refusals(rotation.plan(longer, as_long, start=True))


def test_what_is_retired_stays_on_the_list() -> None:
    listed = {"label": "2023", "thumbprint": "F" * 40}
    world = until(at_rest(soakDays=0, retired=[listed]), *TO_LEAVE)
    world.pass_time(WAIT)
    retired, unstaged = forward(world), rotation.back(until(at_rest(retired=[listed]), Step.STAGE).snapshot())
    for planned in (retired, unstaged):
        assert planned.change is not None
        first, *more = planned.change.retired
        assert (first.label, len(more)) == ("2023", 1)


def test_each_plan_describes_its_steps_in_its_mode() -> None:
    observed = {"metadataObserved": OBSERVED}
    for rotation_, more in (("blue-green", {}), ("metadata", observed), ("single", {})):
        world = at_rest(rotation=rotation_, soakDays=0, **more)
        staged = forward(world)
        assert (", for the second profile" in staged.text) == (rotation_ == "blue-green")
        assert ("profile" in staged.text) == (rotation_ == "blue-green")
        step(world, Step.STAGE)
        if rotation_ == "blue-green":
            world.work_at_the_console(ProfileSlot.SECOND)
            assert world.deploy()
            world.pass_time(WAIT)
            step(world, Step.OVERLAP)
            world.pass_time(WAIT)
        activated = forward(world)
        assert activated.step is Step.ACTIVATE
        assert ("run sheet" in activated.text) == (rotation_ == "single")
        step(world, Step.ACTIVATE)
        reactivated = rotation.back(world.snapshot())
        assert reactivated.step is Step.REACTIVATE
        assert ("and confirmed" in reactivated.text) == (rotation_ == "single")


def test_going_back_from_rest_says_what_to_do_instead() -> None:
    planned = rotation.back(at_rest().snapshot())
    assert (planned.step, planned.change) == (Step.NONE, None)
    assert "roll-out back" in refusals(planned)


def test_leaving_the_second_group_names_its_generation() -> None:
    snapshot = until(at_rest(), *TO_OVERLAP).snapshot()
    assert rotation.back(snapshot).text.startswith(
        'Remove everybody from "second" of generation next; they stay'
    )
    alone = snapshot.configured.model_copy(update={"generations": snapshot.configured.generations[:1]})
    assert rotation.back(replace(snapshot, configured=alone)).text.startswith(
        'Remove everybody from "second"; they stay'
    )


def test_leaving_reports_how_many_leave_which_group() -> None:
    planned = forward(until(at_rest(), *TO_ACTIVATE))
    assert (planned.step, planned.text) == (Step.LEAVE, 'Remove 2 people from "first": cutOver active')
