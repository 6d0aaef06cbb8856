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
    """Destroy what the stack made, once nobody depends on it. What Mimecast cannot delete is named and left."""
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.tear_down import destroy

    opened, engine = open_with_engine(stack, "down")
    return destroy(opened, engine, yes=yes, verbose=verbose)
