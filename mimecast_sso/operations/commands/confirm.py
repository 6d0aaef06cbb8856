"""``mimecast-sso confirm``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@click.option("--by", required=True, help="Who set the values in the console.")
@click.option(
    "--evidence", required=True, help="What shows it: a change number, a screenshot, a test sign-in."
)
@click.option("--fingerprint", help="The fingerprint printed on the run sheet that was worked from.")
@options.which_profile
def confirm(stack: str, by: str, evidence: str, fingerprint: str | None, profile: str) -> Exit:
    """Record that the console holds the values of the run sheet."""
    from mimecast_sso.operations import profiles, tenant
    from mimecast_sso.operations.deployment import open_with_engine, relative
    from mimecast_sso.settings import Lane

    opened, engine = open_with_engine(stack, "confirm")
    wanted = profiles.require(engine, Lane(profile))
    now = tenant.mimecast_time(opened)
    confirmed = profiles.confirm(opened, wanted, by=by, at=now.at, evidence=evidence, fingerprint=fingerprint)
    click.echo(
        f"Confirmed {confirmed.fingerprint} by {by}, in {relative(opened.file)}. Deploy it with mimecast-sso up."
    )
    if now.remark:
        click.echo(now.remark)
    return Exit.FINE
