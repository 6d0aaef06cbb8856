"""``mimecast-sso new``."""

from __future__ import annotations

from typing import Any

import click

from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@click.argument("name")
@click.option(
    "--region", type=click.Choice(list(REGIONS)), required=True, help="The grid that holds the account."
)
@click.option("--account", metavar="CODE", required=True, help="The Mimecast account code, in capitals.")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", required=True, help="May be repeated.")
@click.option("--pilot", multiple=True, metavar="ADDRESS", help="Who tries it first; may be repeated.")
@click.option("--tenant", metavar="ID", help="The Entra tenant. [default: the one that the credentials open]")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="For fleet --select; may be repeated.")
def new(name: str, **given: Any) -> Exit:
    """Write the file of a new stack, checked against the live account where there are credentials.

    Domains are required, not registered, and addresses are checked, not created: the file changes nothing but the
    application and the roll-out group until you say so in it. Exit code 4 when the credentials open another account.

    Example: mimecast-sso new acme --region eu --account CUK25A118 --domain acme.example --pilot ada@acme.example
    """
    from mimecast_sso.operations.fleet.new import NewStack, write

    return write(NewStack(name, **given))
