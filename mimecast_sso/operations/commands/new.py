"""``mimecast-sso new``."""

from __future__ import annotations

from typing import Any

import click

from mimecast_sso.operations.commands.options import RegionCode
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@click.argument("name")
@click.option(
    "--region",
    type=RegionCode(),
    required=True,
    help="The Mimecast region (grid) of the account.",
)
@click.option("--account", metavar="CODE", required=True, help="The Mimecast account code, in capitals.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    required=True,
    help="An internal domain of the account. Repeatable.",
)
@click.option("--pilot", multiple=True, metavar="ADDRESS", help="A person of the pilot. Repeatable.")
@click.option("--tenant", metavar="ID", help="The Entra tenant.  [default: the credentials' tenant]")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag for fleet --select. Repeatable.")
def new(name: str, **given: Any) -> Exit:
    """Write the file of a new stack, checked against the live account if credentials are set.

    The file requires domains instead of registering them, and checks addresses instead of creating them: it manages
    only the application and the roll-out group until you edit it. Exits with 4 if the credentials are for another
    account.

    Example: mimecast-sso new acme --region eu --account CUK25A118 --domain acme.example --pilot ada@acme.example
    """
    from mimecast_sso.operations.fleet.new import NewStack, write

    return write(NewStack(name, **given))
