"""``mimecast-sso roll-out``: show or change the members of the roll-out group, who sign in through Entra."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options

_WAIT = 30
"""Minutes."""


@click.group("roll-out", cls=options.Group)
def roll_out() -> None:
    """Show or change who signs in through Entra.

    Members of the roll-out group sign in through Entra.
    """


@roll_out.command("status")
@options.stack
@output_options("roll-out status")
def status(stack: str, output: Output) -> Exit:
    """Show who is in the group, who is configured, and who is on hold. Exits with 2 if these differ.

    Example: mimecast-sso roll-out status --stack prod-eu
    """
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.status(stack, output)


@roll_out.command("widen")
@options.stack
@click.option(
    "--share", type=click.IntRange(1, 100), metavar="PERCENT", help="Include this share of the addresses."
)
@click.option("--pilot", "-p", multiple=True, metavar="ADDRESS", help="Add ADDRESS to the pilot. Repeatable.")
@click.option("--all", "everybody", is_flag=True, help="Include everybody.")
@click.option(
    "--undo",
    type=click.Path(path_type=Path),
    metavar="RECORD",
    help="Restore the members from the record of a roll-back.",
)
@click.option(
    "--synchronise",
    is_flag=True,
    help="Have Mimecast synchronise its directory first, and wait for it. If that fails or takes longer than --wait, "
    "change nothing.",
)
@click.option(
    "--wait",
    type=click.IntRange(1, 1440),
    metavar="MINUTES",
    help=f"Maximum time to wait for the synchronisation.  [default: {_WAIT}]",
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
    """Add people to the roll-out: change the stack file, and with --apply deploy it.

    Example: mimecast-sso roll-out widen --stack prod-eu --share 25 --apply
    """
    from mimecast_sso.operations import roll_out_commands

    if sum((share is not None, bool(pilot), everybody, undo is not None)) != 1:
        raise click.UsageError("Give one of --share, --pilot, --all, --undo.")
    if wait is not None and not synchronise:
        raise click.UsageError("--wait needs --synchronise.")
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
    """Stop widening: current members stay in the group, and nobody is added.

    Example: mimecast-sso roll-out halt --stack prod-eu
    """
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.halt(stack)


@roll_out.command("back")
@options.stack
def back(stack: str) -> Exit:
    """Remove everybody from the group, at once. Needs neither Entra nor Pulumi.

    Example: mimecast-sso roll-out back --stack prod-eu
    """
    from mimecast_sso.operations import roll_out_commands

    return roll_out_commands.back(stack)
