"""Nobody loses a sign-in without a warning: random sequences of everything that people do with a stack.

A sequence edits the stack file, runs commands, moves the clock, does the console work, and makes external changes of
Entra and Mimecast; in further sequences, states of earlier deployments are restored. Around each command everybody
signs in from Mimecast's page: people who could sign in without the command still can after it, in the same way, at once
and after Mimecast's fifteen minutes, or were named by a refusal or a warning before. A password counts as a different
way from Entra, because it is unknown whether somebody has one.

A sequence with a miss is shortened step by step, and reported as the shortest one that still shows the miss.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from mimecast_sso.assessment.sign_in import Result, Way
from tests.support import changes, soak
from tests.support.changes import Change
from tests.support.deployments import Deployments
from tests.support.projects import Ended
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import BARBARA, EDSGER, WORLDS, Endings, World, prepared

pytestmark = pytest.mark.xdist_group("forecast")

WALKS, STEPS = 18, 25
"""In each world and each sequence."""
STATES = 14
"""The weight of steps that restore a state, or forget a resource, in a third as many further sequences."""
SIGNS_IN = (Result.ENTRA, Result.PASSWORD)
_FROM_MIMECAST = (Way.FROM_MIMECAST,)
_WARNS = re.compile(
    r"cannot|could not|can not|may not be able|not known to be able|refused|Affected|left out|is disabled|are disabled"
    r"|cloud password|Removed [\d,]+ members? from the group|ends sign-in"
)
Random = random.Random


# -- Commands ----------------------------------------------------------------------------------------------


def up(world: World, _: Random) -> Ended:
    return world.up()


def up_with_refresh(world: World, _: Random) -> Ended:
    return world.made.sso("up", "--yes", "--refresh")


def preview(world: World, _: Random) -> Ended:
    return world.made.sso("preview")


def drift(world: World, _: Random) -> Ended:
    return world.made.sso("drift")


def widen(world: World, chance: Random) -> Ended:
    more = chance.choice((("--pilot", BARBARA), ("--pilot", EDSGER), ("--share", "50"), ("--all",)))
    return world.made.sso("roll-out widen", *more, "--apply", "--yes")


def halt(world: World, _: Random) -> Ended:
    return world.made.sso("roll-out halt")


def back(world: World, _: Random) -> Ended:
    return world.made.sso("roll-out back")


def rotate_next(world: World, _: Random) -> Ended:
    return world.made.sso("rotate next", "--start", "--apply", "--yes")


def rotate_rollback(world: World, _: Random) -> Ended:
    return world.made.sso("rotate rollback", "--apply", "--yes")


def down(world: World, _: Random) -> Ended:
    return world.made.sso("down", "--yes")


def save(world: World, _: Random) -> Ended:
    """The administrator saves what is due; the run sheet says what that does."""
    said = "\n".join(sheet.with_suffix(".txt").read_text(encoding="utf-8") for sheet in world.sheets)
    paragraphs = re.sub(r"\n +", " ", said)
    return Ended(0 if world.save_console() else 1, paragraphs)


def confirm(world: World, _: Random) -> Ended:
    return Ended(0 if world.confirm() else 1, "")


Command = Callable[[World, Random], Ended]
COMMANDS: dict[Command, int] = {
    up: 40,
    up_with_refresh: 8,
    preview: 3,
    drift: 3,
    widen: 8,
    halt: 2,
    back: 3,
    rotate_next: 10,
    rotate_rollback: 3,
    down: 1,
    save: 6,
    confirm: 6,
}


# -- Walks -------------------------------------------------------------------------------------------------


def a_moment_passes(world: World, _: Random) -> None:
    world.later(timedelta(minutes=4))


def a_week_passes(world: World, _: Random) -> None:
    world.later(timedelta(days=7, minutes=1))


CLOCK: Sequence[Change] = (changes.a_quarter_passes, changes.a_quarter_passes, a_moment_passes, a_week_passes)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that somebody does, the same whenever it is done again."""

    act: Change | Command
    seed: int

    @property
    def chance(self) -> Random:
        return random.Random(self.seed)  # noqa: S311  (no secret)

    def __str__(self) -> str:
        return f"{self.act.__name__}({self.seed})"


def _deployed(world: World) -> Path:
    """The stack file as it was deployed last."""
    return world.made.home / "deployed.yaml"


def revert(world: World, _: Random) -> None:
    """The stack file goes back to what was deployed last."""
    shutil.copy(_deployed(world), world.made.stack_file)


def _state(world: World) -> Path:
    (found,) = (each for each in world.made.home.rglob("sandbox.json") if "stacks" in each.parts)
    return found


def _backups(world: World) -> list[Path]:
    return sorted(world.made.home.glob("state-*.json"))


def _back_up(world: World) -> None:
    """Keep the state, as a person with a copy of the backend does."""
    number = len(_backups(world))
    shutil.copy(_state(world), world.made.home / f"state-{number:03}.json")


def restored(world: World, chance: Random) -> None:
    """The state of an earlier deployment comes back from a backup."""
    shutil.copy(chance.choice(_backups(world)), _state(world))


def forgotten(world: World, chance: Random) -> None:
    """`pulumi state delete` of a resource, with what depends on it."""
    deployment = json.loads(_state(world).read_text(encoding="utf-8"))["checkpoint"]["latest"]
    names = [each["urn"] for each in deployment["resources"] if each["custom"] and "provider" in each]
    command = (sys.executable, "-m", "sandbox.engine", "state", "delete", chance.choice(names))
    flags = ("--stack", "sandbox", "--yes", "--force", "--target-dependents")
    world.made.sandbox("run", "--", *command, *flags)


STATE: Sequence[Change] = (restored, restored, forgotten)


