"""``mimecast-sso review``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--base", metavar="REF", help="The commit or branch that the change is based on.")
@click.option("--head", metavar="REF", help="The commit with the change.")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="markdown",
    show_default=True,
    help="Format of the comment.",
)
@click.option("--out", type=_FILE, metavar="FILE", help="Write the comment to FILE.")
@click.option(
    "--full", type=_FILE, metavar="FILE", help="Also write the unshortened comment to FILE, as Markdown."
)
@click.option(
    "--live/--no-live",
    default=True,
    show_default=True,
    help="Read both tenants. Applies only to changes of stack files and CSV files.",
)
@click.option(
    "--rehearse",
    is_flag=True,
    help="Deploy the base on a sandbox, then the head on top of it while everybody signs in. Needs no secret.",
)
@click.option(
    "--state",
    "states",
    type=(str, _FILE),
    multiple=True,
    metavar="STACK FILE",
    help="The exported state of a stack, so that the rehearsal has the people of its last deployment. Repeatable.",
)
@click.option(
    "--reviewed",
    metavar="COMMIT",
    help="The full id of the head, if a reviewer approved running its code with these credentials.",
)
@click.option(
    "--superseded", is_flag=True, help="Only write the text that marks an earlier comment as superseded."
)
def review(
    *,
    base: str | None,
    head: str | None,
    form: Format,
    out: Path | None,
    full: Path | None,
    live: bool,
    rehearse: bool,
    states: tuple[tuple[str, Path], ...],
    reviewed: str | None,
    superseded: bool,
) -> Exit:
    """Report what a proposed change does to people's sign-in.

    Reads the stack files of the head as data, runs the checked-out code, and writes one comment for all stacks that the
    change affects. Exits with the worst stack's code: 1 unknown, 4 would be refused, 2 changes something or needs
    console work, 0 neither.

    Example: mimecast-sso review --base origin/main --head HEAD --out comment.md
    """
    from mimecast_sso.operations.review import run as command

    if superseded:
        return command.superseded(out)
    if base is None or head is None:
        raise click.UsageError(
            "--base and --head are required: the commit before the change, and the one with it."
        )
    asked = command.Asked(
        base, head, form, out, full, live=live, rehearse=rehearse, reviewed=reviewed, states=dict(states)
    )
    return command.run(asked)
