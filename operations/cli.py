"""The command line. Each command says what it did, and ends with a code of `operations.exit_codes`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, cast, get_args

import click

from components.settings import ConfigurationError
from operations import drift as drifts
from operations import profiles
from operations.engine import Engine, EngineName, Outcome
from operations.exit_codes import Exit, OperationError
from operations.stacks import Stack, open_stack


def main() -> NoReturn:
    """Entry point of ``mimecast-sso``."""
    try:
        code = commands.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = Exit.USAGE
    except click.Abort:
        code = Exit.ERROR
    except ConfigurationError as error:
        click.echo(error, err=True)
        code = Exit.ERROR
    except OperationError as error:
        click.echo(error, err=True)
        code = error.code
    sys.exit(int(code or Exit.FINE))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal."""


def _on_stack(command: Callable[..., Exit]) -> click.Command:
    option = click.option("--stack", "-s", required=True, help="The stack, as in stacks/Pulumi.<stack>.yaml.")
    name = command.__name__.rstrip("_").replace("_", "-")
    return commands.command(name)(option(command))


_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
_diff = click.option("--diff", is_flag=True, help="Show each property that changes.")


@_on_stack
@_yes
@_diff
def up(stack: str, yes: bool, diff: bool) -> Exit:
    """Deploy, then say whether console work is due and where its run sheet is."""
    opened, engine = _open(stack, "up")
    settings = opened.settings()
    engine.ensure_stack()
    flags = [*(["--yes"] if yes else []), *(["--diff"] if diff else [])]
    # Nobody is asked on the sandbox, so nothing is gained by working everything out twice.
    flags += ["--skip-preview"] if opened.on_sandbox and yes else []
    outcome = engine.run("up", *flags)
    if outcome.code:
        return _failed(outcome)
    profile = profiles.deployed(outcome)
    if profile and profile.state == "due":
        page = profiles.write_run_sheet(opened, settings, profile)
        click.echo(
            f"\nConsole work is due, for an administrator of Mimecast account {settings.account_code}.\n"
            f"Run sheet: {_relative(page)} (and .md). Nobody's sign-in changes until it is done and confirmed."
        )
    else:
        profiles.remove_run_sheet(opened)
    return Exit.FINE


@_on_stack
@_diff
def preview(stack: str, diff: bool) -> Exit:
    """Say what up would do, without doing it. Exit code 2 when it would change something."""
    opened, engine = _open(stack, "preview")
    opened.settings()
    engine.ensure_stack()
    outcome = engine.run("preview", *(["--diff"] if diff else []))
    if outcome.code:
        return _failed(outcome, dry=True)
    return Exit.CHANGES if outcome.changed else Exit.FINE


@_on_stack
def drift(stack: str) -> Exit:
    """Compare the live world with the stack, changing nothing. Exit code 2 when they differ."""
    opened, engine = _open(stack, "drift")
    opened.settings()
    outcome = engine.run("preview", "--refresh", quiet=True)
    if outcome.code:
        return _failed(outcome, dry=True)
    found = drifts.report(outcome.events)
    click.echo("\n".join(found.lines()))
    return Exit.CHANGES if found.found else Exit.FINE


@_on_stack
@_yes
def down(stack: str, yes: bool) -> Exit:
    """Destroy what the stack made. What Mimecast cannot delete is named and left."""
    _, engine = _open(stack, "down")
    outcome = engine.run("destroy", *(["--yes", "--skip-preview"] if yes else []))
    return _failed(outcome) if outcome.code else Exit.FINE


@_on_stack
def run_sheet(stack: str) -> Exit:
    """Write the run sheet of the console work, due or done."""
    opened, engine = _open(stack, "run-sheet")
    page = profiles.write_run_sheet(opened, opened.settings(), _profile(engine))
    click.echo(f"Run sheet: {_relative(page)} (and .md)")
    return Exit.FINE


@_on_stack
@click.option("--by", required=True, help="Who set the values in the console.")
@click.option(
    "--evidence", required=True, help="What shows it: a change number, a screenshot, a test sign-in."
)
@click.option("--fingerprint", help="The fingerprint printed on the run sheet that was worked from.")
def confirm(stack: str, by: str, evidence: str, fingerprint: str | None) -> Exit:
    """Record that the console holds the values of the run sheet."""
    opened, engine = _open(stack, "confirm")
    confirmed = profiles.confirm(opened, _profile(engine), by=by, evidence=evidence, fingerprint=fingerprint)
    click.echo(f"Confirmed {confirmed.fingerprint} by {by}, in {_relative(opened.file)}. Deploy it: up")
    return Exit.FINE


def _open(name: str, verb: str) -> tuple[Stack, Engine]:
    wanted = os.environ.get("ENGINE") or "auto"
    if wanted not in get_args(EngineName):
        raise OperationError(
            f"ENGINE is {wanted}; allowed are {', '.join(get_args(EngineName))}.", Exit.USAGE
        )
    stack = open_stack(name)
    return stack, Engine(stack, cast("EngineName", wanted), verb)


def _profile(engine: Engine) -> profiles.Profile:
    profile = profiles.read(engine)
    if profile is None:
        raise OperationError("The stack has no authentication profile yet. Deploy it first: up")
    return profile


def _failed(outcome: Outcome, *, dry: bool = False) -> Exit:
    if outcome.refused:
        return Exit.REFUSED
    return Exit.PARTLY if outcome.changed and not dry else Exit.ERROR


def _relative(path: Path) -> str:
    return os.path.relpath(path)
