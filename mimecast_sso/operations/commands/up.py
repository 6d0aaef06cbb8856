"""``mimecast-sso up``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@options.yes
@options.diff
@options.verbose
@click.option(
    "--refresh",
    is_flag=True,
    help="Read the live state first, and undo external changes. Exits with 2 if objects that others added remain.",
)
@click.option(
    "--expect",
    metavar="DIGEST",
    help="Refuse if the plan is not the reviewed one. DIGEST is printed by preview and review.",
)
@click.option(
    "--reviewed",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The same, with the digest from FILE, a comment that review wrote. If it has none for the stack, refuse any "
    "change.",
)
def up(
    stack: str,
    *,
    yes: bool,
    diff: bool,
    verbose: bool,
    refresh: bool,
    expect: str | None,
    reviewed: Path | None,
) -> Exit:
    """Deploy, then show the console work that is due and its run sheet.

    Example: mimecast-sso up --stack prod-eu --reviewed comment.md
    """
    from mimecast_sso.operations.deployment import deploy, open_with_engine
    from mimecast_sso.operations.unmanaged import after_refresh

    if expect is not None and reviewed is not None:
        raise click.UsageError("--expect and --reviewed both set the expected plan: give one of them.")
    opened, engine = open_with_engine(stack, "up")
    ended = deploy(
        opened, engine, yes=yes, diff=diff, refresh=refresh, verbose=verbose, expect=expect, reviewed=reviewed
    )
    return after_refresh(opened, engine) if refresh and ended is Exit.FINE else ended
