"""``mimecast-sso verify``."""

from __future__ import annotations

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output, exit_of
from mimecast_sso.operations.output import options as output_options
from mimecast_sso.text.machine_user import user_name


@click.command()
@options.stack
@click.option(
    "--saml-request",
    metavar="URL|FILE|TEXT",
    help="A captured sign-in request: a redirect URL, a HAR file, or the value itself.",
)
@click.option(
    "--by",
    default=user_name,
    show_default="your user name",
    metavar="NAME",
    help="The person who captured it.",
)
@click.option(
    "--person",
    metavar="ADDRESS",
    help="On the sandbox: sign in as ADDRESS.  [default: the test account, else the group's first member]",
)
@output_options("verify")
def verify(stack: str, saml_request: str | None, by: str, person: str | None, output: Output) -> Exit:
    """Check that people can sign in: metadata, certificates, sign-in request and log, console.

    Changes nothing but the stack file, where evidence is recorded with the confirmation. Keeps only the issuer,
    destination, reply URL and contexts of a captured request. Exits with 2 if something differs or fails, 1 if
    something could not be read.

    Example: mimecast-sso verify --stack prod-eu
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.verify.captures import captured
    from mimecast_sso.operations.verify.run import verify as run

    seen = None if saml_request is None else captured(saml_request)
    opened, engine = open_with_engine(stack, "verify")
    found = run(opened, engine, seen, person=person, by=by)
    output.table(found)
    return exit_of(found)
