"""Options that several commands have, and how groups list their commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from mimecast_sso.facts.regions import REGION_NAMES, REGIONS
from mimecast_sso.operations.formats import Format
from mimecast_sso.text.foreign import quoted

# click passes each option by its name; the functions that are called declare their types.
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class RegionCode(click.Choice[str]):
    """The code of a region, in any case; for another of its names, the error says the code."""

    def __init__(self) -> None:
        super().__init__(list(REGIONS))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code. Raises click.BadParameter."""
        name = str(value).strip().lower()
        if name in REGION_NAMES:
            self.fail(
                f"{quoted(value)} is not a region's code; that region is {REGION_NAMES[name]}.",
                param,
                ctx,
            )
        return super().convert(name if name in REGIONS else value, param, ctx)


class Group(click.Group):
    """A group that lists each command with the whole first sentence of its help, wrapped instead of cut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(limit=200)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


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
        raise click.BadParameter(f"{quoted(value)} is not a share such as 2/10.")
    return int(number), int(parts)


stack: _Decorator = click.option(
    "--stack",
    "-s",
    required=True,
    envvar="MIMECAST_SSO_STACK",
    show_envvar=True,
    shell_complete=_stacks,
    metavar="STACK",
    help="The stack, as in stacks/Pulumi.<stack>.yaml.",
)
select: _Decorator = click.option(
    "--select",
    multiple=True,
    metavar="EXPR",
    help="Select stacks that match all comma-separated terms: NAME*, region=, account=, tag=; ! negates. "
    "Repeatable: a stack has to match one of them.",
)
shard: _Decorator = click.option(
    "--shard",
    default="1/1",
    show_default=True,
    metavar="K/N",
    callback=lambda _context, _parameter, value: _shard(value),
    help="Select the K-th of N shares of these stacks, to split the work between N machines.",
)
yes: _Decorator = click.option("--yes", "-y", is_flag=True, help="Skip the confirmation prompts.")
verbose: _Decorator = click.option(
    "--verbose",
    "-v",
    is_flag=True,
    envvar="MIMECAST_SSO_VERBOSE",
    help="Show everything: the engine's display, and each check.",
)


def report_format(help_: str) -> _Decorator:
    """``--format`` of a command that writes a report."""
    return click.option(
        "--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True, help=help_
    )


report_out: _Decorator = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to FILE."
)
diff: _Decorator = click.option("--diff", is_flag=True, help="Show each property that changes.")
apply_step: _Decorator = click.option("--apply", "apply_", is_flag=True, help="Deploy the change at once.")
which_profile: _Decorator = click.option(
    "--profile",
    type=click.Choice(["first", "second"]),
    default="first",
    show_default=True,
    help="The profile slot, if certificates rotate between two profiles.",
)
