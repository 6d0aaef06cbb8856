"""The forecast compared with real sign-ins: seeded worlds, external changes, edits of the stack file, both ways in.

In every world each person signs in from Mimecast's page and from My Apps before a run, right after it, after
Mimecast's fifteen minutes, after the console work is saved, and after it is deployed; each sign-in is compared with
the verdict for that instant. In an allowed run, only people whom it names lose a sign-in. A refused run is carried out
with the guards overridden, and at least one person whom the refusal names is indeed refused.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mimecast_sso.assessment import guards
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant, SignInForecast, Verdicts
from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.settings import ConfigurationError
from tests.support import changes, soak
from tests.support.changes import Change
from tests.support.deployments import Deployments
from tests.support.saved import SavedProject
from tests.support.sign_in_worlds import PEOPLE, WORLDS, Endings, World, prepared
from tests.support.walks import Ending

pytestmark = pytest.mark.xdist_group("forecast")

PARTLY = 3
ROUNDS = 3
SEEDS = (2, 5, 26)
"""Of the short run: together they have runs that are refused and runs that are let through."""
TRIALS, VERDICTS = 34, 4_000
"""In each world of the long run: how many, and how many verdicts these have to come to."""
SIGNS_IN = (Result.ENTRA, Result.PASSWORD)
ANOTHER_TENANT = "7d1e6c1c-0000-4000-8000-00000000000f"


# -- One trial ---------------------------------------------------------------------------------------------
@dataclass
class Figures:
    """What was compared. ``reasons``: how often a sign-in failed for each reason, by verdict and in fact."""

    verdicts: int = 0
    unknown: int = 0
    certain: int = 0
    """Verdicts with one outcome."""
    refused_runs: int = 0
    let_through: int = 0
    instants: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    reasons: Counter[Reason] = field(default_factory=Counter)

    def compare(
        self,
        where: object,
        instant: str,
        endings: Endings,
        forecast: SignInForecast,
        verdicts_of: Callable[[Verdicts], tuple[Outcome, ...]],
    ) -> None:
        """Holds each sign-in against its verdict."""
        for (address, way), ending in endings.items():
            person = forecast.person(address)
            if person is not None:
                found = f"{where}: {instant} {address} {way}"
                self._compare(found, instant, ending, verdicts_of(person.ways[way]))

    def _compare(self, found: str, instant: str, ending: Ending, outcomes: tuple[Outcome, ...]) -> None:
        self.verdicts += 1
        self.instants[instant] += 1
        self.certain += len(set(outcomes)) == 1
        if any(each.result is Result.UNKNOWN for each in outcomes):
            self.unknown += 1
            return
        fitting = [each for each in outcomes if ending.fits(each)]
        if not fitting:
            said = " | ".join(map(str, outcomes))
            self.disagreements.append(f"{found}: forecast {said}; real {ending.result}: {ending.text}")
        self.reasons.update(each.reason for each in fitting[:1] if each.reason)


class Trial:
    """One world, several runs."""

    def __init__(self, world: World, name: str, seed: int, figures: Figures) -> None:
        self.world = world
        self.chance = random.Random(f"{name} {seed}")  # noqa: S311  (no secret)
        self.name = f"{name} {seed}"
        self.figures = figures
        self.done: list[str] = []
        self.last: Endings | None = None
        self.settled = True
        self.deployed = False
        self.attested = True

    def run(self, rounds: int) -> None:
        """Changes the world, forecasts, signs everybody in, edits, deploys, and compares; so many times."""
        for _ in range(rounds):
            self.done.append("/")
            self._change(changes.HANDS)
            if self.chance.random() < 0.5:
                self._do(changes.a_quarter_passes)
                self.settled = True
            elif self.chance.random() < 0.03:
                self._do(changes.years_pass)
            due = self.deployed and self.world.sheets and self.chance.random() < 0.6
            if not (self._work_at_the_console() if due else self._deploy()):
                return

    def _deploy(self) -> bool:
        """Whether the world can be gone on with."""
        before = self.last or self.world.walk()
        self.figures.compare(self, "now", before, self.world.assess().forecast, lambda found: found.now)
        file = self.world.made.stack_file.read_text()
        self._change(changes.EDITS)
        planned = self._planned()
        if planned is None:
            self.world.made.stack_file.write_text(file)
            self.done.append("(no configuration)")
            return True
        found = guards.findings(planned)
        self.deployed = not found
        if not found:
            return self._let_through(planned, before)
        goes_on = self._refused(planned, final=any(each.final for each in found))
        self.world.made.stack_file.write_text(file)
        return goes_on

    def _planned(self) -> Assessment | None:
        """Nothing for a configuration that no run gets far with, such as one that names people whom Entra lacks."""
        try:
            planned = self.world.assess()
        except ConfigurationError:
            return None
        return None if planned.snapshot.directory.problems else planned

    def _refused(self, planned: Assessment, *, final: bool) -> bool:
        self.figures.refused_runs += 1
        if final or self.chance.random() < 0.2:
            run = self.world.up()
            assert run.code == 4, f"{self}: {run.text}"
        named = {
            (address, lost.way)
            for address, losses in planned.forecast.losses.items()
            for lost in losses
            if lost.outcome.result is Result.REFUSED
        }
        if final or not named:
            return True
        with self.world.overridden():
            run = self.world.up()
            if run.code != 0:
                return False  # Refused by somebody else, such as Mimecast; nothing can be shown.
            shown = any(self._fails(named, endings) for endings in self._carried_out(planned))
        if not shown:
            self.figures.false_alarms.append(f"{self}: {sorted(named)}")
        self.last = None
        return self.attested

    def _carried_out(self, planned: Assessment) -> Iterator[Endings]:
        """Sign-ins after the run, later and later; each only if the one before did not show what was to be shown."""
        instants = {each.instant for lost in planned.forecast.losses.values() for each in lost}
        yield self._walk_soon(planned)
        # Whatever was changed externally may be undone as well as kept: at once, where only the time counts in
        # which Mimecast may still take somebody for a member.
        passing = instants == {Instant.MEANWHILE}
        if passing:
            yield from self._in_between()
            yield from self._refreshed()
        yield self._walk_late(planned)
        if not passing:
            yield from self._refreshed()
        if Instant.EVENTUALLY in instants:
            self.attested = (
                False  # From Save on the console holds what nobody attested: the forecast knows nothing.
            )
            if self.world.save_console():
                self.world.later()
                yield self.world.walk()
            if self.world.confirm() and self.world.up().code == 0:
                self.world.later()
                yield self.world.walk()

    def _in_between(self) -> Iterator[Endings]:
        """Sign-ins while Mimecast acts on the changes of one group only, and where a run ends before it activates."""
        for group in self.world.roll_out_groups:
            with self.world.acting_on(group):
                yield self.world.walk()
        with self.world.refusing_activation():
            self.world.made.sso("up", "--yes", "--refresh")
        for group in self.world.roll_out_groups:
            with self.world.acting_on(group):
                yield self.world.walk()

    def _refreshed(self) -> Iterator[Endings]:
        if self.world.made.sso("up", "--yes", "--refresh").code == 0:
            yield self.world.walk()

    def _fails(self, named: set[tuple[str, Way]], endings: Endings) -> bool:
        return any(endings[each].result is Result.REFUSED for each in named if each in endings)

    def _let_through(self, planned: Assessment, before: Endings) -> bool:
        run = self.world.up()
        if run.code == 4:
            self.figures.false_alarms.append(f"{self}: not forecast, and refused: {run.text[-600:]}")
        if run.code != 0:
            self.done.append(f"(ended {run.code})")
            return run.code != PARTLY
        self.figures.let_through += 1
        soon, late = self._walk_after(planned)
        for when, found in (("soon", soon), ("later", late)) if self.settled else ():
            for address in PEOPLE:
                key = (address, Way.FROM_MIMECAST)
                could = before[key].result in SIGNS_IN
                if could and found[key].result is Result.REFUSED and address not in run.text:
                    self.figures.misses.append(f"{self}: {when} {address}: {found[key].text}")
        return True

    def _walk_after(self, planned: Assessment) -> tuple[Endings, Endings]:
        """Sign-ins right after a run, and once everything counts."""
        return self._walk_soon(planned), self._walk_late(planned)

    def _walk_soon(self, planned: Assessment) -> Endings:
        soon = self.world.walk()
        self.figures.compare(
            self, "meanwhile", soon, planned.forecast, lambda found: (*found.meanwhile, *found.afterwards)
        )
        return soon

    def _walk_late(self, planned: Assessment) -> Endings:
        self.world.later()
        late = self.world.walk()
        self.figures.compare(self, "afterwards", late, planned.forecast, lambda found: found.afterwards)
        self.last, self.settled = late, True
        return late

    def _work_at_the_console(self) -> bool:
        """What is due is saved, then confirmed and deployed."""
        self.done.append("console")
        forecast = self.world.assess().forecast
        if not self.world.save_console():
            return False
        self.world.later()
        self.figures.compare(self, "saved", self.world.walk(), forecast, lambda found: found.saved)
        if not self.world.confirm():
            return False
        with self.world.overridden():
            if self.world.up().code != 0:
                return False
        self.world.later()
        self.last, self.settled = self.world.walk(), True
        self.figures.compare(self, "eventually", self.last, forecast, lambda found: found.eventually)
        return True

    # -- Steps ----------------------------------------------------------------------------------------------

    def _change(self, choices: Sequence[Change]) -> None:
        for change in self.chance.sample(choices, self.chance.choice((0, 1, 1, 2))):
            self._do(change)
            if change in changes.HANDS:
                self.last, self.settled = None, False

    def _do(self, change: Change) -> None:
        self.done.append(change.__name__)
        self.last = None
        try:
            change(self.world, self.chance)
        except changes.IMPOSSIBLE:
            self.done.append("(impossible)")

    def __str__(self) -> str:
        return f"{self.name} {' '.join(self.done)}"


def _holds(saved: SavedProject, name: str, seeds: Iterable[int], figures: Figures) -> None:
    for seed in seeds:
        Trial(World(saved.restore()), name, seed, figures).run(ROUNDS)


def _report(figures: Figures) -> str:
    return "\n".join([*figures.disagreements, *figures.false_alarms, *figures.misses])


def test_the_forecast_is_what_happens(saved_tutorial: SavedProject) -> None:
    figures = Figures()
    _holds(saved_tutorial, "tutorial", SEEDS, figures)
    assert not _report(figures)
    assert figures.verdicts >= 300, figures
    assert figures.unknown <= figures.verdicts / 5, figures
    assert figures.refused_runs, figures
    assert figures.let_through, figures


@pytest.mark.soak
@pytest.mark.parametrize("name", WORLDS)
def test_the_forecast_is_what_happens_in_many_worlds(
    name: str, tmp_path: Path, deployments: Deployments, request: pytest.FixtureRequest
) -> None:
    figures = Figures()
    with prepared(tmp_path, WORLDS[name], deployments) as saved:
        _holds(saved, name, range(1000, 1000 + TRIALS), figures)
    _count(figures, request)
    assert not _report(figures)
    assert figures.verdicts >= VERDICTS, figures


def _count(figures: Figures, request: pytest.FixtureRequest) -> None:
    count = soak.tally(request)
    count("forecast_verdicts", figures.verdicts, "verdicts")
    count("forecast_verdicts_unknown", figures.unknown, "verdicts")
    count("forecast_verdicts_certain", figures.certain, "verdicts")
    count("forecast_disagreements", len(figures.disagreements), "verdicts")
    count("forecast_false_alarms", len(figures.false_alarms), "runs")
    for reason in Reason:
        count(f"forecast_reason {reason}", figures.reasons[reason], "verdicts")


# -- Each reason -------------------------------------------------------------------------------------------


class First(random.Random):
    """Chooses the first of everything: Ada, of people."""

    def choice(self, seq: Any) -> Any:
        return seq[0]


def _deployed_with(*edits: Change) -> Change:
    """The edits, deployed against all guards, with the console work that follows from them."""

    def change(world: World, chance: random.Random) -> None:
        for edit in edits:
            edit(world, chance)
        with world.overridden():
            for _ in range(2):
                assert world.up().code == 0
                if world.sheets:
                    assert world.save_console()
                    assert world.confirm()

    return change


def _blocked(world: World, _: random.Random) -> None:
    """A policy blocks somebody of the sample; of the others it stays unknown, which runs say."""
    found = world.assess()
    sample = found.snapshot.access.value
    assert sample is not None
    person = next(
        each.address
        for each in found.forecast.people
        if each.account and each.account.object_id in sample.evaluated and each.from_mimecast.through_entra
    )
    policy = {"displayName": "Block one", "state": "enabled", "users": [person], "grantControls": ["block"]}
    world.made.control.seed({"conditionalAccess": [policy | {"applications": [world.application["appId"]]}]})


def _another_tenant(world: World, _: random.Random) -> None:
    world.made.control.put("entra.tenant", "tenant", {"id": ANOTHER_TENANT, "displayName": "Another"})


BY_TILE = changes.tile_signs_in
CASES: Mapping[Reason, Sequence[Change]] = {
    Reason.APPLICATION_MISSING: (changes.application_deleted,),
    Reason.APPLICATION_DISABLED: (changes.application_disabled,),
    Reason.NOT_SAML: (changes.not_saml,),
    Reason.REPLY_URL: (changes.no_reply_url,),
    Reason.NO_REPLY_URL: (changes.no_sign_on_url, changes.no_reply_url),
    Reason.REPLY_URL_ELSEWHERE: (changes.no_sign_on_url, changes.reply_url_elsewhere),
    Reason.SIGN_ON_URL_ELSEWHERE: (changes.sign_on_url_elsewhere,),
    Reason.NO_ACCOUNT: (changes.account_deleted,),
    Reason.ACCOUNT_DISABLED: (changes.account_disabled,),
    Reason.SHARED_MAILBOX: (changes.shared_mailbox,),
    Reason.NOT_ASSIGNED: (changes.left_entra_group,),
    Reason.CONTEXT: (_deployed_with(changes.edit_contexts),),
    Reason.NO_CERTIFICATE: (changes.no_certificate,),
    Reason.NO_NAME_ID: (changes.no_mail,),
    Reason.CONDITIONAL_ACCESS: (_blocked,),
    Reason.SENT_ELSEWHERE: (_another_tenant,),
    Reason.SIGNATURE: (changes.another_certificate,),
    Reason.ISSUER: (_another_tenant, BY_TILE),
    Reason.AUDIENCE: (changes.another_identifier, BY_TILE),
    Reason.NAME_ID_UNKNOWN: (changes.user_name_as_name_id,),
    Reason.NAME_ID_OTHER: (changes.mail_of_another,),
    Reason.NOT_AT_MIMECAST: (changes.address_gone,),
    Reason.ALIAS: (changes.address_becomes_alias,),
    Reason.ADDRESS_DISABLED: (changes.address_disabled,),
    Reason.UNASKED: (changes.no_sign_on_url,),
    Reason.SINGLE_SIGN_ON_OFF: (_deployed_with(changes.edit_single_sign_on), BY_TILE),
    Reason.NOT_IN_GROUP: (changes.left_roll_out, BY_TILE),
}


@pytest.mark.soak
@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_met_by_a_real_sign_in(
    reason: Reason, saved_tutorial: SavedProject, request: pytest.FixtureRequest
) -> None:
    world, figures = World(saved_tutorial.restore()), Figures()
    for change in CASES[reason]:
        change(world, First())
    world.later()
    tenant = world.made.control.get("entra.tenant", "tenant") or {}
    forecast = world.assess(ARM_TENANT_ID=tenant["id"]).forecast
    figures.compare(reason, "now", world.walk(), forecast, lambda found: found.now)
    assert not _report(figures)
    assert figures.reasons[reason], figures.reasons
    _count(figures, request)
    count = soak.tally(request)
    count("forecast_reasons_reached", 1, "reasons")
    count("forecast_reasons", 1, "reasons")
