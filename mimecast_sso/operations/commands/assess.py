"""``mimecast-sso assess``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mimecast_sso.operations.commands.options import RegionCode
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import options


@click.command()
@click.option("--region", type=RegionCode(), help="The Mimecast region (grid) of the account.")
@click.option("--account-code", metavar="CODE", help="The Mimecast account code, in capitals.")
@click.option("--client-id", metavar="ID", help="The application to adopt, if it lacks the identifier.")
@click.option("--group", metavar="NAME", help="The roll-out group.  [default: Single sign-on]")
@click.option(
    "--config-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Use the configuration of this stack file instead of the options above.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("build/assess/people.csv"),
    show_default=True,
    metavar="PATH",
    help="Write the forecast for each person to PATH.",
)
@click.option(
    "--stack-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write a stack file that fits the tenants to PATH.  [default: build/assess/Pulumi.NAME.yaml]",
)
@click.option("--force", is_flag=True, help="Overwrite an existing stack file.")
@options("assess")
def assess(**given: Any) -> Exit:
    """Forecast who could sign in through Entra. Needs no stack and no Pulumi.

    Assumes that everybody is in the roll-out group. Reads both tenants with the credentials in ARM_* and MIMECAST_*,
    and changes neither. Lists everybody in a CSV file, writes a stack file that fits the tenants, and shows what
    adopting the existing application would change. Exits with 2 if somebody could not sign in, 1 if something could
    not be read.

    Example: mimecast-sso assess --region eu --account-code CUK25A118
    """
    from mimecast_sso.operations.assess.command import assess as run

    return run(**given)
