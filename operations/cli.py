"""The command line. Each command says what it did, and ends with a code of `operations.exit_codes`."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn, get_args

import click
import typer

from components.settings import ConfigurationError
from operations import drift as drifts
from operations import profiles
from operations.engine import Engine, EngineName, Outcome
from operations.exit_codes import Exit, OperationError
from operations.stacks import Stack, open_stack

app = typer.Typer(
    help="Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StackOption = Annotated[
    str, typer.Option("--stack", "-s", help="The stack, as in stacks/Pulumi.<stack>.yaml.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DiffOption = Annotated[bool, typer.Option("--diff", help="Show each property that changes.")]


def main() -> NoReturn:
    """Entry point of ``mimecast-sso``."""
    try:
        code = app(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = Exit.USAGE
    except click.Abort:
        code = Exit.ERROR
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        code = Exit.ERROR
    except OperationError as error:
        print(error, file=sys.stderr)
        code = error.code
    sys.exit(int(code or 0))


@app.command()
def up(stack: StackOption, yes: YesOption = False, diff: DiffOption = False) -> int:
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
    profile = profiles.read(engine)
    if profile and profile.state == "due":
        page = profiles.write_run_sheet(opened, settings, profile)
        print(
            f"\nConsole work is due, for an administrator of Mimecast account {settings.account_code}.\n"
            f"Run sheet: {_relative(page)} (and .md). Nobody's sign-in changes until it is done and confirmed."
        )
    else:
        profiles.remove_run_sheet(opened)
    return Exit.FINE


@app.command()
def preview(stack: StackOption, diff: DiffOption = False) -> int:
    """Say what up would do, without doing it. Exit code 2 when it would change something."""
    opened, engine = _open(stack, "preview")
    opened.settings()
    engine.ensure_stack()
    outcome = engine.run("preview", *(["--diff"] if diff else []))
    if outcome.code:
        return _failed(outcome)
    return Exit.CHANGES if outcome.changed else Exit.FINE


@app.command()
def drift(stack: StackOption) -> int:
    """Compare the live world with the stack, changing nothing. Exit code 2 when they differ."""
    opened, engine = _open(stack, "drift")
    opened.settings()
    outcome = engine.run("preview", "--refresh", quiet=True)
    if outcome.code:
        return _failed(outcome)
    found = drifts.report(outcome.events)
    print("\n".join(found.lines()))
    return Exit.CHANGES if found.found else Exit.FINE


@app.command()
def down(stack: StackOption, yes: YesOption = False) -> int:
    """Destroy what the stack made. What Mimecast cannot delete is named and left."""
    _, engine = _open(stack, "down")
    outcome = engine.run("destroy", *(["--yes", "--skip-preview"] if yes else []))
    return _failed(outcome) if outcome.code else Exit.FINE


@app.command("run-sheet")
def run_sheet(stack: StackOption) -> int:
    """Write the run sheet of the console work, due or done."""
    opened, engine = _open(stack, "run-sheet")
    page = profiles.write_run_sheet(opened, opened.settings(), _profile(engine))
    print(f"Run sheet: {_relative(page)} (and .md)")
    return Exit.FINE


@app.command()
def confirm(
    stack: StackOption,
    by: Annotated[str, typer.Option(help="Who set the values in the console.")],
    evidence: Annotated[
        str, typer.Option(help="What shows it: a change number, a screenshot, a test sign-in.")
    ],
    fingerprint: Annotated[
        str | None, typer.Option(help="The fingerprint printed on the run sheet that was worked from.")
    ] = None,
) -> int:
    """Record that the console holds the values of the run sheet."""
    opened, engine = _open(stack, "confirm")
    confirmed = profiles.confirm(opened, _profile(engine), by=by, evidence=evidence, fingerprint=fingerprint)
    print(f"Confirmed {confirmed.fingerprint} by {by}, in {_relative(opened.file)}. Deploy it: up")
    return Exit.FINE


def _open(name: str, verb: str) -> tuple[Stack, Engine]:
    wanted = os.environ.get("ENGINE") or "auto"
    if wanted not in get_args(EngineName):
        raise OperationError(
            f"ENGINE is {wanted}; allowed are {', '.join(get_args(EngineName))}.", Exit.USAGE
        )
    stack = open_stack(name)
    return stack, Engine(stack, wanted, verb)  # type: ignore[arg-type]  # narrowed by get_args


def _profile(engine: Engine) -> profiles.Profile:
    profile = profiles.read(engine)
    if profile is None:
        raise OperationError("The stack has no authentication profile yet. Deploy it first: up")
    return profile


def _failed(outcome: Outcome) -> Exit:
    if outcome.refused:
        return Exit.REFUSED
    return Exit.PARTLY if outcome.changed else Exit.ERROR


def _relative(path: os.PathLike[str]) -> str:
    return os.path.relpath(path)
