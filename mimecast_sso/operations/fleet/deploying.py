"""One stack of ``fleet up``: sign-ins before, the deployment, sign-ins after, and its row.

The reading before is stored until the row is: a run that is killed in between and continued compares with the state
before the first attempt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.forecast import Instant, SignInForecast
from mimecast_sso.assessment.planned import console_work, planned, summary
from mimecast_sso.assessment.sign_in import Outcome
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations import assessing
from mimecast_sso.operations.deployment import engine_name
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.fleet.checks import failed
from mimecast_sso.operations.fleet.deploy_one import Deployment
from mimecast_sso.operations.fleet.selection import Listed
from mimecast_sso.operations.fleet.work import BEFORE
from mimecast_sso.operations.reports.model import Entry, Level, Section, distinct, of_statements, slug
from mimecast_sso.operations.review.forms import group_entry
from mimecast_sso.operations.review.look import by_outcome
from mimecast_sso.operations.stacks import Stack, Stacks
from mimecast_sso.operations.verify.run import verify
from mimecast_sso.provenance import How, Known, Statement, Verdict
from mimecast_sso.text.wording import people
from providers.deadline import Deadline

_COMMAND: Final = "fleet up"
_BY: Final = f"mimecast-sso {_COMMAND}"
_BOTH: Final = "Entra, Mimecast"
_MOST_NAMES: Final = 20
_LONGEST_REASON: Final = 1_000
_LOCKED: Final = re.compile(
    # The messages of a file backend and of Pulumi Cloud.
    r"is currently locked by \d+ lock|Another update is currently in progress",
    re.IGNORECASE,
)


class End(StrEnum):
    """The result of one stack, as far as the order of a run depends on it."""

    DEPLOYED = "deployed"
    LOCKED = "locked"
    FAILED = "failed"
    LOST = "lost"
    """Deployed, and people who could sign in before no longer can."""


@dataclass(frozen=True, slots=True)
class Before:
    """The state of a stack before its deployment.

    Attributes:
        signed_in: How many people signed in through Entra.
        broken: People who could not sign in, by address.
        tiles: People who could not sign in from My Apps alone.
        failing: Failed checks of verify.
        changes: The planned changes, in words.
        planned: The planned changes in one line.
    """

    signed_in: int
    broken: tuple[str, ...]
    failing: tuple[str, ...]
    changes: tuple[str, ...] = ()
    planned: str = ""
    tiles: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "signedIn": self.signed_in,
            "broken": list(self.broken),
            "failing": list(self.failing),
            "changes": list(self.changes),
            "planned": self.planned,
            "tiles": list(self.tiles),
        }

    @classmethod
    def of(cls, document: Mapping[str, JSON] | None) -> Before | None:
        """From JSON; None if it is incomplete."""
        try:
            found = document or {}
            broken, failing, changes = (
                tuple(map(str, found[name])) for name in ("broken", "failing", "changes")
            )
            # Absent from a run that an earlier release began.
            tiles = tuple(map(str, found.get("tiles", ())))
            return cls(int(found["signedIn"]), broken, failing, changes, str(found["planned"]), tiles)
        except (KeyError, TypeError, ValueError):
            return None


def end_of(section: Section) -> End:
    """The result of a stack, from its row."""
    kinds = {each.id.split("/")[1] for each in section.entries if each.id.startswith("up/")}
    if kinds & {"lost", "verify"}:
        return End.LOST
    if "locked" in kinds:
        return End.LOCKED
    return End.DEPLOYED if section.exit == Exit.FINE else End.FAILED


def deploy(
    listed: Listed,
    stacks: Stacks,
    deployment: Deployment,
    *,
    seconds: float,
    expect: str,
    stopped: Callable[[], bool],
) -> Section | None:
    """Deploy a stack, unless the run already did, and read who signs in. Whatever happens becomes its row.

    Returns None if the run was stopped before the deployment started.

    Args:
        listed: The stack.
        stacks: Opens it.
        deployment: The stack's deployment in the run.
        seconds: Time limit for reading its tenants, before and after; a deployment has no limit.
        expect: The digest of the reviewed plan; "" for any plan.
        stopped: Whether the run starts no further stack.
    """
    try:
        before = _before(listed, stacks, deployment, seconds)
        outcome = deployment.outcome()
        if outcome is not Exit.FINE:
            if stopped():
                return None
            if outcome is not None:
                deployment.forget()
            outcome = deployment.start(stacks.project, expect)
        if outcome is not Exit.FINE:
            return _not_deployed(listed, outcome, deployment.errors())
    except Exception as error:  # Whatever the error, the other stacks are reported.
        return failed(listed, error)
    try:
        return _deployed(stacks.open(listed.name, Deadline(seconds)), before)
    except Exception as error:
        return replace(failed(listed, error), summary="deployed; sign-ins could not be read")


def _before(listed: Listed, stacks: Stacks, deployment: Deployment, seconds: float) -> Before:
    """The state before the first attempt, with the plan of the next one."""
    kept = Before.of(deployment.work.read(BEFORE, listed.name))
    if kept and deployment.outcome() in (None, Exit.FINE):
        return kept
    stack = stacks.open(listed.name, Deadline(seconds))
    engine, assessment = _read(stack)
    changes = planned(assessment)
    found = replace(
        kept or _status(stack, engine, assessment),
        changes=tuple(each.text for each in changes),
        planned=summary(changes) if changes else "no change",
    )
    deployment.work.write(BEFORE, listed.name, found.document())
    return found


def _status(stack: Stack, engine: Engine, assessment: Assessment) -> Before:
    forecast = assessment.forecast
    signed_in = len(forecast.through_entra(Instant.NOW))
    failing = _failing(stack, engine, assessment) if signed_in else ()
    return Before(
        signed_in,
        tuple(forecast.broken),
        tuple(each.subject for each in failing),
        tiles=tuple(forecast.broken_tiles),
    )


def _read(stack: Stack) -> tuple[Engine, Assessment]:
    settings = stack.settings()
    engine = Engine(stack, engine_name())
    assessment = assessing.assess_stack(stack, settings, engine)
    assessing.require_tenants_of(settings, assessment.snapshot)
    if not assessment.snapshot.groups_known:
        raise OperationError(
            "Who is in the roll-out group could not be read, so whether people lose their sign-in is unknown."
        )
    return engine, assessment


def _failing(stack: Stack, engine: Engine, assessment: Assessment) -> Sequence[Statement]:
    """Failed checks of verify, without the people that the forecast counts."""
    try:
        read = Known(assessment, How.LIVE, _BOTH)
        found = verify(stack, engine, None, person=None, by=_BY, record=False, assessment=read)
    except OperationError:
        return ()  # It was never deployed.
    return [each for each in found if each.verdict is Verdict.FAILS and each.subject != assessing.PEOPLE]


# -- Rows -----------------------------------------------------------------------------------------------------------


def _not_deployed(listed: Listed, outcome: Exit, errors: str) -> Section:
    if _LOCKED.search(errors):
        kind, level, said = "locked", Level.LOOK, "Locked by another deployment"
    elif outcome is Exit.REFUSED:
        kind, level, said = "refused", Level.URGENT, "Refused"
    elif outcome is Exit.PARTLY:
        kind, level, said = "partly", Level.URGENT, "Partly deployed"
    else:
        kind, level, said = "failed", Level.URGENT, "The deployment failed"
    reason = errors[:_LONGEST_REASON] or "it printed nothing; it may have been killed"
    text = reason if reason.startswith(said) else f"{said}: {reason}"
    entry = Entry(f"up/{kind}", level, text, How.SEEN)
    return Section(listed.name, listed.account, listed.region, said, (entry,), exit=int(outcome))


def _deployed(stack: Stack, before: Before) -> Section:
    engine, assessment = _read(stack)
    forecast, settings = assessment.forecast, assessment.settings
    lost, tiles = _newly_broken(forecast, before) if before.signed_in else ({}, {})
    failing = [
        each
        for each in (_failing(stack, engine, assessment) if before.signed_in else ())
        if each.subject not in before.failing
    ]
    entries = (
        *_lost(lost, tiles, stack.name),
        *_verify(failing),
        *_console(stack, assessment),
        *_changes(before),
    )
    said = _ending(lost, tiles, failing)
    return Section(
        stack.name,
        settings.account_code,
        settings.region,
        f"deployed ({before.planned})" + (f"; {said}" if said else ""),
        tuple(distinct(entries)),
        figures={"signIn": len(forecast.through_entra(Instant.NOW)), "people": len(forecast.people)},
        exit=int(Exit.CHANGES if said else Exit.FINE),
    )


def _newly_broken(
    forecast: SignInForecast, before: Before
) -> tuple[Mapping[str, Outcome], Mapping[str, Outcome]]:
    """People who can no longer sign in, and people who no longer can from My Apps alone."""
    known = (*before.broken, *before.tiles)
    return (
        {address: outcome for address, outcome in forecast.broken.items() if address not in before.broken},
        {address: outcome for address, outcome in forecast.broken_tiles.items() if address not in known},
    )


def _ending(lost: Mapping[str, Outcome], tiles: Mapping[str, Outcome], failing: Sequence[Statement]) -> str:
    if lost:
        return f"{people(len(lost))} can no longer sign in"
    if tiles:
        return f"{people(len(tiles))} can no longer sign in from My Apps"
    return "verify fails" if failing else ""


def _lost(lost: Mapping[str, Outcome], tiles: Mapping[str, Outcome], stack: str) -> Iterator[Entry]:
    groups = (
        *by_outcome(lost.values(), "since this deployment", stack),
        *by_outcome(tiles.values(), "from My Apps since this deployment", stack),
    )
    for number, group in enumerate(groups, 1):
        entry = group_entry("up/lost", Level.URGENT, group)
        names = tuple({**lost, **tiles})[:_MOST_NAMES]
        yield replace(entry, values={"live": names}) if number == 1 else entry


def _verify(failing: Sequence[Statement]) -> Iterator[Entry]:
    for entry in of_statements("verify", failing):
        yield replace(entry, id=f"up/{entry.id}", level=Level.URGENT)


def _console(stack: Stack, assessment: Assessment) -> Iterator[Entry]:
    for slot, fields in console_work(assessment.desired).items():
        text = f"Console work is due, {slot} profile: {', '.join(fields) or 'confirm it again'}"
        sheet = {"run sheet": f"mimecast-sso run-sheet --stack {stack.name}"}
        yield Entry(f"up/console/{slot}", Level.LOOK, text, How.CONFIGURED, commands=sheet)


def _changes(before: Before) -> Iterator[Entry]:
    for text in before.changes:
        yield Entry(f"up/change/{slug(text)}", Level.INFO, text, How.CONFIGURED)
