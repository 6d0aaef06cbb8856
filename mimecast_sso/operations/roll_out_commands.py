"""``mimecast-sso roll-out``: status, widen, halt and back."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations import assessing, roll_out, synchronising
from mimecast_sso.operations.deployment import deploy, engine_name, relative
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.output import Output, exit_of
from mimecast_sso.operations.stacks import Stack, open_stack
from mimecast_sso.operations.tenant import connect
from mimecast_sso.operations.terminal import say
from mimecast_sso.settings import RollOut, Settings
from mimecast_sso.text.names import email_address
from providers.mimecast.errors import MimecastError


def status(stack: str, output: Output) -> Exit:
    """Print who is in the group, who is configured, and who is on hold."""
    opened = open_stack(stack)
    engine, why = None, ""
    try:
        engine = Engine(opened, engine_name(), "roll-out status")
    except OperationError as error:
        why = str(error)
    found = roll_out.status(opened, opened.settings(), engine, why)
    people = assessing.people(assessing.try_to_assess(opened, opened.settings(), engine))
    output.keep(*found.statements(), *people)
    for line in found.lines():
        output.line(line)
    for each in people:
        output.line(f"{each.text} [{each.basis}]")
    codes = (found.code, exit_of(people))
    return next((each for each in (Exit.CHANGES, Exit.ERROR) if each in codes), Exit.FINE)


def widen(
    stack: str,
    *,
    share: int | None,
    pilot: tuple[str, ...],
    everybody: bool,
    undo: Path | None,
    wait: int | None,
    apply_: bool,
    yes: bool,
) -> Exit:
    """Change the stack file so that more people sign in through Entra, and with ``apply_`` deploy it.

    With ``wait``, a number of minutes, Mimecast synchronises its directory first. If that fails or takes longer,
    nothing is changed.
    """
    opened = open_stack(stack)
    engine = Engine(opened, engine_name(), "roll-out widen") if apply_ else None
    if engine is not None:
        engine.require_answer(yes=yes)  # Before anything is written.
    settings = opened.settings()
    if undo:
        choice = roll_out.replaced(opened, settings, undo)
    else:
        normal = tuple(map(_address, pilot))
        choice = roll_out.wider(opened, settings, share=share, pilot=normal, everybody=everybody)
    if wait is not None:
        _synchronise(opened, roll_out.chosen(opened, settings, choice), wait)
    _write(opened, settings, choice)
    if engine is not None:
        # With a refresh: after a roll-back the stack's state may still list removed people.
        return deploy(opened, engine, yes=yes, refresh=True)
    say(
        "Nobody has been added yet; the next deployment does that. "
        f"{'Run' if opened.on_sandbox else 'Commit the file, then run'}: "
        f"mimecast-sso up --stack {opened.name} --refresh"
    )
    return Exit.FINE


def _write(opened: Stack, settings: Settings, choice: RollOut) -> None:
    opened.set_roll_out(choice)
    say(f"{relative(opened.file)}: {roll_out.describe(choice)}.")
    for statement in roll_out.nobody_chosen(opened, settings, choice):
        say(f"Warning: {statement.text}.")


def _synchronise(opened: Stack, people: list[str], minutes: int) -> None:
    client = connect(opened)
    synchronising.synchronise(client, minutes)
    for statement in synchronising.absent(client, people):
        say(f"Warning: {statement}.")


def halt(stack: str) -> Exit:
    """Write the live members of the group as the pilot, so that nobody is added."""
    opened = open_stack(stack)
    choice, domains = roll_out.halt(opened, opened.settings())
    say(f"{relative(opened.file)}: {roll_out.describe(choice)}, as read live from the group.")
    if domains:
        say(f"Added to the group outside this stack, and kept: {', '.join(domains)}")
    commit = (
        ""
        if opened.on_sandbox
        else " Commit the file, so that no deployment from another clone widens it again."
    )
    say(f"The group was not changed.{commit}")
    return Exit.FINE


def back(stack: str) -> Exit:
    """Remove everybody from the group at once. Needs neither Entra nor Pulumi."""
    opened = open_stack(stack)
    written = f"{relative(opened.file)}: rollOut.who none, so that the next deployment adds nobody."
    try:
        done = roll_out.back(opened)
    except MimecastError:
        say(f"{written} The group may still have members. Rerun this.")
        raise
    say("\n".join([*done.lines(), written]))
    if done.missing:
        raise OperationError(
            roll_out.gone(done.missing, done.target.account_code),
            Exit.PARTLY if done.removed else Exit.ERROR,
        )
    return Exit.PARTLY if done.left else Exit.FINE


def _address(text: str) -> str:
    try:
        return email_address(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
