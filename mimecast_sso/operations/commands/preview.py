"""``mimecast-sso preview``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@options.diff
@options.verbose
def preview(stack: str, *, diff: bool, verbose: bool) -> Exit:
    """Say what up would do, without doing it. Exit code 2 when it would change something.

    Prints the digest of the plan, for mimecast-sso up --expect.
    """
    from mimecast_sso.operations import deployment

    opened, engine = deployment.open_with_engine(stack, "preview")
    return deployment.preview(opened, engine, diff=diff, verbose=verbose)
