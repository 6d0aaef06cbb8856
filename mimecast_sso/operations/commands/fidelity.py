"""``mimecast-sso fidelity``: whether the vendors answer as the sandbox does."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options


@click.group("fidelity")
def fidelity() -> None:
    """Whether your tenants answer as the sandbox does."""


@fidelity.command("record")
@options.stack
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the report. [default: build/fidelity.json]",
)
@click.option(
    "--reveal",
    multiple=True,
    metavar="NAME",
    help="Include this key or error code in the report, although the sandbox does not have it. Repeatable.",
)
@output_options("fidelity record")
def record(stack: str, report: Path | None, reveal: tuple[str, ...], output: Output) -> Exit:
    """Compare your tenants' responses with the sandbox's, and write a report without your data.

    Makes each read call of this product once, on the stack's tenants, and writes to neither. Compares status, error
    codes, headers, paging, keys and types with what the sandbox returns. The report has keys and types, and none of
    your values; a key or code that the sandbox does not have may be a value, so it is left out and printed here.
    Exit code 2 when something differs, 1 when a call was refused or had no usable response.

    Example: mimecast-sso fidelity record --stack prod-eu
    """
    from mimecast_sso.operations.fidelity.command import record as run

    return run(stack, report, reveal, output)
