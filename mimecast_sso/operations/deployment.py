"""Deploy a stack: one run of the engine, then the reports about its result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.guards import application_missing, claims_policy
from mimecast_sso.assessment.plan_digest import ANNOUNCED, digest
from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.console.run_sheet import CONSOLE_WORK_IS_DUE
from mimecast_sso.facts import resource_types as types
from mimecast_sso.operations import assessing, plan, profiles
from mimecast_sso.operations.display import Concise
from mimecast_sso.operations.engine import Engine, EngineName, RunOutcome
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.review.comment import digest_of
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.operations.terminal import say
from mimecast_sso.provenance import Statement, Verdict
from mimecast_sso.settings import ProfileSlot, Settings
from mimecast_sso.text import foreign
from mimecast_sso.text.names import enumerate_some

_NOBODY_ADDED = "Until it is confirmed again, nobody is added to the roll-out group."
_CONSOLE_WORK = {
    "due": (CONSOLE_WORK_IS_DUE, "Nobody's sign-in changes before Save in the console."),
    "stale": ("The confirmation is stale: console work is due", _NOBODY_ADDED),
    "contradicted": ("Evidence contradicts the confirmation: console work is due", _NOBODY_ADDED),
}


def open_with_engine(name: str, verb: str) -> tuple[Stack, Engine]:
    """The named stack and the engine that ``ENGINE`` selects. Raises OperationError."""
    requested = engine_name()
    stack = open_stack(name)
    return stack, Engine(stack, requested, verb)


def engine_name() -> EngineName:
    """The value of ``ENGINE``. Raises OperationError for an unknown one."""
    requested = os.environ.get("ENGINE") or "auto"
    if requested not in get_args(EngineName):
        raise OperationError(
            f"ENGINE is {requested}; allowed: {', '.join(get_args(EngineName))}.", Exit.USAGE
        )
    return cast("EngineName", requested)


def deploy(
    stack: Stack,
    engine: Engine,
    *,
    yes: bool,
    diff: bool = False,
    refresh: bool = False,
    verbose: bool = False,
    expect: str | None = None,
    reviewed: Path | None = None,
) -> Exit:
    """Run ``up``, then report console work that is due and its run sheets.

    ``verbose`` shows the engine's display; so does a run that prompts before it deploys, or shows differences.
    ``expect`` is the digest of the plan that was reviewed, ``reviewed`` the comment of a review that has it. Raises
    OperationError if the plan is a different one now, or the comment has none and the engine would change something.
    """
    engine.require_answer(yes=yes)
    settings = stack.settings()
    engine.ensure_stack()
    expect, ended = _reviewed(stack, settings, engine, expect, reviewed)
    if ended is None and refresh:
        ended = _before_refresh(stack, settings, engine, yes=yes)
    if ended is not None:
        return ended
    flags = [flag for flag, given in (("--yes", yes), ("--diff", diff), ("--refresh", refresh)) if given]
    # The sandbox has no prompt, so a preview before the deployment would be wasted.
    flags += ["--skip-preview"] if stack.on_sandbox and yes else []
    show = Concise(f"Deploying {stack.name}") if yes and not (verbose or diff) else None
    outcome = engine.run("up", *flags, show=show, expected_plan="" if refresh else expect or "")
    if outcome.code:
        _say_who_fails(stack, settings, engine, outcome)
        if outcome.failure() is Exit.PARTLY:
            say(
                "\nWhat this run created or changed is recorded. Fix the cause above and rerun, which continues with "
                f"the rest: mimecast-sso up --stack {stack.name}"
            )
        return outcome.failure()
    _follow_up(stack, settings, engine, outcome)
    return Exit.FINE


def _reviewed(
    stack: Stack, settings: Settings, engine: Engine, expect: str | None, comment: Path | None
) -> tuple[str | None, Exit | None]:
    """Compare the plan with the reviewed one. Returns its digest, and an exit code if there is nothing to deploy.

    The program compares it again with what it reads later, unless a refresh changes the state before that.
    Raises OperationError if the plan is a different one, or the comment has none for a stack that would change.
    """
    expect = digest_of(plan.read_comment(comment), stack.name) if comment is not None else expect
    if expect is not None:
        expect = plan.parse(expect)
        plan.require(stack, engine, expect)
    elif comment is not None:
        outcome, ended = _preview(stack, settings, engine)
        if ended is not Exit.CHANGES:
            return None, ended
        _refuse_unreviewed(stack, engine, outcome)
    return expect, None


def _before_refresh(stack: Stack, settings: Settings, engine: Engine, *, yes: bool) -> Exit | None:
    """Refuse what a refreshing run must not do, and forget deleted objects first; an exit code if that failed."""
    found = assessing.of_application(stack, settings, engine).value
    _refuse_refresh(found)
    why = _forgets_first(found) if found else ""
    if not why:
        return None
    say(f"{why}.")
    outcome = engine.run("refresh", *(["--yes"] if yes else []), quiet=yes)
    return outcome.failure() if outcome.code else None


def _follow_up(stack: Stack, settings: Settings, engine: Engine, outcome: RunOutcome) -> None:
    """Write the run sheets of console work that is due, remove those of finished work, and say what Save does."""
    deployed = profiles.deployed(outcome).values()
    due = {each.slot: each for each in deployed if not each.opens and not each.idle}
    on_save = assessing.on_save(stack, settings, engine) if due else ()
    for slot in ProfileSlot:
        if slot in due:
            _say_what_is_due(stack, settings, due[slot], on_save)
        else:
            profiles.remove_run_sheet(stack, slot)
    for statement in on_save:
        say(f"{statement.brief}.")


def _forgets_first(found: Assessment) -> str:
    """Why the state is refreshed alone first, so that the program sees it without deleted objects; "" if it is not."""
    recorded = found.desired.record.application
    if recorded is not None and application_missing.may_be_recreated(found):
        return (
            f"Application {recorded.client_id} was deleted outside this stack. The state is refreshed first; the "
            "deployment then creates another one"
        )
    if found.desired.adopts_successor or (
        found.desired.lost_principal and found.snapshot.own.value is not None
    ):
        return (
            "The application was deleted and created again outside this stack. The state is refreshed first; the "
            "deployment then imports what exists"
        )
    names = enumerate_some([foreign.name(each.name) for each in found.desired.recreated_assignments])
    if not names:
        return ""
    return f"Assigned again outside this stack: {names}. The state is refreshed first; the deployment then imports it"


def _refuse_refresh(found: Assessment | None) -> None:
    """Raise OperationError (refused) for what a program cannot tell, because it runs after the refresh or without one.

    A refresh forgets what was deleted, which could then be restored, but no longer be recorded.
    """
    guards = (application_missing.on_refresh, claims_policy.on_refresh)
    refusals = [each.refusal() for guard in guards for each in guard(found)] if found else []
    if refusals:
        raise OperationError("\n".join(refusals), Exit.REFUSED)


def _say_who_fails(stack: Stack, settings: Settings, engine: Engine, outcome: RunOutcome) -> None:
    """Print who signs in, and who cannot, after a run that stopped half-way."""
    if not all(each.startswith(types.OF_THE_ENGINE) for each in outcome.changed_types):
        say("\nSign-ins after this run, which did not finish:")
        for statement in assessing.people(assessing.try_to_assess(stack, settings, engine)):
            if statement.subject == assessing.PEOPLE:
                say(f"    {statement.brief}")


def _refuse_unreviewed(stack: Stack, engine: Engine, outcome: RunOutcome) -> None:
    """Refuse any change without a reviewed plan, but for what every run repeats. Raises OperationError (refused)."""
    if plan.only_retries_proofs(stack, engine, outcome):
        say(
            "No review is needed: this run only retries the verification of domains, and creates the addresses that "
            "are on hold for them."
        )
        return
    raise OperationError(
        f"Refused: the comment has no plan of stack {stack.name}, so nobody has reviewed what a deployment would "
        "change (above). Nothing was deployed. Once that is reviewed, deploy it by its digest.",
        Exit.REFUSED,
    )


def preview(
    stack: Stack, engine: Engine, *, diff: bool = False, verbose: bool = False, people: bool = False
) -> Exit:
    """Show what ``deploy`` would change, without changing it; with ``people``, also whose sign-in, by name."""
    settings = stack.settings()
    engine.ensure_stack()
    return _preview(stack, settings, engine, diff=diff, verbose=verbose, people=people)[1]


def _preview(
    stack: Stack,
    settings: Settings,
    engine: Engine,
    *,
    diff: bool = False,
    verbose: bool = False,
    people: bool = False,
) -> tuple[RunOutcome, Exit]:
    show = None if verbose or diff else Concise(f"Preview of {stack.name}", plans=True)
    flags = ["--diff"] if diff else []
    outcome = engine.run("preview", *flags, show=show, take_snapshot=people)
    if people:
        _name(assessing.of_each(assessing.of_run(stack, settings, engine, outcome)))
    if outcome.code:
        return outcome, outcome.failure(dry=True)
    _say_the_digest(stack, engine, outcome)
    return outcome, Exit.CHANGES if outcome.changed else Exit.FINE


def _name(affected: Sequence[Statement]) -> None:
    say("Whose sign-in changes, or fails (read live: Entra, Mimecast):")
    for statement in affected:
        # Failures are in capitals, as in every table.
        mark = f"{statement.verdict}  " if statement.verdict is not Verdict.NOTE else ""
        say(f"    {mark}{foreign.one_line(statement.subject)}: {statement.brief}")
    if not affected:
        say("    nobody's")


def _say_the_digest(stack: Stack, engine: Engine, outcome: RunOutcome) -> None:
    """Print the digest of the program's plan; read the tenants if the program printed none."""
    try:
        found = plan.announced(outcome) or digest(plan.of_stack(stack, engine))
    except OperationError as error:
        say(f"{ANNOUNCED}unknown. {error}")
        return
    say(f"{ANNOUNCED}{found}")
    if outcome.changed:
        say(f"Deploy exactly this plan: mimecast-sso up --stack {stack.name} --expect {found}")


def _say_what_is_due(
    stack: Stack, settings: Settings, profile: RecordedProfile, on_save: Sequence[Statement]
) -> None:
    page = profiles.write_run_sheet(stack, settings, profile, on_save)
    why, effect = _CONSOLE_WORK[profile.state]
    certificates = settings.certificates
    renewed = profile.previous and profile.previous.get("certificate") != profile.form.get("certificate")
    if profile.state == "due" and renewed and len(certificates.slots) == 1:
        effect = f"Expected gap: {certificates.expected_gap()}."
    which = ", for the second profile" if profile.slot is ProfileSlot.SECOND else ""
    say(
        f"\n{why}{which}, for an administrator of Mimecast account {settings.account_code}.\n"
        f"Run sheet: {relative(page)} (and .md, .txt). {effect}"
    )


def relative(path: Path) -> str:
    """A path relative to the working folder."""
    return os.path.relpath(path)
