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
    """Start, seed and control the offline tenants.

    The same as python -m sandbox.

    Example: mimecast-sso sandbox start
    """
    if importlib.util.find_spec("sandbox") is None:
        raise OperationError(
            "The sandbox is a separate distribution and is not installed. From a clone, run: make install-sandbox"
        )
    os.environ["MIMECAST_SSO_SANDBOX_PROGRAM"] = "mimecast-sso sandbox"
    # Replace this process, so that the command gets signals such as Ctrl-C. The product never imports the sandbox.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *words])  # noqa: S606 (starts no shell)
