"""``mimecast-sso preflight``."""

from __future__ import annotations

import click

from mimecast_sso.operations import tenant
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.preflight import dns, engine, entra, mimecast
from mimecast_sso.operations.preflight.lines import Standing
from mimecast_sso.operations.stacks import open_stack


@click.command("preflight")
@click.option("--stack", "-s", required=True, help="The stack, as in stacks/Pulumi.<stack>.yaml.")
def preflight(stack: str) -> Exit:
    """Say whether a deployment has what it needs, writing nothing. Exit code 5 when something is missing."""
    opened = open_stack(stack)
    tenant.reach(opened)
    settings = opened.settings()
    missing = unknown = 0
    for title, lines in (
        ("Engine", engine.ask(opened)),
        ("Microsoft Entra ID", entra.ask(opened, settings)),
        ("Mimecast", mimecast.ask(opened, settings)),
        ("DNS", dns.ask(opened, settings)),
    ):
        click.echo(title)
        for line in lines:
            click.echo(line)
            missing += line.standing is Standing.MISSING
            unknown += line.standing is Standing.UNKNOWN
    click.echo(f"{missing} missing, {unknown} unknown. Nothing was written.")
    return Exit.PREFLIGHT if missing else Exit.FINE
