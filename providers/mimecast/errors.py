"""Errors of Mimecast, as one tree of exceptions.

::

    MimecastError
    ├── TransportError          the vendor could not be reached, or the response is unusable; nothing was changed
    │   └── MalformedResponse   a response without the documented form
    ├── UnclearOutcome          a write whose response was lost: it may or may not have been applied
    ├── AuthenticationError     credentials missing or refused
    ├── Forbidden               the API application may not make this call
    ├── RateLimited             the quota was exhausted for longer than a call may wait
    ├── NotFound                the vendor does not have the path or the object
    ├── Rejected                the vendor refused the request (``code``, ``field``)
    ├── AccountMismatch         the credentials belong to another account or region than configured
    ├── DomainHeldElsewhere     another Mimecast account manages the domain
    ├── DomainNotRegistered     a required domain does not exist
    ├── AddressesRefused        addresses that must not be changed; nothing was written
    ├── PartlyDone              some items of a bulk write failed; the rest is done
    ├── AmbiguousGroup          several groups have the name
    ├── GroupNotFound           no group has the name
    ├── IntegrationUnusable     a directory integration that is absent, ambiguous, of another kind, or differs
    └── DnsUpdateError          the proof record could not be published

Every error has the call (``method``, ``path``) and, if known, the vendor's ``request_id`` and ``code``. None of them
ever contains a body, a header or a credential.
"""

# ruff: noqa: N818  (names state what happened, as the vendor's and HTTP's own do)

from __future__ import annotations


class MimecastError(Exception):
    """Base of this package's errors."""

    def __init__(
        self, message: str, *, method: str = "", path: str = "", request_id: str = "", code: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.path = path
        self.request_id = request_id
        self.code = code

    def __str__(self) -> str:
        call = f"{self.method} {self.path}".strip()
        details = [part for part in (call, self.code) if part]
        if self.request_id:
            details.append(f"request {self.request_id}")
        return f"{self.message} ({', '.join(details)})" if details else self.message


class TransportError(MimecastError):
    """The vendor could not be reached, or its response is unusable. Nothing was changed."""


class MalformedResponse(TransportError):
    """The response is not JSON, is too long, has the wrong shape, or pages in a circle."""


class UnclearOutcome(MimecastError):
    """The response of a write was lost: look the object up by its natural key before anything else."""


class AuthenticationError(MimecastError):
    """The credentials are missing, wrong or revoked."""


class Forbidden(MimecastError):
    """The API application lacks the product, or its role lacks the permission."""


class RateLimited(MimecastError):
    """The quota is exhausted; the call was not executed."""


class NotFound(MimecastError):
    """The vendor does not have the path or the object."""


class Rejected(MimecastError):
    """The vendor refused one item. ``field`` names the field of a validation error."""

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        path: str = "",
        request_id: str = "",
        code: str = "",
        field: str = "",
    ) -> None:
        super().__init__(message, method=method, path=path, request_id=request_id, code=code)
        self.field = field


class AccountMismatch(MimecastError):
    """The live account is not the configured one. ``configured`` and ``live`` are code or region."""

    def __init__(self, message: str, *, configured: str, live: str) -> None:
        super().__init__(message)
        self.configured = configured
        self.live = live


class DomainHeldElsewhere(MimecastError):
    """The domain, or its parent, is managed by another Mimecast account."""


class DomainNotRegistered(MimecastError):
    """A domain that the configuration requires does not exist."""


class AddressesRefused(MimecastError):
    """Some addresses may not be changed. Raised before the first write."""


class PartlyDone(MimecastError):
    """Some of many writes failed; the others are done, and a rerun does only the rest."""


class AmbiguousGroup(MimecastError):
    """More than one group has the name."""


class GroupNotFound(MimecastError):
    """No group has the name."""


class IntegrationUnusable(MimecastError):
    """The directory integration is absent, ambiguous, of another kind, or differs from a required one."""


class DnsUpdateError(MimecastError):
    """The name server did not accept the update."""
