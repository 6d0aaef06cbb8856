"""Clients of a stack's live tenants, for commands that read them without the engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from requests.adapters import BaseAdapter

from mimecast_sso.operations.stacks import Stack
from providers.entra.graph import GraphClient
from providers.mimecast.accounts import require
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import MimecastError
from providers.mimecast.session import from_environment

_NETWORK = (
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


def reach(stack: Stack) -> None:
    """Set this process's proxy and trust for the stack's tenants; no credentials."""
    # HTTP clients read these from the process's environment, and a sandbox is reachable only through them.
    desired = {name: stack.environment[name] for name in _NETWORK if name in stack.environment}
    for name, value in desired.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def graph(stack: Stack) -> GraphClient:
    """A client of the stack's Microsoft Graph, with the credentials of ``ARM_*``.

    Raises CredentialsMissing if there are none; the first call shows which tenant they open.
    """
    reach(stack)
    return GraphClient(stack.environment, deadline=stack.deadline)


def account(
    stack: Stack, client_id: str | None, *, through: Callable[[BaseAdapter], BaseAdapter] | None = None
) -> MimecastClient:
    """A client of the Mimecast account that the ``MIMECAST_*`` credentials are for.

    ``client_id`` is the one in the stack file, as for the program. ``through`` wraps the network of a client of its
    own. Raises AuthenticationError if there are none.
    """
    reach(stack)
    return from_environment(
        stack.environment, client_id=client_id or "", deadline=stack.deadline, through=through
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time; ``note`` says if it is this machine's, and is "" if a service returned it."""

    at: datetime
    note: str = ""


def mimecast_time(stack: Stack) -> Moment:
    """Mimecast's own time, by which its audit log and its requests are dated; else this machine's."""
    try:
        return Moment(connect(stack).now())
    except MimecastError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        return Moment(
            datetime.now(UTC),
            f"The time is this machine's, because Mimecast's could not be read: {reason}. If the two differ, "
            "changes in the console may seem to be earlier or later than they were.",
        )


def connect(stack: Stack) -> MimecastClient:
    """A client of the stack's Mimecast account, with the credentials of ``MIMECAST_*``.

    The client id may be in the stack file instead, as for the program.

    Raises AccountMismatch if they are for another account than the stack file names, or another MimecastError.
    """
    target = stack.target()
    client = account(stack, target.client_id)
    require(client, target.account_code, target.region)
    return client
