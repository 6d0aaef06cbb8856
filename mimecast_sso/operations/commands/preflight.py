"""``mimecast-sso preflight``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options


@click.command()
@options.stack
@output_options("preflight")
def preflight(stack: str, output: Output) -> Exit:
    """Check that a deployment has what it needs, writing nothing.

    Exit code 5 when something is missing, 1 when Entra or Mimecast cannot be reached.
    """
    from mimecast_sso.operations.preflight.command import preflight as run

    return run(stack, output)
