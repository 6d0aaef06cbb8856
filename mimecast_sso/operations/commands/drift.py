"""``mimecast-sso drift``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
def drift(stack: str) -> Exit:
    """Compare the live world with the stack, changing nothing.

    Exit code 2 when they differ, when the signing certificate expires within seven days, when a deployment undid an
    external change of the certificates, and when somebody changed the console since the confirmation.
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.drift_check import check

    return check(*open_with_engine(stack, "drift"))
