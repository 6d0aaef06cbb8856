"""Sentences for the person at the terminal; findings are printed by `mimecast_sso.operations.output`."""

from __future__ import annotations

import sys

import click

from mimecast_sso.text.paragraphs import on_terminal


def say(text: object, *, err: bool = False) -> None:
    """Print sentences, one paragraph a line, wrapped if a terminal shows them."""
    click.echo(on_terminal(str(text), stream=sys.stderr if err else sys.stdout), err=err)
