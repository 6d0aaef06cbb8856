"""``mimecast-sso stacks``: the stacks of the project, and what their files have in common."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.group(invoke_without_command=True)
@options.select
@options.shard
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github", "gitlab", "azure-devops"]), default="text",
    show_default=True, help="The last three are the matrix of a pipeline of that service.",
)  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@click.pass_context
def stacks(
    context: click.Context, select: tuple[str, ...], shard: tuple[int, int], form: str, out: Path | None
) -> Exit | None:
    """List the stacks with a file: name, account, region and tags.

    Example: mimecast-sso stacks --select 'tag=ring-1' --format json
    """
    if context.invoked_subcommand:
        return None
    from mimecast_sso.operations.fleet.stack_files import list_stacks

    return list_stacks(select, shard, form=form, out=out)


@stacks.command("render")
@options.select
@click.option(
    "--check", is_flag=True, help="Write nothing; exit code 2 where a file is not as its layers have it."
)
def render(select: tuple[str, ...], check: bool) -> Exit:
    """Write into the stack files what stacks/_base.yaml, _TAG.yaml and _STACK.yaml say.

    Later layers win; maps are merged, anything else is replaced. Keys that no layer has stay, and so does what commands
    wrote: roll-out, certificates, confirmations.
    """
    from mimecast_sso.operations.fleet.stack_files import render as run

    return run(select, check=check)
