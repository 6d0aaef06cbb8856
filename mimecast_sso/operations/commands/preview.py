"""``mimecast-sso preview``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Format


@click.command()
@options.stack
@options.diff
@options.verbose
@click.option("--people", is_flag=True, help="Also name everybody whose sign-in changes or fails, and how.")
@options.report_format("How to report. All but text show what changes without the engine's own words.")
@options.report_out
def preview(stack: str, *, diff: bool, verbose: bool, people: bool, form: Format, out: Path | None) -> Exit:
    """Say what up would do, without doing it. Exit code 2 when it would change something.

    Prints the digest of the plan, for mimecast-sso up --expect. A report names nobody: it has counts and reasons.

    Example: mimecast-sso preview --stack prod-eu --format json --out preview.json
    """
    from mimecast_sso.operations import deployment, preview_report

    if form == "text" and out is not None:
        raise click.UsageError("--out needs a --format other than text: the engine shows a text as it runs.")
    if form != "text" and people:
        raise click.UsageError(
            "--people goes with the text alone: a report names nobody, because it may be posted."
        )
    opened, engine = deployment.open_with_engine(stack, "preview")
    if form != "text":
        return preview_report.run(opened, engine, form, out)
    return deployment.preview(opened, engine, diff=diff, verbose=verbose, people=people)
