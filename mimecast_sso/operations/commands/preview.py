"""``mimecast-sso preview``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.formats import Format


@click.command()
@options.stack
@options.diff
@options.verbose
@click.option("--people", is_flag=True, help="Also list everybody whose sign-in changes or fails, and how.")
@options.report_format("Format of the report. All but text need no engine.")
@options.report_out
def preview(stack: str, *, diff: bool, verbose: bool, people: bool, form: Format, out: Path | None) -> Exit:
    """Show what up would change, without changing it. Exits with 2 if it would change something.

    Prints the digest of the plan, for mimecast-sso up --expect. A report has counts and reasons, but no names.

    Example: mimecast-sso preview --stack prod-eu --format json --out preview.json
    """
    from mimecast_sso.operations import deployment, preview_report

    if form == "text" and out is not None:
        raise click.UsageError("--out needs a --format other than text: text is the engine's live output.")
    if form != "text" and people:
        raise click.UsageError(
            "--people works with --format text only: reports name nobody, because they may be posted."
        )
    opened, engine = deployment.open_with_engine(stack, "preview")
    if form != "text":
        return preview_report.run(opened, engine, form, out)
    return deployment.preview(opened, engine, diff=diff, verbose=verbose, people=people)
