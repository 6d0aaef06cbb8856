"""``mimecast-sso stacks``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.select
@options.shard
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="JSON is a list of objects, for the matrix of a CI pipeline.",
)  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
def stacks(select: tuple[str, ...], shard: tuple[int, int], form: str, out: Path | None) -> Exit:
    """List the stacks with a file: name, account, region and tags.

    Example: mimecast-sso stacks --select 'tag=ring-1' --format json
    """
    from mimecast_sso.operations.fleet.commands import list_stacks

    return list_stacks(select, shard, form=form, out=out)
