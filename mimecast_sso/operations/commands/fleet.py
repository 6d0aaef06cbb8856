"""``mimecast-sso fleet``: one check of many stacks, several at a time, in one report."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format

_FORMS = [*get_args(Format), "csv"]
_Command = Callable[..., Any]
_REPOSITORY = re.compile(r"https://[\w.-]+(:\d+)?(/[\w.~-]+)+/?")
_CRON = re.compile(r"[\d*/,-]+( [\w*/,-]+){4}")
_work = click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where what is finished is kept. [default: build/fleet; on the sandbox, in its folder]",
)  # fmt: skip


def _reporting(command: _Command) -> _Command:
    """``--format``, ``--out`` and ``--history``."""
    for option in (
        click.option(
            "--history", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
            help="Keep this report in DIR as JSON, and say since when, by earlier ones.",
        ),
        click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE."),
        click.option(
            "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="How to report."
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _running(command: _Command) -> _Command:
    """What all checks of many stacks take."""
    for option in (
        click.option("--resume", is_flag=True, help="Go on with the last run; ask again whoever could not be read."),
        click.option(
            "--timeout", type=click.FloatRange(1, 3600), default=120.0, show_default=True, metavar="SECONDS",
            help="How long one stack may take.",
        ),
        click.option(
            "--jobs", "-j", type=click.IntRange(1, 64), default=8, show_default=True, help="How many at a time."
        ),
    ):  # fmt: skip
        command = option(command)
    return options.select(options.shard(_work(_reporting(command))))


def _https(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _REPOSITORY.fullmatch(value):
        raise click.BadParameter("Write the address as https://HOST/OWNER/NAME, without credentials.")
    return value


def _cron(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _CRON.fullmatch(value):
        raise click.BadParameter("Write five fields, such as '0 5 * * *'.")
    return value


@click.group()
def fleet() -> None:
    """One check or deployment of many stacks at once, in one report.

    Every stack has a row, whatever happens to it. The exit code is the worst of all: 1, then 4, 5, 3, 2, 0.
    """


@fleet.command("drift")
@_running
def drift(**given: Any) -> Exit:
    """Compare both tenants of each stack with its state, without an engine."""
    return _run("drift", given)


@fleet.command("preview")
@_running
def preview(**given: Any) -> Exit:
    """Show what deploying each stack would change, and who would lose their sign-in. Needs no engine.

    Exit code 4 when a guard would refuse one, 2 when something would change. As JSON each stack has the digest of its
    plan, for fleet up --expect.
    """
    return _run("preview", given)


@fleet.command("assess")
@_running
def assess(**given: Any) -> Exit:
    """Forecast who would sign in, by each stack's configuration."""
    return _run("assess", given)


@fleet.command("verify")
@_running
def verify(**given: Any) -> Exit:
    """Check that people can sign in. Evidence is recorded in the stacks' files, as by verify."""
    return _run("verify", given)


@fleet.command("preflight")
@_running
def preflight(**given: Any) -> Exit:
    """Check that each deployment has what it needs."""
    return _run("preflight", given)


@fleet.command("expiry")
@_running
def expiry(**given: Any) -> Exit:
    """Show when each signing certificate expires. Asks Entra alone."""
    return _run("expiry", given)


@fleet.command("up")
@options.select
@click.option(
    "--rings",
    default="",
    metavar="TAG,TAG,…",
    help="The rings in their order, by tag; * for all other stacks.  [default: tags ring-0, ring-1, …]",
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
    help="Start no further stack once N have failed.",
)
@click.option(
    "--hold/--no-hold", default=True, show_default=True, help="End before the next ring, until --continue."
)
@click.option(
    "--expect",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The report of fleet preview as JSON: a stack whose plan is another one now is refused.",
)
@options.yes
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 64), default=2, show_default=True, help="Deployments at a time."
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long reading one stack's tenants may take, before and after.",
)
@_work
@_reporting
def up(**given: Any) -> Exit:
    """Deploy stacks ring by ring, each exactly as up does.

    Who signs in is read before and after each deployment. No further stack is started once --stop-after have failed,
    or once somebody has lost their sign-in; a stack that is locked by another deployment is tried again at the end of
    its ring.
    After a ring the run ends and waits for --continue. Exit code: the worst row's; 0 where it only waits.

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
@click.option("--branch", default="main", show_default=True, help="The branch that is deployed.")
@click.option("--organization", required=True, metavar="NAME", help="That of the stacks in Pulumi Cloud.")
@click.option(
    "--client-id",
    required=True,
    metavar="ID",
    help="The application that all Entra tenants have consented to.",
)
@click.option(
    "--schedule",
    default="0 5 * * *",
    show_default=True,
    metavar="CRON",
    callback=_cron,
    help="When drift is looked for, in UTC.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write below DIR.  [default: the project]",
)
def init(service: str, **given: Any) -> Exit:
    """Write the set-up of a service that runs Pulumi, for every stack: Pulumi Deployments, or the Kubernetes operator.

    Of Deployments the settings of each stack, and a program that keeps a drift schedule for each. Of the operator a
    Stack for each, which only previews. The sandbox's stack is left out. Files that exist are overwritten.

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
    """Make one report of several in JSON: those of shards, or of single stacks."""
    from mimecast_sso.operations.fleet import commands

    return commands.merge(reports, **given)


def _run(check: str, given: dict[str, Any]) -> Exit:
    from mimecast_sso.operations.fleet import commands

    return commands.run(check, commands.Options(**given))
