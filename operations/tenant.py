"""The live tenants of a stack, for commands that ask them directly and not through the engine."""

from __future__ import annotations

import os

from operations.stacks import Stack
from providers.entra.graph import GraphClient
from providers.mimecast.accounts import require
from providers.mimecast.client import MimecastClient
from providers.mimecast.session import from_environment


def reach(stack: Stack) -> None:
    """Lets this process reach the world that the stack is deployed on."""
    # Proxy and trust are read from the process's environment, and a sandbox is reached through these alone.
    os.environ.update(stack.environment)


def graph(stack: Stack) -> GraphClient:
    """A client of the stack's Microsoft Graph, with the credentials of ``ARM_*``.

    Raises CredentialsMissing where these name none; what they open is asked by the first call.
    """
    reach(stack)
    return GraphClient(stack.environment)


def connect(stack: Stack) -> MimecastClient:
    """A client of the stack's Mimecast account, with the credentials of ``MIMECAST_*``.

    Raises AccountMismatch when they open another account than the stack file names, or another MimecastError.
    """
    reach(stack)
    client = from_environment(stack.environment)
    target = stack.target()
    require(client, target.account_code, target.region)
    return client
