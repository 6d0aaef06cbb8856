"""The command line. Each command says what it did, and ends with a code of `mimecast_sso.operations.exit_codes`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.operations import (
    assessing,
    certificate_expiry,
    certificate_losses,
    profiles,
    tear_down,
    tenant,
)
from mimecast_sso.operations import drift as drifts
from mimecast_sso.operations import roll_out as roll_outs
from mimecast_sso.operations.assess.command import assess
from mimecast_sso.operations.deployment import deploy, engine_name, failed, open_with_engine, relative
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import Output, exit_of, options
from mimecast_sso.operations.preflight.command import preflight
from mimecast_sso.operations.rotate_commands import rotate
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.operations.tenant import connect
from mimecast_sso.operations.verify import confirmation
from mimecast_sso.operations.verify.command import verify
from mimecast_sso.provenance import Statement, Verdict, lines, not_checked
from mimecast_sso.settings import ConfigurationError, Lane, Settings
from mimecast_sso.text.names import email_address, is_among
from providers.entra.errors import GraphError
from providers.mimecast.errors import AccountMismatch, MimecastError, PartlyDone

_MIMECAST_CODES = {AccountMismatch: Exit.REFUSED, PartlyDone: Exit.PARTLY}


def main() -> NoReturn:
    """Entry point of ``mimecast-sso``."""
    try:
        code = commands.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = Exit.USAGE
    except click.Abort:
        code = Exit.ERROR
    except ConfigurationError as error:
        click.echo(error, err=True)
        code = Exit.ERROR
    except OperationError as error:
        click.echo(error, err=True)
        code = error.code
    except MimecastError as error:
        click.echo(error, err=True)
        code = _MIMECAST_CODES.get(type(error), Exit.ERROR)
    sys.exit(int(code or Exit.FINE))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal."""


def _stack_command(group: click.Group) -> Callable[[Callable[..., Exit]], click.Command]:
    option = click.option("--stack", "-s", required=True, help="The stack, as in stacks/Pulumi.<stack>.yaml.")

    def add(command: Callable[..., Exit]) -> click.Command:
        name = command.__name__.removeprefix("roll_out_").replace("_", "-")
        return group.command(name)(option(command))

    return add


_on_stack = _stack_command(commands)


_yes = click.option("--yes", "-y", is_flag=True, help="Skip the confirmation prompts.")
_which_profile = click.option(
    "--profile",
    type=click.Choice([lane.value for lane in Lane]),
    default=Lane.FIRST.value,
    show_default=True,
    help="Which one, where certificates rotate between two profiles.",
)
_diff = click.option("--diff", is_flag=True, help="Show each property that changes.")


@_on_stack
@_yes
@_diff
@click.option("--refresh", is_flag=True, help="Read the live world first, and put back what differs.")
def up(stack: str, yes: bool, diff: bool, refresh: bool) -> Exit:
    """Deploy, then say whether console work is due and where its run sheet is."""
    opened, engine = open_with_engine(stack, "up")
    return deploy(opened, engine, yes=yes, diff=diff, refresh=refresh)


@_on_stack
@_diff
def preview(stack: str, diff: bool) -> Exit:
    """Say what up would do, without doing it. Exit code 2 when it would change something."""
    opened, engine = open_with_engine(stack, "preview")
    opened.settings()
    engine.ensure_stack()
    outcome = engine.run("preview", *(["--diff"] if diff else []))
    if outcome.code:
        return failed(outcome, dry=True)
    return Exit.CHANGES if outcome.changed else Exit.FINE


@_on_stack
def drift(stack: str) -> Exit:
    """Compare the live world with the stack, changing nothing.

    Exit code 2 when they differ, when the signing certificate expires within seven days, when a deployment undid an
    external change of the certificates, and when somebody changed the console since the confirmation.
    """
    opened, engine = open_with_engine(stack, "drift")
    settings = opened.settings()
    outcome = engine.run("preview", "--refresh", quiet=True)
    if outcome.code:
        return failed(outcome, dry=True)
    found = drifts.report(outcome.events)
    click.echo("\n".join(found.lines()))
    assessment = assessing.try_to_assess(opened, settings, engine)
    people = assessing.people(assessment)
    certificates = _certificates(opened, settings, engine.resources())
    console = _console(opened, settings)
    statements = (*people, *certificates, *console)
    click.echo("\n".join((*lines(statements), *not_checked(statements))))
    changed = any(each.verdict is Verdict.DIFFERS for each in console)
    if changed:
        click.echo(
            "If a change of the console concerns this profile, its confirmation is stale. Record that: mimecast-sso "
            f"verify --stack {stack}"
        )
    return Exit.CHANGES if found.found or changed else exit_of((*people, *certificates))


