"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from mimecast_sso.operations.output import Format

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _stacks(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from mimecast_sso.operations.exit_codes import OperationError
    from mimecast_sso.operations.project import find_project

    try:
        names = find_project().stacks()
    except OperationError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(begun)]


def _shard(value: str) -> tuple[int, int]:
    number, slash, parts = value.partition("/")
    if not slash or not number.isdecimal() or not parts.isdecimal() or not 1 <= int(number) <= int(parts):
        raise click.BadParameter(f"{value!r} is not a share such as 2/10.")
    return int(number), int(parts)


stack: _Decorator = click.option(
    "--stack",
    "-s",
    required=True,
    envvar="MIMECAST_SSO_STACK",
    show_envvar=True,
    shell_complete=_stacks,
    help="The stack, as in stacks/Pulumi.<stack>.yaml.",
)
select: _Decorator = click.option(
    "--select",
    multiple=True,
    metavar="EXPR",
    help="Only stacks for which every term holds: NAME*, region=, account=, tag=, separated by commas; ! negates. "
    "May be repeated: one of them is enough.",
)
shard: _Decorator = click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="K/N",
    callback=lambda _context, _parameter, value: _shard(value),
    help="Only the K-th of N shares of them, for N machines.",
)
yes: _Decorator = click.option("--yes", "-y", is_flag=True, help="Skip the confirmation prompts.")
verbose: _Decorator = click.option(
    "--verbose",
    "-v",
    is_flag=True,
    envvar="MIMECAST_SSO_VERBOSE",
    help="Show everything: the engine's own display, each check.",
)


def report_format(help_: str) -> _Decorator:
    """``--format``, of a command that writes a report."""
    return click.option(
        "--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True, help=help_
    )


report_out: _Decorator = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE."
)
diff: _Decorator = click.option("--diff", is_flag=True, help="Show each property that changes.")
apply_step: _Decorator = click.option("--apply", "apply_", is_flag=True, help="Deploy it at once.")
which_profile: _Decorator = click.option(
    "--profile",
    type=click.Choice(["first", "second"]),
    default="first",
    show_default=True,
    help="Which one, where certificates rotate between two profiles.",
)
