"""``mimecast-sso certificate``."""

from __future__ import annotations

from pathlib import Path

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit


@click.command()
@options.stack
@options.which_profile
@click.option(
    "--format",
    "format_",
    type=click.Choice(["pem", "base64-body", "der"]),
    default="pem",
    show_default=True,
    help="Format of the certificate. base64-body is for the console's field: PEM without its first and last line.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the certificate to FILE. Required for der, which is binary.",
)
def certificate(stack: str, profile: str, format_: str, out: Path | None) -> Exit:
    """Print the signing certificate that Mimecast has to trust.

    Example: mimecast-sso certificate --stack prod-eu --format base64-body
    """
    from mimecast_sso.operations import profiles
    from mimecast_sso.operations.deployment import open_with_engine, relative
    from mimecast_sso.settings import ProfileSlot

    if format_ == "der" and out is None:
        raise click.UsageError("--format der is binary: give --out FILE as well.")
    _, engine = open_with_engine(stack, "certificate")
    content = profiles.certificate_of(profiles.require(engine, stack, ProfileSlot(profile)), format_, stack)
    if out is None:
        click.echo(content, nl=False)
    else:
        profiles.write_certificate(out, content)
        click.echo(f"Certificate: {relative(out)}")
    return Exit.FINE
