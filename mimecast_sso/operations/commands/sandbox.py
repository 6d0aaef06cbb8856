"""``mimecast-sso sandbox``."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import NoReturn

import click

from mimecast_sso.operations.exit_codes import OperationError


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND…")
def sandbox(words: tuple[str, ...]) -> NoReturn:
    """Start, seed and drive the offline tenants.

    The same as python -m sandbox: COMMAND --help says more.

    Example: mimecast-sso sandbox start
    """
    if importlib.util.find_spec("sandbox") is None:
        raise OperationError(
            "The sandbox is a distribution of its own and is not installed here. From a clone: make install-sandbox"
        )
    # In place of this process: signals are the command's, Ctrl-C above all. Nothing of the product imports the sandbox.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *words])  # noqa: S606 (no shell is wanted)
