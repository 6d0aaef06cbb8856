"""``mimecast-sso fleet``: one check of many stacks, several at a time, in one report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format

_FORMS = [*get_args(Format), "csv"]
_Command = Callable[..., Any]


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
            "--work", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
            help="Where what is finished is kept. [default: build/fleet; on the sandbox, in its folder]",
        ),
        click.option(
            "--timeout", type=click.FloatRange(1, 3600), default=120.0, show_default=True, metavar="SECONDS",
            help="How long one stack may take.",
        ),
        click.option(
            "--jobs", "-j", type=click.IntRange(1, 64), default=8, show_default=True, help="How many at a time."
        ),
    ):  # fmt: skip
        command = option(command)
    return options.select(options.shard(_reporting(command)))


@click.group()
def fleet() -> None:
    """One check of many stacks at once, in one report.

    Every stack has a row, whatever happens to it. The exit code is the worst of all: 1, then 4, 5, 2, 0.
    """


@fleet.command("drift")
@_running
def drift(**given: Any) -> Exit:
    """Compare both tenants of each stack with its state, without an engine."""
    return _run("drift", given)


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
