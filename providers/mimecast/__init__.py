"""Mimecast: a client for its API, and one handler per object.

Only `providers.mimecast.resources`, and its helpers `process` and `managed_book`, know Pulumi. Typical use::

    from providers.mimecast import MimecastError, find_domain, from_environment

    client = from_environment()
    try:
        print(find_domain(client, "example.com"))
    except MimecastError as error:
        print(error)
"""

from providers.mimecast.accounts import Account, read_account, require
from providers.mimecast.client import Credentials, MimecastClient, shared_client
from providers.mimecast.domains import DomainStatus, find_domain
from providers.mimecast.errors import (
    AccountMismatch,
    AddressesRefused,
    AmbiguousGroup,
    AuthenticationError,
    DnsUpdateError,
    DomainHeldElsewhere,
    DomainNotRegistered,
    Forbidden,
    GroupNotFound,
    MalformedResponse,
    MimecastError,
    NotFound,
    PartlyDone,
    RateLimited,
    Rejected,
    TransportError,
    UnclearOutcome,
)
from providers.mimecast.responses import LegacyResponse
from providers.mimecast.session import from_environment, shared_client_of

__all__ = [
    "Account",
    "AccountMismatch",
    "AddressesRefused",
    "AmbiguousGroup",
    "AuthenticationError",
    "Credentials",
    "DnsUpdateError",
    "DomainHeldElsewhere",
    "DomainNotRegistered",
    "DomainStatus",
    "Forbidden",
    "GroupNotFound",
    "LegacyResponse",
    "MalformedResponse",
    "MimecastClient",
    "MimecastError",
    "NotFound",
    "PartlyDone",
    "RateLimited",
    "Rejected",
    "TransportError",
    "UnclearOutcome",
    "find_domain",
    "from_environment",
    "read_account",
    "require",
    "shared_client",
    "shared_client_of",
]
