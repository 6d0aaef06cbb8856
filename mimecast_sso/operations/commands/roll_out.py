"""``mimecast-sso roll-out``: who signs in through Entra, that is, who is in the roll-out group."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options

_WAIT = 30
"""Minutes."""


@click.group("roll-out")
def roll_out() -> None:
    """Who signs in through Entra: the members of the roll-out group."""


@roll_out.command("status")
@options.stack
@output_options("roll-out status")
def status(stack: str, output: Output) -> Exit:
    """Show who is in the group, who is configured, and who waits. Exit code 2 when these differ."""
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.status(stack, output)


@roll_out.command("widen")
@options.stack
@click.option("--share", type=click.IntRange(1, 100), help="Per cent of the addresses.")
@click.option(
    "--pilot", "-p", multiple=True, metavar="ADDRESS", help="An address to add to the pilot; may be repeated."
)
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@click.option("--undo", type=click.Path(path_type=Path), metavar="RECORD", help="As before a roll-back.")
@click.option(
    "--synchronise",
    is_flag=True,
    help="Have Mimecast synchronise its directory first, and wait for that. If it fails or takes longer than --wait, "
    "nothing is changed.",
)
@click.option(
    "--wait",
    type=click.IntRange(1, 1440),
    metavar="MINUTES",
    help=f"How long to wait for the synchronisation at most; {_WAIT} unless given.",
)
@options.apply_step
@options.yes
def widen(
    *,
    stack: str,
    share: int | None,
    pilot: tuple[str, ...],
    everybody: bool,
    undo: Path | None,
    synchronise: bool,
    wait: int | None,
    apply_: bool,
    yes: bool,
) -> Exit:
    """Have more people sign in through Entra: change the stack's file, and with --apply deploy it."""
    from mimecast_sso.operations import roll_out_commands

    if sum((share is not None, bool(pilot), everybody, undo is not None)) != 1:
        raise click.UsageError("Give one of --share, --pilot, --all, --undo.")
    if wait is not None and not synchronise:
        raise click.UsageError("--wait is for --synchronise.")
    return roll_out_commands.widen(
        stack,
        share=share,
        pilot=pilot,
        everybody=everybody,
        undo=undo,
        wait=(wait or _WAIT) if synchronise else None,
        apply_=apply_,
        yes=yes,
    )


@roll_out.command("halt")
@options.stack
def halt(stack: str) -> Exit:
    """Stop widening: who is in the group stays in it, and nobody is added."""
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.halt(stack)


@roll_out.command("back")
@options.stack
def back(stack: str) -> Exit:
    """Take everybody out of the group, at once. Needs neither Entra nor Pulumi."""
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.back(stack)
