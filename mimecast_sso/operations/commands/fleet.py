"""``mimecast-sso fleet``: check or deploy many stacks, several at a time, with one report."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format

_FORMS = [*get_args(Format), "csv"]
_Command = Callable[..., Any]
_REPOSITORY = re.compile(r"https://[\w.-]+(:\d+)?(/[\w.~-]+)+/?")
_CRON = re.compile(r"[\d*/,-]+( [\w*/,-]+){4}")
_work = click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep finished rows in DIR, for --resume.  [default: build/fleet; on the sandbox, in its folder]",
)  # fmt: skip


def _reporting(command: _Command) -> _Command:
    """``--format``, ``--out`` and ``--history``."""
    for option in (
        click.option(
            "--history", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
            help="Also save the report in DIR as JSON, and show how long each finding has existed.",
        ),
        options.report_out,
        click.option(
            "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True,
            help="Format of the report.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _running(command: _Command) -> _Command:
    """The options of every check of many stacks."""
    for option in (
        click.option("--resume", is_flag=True, help="Continue the last run, and retry stacks that could not be read."),
        click.option(
            "--timeout", type=click.FloatRange(1, 3600), default=120.0, show_default=True, metavar="SECONDS",
            help="Time limit for one stack.",
        ),
        click.option(
            "--jobs", "-j", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N",
            help="Check this many stacks in parallel."
        ),
    ):  # fmt: skip
        command = option(command)
    return options.select(options.shard(_work(_reporting(command))))


def _https(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _REPOSITORY.fullmatch(value):
        raise click.BadParameter("Give it as https://HOST/OWNER/NAME, without credentials.")
    return value


def _cron(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _CRON.fullmatch(value):
        raise click.BadParameter("Give five fields, such as '0 5 * * *'.")
    return value


@click.group(cls=options.Group)
def fleet() -> None:
    """Check or deploy many stacks at once, with one report.

    Every stack gets a row, whatever happens to it. The exit code is the worst of all rows: 1, then 4, 5, 3, 2, 0.
    """


@fleet.command("drift")
@_running
def drift(**given: Any) -> Exit:
    """Compare both tenants of each stack with its state, without an engine.

    Example: mimecast-sso fleet drift --select 'tag=ring-1' --format html --out drift.html
    """
    return _run("drift", given)


@fleet.command("preview")
@_running
def preview(**given: Any) -> Exit:
    """Show what deploying each stack would change, and who would lose their sign-in. Needs no engine.

    Exits with 4 if a guard would refuse a stack, 2 if something would change. The JSON report has the digest of each
    stack's plan, for fleet up --expect.

    Example: mimecast-sso fleet preview --format json --out preview.json
    """
    return _run("preview", given)


@fleet.command("assess")
@_running
def assess(**given: Any) -> Exit:
    """Forecast who could sign in under each stack's configuration.

    Example: mimecast-sso fleet assess --format csv --out people.csv
    """
    return _run("assess", given)


@fleet.command("verify")
@_running
def verify(**given: Any) -> Exit:
    """Check that people can sign in. Records evidence in the stack files, as verify does.

    Example: mimecast-sso fleet verify --select 'region=eu'
    """
    return _run("verify", given)


@fleet.command("preflight")
@_running
def preflight(**given: Any) -> Exit:
    """Check that each deployment has what it needs.

    Example: mimecast-sso fleet preflight --select 'acme*'
    """
    return _run("preflight", given)


@fleet.command("expiry")
@_running
def expiry(**given: Any) -> Exit:
    """Show when each signing certificate expires. Reads Entra only.

    Example: mimecast-sso fleet expiry --format csv --out expiry.csv
    """
    return _run("expiry", given)


@fleet.command("up")
@options.select
@click.option(
    "--rings",
    default="",
    metavar="TAG,TAG,…",
    help="Tags of the rings in order; * for all other stacks.  [default: ring-0, ring-1, …]",
)
@click.option(
    "--continue", "--resume", "go_on", is_flag=True, help="Continue where the last run stopped or was killed."
)
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Start no further stack after N failures.",
)
@click.option(
    "--hold/--no-hold", default=True, show_default=True, help="Stop after each ring until --continue."
)
@click.option(
    "--expect",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Refuse a stack whose plan differs from this JSON report of fleet preview.",
)
@options.yes
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    metavar="N",
    help="Run this many deployments in parallel.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for reading one stack's tenants, before and after.",
)
@_work
@_reporting
def up(**given: Any) -> Exit:
    """Deploy stacks ring by ring, each as up does.

    Checks who can sign in before and after each deployment. Starts no further stack after --stop-after failures, or
    after anybody lost their sign-in. A stack that is locked by another deployment is retried at the end of its ring.
    Stops after each ring until --continue. Exits with the worst row's code; 0 if it only waits for --continue.

    Example: mimecast-sso fleet up --rings 'canary,early,*' --yes
    """
    from mimecast_sso.operations.fleet import commands

    return commands.up(commands.UpOptions(**given))


@fleet.command("init")
@click.argument("service", type=click.Choice(["deployments", "operator"]))
@options.select
@click.option(
    "--repository", required=True, metavar="URL", callback=_https, help="The Git repository of the project."
)
@click.option("--branch", default="main", show_default=True, metavar="BRANCH", help="The branch to deploy.")
@click.option(
    "--organization", required=True, metavar="NAME", help="The Pulumi Cloud organization of the stacks."
)
@click.option(
    "--client-id",
    required=True,
    metavar="ID",
    help="The deploying application, which all Entra tenants have consented to.",
)
@click.option(
    "--schedule",
    default="0 5 * * *",
    show_default=True,
    metavar="CRON",
    callback=_cron,
    help="When to check for drift, in UTC.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write to DIR.  [default: the project]",
)
def init(service: str, **given: Any) -> Exit:
    """Write the files that set up Pulumi Deployments or the Pulumi Kubernetes Operator for every stack.

    For Deployments: the settings of each stack, and a program that manages its drift schedule. For the operator: a
    Stack object for each, which only previews. Leaves out the sandbox's stack, and overwrites existing files.

    Example: mimecast-sso fleet init deployments --repository https://github.com/acme/sso --organization acme
    --client-id 6c000000-0000-4000-8000-000000000003
    """
    from mimecast_sso.operations.fleet.init import Options, write
    from mimecast_sso.operations.fleet.set_ups import Service

    return write(Service(service), Options(**given))


@fleet.command("merge")
@click.argument(
    "reports", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@_reporting
def merge(reports: tuple[Path, ...], **given: Any) -> Exit:
    """Merge several JSON reports into one: those of shards, or of single stacks.

    Example: mimecast-sso fleet merge shard-1.json shard-2.json --format html --out fleet.html
    """
    from mimecast_sso.operations.fleet import commands

    return commands.merge(reports, **given)


def _run(check: str, given: dict[str, JSON]) -> Exit:
    from mimecast_sso.operations.fleet import commands

    return commands.run(check, commands.Options(**given))
