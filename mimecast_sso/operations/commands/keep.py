"""``mimecast-sso keep``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@click.argument("path")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    metavar="N",
    help="Instead, show the drift as expected in reports for N days (mimecast-sso:drift.expected).",
)
@click.option("--reason", metavar="TEXT", help="With --days: why. Reports show it.")
@options.apply_step
@options.yes
def keep(*, stack: str, path: str, days: int | None, reason: str | None, apply_: bool, yes: bool) -> Exit:
    """Keep what drift found: write the live state at PATH into the stack file.

    PATH is as the drift report prints it. With --apply the change is deployed as well, which records the live state.
    Reads both tenants, and writes neither without --apply.

    Example: mimecast-sso keep --stack prod-eu application.displayName
    """
    from mimecast_sso.operations import keeping

    if days is None and reason is not None:
        raise click.UsageError("--reason needs --days.")
    if days is not None and apply_:
        raise click.UsageError(
            "--days changes reports only, so there is nothing to deploy: leave out --apply."
        )
    if days is not None:
        return keeping.expect(stack, path, days=days, reason=reason)
    return keeping.keep(stack, path, apply_=apply_, yes=yes)
