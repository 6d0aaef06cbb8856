"""``mimecast-sso down``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@options.yes
@options.verbose
def down(stack: str, *, yes: bool, verbose: bool) -> Exit:
    """Destroy what the stack created, once nobody depends on it.

    Objects that no Mimecast API deletes are listed and kept.

    Example: mimecast-sso down --stack prod-eu
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.tear_down import destroy

    opened, engine = open_with_engine(stack, "down")
    return destroy(opened, engine, yes=yes, verbose=verbose)
