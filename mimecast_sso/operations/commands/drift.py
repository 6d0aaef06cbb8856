"""``mimecast-sso drift``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format


@click.command()
@options.stack
@click.option("--fast", is_flag=True, help="Compare a snapshot with the state, without the engine's refresh.")
@options.report_format("How to report. All but text imply --fast.")
@options.report_out
@click.option(
    "--history",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep this report in DIR as JSON, and show earlier ones beside it (HTML).",
)
def drift(stack: str, *, fast: bool, form: Format, out: Path | None, history: Path | None) -> Exit:
    """Compare both tenants with the stack, changing nothing.

    Names what changed, what no longer exists and what exists unmanaged, who did it where a log shows it, and who
    cannot sign in now. Exit code 2 when something differs or fails, when the signing certificate expires within seven
    days, and when somebody changed the console since the confirmation; 1 when something could not be read.

    Example: mimecast-sso drift --stack prod-eu --format html --out drift.html
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.drift_report import run

    return run(
        *open_with_engine(stack, "drift"), fast=fast or form != "text", form=form, out=out, history=history
    )
