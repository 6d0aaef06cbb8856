"""``mimecast-sso review``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--base", metavar="REF", help="The commit or branch that is changed.")
@click.option("--head", metavar="REF", help="The commit that changes it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="markdown",
    show_default=True,
    help="How to write it.",
)
@click.option("--out", type=_FILE, metavar="FILE", help="Write to FILE instead of the terminal.")
@click.option("--full", type=_FILE, metavar="FILE", help="Also write the comment uncut, as Markdown.")
@click.option(
    "--live/--no-live",
    default=True,
    show_default=True,
    help="Read both tenants. Only for changes of stack files and CSV files, whatever is said here.",
)
@click.option(
    "--rehearse",
    is_flag=True,
    help="Deploy the base on a sandbox, and the head onto it while everybody signs in. Needs no secret.",
)
@click.option(
    "--state",
    "states",
    type=(str, _FILE),
    multiple=True,
    metavar="STACK FILE",
    help="The exported state of a stack: the rehearsal then has the people of the last deployment. Repeatable.",
)
@click.option(
    "--reviewed",
    metavar="COMMIT",
    help="The whole id of the head, where a reviewer approved that its code runs with these credentials.",
)
@click.option("--superseded", is_flag=True, help="Only write what marks an earlier comment as superseded.")
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
    """Say what a change does to people's sign-in, before it is merged.

    Reads the stack files of the head as data, runs the code that is checked out, and writes one comment for all stacks
    that the change touches. Exit code: the worst stack's. 1 not known, 4 cannot be deployed as it is, 2 changes
    something or needs console work, 0 neither.

    Example: mimecast-sso review --base origin/main --head HEAD --out comment.md
    """
    from mimecast_sso.operations.review import run as command

    if superseded:
        return command.superseded(out)
    if base is None or head is None:
        raise click.UsageError(
            "--base and --head are required: the commit that is changed, and the one that does it."
        )
    asked = command.Asked(
        base, head, form, out, full, live=live, rehearse=rehearse, reviewed=reviewed, states=dict(states)
    )
    return command.run(asked)
