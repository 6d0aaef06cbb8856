"""``mimecast-sso run-sheet``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.terminal import say


@click.command()
@options.stack
@options.which_profile
def run_sheet(stack: str, profile: str) -> Exit:
    """Write the run sheet for the console work, due or done.

    Example: mimecast-sso run-sheet --stack prod-eu
    """
    from mimecast_sso.operations import assessing, profiles
    from mimecast_sso.operations.deployment import open_with_engine, relative
    from mimecast_sso.settings import ProfileSlot

    opened, engine = open_with_engine(stack, "run-sheet")
    settings, desired = opened.settings(), profiles.require(engine, stack, ProfileSlot(profile))
    page = profiles.write_run_sheet(opened, settings, desired, assessing.on_save(opened, settings, engine))
    say(f"Run sheet: {relative(page)} (and .md, .txt)")
    return Exit.FINE
