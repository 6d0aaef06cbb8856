"""``mimecast-sso confirm``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.terminal import say


@click.command()
@options.stack
@click.option("--by", required=True, metavar="NAME", help="The person who set the values in the console.")
@click.option(
    "--evidence",
    metavar="TEXT",
    help="Proof of the change: a change number, a screenshot, a test sign-in. Required without --read-back.",
)
@click.option(
    "--read-back",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare the values with FILE, a copy of the console's forms saved with the run sheet's bookmarklet.",
)
@click.option("--fingerprint", metavar="TEXT", help="The fingerprint that is printed on the run sheet.")
@options.which_profile
def confirm(
    *,
    stack: str,
    by: str,
    evidence: str | None,
    read_back: Path | None,
    fingerprint: str | None,
    profile: str,
) -> Exit:
    """Record that the console holds the values of the run sheet.

    With --read-back, the values are compared with a copy of the console's forms. If they differ, the differences are
    listed and nothing is recorded.

    Example: mimecast-sso confirm --stack prod-eu --by ada@example.com --read-back read-back.json
    """
    from mimecast_sso.operations import profiles, tenant
    from mimecast_sso.operations.deployment import open_with_engine, relative
    from mimecast_sso.settings import ProfileSlot

    opened, engine = open_with_engine(stack, "confirm")
    desired = profiles.require(engine, stack, ProfileSlot(profile))
    if evidence is None and read_back is None:
        raise click.UsageError("Give --evidence TEXT, or --read-back FILE.")
    now = tenant.mimecast_time(opened)
    read, differs = (
        profiles.compare_read_back(opened, desired, read_back, now.at) if read_back else (None, "")
    )
    confirmed = profiles.confirm(
        opened,
        desired,
        by=by,
        at=now.at,
        evidence=f"the forms were read back at {read.host}" if evidence is None and read else evidence or "",
        fingerprint=fingerprint,
        read=read,
    )
    how = " and read back" if read else ""
    say(
        f"Confirmed{how} {confirmed.fingerprint} by {by}, in {relative(opened.file)}.{differs}\n"
        f"Deploy it: mimecast-sso up --stack {stack}"
    )
    if now.note:
        say(now.note)
    return Exit.FINE
