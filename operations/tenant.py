"""The live Mimecast account of a stack, for commands that ask it directly and not through the engine."""

from __future__ import annotations

import os

from operations.stacks import Stack
from providers.mimecast.accounts import require
from providers.mimecast.client import MimecastClient
from providers.mimecast.session import from_environment


def connect(stack: Stack) -> MimecastClient:
    """A client of the stack's account, with the credentials of ``MIMECAST_*``.

    Raises AccountMismatch when they open another account than the stack file names, or another MimecastError.
    """
    # Proxy and trust are read from the process's environment, and a sandbox is reached through these alone.
    os.environ.update(stack.environment)
    client = from_environment(stack.environment)
    target = stack.target()
    require(client, target.account_code, target.region)
    return client
