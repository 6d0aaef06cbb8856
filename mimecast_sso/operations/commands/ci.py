"""``mimecast-sso ci``: workflow files for a CI service, and the commands that only workflows use."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from mimecast_sso.facts.stack_names import STACK_NAME_CHARACTERS, is_stack_name
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options

_forge = click.argument("forge", type=click.Choice([str(each) for each in Forge]))
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")


class _Hours(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        match = re.fullmatch(r"(\d{1,4})h", str(value))
        if match is None:
            self.fail("Write it as hours, such as 26h.", param, ctx)
        return timedelta(hours=int(match[1]))


def _names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(is_stack_name, values)):
        raise click.BadParameter(f"A stack name consists of {STACK_NAME_CHARACTERS}.")
    return values


def _branch(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _BRANCH.fullmatch(value):
        raise click.BadParameter(
            "A branch name consists of letters, digits, dots, hyphens, underscores and slashes."
        )
    return value


_stacks = click.option(
    "--stack",
    "stacks",
    multiple=True,
    metavar="STACK",
    callback=_names,
    help="A stack. Repeatable.  [default: all but sandbox]",
)
_format = options.report_format("Format of the report.")
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


@click.group(cls=options.Group)
def ci() -> None:
    """Run previews, deployments, drift reports and tickets in a CI service."""


@ci.command()
@_forge
@_stacks
@click.option(
    "--branch",
    default="main",
    show_default=True,
    callback=_branch,
    metavar="BRANCH",
    help="The branch to deploy.",
)
@click.option("--force", is_flag=True, help="Overwrite files that were changed by hand.")
def init(forge: str, stacks: tuple[str, ...], *, branch: str, force: bool) -> Exit:
    """Write the workflow files, and print the commands that create the identities.

    Exits with 4 and writes nothing if a file was changed by hand.

    Example: mimecast-sso ci init github --stack prod-eu
    """
    from mimecast_sso.operations.ci.init import init as run

    return run(Forge(forge), stacks, branch, force=force)


@ci.command()
@_forge
@options.stack
@output_options("ci check", alone=False)
def check(forge: str, stack: str, output: Output) -> Exit:
    """Check, inside a CI job, that its identity can read what previews need and cannot write.

    Exits with 5 if something is missing or the identity can write, 1 if Entra or Mimecast cannot be reached.

    Example: mimecast-sso ci check github --stack prod-eu
    """
    from mimecast_sso.operations.ci.check import check as run

    return run(Forge(forge), stack, output)


@ci.command()
@click.option("--base", required=True, metavar="COMMIT", help="The commit whose code is used.")
@click.option("--head", required=True, metavar="COMMIT", help="The commit whose stack files are used.")
def data(base: str, head: str) -> Exit:
    """Create a commit of the base's code with the head's stack files, and print its id.

    Exits with 2 if the head changes other files, and lists them. Documentation is ignored.

    Example: mimecast-sso ci data --base origin/main --head HEAD
    """
    from mimecast_sso.operations.change.stack_data import take
    from mimecast_sso.operations.project import find_project
    from mimecast_sso.text import foreign

    taken = take(find_project(), base, head)
    click.echo(taken.commit)
    for path in taken.others:
        click.echo(f"Changed, but not included: {foreign.name(path)}", err=True)
    return Exit.CHANGES if taken.others else Exit.FINE


@ci.command()
@_report
@click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also save the report in DIR as JSON, and show earlier ones in it (HTML).",
)
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    metavar="STACK",
    callback=_names,
    help="A stack that one of the reports must contain; otherwise it is reported as not readable. Repeatable.",
)
@_format
@_out
def report(
    reports: tuple[Path, ...], history: Path | None, stacks: tuple[str, ...], form: Format, out: Path | None
) -> Exit:
    """Merge several reports of one command into one. Exits with 0 whatever the reports found.

    Example: mimecast-sso ci report --report dev.json --report prod.json --format html --out drift.html
    """
    from mimecast_sso.operations.output import print_to
    from mimecast_sso.operations.reports.history import kept
    from mimecast_sso.operations.reports.merging import merged
    from mimecast_sso.operations.reports.reading import read
    from mimecast_sso.operations.reports.render import render

    found = merged([read(file) for file in reports], stacks)
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
    help="The tickets that earlier runs opened, including closed ones, as JSON in the format of the CI service.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Write the plan and its texts to DIR.",
)
def tickets(forge: str, reports: tuple[Path, ...], tickets: Path, out: Path) -> Exit:
    """Plan which tickets to open, comment on, close and reopen after a report.

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
    help="The folder with the saved drift reports.",
)
@click.option(
    "--within", type=_Hours(), default="26h", show_default=True, help="Maximum age of the last report."
)
@_stacks
@_format
@_out
def heartbeat(
    history: Path, within: timedelta, stacks: tuple[str, ...], form: Format, out: Path | None
) -> Exit:
    """Report stacks whose drift report did not run or could not read the tenants.

    Exits with 1 if a report is overdue.

    Example: mimecast-sso ci heartbeat --history reports --within 26h
    """
    from mimecast_sso.operations.ci.heartbeat import run

    return run(history, stacks, within, form, out)
