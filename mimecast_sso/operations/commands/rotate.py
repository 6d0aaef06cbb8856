"""``mimecast-sso rotate``: the next certificate, step by step, and back."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options


@click.group()
def rotate() -> None:
    """The signing certificate: stage the next one, have it trusted, activate it, retire the former one."""


@rotate.command("status")
@options.stack
@output_options("rotate status")
def status(stack: str, output: Output) -> Exit:
    """Show where the rotation stands and what next would do. Exit code 2 when a step is due."""
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.status(stack, output)


@rotate.command("next")
@options.stack
@options.apply_step
@options.yes
@click.option("--label", help="Of the next generation; the month when it is not given.")
@click.option("--end-date", metavar="TIME", help="Its end, as 2029-11-01T00:00:00Z; in three years.")
@click.option("--start", is_flag=True, help="Begin a rotation though none is due yet.")
def forward(
    stack: str, *, apply_: bool, yes: bool, label: str | None, end_date: str | None, start: bool
) -> Exit:
    """Make the next step: a change of the stack's file, and with --apply its deployment."""
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.forward(stack, apply_=apply_, yes=yes, label=label, end_date=end_date, start=start)


@rotate.command("rollback")
@options.stack
@options.apply_step
@options.yes
def rollback(stack: str, *, apply_: bool, yes: bool) -> Exit:
    """Go one step back: a change of the stack's file, and with --apply its deployment."""
    from mimecast_sso.operations import rotate_commands

    return rotate_commands.rollback(stack, apply_=apply_, yes=yes)
