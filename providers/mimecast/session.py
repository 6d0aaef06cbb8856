"""The process's state for a tenant: credentials, the client, the account check, and cached lists.

Created once and shared by all threads, as are the quota, the token and the account.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from requests.adapters import BaseAdapter, HTTPAdapter

from mimecast_sso.facts.mimecast_api import CREDENTIALS_PAGE, GLOBAL_GATEWAY
from providers.deadline import UNLIMITED, Deadline
from providers.mimecast.accounts import AccountCheck
from providers.mimecast.address_book import Listing
from providers.mimecast.client import Credentials, MimecastClient, shared_client
from providers.mimecast.domains import DomainList
from providers.mimecast.errors import AuthenticationError
from providers.mimecast.groups import GroupList


def from_environment(
    environment: Mapping[str, str] | None = None,
    *,
    client_id: str = "",
    client_secret: str = "",
    deadline: Deadline = UNLIMITED,
    through: Callable[[BaseAdapter], BaseAdapter] | None = None,
) -> MimecastClient:
    """The process's client from ``MIMECAST_CLIENT_ID``, ``MIMECAST_CLIENT_SECRET`` and ``MIMECAST_BASE_URL``.

    ``client_id`` and ``client_secret`` (from the stack configuration) are used if the environment has none.
    With a deadline, or with ``through``, which wraps its network, it is a separate client that is not shared.

    Raises AuthenticationError if there are no credentials or the base URL is not Mimecast's.
    """
    environment = os.environ if environment is None else environment
    # As those of Entra: a file with Windows line ends, or a pasted value, adds a line end.
    found_id = environment.get("MIMECAST_CLIENT_ID", "").strip() or client_id
    found_secret = environment.get("MIMECAST_CLIENT_SECRET", "").strip() or client_secret
    if not found_id or not found_secret:
        missing = "MIMECAST_CLIENT_ID" if not found_id else "MIMECAST_CLIENT_SECRET"
        raise AuthenticationError(
            f"{missing} is not set. Create an API 2.0 application in the Administration Console "
            f"({CREDENTIALS_PAGE}) and set MIMECAST_CLIENT_ID and MIMECAST_CLIENT_SECRET"
        )
    credentials = Credentials(found_id, found_secret)
    if deadline is not UNLIMITED or through is not None:
        adapter = through(HTTPAdapter()) if through is not None else None
        return MimecastClient(credentials, _base_url(environment), adapter=adapter, deadline=deadline)
    return shared_client_of(credentials, environment)


def shared_client_of(
    credentials: Credentials, environment: Mapping[str, str] | None = None
) -> MimecastClient:
    """The process's client for these credentials, at ``MIMECAST_BASE_URL`` or the global gateway.

    Raises AuthenticationError for a base URL that is not Mimecast's.
    """
    environment = os.environ if environment is None else environment
    return shared_client(credentials, _base_url(environment))


def _base_url(environment: Mapping[str, str]) -> str:
    return environment.get("MIMECAST_BASE_URL") or GLOBAL_GATEWAY


class Session:
    """The client of the configured account, with cached lists. Thread-safe."""

    def __init__(self, client: MimecastClient, account_code: str, region: str) -> None:
        self._client = client
        self._addresses = Listing(client)
        self._domains = DomainList(client)
        self._groups = GroupList(client)
        self._account = AccountCheck(client, account_code, region)

    @property
    def client(self) -> MimecastClient:
        """The client, after checking that the account is the configured one. Raises AccountMismatch."""
        self._account.pass_once()
        return self._client

    @contextmanager
    def writing(self) -> Iterator[MimecastClient]:
        """The client for calls that may change domains or groups; drops their cached lists.

        The writers of addresses drop the cached lists per domain. Raises AccountMismatch.
        """
        client = self.client
        self._forget()
        try:
            yield client
        finally:
            self._forget()

    def _forget(self) -> None:
        self._domains.forget()
        self._groups.forget()

    @property
    def addresses(self) -> Listing:
        """The live addresses of that account. Raises AccountMismatch."""
        self._account.pass_once()
        return self._addresses

    @property
    def domains(self) -> DomainList:
        """The live domains of that account. Raises AccountMismatch."""
        self._account.pass_once()
        return self._domains

    @property
    def groups(self) -> GroupList:
        """The live groups of that account. Raises AccountMismatch."""
        self._account.pass_once()
        return self._groups
