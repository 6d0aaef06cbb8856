"""``mimecast-sso stacks``: list the stacks of the project, and render their files from layers."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.group(cls=options.Group, invoke_without_command=True)
@options.select
@options.shard
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github", "gitlab", "azure-devops"]), default="text",
    show_default=True, help="Format of the list; the last three print the job matrix for that CI service.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the list to FILE."
)
@click.pass_context
def stacks(
    context: click.Context, select: tuple[str, ...], shard: tuple[int, int], form: str, out: Path | None
) -> Exit | None:
    """List the stacks that have a file: name, account, region and tags.

    Example: mimecast-sso stacks --select 'tag=ring-1' --format json
    """
    if context.invoked_subcommand:
        return None
    from mimecast_sso.operations.fleet.stack_files import list_stacks

    return list_stacks(select, shard, form=form, out=out)


@stacks.command("render")
@options.select
@click.option("--check", is_flag=True, help="Write nothing; exit with 2 if a file differs from its layers.")
def render(select: tuple[str, ...], check: bool) -> Exit:
    """Render the stack files from the layers stacks/_base.yaml, _TAG.yaml and _STACK.yaml.

    Later layers win: maps are merged, other values are replaced. Keys that no layer has are kept, as are values that
    commands wrote: roll-out, certificates, confirmations.

    Example: mimecast-sso stacks render --check
    """
    from mimecast_sso.operations.fleet.stack_files import render as run

    return run(select, check=check)
