"""``mimecast-sso verify``."""

from __future__ import annotations

import getpass

import click

from mimecast_sso.operations.commands import options
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output, exit_of
from mimecast_sso.operations.output import options as output_options


@click.command()
@options.stack
@click.option(
    "--saml-request", metavar="URL|FILE|TEXT", help="A redirect URL, a HAR file, or the value itself."
)
@click.option("--by", default=getpass.getuser, show_default="the user's name", help="Who captured it.")
@click.option(
    "--person",
    metavar="ADDRESS",
    help="On the sandbox: who signs in. Default: the test account, else the group's first.",
)
@output_options("verify")
def verify(stack: str, saml_request: str | None, by: str, person: str | None, output: Output) -> Exit:
    """Check that people can sign in: metadata, certificates, sign-in request, sign-ins, console.

    Nothing is changed but the stack's file, where evidence is recorded beside the confirmation. Of a capture only the
    sign-in request's issuer, destination, reply URL and contexts are kept. Exit code 2 when something differs or
    fails, 1 when something could not be read.
    """
    from mimecast_sso.operations.deployment import open_with_engine
    from mimecast_sso.operations.verify.captures import captured
    from mimecast_sso.operations.verify.run import verify as run

    seen = captured(saml_request) if saml_request else None
    opened, engine = open_with_engine(stack, "verify")
    found = run(opened, engine, seen, person=person, by=by)
    output.table(found)
    return exit_of(found)
