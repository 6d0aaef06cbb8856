"""``mimecast-sso preflight``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options
from mimecast_sso.operations.preflight.purpose import Purpose


@click.command()
@options.stack
@click.option(
    "--for",
    "purpose",
    type=click.Choice([str(each) for each in Purpose]),
    default=str(Purpose.DEPLOY),
    show_default=True,
    help="Purpose of the credentials. An identity for previews must not be able to write.",
)
@output_options("preflight")
def preflight(stack: str, purpose: str, output: Output) -> Exit:
    """Check that a deployment has what it needs, without writing.

    Exits with 5 if something is missing or an identity for previews can write, 1 if Entra or Mimecast cannot be
    reached.

    Example: mimecast-sso preflight --stack prod-eu
    """
    from mimecast_sso.operations.preflight.command import preflight as run

    return run(stack, output, Purpose(purpose))
