"""``mimecast-sso fidelity``: compare the vendors' responses with the sandbox's."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output
from mimecast_sso.operations.output import options as output_options


@click.group("fidelity", cls=options.Group)
def fidelity() -> None:
    """Compare your tenants' responses with the sandbox's."""


@fidelity.command("record")
@options.stack
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE.  [default: build/fidelity.json]",
)
@click.option(
    "--reveal",
    multiple=True,
    metavar="NAME",
    help="Include this key or error code in the report even though the sandbox does not have it. Repeatable.",
)
@output_options("fidelity record")
def record(stack: str, report: Path | None, reveal: tuple[str, ...], output: Output) -> Exit:
    """Compare your tenants' responses with the sandbox's, and write a report without your data.

    Makes each read call of this product once on the stack's tenants, and writes to neither. Compares status, error
    codes, headers, paging, keys and types with the sandbox's responses. The report has keys and types, and none of
    your values. A key or code that the sandbox does not have may be a value, so it is printed but left out of the
    report. Exits with 2 if something differs, 1 if a call was refused or got no usable response.

    Example: mimecast-sso fidelity record --stack prod-eu
    """
    from mimecast_sso.operations.fidelity.command import record as run

    return run(stack, report, reveal, output)
