"""A report, to the terminal or into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mimecast_sso.operations.output import Format, write_report
from mimecast_sso.operations.reports.history import Day
from mimecast_sso.operations.reports.model import Report
from mimecast_sso.operations.reports.render import render


def show(report: Report, form: Format, file: Path | None, days: Sequence[Day] = ()) -> None:
    """Prints the report, or writes it to the file. Raises OperationError where that cannot be written."""
    text = render(report, form, days)
    if file is None:
        click.echo(text, nl=False)
    else:
        write_report(file, text)