def _certificates(
    opened: Stack, settings: Settings, resources: Iterable[Mapping[str, Any]]
) -> tuple[Statement, ...]:
    """When the live certificate expires, and which external changes a deployment undid."""
    try:
        graph = tenant.graph(opened)
    except GraphError as error:
        return (certificate_expiry.unread(error).statement,)
    reading = certificate_expiry.check(graph, settings, resources)
    if reading.expiry is None:
        return (reading.statement,)
    live, configured = reading.expiry.certificates, settings.certificates
    changes = certificate_losses.check(graph, reading.principal, live, configured, resources)
    return (reading.statement, *changes)


def _console(opened: Stack, settings: Settings) -> Sequence[Statement]:
    """What changed in the console since the confirmation; nothing without one."""
    lane = settings.certificates.active_generation.profile
    confirmed = settings.authentication_profile.confirmed_of(lane)
    if confirmed is None:
        return ()
    return confirmation.check(confirmation.read_log(lambda: connect(opened), confirmed), confirmed)


@_on_stack
@_yes
def down(stack: str, yes: bool) -> Exit:
    """Destroy what the stack made, once nobody depends on it. What Mimecast cannot delete is named and left."""
    opened, engine = open_with_engine(stack, "down")
    if engine.has_resources():
        _make_safe_to_destroy(opened, engine, ask=not yes)
        engine.unprotect()
    outcome = engine.run("destroy", *(["--yes", "--skip-preview"] if yes else []))
    return failed(outcome) if outcome.code else Exit.FINE


def _make_safe_to_destroy(opened: Stack, engine: Engine, *, ask: bool) -> None:
    settings = opened.settings()

    def depending() -> Collection[str]:
        try:
            assessment = assessing.assess_stack(opened, settings, engine, destroys=True)
        except GraphError as error:
            raise OperationError(
                f"Who depends on the application is unknown, so nothing is destroyed: {error}. Fix that and rerun"
            ) from None
        losses = assessment.forecast.losses
        if not assessment.snapshot.groups_known:
            return losses
        # How long to wait for those who just left is the configuration's to say (certificates.waitMinutes).
        return [each for each in losses if is_among(each, assessment.snapshot.everybody)]

    record = assessing.record_of(engine)
    if record.value is None:
        raise OperationError(
            f"What this stack deployed is unknown, so nothing is destroyed: {record.source}. Fix that and rerun"
        )
    tear_down.prepare(opened, settings, record.value, depending, ask=ask)


@_on_stack
@_which_profile
def run_sheet(stack: str, profile: str) -> Exit:
    """Write the run sheet of the console work, due or done."""
    opened, engine = open_with_engine(stack, "run-sheet")
    settings, wanted = opened.settings(), _profile(engine, Lane(profile))
    page = profiles.write_run_sheet(opened, settings, wanted, assessing.on_save(opened, settings, engine))
    click.echo(f"Run sheet: {relative(page)} (and .md, .txt)")
    return Exit.FINE


@_on_stack
@click.option("--by", required=True, help="Who set the values in the console.")
@click.option(
    "--evidence", required=True, help="What shows it: a change number, a screenshot, a test sign-in."
)
@click.option("--fingerprint", help="The fingerprint printed on the run sheet that was worked from.")
@_which_profile
def confirm(stack: str, by: str, evidence: str, fingerprint: str | None, profile: str) -> Exit:
    """Record that the console holds the values of the run sheet."""
    opened, engine = open_with_engine(stack, "confirm")
    wanted = _profile(engine, Lane(profile))
    now = tenant.mimecast_time(opened)
    confirmed = profiles.confirm(opened, wanted, by=by, at=now.at, evidence=evidence, fingerprint=fingerprint)
    click.echo(
        f"Confirmed {confirmed.fingerprint} by {by}, in {relative(opened.file)}. Deploy it with mimecast-sso up."
    )
    if now.remark:
        click.echo(now.remark)
    return Exit.FINE


commands.add_command(verify)
commands.add_command(preflight)
commands.add_command(assess)


commands.add_command(rotate)


