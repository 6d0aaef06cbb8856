"""``mimecast-sso ci``: workflows of a forge, and what they need besides other commands."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format, Output
from mimecast_sso.operations.output import options as output_options

_forge = click.argument("forge", type=click.Choice([str(each) for each in Forge]))
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")


class _Hours(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        match = re.fullmatch(r"(\d{1,4})h", str(value))
        if match is None:
            self.fail("Write it as hours, such as 26h.", param, ctx)
        return timedelta(hours=int(match[1]))


def _names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if any(not _NAME.fullmatch(each) for each in values):
        raise click.BadParameter("Stacks have letters, digits, dots, hyphens and underscores.")
    return values


def _branch(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _BRANCH.fullmatch(value):
        raise click.BadParameter("Branches have letters, digits, dots, hyphens, underscores and slashes.")
    return value


_stacks = click.option(
    "--stack", "stacks", multiple=True, metavar="STACK", callback=_names, help="A stack. Repeatable."
)
_format = options.report_format("How to print.")
_out = options.report_out
_report = click.option(
    "--report",
    "reports",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    multiple=True,
    metavar="FILE",
    help="A report as JSON. Repeatable.",
)


@click.group()
def ci() -> None:
    """Previews on pull requests, deployments, drift reports and tickets, run by a forge."""


@ci.command()
@_forge
@_stacks
@click.option(
    "--branch", default="main", show_default=True, callback=_branch, help="The branch that is deployed."
)
@click.option("--force", is_flag=True, help="Overwrite files that were changed by hand.")
def init(forge: str, stacks: tuple[str, ...], *, branch: str, force: bool) -> Exit:
    """Write the workflow files, and print the commands that create the identities.

    Without --stack for every stack that has a file, but the sandbox. Exit code 4, and nothing written, when a file was
    changed by hand.

    Example: mimecast-sso ci init github --stack prod-eu
    """
    from mimecast_sso.operations.ci.init import init as run

    return run(Forge(forge), stacks, branch, force=force)


@ci.command()
@_forge
@options.stack
@output_options("ci check")
def check(forge: str, stack: str, output: Output) -> Exit:
    """Prove, inside a job, that its identity reads what previews need and cannot write.

    Exit code 5 when something is missing or the identity can write, 1 when Entra or Mimecast cannot be reached.

    Example: mimecast-sso ci check github --stack prod-eu
    """
    from mimecast_sso.operations.ci.check import check as run

    return run(Forge(forge), stack, output)


@ci.command()
@click.option("--base", required=True, metavar="COMMIT", help="Whose code is to run.")
@click.option("--head", required=True, metavar="COMMIT", help="Whose stack files are taken.")
def data(base: str, head: str) -> Exit:
    """Make a commit of the base's code with the head's stack files, and print its id.

    Exit code 2 when the head changes anything else, which is then named; documentation does not count.

    Example: mimecast-sso ci data --base origin/main --head HEAD
    """
    from mimecast_sso.operations.change.stack_data import take
    from mimecast_sso.operations.project import find_project
    from mimecast_sso.text import foreign

    taken = take(find_project(), base, head)
    click.echo(taken.commit)
    for path in taken.others:
        click.echo(f"Not taken, and changed: {foreign.name(path)}", err=True)
    return Exit.CHANGES if taken.others else Exit.FINE


@ci.command()
@_report
@click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the report in DIR as JSON, and show earlier ones beside it (HTML).",
)
@_format
@_out
def report(reports: tuple[Path, ...], history: Path | None, form: Format, out: Path | None) -> Exit:
    """Print several reports of one command as one. Its exit code is 0: each of them has its own.

    Example: mimecast-sso ci report --report dev.json --report prod.json --format html --out drift.html
    """
    from mimecast_sso.operations.output import print_to
    from mimecast_sso.operations.reports.history import kept
    from mimecast_sso.operations.reports.merging import merged
    from mimecast_sso.operations.reports.reading import read
    from mimecast_sso.operations.reports.render import render

    found = merged([read(file) for file in reports])
    print_to(out, render(found, form, kept(history, found) if history else ()))
    return Exit.FINE


@ci.command()
@_forge
@_report
@click.option(
    "--open-tickets",
    "tickets",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The forge's own list, as JSON, of the tickets that earlier runs opened, closed ones as well.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the plan and its texts are written.",
)
def tickets(forge: str, reports: tuple[Path, ...], tickets: Path, out: Path) -> Exit:
    """Plan which tickets to open, comment on, close and open again after a report.

    Example: mimecast-sso ci tickets github --report drift.json --open-tickets tickets.json --out plan
    """
    from mimecast_sso.operations.ci.ticket_files import run
    from mimecast_sso.operations.reports.reading import read

    planned = run(Forge(forge), map(read, reports), tickets, out)
    for action in planned:
        click.echo(f"{action.do} {action.number or '(new)'}: {action.title}")
    click.echo(f"Planned in {out}: {len(planned)}. Nothing was posted.")
    return Exit.FINE


@ci.command()
@click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder that drift reports are kept in.",
)
@click.option(
    "--within", type=_Hours(), default="26h", show_default=True, help="How old the last one may be."
)
@_stacks
@_format
@_out
def heartbeat(
    history: Path, within: timedelta, stacks: tuple[str, ...], form: Format, out: Path | None
) -> Exit:
    """Tell when the drift report of a stack did not run, or could not read its tenants.

    Without --stack for every stack that has a file, but the sandbox. Exit code 1 when a report is overdue.

    Example: mimecast-sso ci heartbeat --history reports --within 26h
    """
    from mimecast_sso.operations.ci.heartbeat import run

    return run(history, stacks, within, form, out)
