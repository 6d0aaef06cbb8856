"""``mimecast-sso drift``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format


@click.command()
@options.stack
@click.option("--fast", is_flag=True, help="Compare a snapshot with the state, without the engine's refresh.")
@options.report_format("Format of the report. All but text imply --fast.")
@options.report_out
@click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also save the report in DIR as JSON, and show earlier ones in it (HTML).",
)
def drift(stack: str, *, fast: bool, form: Format, out: Path | None, history: Path | None) -> Exit:
    """Compare both tenants with the stack, without changing them.

    Lists changed, missing and unmanaged objects, who changed them if a log shows it, and who cannot sign in now. Exits
    with 2 if something differs or fails, if the signing certificate expires within seven days, or if the console was
    changed since the confirmation; 1 if something could not be read.

    Example: mimecast-sso drift --stack prod-eu --format html --out drift.html
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.drift_report import run

    return run(
        *open_with_engine(stack, "drift"), fast=fast or form != "text", form=form, out=out, history=history
    )