# -- Roll-out -------------------------------------------------------------------------------------------------


@commands.group("roll-out")
def _roll_out() -> None:
    """Who signs in through Entra: the members of the roll-out group."""


_on_stack_of_roll_out = _stack_command(_roll_out)


@_on_stack_of_roll_out
@options("roll-out status")
def roll_out_status(stack: str, output: Output) -> Exit:
    """Show who is in the group, who is configured, and who waits. Exit code 2 when these differ."""
    opened = open_stack(stack)
    engine, why = None, ""
    try:
        engine = Engine(opened, engine_name(), "roll-out status")
    except OperationError as error:
        why = str(error)
    status = roll_outs.status(opened, opened.settings(), engine, why)
    people = assessing.people(assessing.try_to_assess(opened, opened.settings(), engine))
    output.keep(*status.statements(), *people)
    for line in (*status.lines(), *(f"{each.text} [{each.basis}]" for each in people)):
        output.line(line)
    return Exit.CHANGES if Exit.CHANGES in (status.code, exit_of(people)) else status.code


@_on_stack_of_roll_out
@click.option("--share", type=click.IntRange(1, 100), help="Per cent of the addresses.")
@click.option(
    "--pilot", "-p", multiple=True, metavar="ADDRESS", help="An address to add to the pilot; may be repeated."
)
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@click.option("--undo", type=click.Path(path_type=Path), metavar="RECORD", help="As before a roll-back.")
@click.option("--apply", "apply_", is_flag=True, help="Deploy it at once.")
@_yes
def roll_out_widen(
    *,
    stack: str,
    share: int | None,
    pilot: tuple[str, ...],
    everybody: bool,
    undo: Path | None,
    apply_: bool,
    yes: bool,
) -> Exit:
    """Have more people sign in through Entra: change the stack's file, and with --apply deploy it."""
    if sum((share is not None, bool(pilot), everybody, undo is not None)) != 1:
        raise click.UsageError("Give one of --share, --pilot, --all, --undo.")
    opened = open_stack(stack)
    settings = opened.settings()
    if undo:
        choice = roll_outs.put_back(opened, settings, undo)
    else:
        normal = tuple(map(_address, pilot))
        choice = roll_outs.widen(opened, settings, share=share, pilot=normal, everybody=everybody)
    click.echo(f"{relative(opened.file)}: {roll_outs.describe(choice)}.")
    for statement in roll_outs.nobody_chosen(opened, settings, choice):
        click.echo(f"Warning: {statement.text}.")
    if apply_:
        # With a refresh: after a roll-back the stack's state may still list who was taken out.
        return deploy(opened, Engine(opened, engine_name(), "roll-out widen"), yes=yes, refresh=True)
    click.echo(
        "Nobody was added yet: the next deployment does that. Commit the file, then run mimecast-sso up --refresh."
    )
    return Exit.FINE


@_on_stack_of_roll_out
def roll_out_halt(stack: str) -> Exit:
    """Stop widening: who is in the group stays in it, and nobody is added."""
    opened = open_stack(stack)
    choice, domains = roll_outs.halt(opened, opened.settings())
    click.echo(f"{relative(opened.file)}: {roll_outs.describe(choice)}, as read live from the group.")
    if domains:
        click.echo(f"Added to the group outside this stack, and kept: {', '.join(domains)}")
    click.echo("The group was not changed. Commit the file, so that no other deployment widens it again.")
    return Exit.FINE


@_on_stack_of_roll_out
def roll_out_back(stack: str) -> Exit:
    """Take everybody out of the group, at once. Needs neither Entra nor Pulumi."""
    opened = open_stack(stack)
    written = f"{relative(opened.file)}: rollOut.who none, so that the next deployment puts nobody back."
    try:
        done = roll_outs.back(opened)
    except MimecastError:
        click.echo(f"{written} The group itself was not emptied, or not wholly; run this again.")
        raise
    click.echo("\n".join([*done.lines(), written]))
    return Exit.PARTLY if done.left else Exit.FINE


def _address(text: str) -> str:
    try:
        return email_address(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} {error}") from None


def _profile(engine: Engine, lane: Lane = Lane.FIRST) -> RecordedProfile:
    profile = profiles.read(engine, lane)
    if profile is None:
        which = "second authentication profile" if lane is Lane.SECOND else "authentication profile"
        raise OperationError(f"The stack has no {which} yet. Deploy it first: up")
    return profile
