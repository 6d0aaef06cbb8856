"""The command line. Each command reports what it did, and exits with a code of `mimecast_sso.operations.exit_codes`.

A command is imported only when it is run: importing all of them takes a second.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.help_texts import HelpFormatter
from mimecast_sso.operations.terminal import say
from mimecast_sso.text.terminals import argument, code_of_output, write_to_anything

_TRACEBACK_VARIABLE = "MIMECAST_SSO_TRACEBACK"
"""As of the providers (`providers.edge`), which a command starts without."""
_log = logging.getLogger(__name__)

# By section, each with the first sentence of its help text. The module of a command is commands/<name>.py.
COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Try": {
        "sandbox": "Start, seed and control the offline tenants.",
    },
    "Set up": {
        "assess": "Forecast who could sign in through Entra.",
        "new": "Write the file of a new stack, checked against the live account if credentials are set.",
        "preflight": "Check that a deployment has what it needs, without writing.",
        "ci": "Run previews, deployments, drift reports and tickets in a CI service.",
    },
    "Deploy": {
        "up": "Deploy, then show the console work that is due and its run sheet.",
        "preview": "Show what up would change, without changing it.",
        "review": "Report what a proposed change does to people's sign-in.",
        "run-sheet": "Write the run sheet for the console work, due or done.",
        "confirm": "Record that the console holds the values of the run sheet.",
        "down": "Destroy what the stack created, once nobody depends on it.",
    },
    "People": {
        "roll-out": "Show or change who signs in through Entra.",
    },
    "Certificates": {
        "certificate": "Print the signing certificate that Mimecast has to trust.",
        "rotate": "Rotate the signing certificate step by step.",
    },
    "Check": {
        "drift": "Compare both tenants with the stack, without changing them.",
        "keep": "Keep what drift found: write the live state at PATH into the stack file.",
        "verify": "Check that people can sign in: metadata, certificates, sign-in request and log, console.",
        "fidelity": "Compare your tenants' responses with the sandbox's.",
    },
    "Many stacks": {
        "fleet": "Check or deploy many stacks at once, with one report.",
        "stacks": "List the stacks that have a file: name, account, region and tags.",
    },
}


click.Context.formatter_class = HelpFormatter  # The only way that reaches every command.


class _Commands(click.Group):
    """The commands, listed without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"mimecast_sso.operations.commands.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; the error for an unknown one names the nearest, as click does for groups that it has loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near and near[0] not in error.message:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()), col_max=12)


def main() -> NoReturn:
    """Entry point of ``mimecast-sso``."""
    write_to_anything()
    clean_up_on_signals()
    sys.exit(code_of_output(run([argument(each) for each in sys.argv[1:]])))


def clean_up_on_signals() -> None:
    """Handle SIGTERM and SIGHUP as Ctrl-C: temporary files have names of people, a review has a sandbox to stop."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows lacks the second.
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)


def run(words: Sequence[str]) -> int:
    """Run a command, print its error on standard error, and return its exit code."""
    try:
        code = commands.main(args=[*words], standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = Exit.USAGE
    except click.Abort:
        code = Exit.ERROR
    except OperationError as error:
        say(error, err=True)
        code = error.code
    except BrokenPipeError:
        code = Exit.ERROR  # In an ASCII locale click writes past the replaced streams.
    except OSError as error:
        say(f"{error.filename or 'A file'} cannot be used: {error.strerror}. Fix that and rerun.", err=True)
        code = Exit.ERROR
    except Exception as error:
        code, text = _explained(error)
        say(text, err=True)
    _log.info("ended with exit code %d", int(code or Exit.FINE))
    return int(code or Exit.FINE)


def _explained(error: Exception) -> tuple[Exit, str]:
    """The code and the text of an error. Of an unexpected one only kind and place: its text may hold anything."""
    from mimecast_sso.settings import ConfigurationError  # noqa: PLC0415 (already loaded by the code that failed)
    from providers.entra.errors import GraphError  # noqa: PLC0415
    from providers.mimecast.errors import AccountMismatch, MimecastError, PartlyDone  # noqa: PLC0415

    if isinstance(error, (ConfigurationError, GraphError, MimecastError)):
        codes: dict[type[Exception], Exit] = {AccountMismatch: Exit.REFUSED, PartlyDone: Exit.PARTLY}
        return codes.get(type(error), Exit.ERROR), str(error)
    if os.environ.get(_TRACEBACK_VARIABLE):
        raise error
    place = traceback.extract_tb(error.__traceback__, limit=-1)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return Exit.ERROR, (
        f"Unexpected {type(error).__name__} in {where}: a bug in this program, or a response that does not have the "
        f"documented form. Report it with the output of {_TRACEBACK_VARIABLE}=1."
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mimecast-sso", message="%(prog)s %(version)s")
@click.option(
    "--log-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append a log to FILE: engine runs, HTTP calls with status and duration. No secrets.",
)
@click.option("--verbose", "-v", is_flag=True, help="Write the log to standard error.")
def commands(log_file: Path | None, *, verbose: bool) -> None:
    """Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal."""
    if log_file is not None or verbose:
        from mimecast_sso.operations import log  # noqa: PLC0415 (loaded only if needed)

        log.start(sys.argv[1:], log_file, verbose=verbose)