def steps(seed: str, length: int, **more: int) -> Iterator[Step]:
    """A sequence: mostly an edit or two and then a command; sometimes time, the console, or an external change.

    ``more`` are further kinds of steps with their weights.
    """
    chance = random.Random(seed)  # noqa: S311  (no secret)
    kinds: dict[str, int] = {"edit": 30, "command": 45, "clock": 10, "hand": 9, "revert": 6} | more
    for _ in range(length):
        (kind,) = chance.choices(list(kinds), list(kinds.values()))
        acts: Sequence[Change | Command]
        if kind == "command":
            acts = chance.choices(list(COMMANDS), list(COMMANDS.values()))
        else:
            acts = {
                "edit": changes.EDITS,
                "clock": CLOCK,
                "hand": changes.HANDS,
                "revert": (revert,),
                "state": STATE,
            }[kind]
        yield Step(chance.choice(acts), chance.randrange(1_000_000))


@dataclass
class Walk:
    """A sequence so far. ``lost``: who lost a sign-in by the last step without a warning, with the message shown."""

    world: World
    done: list[Step] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    _now: Endings | None = None
    """Sign-ins as they are, unless something changed since."""
    _to_come: Endings | None = None
    _named: str = ""
    """What was said of people since something else than a command changed anything."""

    def __post_init__(self) -> None:
        shutil.copy(self.world.made.stack_file, _deployed(self.world))
        with suppress(ValueError):  # Nothing is deployed yet.
            _back_up(self.world)

    def goes_on(self, step: Step) -> bool:
        """Makes a step; whether nobody is lost by it."""
        self.done.append(step)
        if step.act in COMMANDS:
            self._command(step)
        else:
            self._change(step)
        return not self.lost

    def _change(self, step: Step) -> None:
        try:
            step.act(self.world, step.chance)
        except changes.IMPOSSIBLE:
            return
        if step.act not in (*changes.EDITS, revert):
            self._now = self._to_come = None
        self._named = ""

    def _command(self, step: Step) -> None:
        if step.act in (save, confirm) and not self.world.sheets:
            return
        before = self._now or self.world.walk(ways=_FROM_MIMECAST)
        before_long = self._to_come or self.world.sign_ins_to_come()
        ended = step.act(self.world, step.chance)
        assert isinstance(ended, Ended)
        assert "Traceback" not in ended.text, f"{self}\n{ended.text}"
        self._named += ended.text
        if ended.code == 0 and step.act in (up, up_with_refresh):
            _back_up(self.world)
            shutil.copy(self.world.made.stack_file, _deployed(self.world))
        self._now, self._to_come = self.world.walk(ways=_FROM_MIMECAST), self.world.sign_ins_to_come()
        for who, ending in before.items():
            could = ending.result in SIGNS_IN and before_long[who].result in SIGNS_IN
            goes_on = (
                SIGNS_IN if Result.PASSWORD in (ending.result, before_long[who].result) else (Result.ENTRA,)
            )
            found = next(
                (each[who] for each in (self._now, self._to_come) if each[who].result not in goes_on), None
            )
            if could and found is not None and not self._was_named(who[0]):
                self.lost[who[0]] = found.text

    def _was_named(self, address: str) -> bool:
        return any(address in line and _WARNS.search(line) for line in self._named.splitlines())

    def __str__(self) -> str:
        lost = "; ".join(f"{who}: {text}" for who, text in self.lost.items())
        return f"{' '.join(map(str, self.done))}\n  lost: {lost}"


def walked(saved: SavedProject, plan: Sequence[Step]) -> Walk:
    """Run a sequence from the beginning, as far as it goes."""
    walk = Walk(World(saved.restore()))
    for step in plan:
        if not walk.goes_on(step):
            break
    return walk


def shortest(saved: SavedProject, walk: Walk) -> Walk:
    """The same miss with as few of the steps as it takes: each is left out in turn, the latest first."""
    for step in reversed(walk.done[:-1]):
        shorter = walked(saved, [each for each in walk.done if each is not step])
        if shorter.lost:
            walk = shorter
    return walk


def explore(saved: SavedProject, name: str, seeds: range, length: int, **more: int) -> tuple[int, list[str]]:
    """How many steps were made, and the misses."""
    made, misses = 0, []
    for seed in seeds:
        walk = walked(saved, list(steps(f"{name} {seed}", length, **more)))
        made += len(walk.done)
        if walk.lost:
            misses.append(f"{name} {seed}: {shortest(saved, walk)}")
    return made, misses


def test_nobody_loses_a_sign_in_unannounced_in_a_short_sequence(saved_tutorial: SavedProject) -> None:
    made, misses = explore(saved_tutorial, "tutorial", range(1), 12)
    assert not misses, "\n".join(misses)
    assert made == 12


def test_nobody_loses_a_sign_in_unannounced_while_states_are_restored(saved_tutorial: SavedProject) -> None:
    made, misses = explore(saved_tutorial, "restored", range(1), 12, state=STATES)
    assert not misses, "\n".join(misses)
    assert made == 12


@pytest.mark.soak
@pytest.mark.parametrize("name", WORLDS)
def test_nobody_loses_a_sign_in_unannounced(
    name: str, tmp_path: Path, deployments: Deployments, request: pytest.FixtureRequest
) -> None:
    with prepared(tmp_path, WORLDS[name], deployments) as saved:
        made, misses = explore(saved, name, range(1000, 1000 + WALKS), STEPS)
        further, more = explore(saved, name, range(9000, 9000 + WALKS // 3), STEPS, state=STATES)
    made, misses = made + further, misses + more
    count = soak.tally(request)
    count("explorer_steps", made, "steps")
    count("explorer_misses", len(misses), "sequences")
    assert not misses, "\n".join(misses)
