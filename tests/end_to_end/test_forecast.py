"""The forecast against real sign-ins: seeded worlds, changes by other hands, edits of the stack file, both ways in.

In every world each person signs in from Mimecast's page and from My Apps before a run, right after it, and once
Mimecast's fifteen minutes are over, and each sign-in is held against the verdict for that instant. A run that is let
through takes a sign-in from nobody. A run that is refused is carried out with the guards overridden, and somebody whom
the refusal names really is refused.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from mimecast_sso.assessment import guards
from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant, SignInForecast
from mimecast_sso.assessment.sign_in import Outcome, Result, Way
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.operations.assessing import assess_stack
from mimecast_sso.operations.deployment import open_with_engine
from providers.mimecast import from_environment
from providers.mimecast.groups import change_members, find_group
from sandbox import credentials
from sandbox.entra.objects import MEMBERS, PASSWORDS
from tests.support import soak
from tests.support.hand_made import UPN_CLAIMS
from tests.support.projects import Project, project
from tests.support.saved import SavedProject
from tests.support.walks import Ending, Person, walk

pytestmark = pytest.mark.xdist_group("forecast")

ADA, GRACE, ALAN, LINUS, BARBARA, EDSGER = PEOPLE = tuple(
    f"{name}@example.com" for name in ("ada", "grace", "alan", "linus", "barbara", "edsger")
)
TILE = "Mimecast Personal Portal"
GROUP = "Mimecast users"
QUARTER = timedelta(minutes=15)
A_WHILE = timedelta(minutes=20)
GUARDS = (
    "last-sign-in-method",
    "certificate-mismatch",
    "unprepared-people",
    "allow-destroy",
    "administrators",
)
Random = random.Random


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedProject]:
    """The tutorial, done for four people; two more have accounts and addresses, and are in nothing."""
    with project(tmp_path_factory.mktemp("project"), "embedded") as made:
        book = made.configuration("addresses")
        book["list"] += [{"address": each, "name": each.partition("@")[0].title()} for each in PEOPLE[3:]]
        _add_accounts(made, PEOPLE[4:])
        out = {"who": "pilot", "pilot": list(PEOPLE[:4])}
        made.configure(guards=None, addresses=book, rollOut=made.configuration("rollOut") | out)
        assert made.sandbox("seed", "--stack", "sandbox").code == 0
        for _ in range(2):
            run = made.up()
            assert run.code == 0, run.text
            if (made.folder / "build/run-sheet/sandbox.html").exists():
                made.do_the_console_work()
        made.control.set("mimecast.propagation_seconds", QUARTER.total_seconds())
        made.control.set("clock.offset_seconds", A_WHILE.total_seconds())
        yield SavedProject(made, tmp_path_factory.mktemp("saved"))


def _add_accounts(made: Project, addresses: Sequence[str]) -> None:
    (model,) = (each for each in made.control.documents("entra.users") if each["mail"] == ADA)
    for number, address in enumerate(addresses):
        identifier = f"6c000000-0000-4000-8000-00000000f00{number}"
        own = {"id": identifier, "mail": address, "userPrincipalName": address, "displayName": address}
        made.control.put("entra.users", identifier, model | own)
        made.control.put(PASSWORDS, identifier, {"password": credentials.USER_PASSWORD})


# -- Other hands -------------------------------------------------------------------------------------------
def _change(made: Project, collection: str, key: str, **values: Any) -> None:
    document = made.control.get(collection, key)
    assert document is not None
    made.control.put(collection, key, document | values)


def _somebody(made: Project, chance: Random) -> dict[str, Any]:
    users = [each for each in made.control.documents("entra.users") if each["mail"] in PEOPLE]
    return chance.choice(sorted(users, key=lambda each: str(each["mail"])))


def _principal(made: Project) -> dict[str, Any]:
    return next(
        each for each in made.control.documents("entra.servicePrincipals") if each["displayName"] == TILE
    )


def _application(made: Project) -> dict[str, Any]:
    return next(each for each in made.control.documents("entra.applications") if each["displayName"] == TILE)


def _disable_account(made: Project, chance: Random) -> None:
    _change(made, "entra.users", _somebody(made, chance)["id"], accountEnabled=False)


def _other_name(made: Project, chance: Random) -> None:
    user = _somebody(made, chance)
    _change(made, "entra.users", user["id"], userPrincipalName=f"other.{user['mail']}")


def _no_mail(made: Project, chance: Random) -> None:
    _change(made, "entra.users", _somebody(made, chance)["id"], mail=None)


def _other_mail(made: Project, chance: Random) -> None:
    user = _somebody(made, chance)
    _change(made, "entra.users", user["id"], mail=f"new.{user['mail']}")


def _delete_account(made: Project, chance: Random) -> None:
    gone = _somebody(made, chance)["id"]
    for group in made.control.documents("entra.groups"):
        made.control.put(
            "entra.groups", group["id"], group | {MEMBERS: [each for each in group[MEMBERS] if each != gone]}
        )
    for assignment in made.control.documents("entra.assignments"):
        if assignment["principalId"] == gone:
            made.control.delete("entra.assignments", assignment["id"])
    made.control.delete("entra.users", gone)


def _leave_group(made: Project, chance: Random) -> None:
    (group,) = (each for each in made.control.documents("entra.groups") if each["displayName"] == GROUP)
    left = chance.choice(group[MEMBERS])
    members = [each for each in group[MEMBERS] if each != left]
    _change(made, "entra.groups", group["id"], **{MEMBERS: members})


def _unassign(made: Project, chance: Random) -> None:
    own = [
        each
        for each in made.control.documents("entra.assignments")
        if each["resourceId"] == _principal(made)["id"]
    ]
    made.control.delete("entra.assignments", chance.choice(own)["id"])


def _disable_application(made: Project, _: Random) -> None:
    _change(made, "entra.servicePrincipals", _principal(made)["id"], accountEnabled=False)


def _assignment_not_required(made: Project, _: Random) -> None:
    _change(made, "entra.servicePrincipals", _principal(made)["id"], appRoleAssignmentRequired=False)


def _no_reply_url(made: Project, _: Random) -> None:
    application = _application(made)
    _change(made, "entra.applications", application["id"], web=application["web"] | {"redirectUris": []})


def _another_identifier(made: Project, _: Random) -> None:
    application = _application(made)
    first = [f"api://{application['appId']}", *application["identifierUris"]]
    _change(made, "entra.applications", application["id"], identifierUris=first)


def _no_identifier(made: Project, _: Random) -> None:
    _change(made, "entra.applications", _application(made)["id"], identifierUris=[])


def _no_certificate(made: Project, _: Random) -> None:
    _change(made, "entra.servicePrincipals", _principal(made)["id"], keyCredentials=[], passwordCredentials=[],
            preferredTokenSigningKeyThumbprint=None)  # fmt: skip


def _user_name_as_name_id(made: Project, _: Random) -> None:
    (policy,) = _principal(made)["_claimsMappingPolicies"]
    _change(made, "entra.policies", policy, definition=[UPN_CLAIMS])


def _hide(made: Project, _: Random) -> None:
    principal = _principal(made)
    _change(made, "entra.servicePrincipals", principal["id"], tags=[*principal["tags"], "HideApp"])


def _no_address(made: Project, chance: Random) -> None:
    made.control.delete("mimecast.users", chance.choice(PEOPLE))


def _disabled_address(made: Project, chance: Random) -> None:
    _change(made, "mimecast.users", chance.choice(PEOPLE), accountDisabled=True)


def _members(made: Project, who: str, *, joins: bool) -> None:
    with made.running.entered():
        client = from_environment(made.running.env)
        group = find_group(client, made.configuration("rollOut")["group"])
        assert group is not None
        change_members(client, group, add=[who] if joins else [], remove=[] if joins else [who])


def _joins(made: Project, chance: Random) -> None:
    _members(made, chance.choice(PEOPLE[4:]), joins=True)


def _leaves(made: Project, chance: Random) -> None:
    _members(made, chance.choice(PEOPLE[:4]), joins=False)


HANDS: tuple[Callable[[Project, Random], None], ...] = (
    _disable_account,
    _other_name,
    _no_mail,
    _other_mail,
    _delete_account,
    _leave_group,
    _unassign,
    _disable_application,
    _assignment_not_required,
    _no_reply_url,
    _another_identifier,
    _no_identifier,
    _no_certificate,
    _user_name_as_name_id,
    _hide,
    _no_address,
    _disabled_address,
    _joins,
    _leaves,
)


# -- Edits of the stack file -------------------------------------------------------------------------------
def _section(made: Project, key: str, **changes: Any) -> None:
    document = yaml.safe_load(made.stack_file.read_text())["config"]
    made.configure(**{key: document.get(f"mimecast-sso:{key}", {}) | changes})


def _some(chance: Random) -> list[str]:
    return sorted(chance.sample(PEOPLE, chance.randint(1, len(PEOPLE))))


def _edit_users(made: Project, chance: Random) -> None:
    _section(made, "assign", users=_some(chance))


def _edit_groups(made: Project, _: Random) -> None:
    _section(made, "assign", groups=[])


def _edit_pilot(made: Project, chance: Random) -> None:
    _section(made, "rollOut", who="pilot", pilot=_some(chance))


def _edit_everybody(made: Project, _: Random) -> None:
    made.configure(rollOut={"group": made.configuration("rollOut")["group"], "who": "all"})


def _edit_nobody(made: Project, _: Random) -> None:
    made.configure(rollOut={"group": made.configuration("rollOut")["group"], "who": "none"})


def _edit_sign_on(made: Project, _: Random) -> None:
    _section(made, "application", signOn="idp")


def _edit_hide(made: Project, _: Random) -> None:
    _section(made, "application", hide=True)


def _edit_not_required(made: Project, _: Random) -> None:
    _section(made, "application", assignmentRequired=False)


def _edit_reply_url(made: Project, _: Random) -> None:
    _section(made, "application", replyUrl="https://de-api.mimecast.com/login/saml")


def _edit_claims(made: Project, _: Random) -> None:
    _section(made, "application", claims="verify")


def _edit_mode(made: Project, _: Random) -> None:
    _section(made, "assign", mode="verify")


def _edit_contexts(made: Project, _: Random) -> None:
    _section(made, "authenticationProfile", contexts={"passwordProtected": True})


def _edit_identifier(made: Project, _: Random) -> None:
    _section(made, "application", identifier="https://eu-api.mimecast.com/sso/CUK25A118/other")


def _edit_certificate(made: Project, _: Random) -> None:
    present = made.configuration("certificates")
    made.configure(
        certificates=present
        | {
            "generations": [*present["generations"], {"label": "2027", "endDate": "2029-11-20T00:00:00Z"}],
            "active": "2027",
        }
    )


EDITS: tuple[Callable[[Project, Random], None], ...] = (
    _edit_users,
    _edit_groups,
    _edit_pilot,
    _edit_everybody,
    _edit_nobody,
    _edit_sign_on,
    _edit_hide,
    _edit_not_required,
    _edit_reply_url,
    _edit_claims,
    _edit_mode,
    _edit_contexts,
    _edit_identifier,
    _edit_certificate,
)


# -- One trial ---------------------------------------------------------------------------------------------
@dataclass
class Figures:
    """What was compared. ``reasons``: how often a sign-in failed for each reason, by verdict."""

    verdicts: int = 0
    unknown: int = 0
    refused_runs: int = 0
    disagreements: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    reasons: Counter[Reason] = field(default_factory=Counter)


Endings = dict[tuple[str, Way], Ending]


class Trial:
    """One world, one run."""

    def __init__(self, made: Project, seed: int, figures: Figures) -> None:
        self.made = made
        self.chance = random.Random(seed)  # noqa: S311  (no secret)
        self.seed = seed
        self.figures = figures
        self.done: list[str] = []
        self.offset = A_WHILE

    def run(self) -> None:
        """Changes the world, forecasts, signs everybody in, edits, deploys, and compares."""
        for hand in self.chance.sample(HANDS, self.chance.choice((0, 1, 1, 2))):
            self._do(hand)
        if self.chance.random() < 0.5:
            self._later()
        before = self._walk()
        self._compare("now", before, self._assess().forecast, lambda verdicts: verdicts.now)
        for edit in self.chance.sample(EDITS, self.chance.choice((0, 1, 1, 2))):
            self._do(edit)
        planned = self._assess()
        found = guards.findings(planned)
        if found:
            self._refused(planned, before, final=any(each.final for each in found))
        else:
            self._let_through(planned, before)

    def _refused(self, planned: Assessment, before: Endings, *, final: bool) -> None:
        run = self.made.up()
        assert run.code == 4, f"{self}: {run.text}"
        self.figures.refused_runs += 1
        losses = {
            address: lost
            for address, lost in planned.forecast.losses.items()
            if any(each.outcome.result is Result.REFUSED for each in lost)
        }
        if final or not losses:
            return
        until = datetime.now(UTC) + timedelta(days=300)
        overrides = [{"name": each, "reason": "a test", "until": f"{until:%Y-%m-%d}"} for each in GUARDS]
        self.made.configure(guards=overrides)
        run = self.made.up()
        if run.code != 0:
            return  # Refused by somebody else, such as Mimecast; nothing can be shown.
        soon = self._walk()
        self._later()
        late = self._walk()
        failing = {
            address
            for found in (soon, late)
            for (address, _), end in found.items()
            if end.result is Result.REFUSED
        }
        coming = {
            address
            for address, lost in losses.items()
            if any(each.instant is Instant.EVENTUALLY for each in lost)
        }
        if not failing & set(losses) and not coming:
            self.figures.false_alarms.append(f"{self}: {sorted(losses)}")
        self._compare("afterwards", late, planned.forecast, lambda verdicts: verdicts.afterwards)

    def _let_through(self, planned: Assessment, before: Endings) -> None:
        run = self.made.up()
        if run.code == 4:
            self.figures.false_alarms.append(f"{self}: not forecast, and refused: {run.text[-600:]}")
        if run.code != 0:
            return
        soon = self._walk()
        self._later()
        late = self._walk()
        self._compare(
            "meanwhile", soon, planned.forecast, lambda found: (*found.meanwhile, *found.afterwards)
        )
        self._compare("afterwards", late, planned.forecast, lambda verdicts: verdicts.afterwards)
        named = run.text
        for when, found in (("soon", soon), ("later", late)):
            for (address, way), ending in found.items():
                could = before[address, way].result in (Result.ENTRA, Result.PASSWORD)
                lost = ending.result is Result.REFUSED and way is Way.FROM_MIMECAST
                if could and lost and address not in named:
                    self.figures.misses.append(f"{self}: {when} {address} {way}: {ending.text}")

    # -- Steps ----------------------------------------------------------------------------------------------

    def _do(self, change: Callable[[Project, Random], None]) -> None:
        self.done.append(change.__name__.lstrip("_"))
        try:
            change(self.made, self.chance)
        except (StopIteration, IndexError, ValueError):
            self.done.append("(impossible)")

    def _assess(self) -> Assessment:
        """As commands do it."""
        with self.made.running.entered(), pytest.MonkeyPatch.context() as process:
            process.chdir(self.made.folder)
            stack, engine = open_with_engine("sandbox", "preview")
            return assess_stack(stack, stack.settings(), engine)

    def _later(self) -> None:
        """Moves both vendors' clocks beyond what Mimecast takes to notice."""
        self.offset += A_WHILE
        self.made.control.set("clock.offset_seconds", self.offset.total_seconds())

    def _walk(self) -> Endings:
        logins = {
            each["mail"]: each["userPrincipalName"] for each in self.made.control.documents("entra.users")
        }
        return {
            (address, way): walk(self.made.home, way, Person(address, logins.get(address, address)), TILE)
            for address in PEOPLE
            for way in Way
        }

    def _compare(
        self,
        when: str,
        endings: Endings,
        forecast: SignInForecast,
        verdicts_of: Callable[[Any], tuple[Outcome, ...]],
    ) -> None:
        for (address, way), ending in endings.items():
            person = forecast.person(address)
            if person is None:
                continue
            outcomes = verdicts_of(person.ways[way])
            self.figures.verdicts += 1
            if any(each.result is Result.UNKNOWN for each in outcomes):
                self.figures.unknown += 1
                continue
            if not any(ending.fits(each) for each in outcomes):
                said = " | ".join(map(str, outcomes))
                self.figures.disagreements.append(
                    f"{self}: {when} {address} {way}: forecast {said}; real {ending.result}: {ending.text}"
                )
            self.figures.reasons.update(each.reason for each in outcomes if each.reason)

    def __str__(self) -> str:
        return f"seed {self.seed} {self.done}"


def _holds(saved: SavedProject, seeds: range) -> Figures:
    figures = Figures()
    for seed in seeds:
        Trial(saved.restore(), seed, figures).run()
    report = "\n".join([*figures.disagreements, *figures.false_alarms, *figures.misses])
    assert not report, report
    return figures


def test_the_forecast_is_what_happens(saved: SavedProject) -> None:
    figures = _holds(saved, range(12))
    assert figures.verdicts >= 300, figures
    assert figures.unknown <= figures.verdicts / 5, figures
    assert figures.refused_runs, figures


@pytest.mark.soak
def test_the_forecast_is_what_happens_in_many_worlds(
    saved: SavedProject, request: pytest.FixtureRequest
) -> None:
    figures = _holds(saved, range(1000, 1700))
    count = soak.tally(request)
    count("forecast_verdicts", figures.verdicts, "verdicts")
    count("forecast_disagreements", len(figures.disagreements), "verdicts")
    count("forecast_false_alarms", len(figures.false_alarms), "runs")
    count("forecast_reasons_reached", len(figures.reasons), "reasons")
    count("forecast_reasons", len(Reason), "reasons")
    assert figures.verdicts >= 20_000, figures
