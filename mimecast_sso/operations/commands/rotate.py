"""``mimecast-sso rotate``: rotate the signing certificate step by step, and back."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options


@click.group(cls=options.Group)
def rotate() -> None:
    """Rotate the signing certificate step by step.

    Each step is one command: stage the next certificate, have Mimecast trust it, activate it, retire the old one.
    """


@rotate.command("status")
@options.stack
@output_options("rotate status")
def status(stack: str, output: Output) -> Exit:
    """Show the state of the rotation and what next would do. Exits with 2 if a step is due.

    Example: mimecast-sso rotate status --stack prod-eu
    """
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.status(stack, output)


@rotate.command("next")
@options.stack
@options.apply_step
@options.yes
@click.option("--label", metavar="LABEL", help="Label of the next generation.  [default: the month]")
@click.option(
    "--end-date",
    metavar="TIME",
    help="Expiry of the next generation, such as 2029-11-01T00:00:00Z.  [default: in three years]",
)
@click.option("--start", is_flag=True, help="Start a rotation even if none is due yet.")
def forward(
    stack: str, *, apply_: bool, yes: bool, label: str | None, end_date: str | None, start: bool
) -> Exit:
    """Take the next step: change the stack file, and with --apply deploy it.

    Example: mimecast-sso rotate next --stack prod-eu --apply
    """
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.forward(stack, apply_=apply_, yes=yes, label=label, end_date=end_date, start=start)


@rotate.command("rollback")
@options.stack
@options.apply_step
@options.yes
def rollback(stack: str, *, apply_: bool, yes: bool) -> Exit:
    """Go one step back: change the stack file, and with --apply deploy it.

    Example: mimecast-sso rotate rollback --stack prod-eu --apply
    """
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.rollback(stack, apply_=apply_, yes=yes)
