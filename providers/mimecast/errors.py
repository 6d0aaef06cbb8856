"""What can go wrong at Mimecast, as one tree of exceptions.

::

    MimecastError
    ├── TransportError          the vendor could not be reached, or answered nonsense; nothing was changed
    │   └── MalformedAnswer     a response that is not what the call promises
    ├── UnclearOutcome          a write whose response was lost: it may or may not have been applied
    ├── AuthenticationError     credentials missing or refused
    ├── Forbidden               the API application may not make this call
    ├── RateLimited             the quota stayed used up for longer than a call may wait
    ├── NotFound                the vendor does not know the path or the object
    ├── Rejected                the vendor understood, and refused (``code``, ``field``)
    ├── AccountMismatch         the credentials belong to another account or region than configured
    ├── DomainHeldElsewhere     another Mimecast account manages the domain
    ├── DomainNotRegistered     a domain that must be there is not
    ├── AddressesRefused        addresses that may not be touched, before anything was written
    ├── PartlyDone              some items of a bulk write failed; the rest is done
    ├── AmbiguousGroup          several groups have the name
    ├── GroupNotFound           no group has the name
    ├── IntegrationUnusable     a directory integration that is absent, ambiguous, of another kind, or differs
    └── DnsUpdateError          the proof record could not be published

Every error says what call it was (``method``, ``path``), the vendor's ``request_id`` and ``code`` where there are
any. None of them ever holds a request body, an answer's body, a header or a credential.
"""

# ruff: noqa: N818  (names that say what happened: "AccountMismatch", as the vendor's and HTTP's own words do)

from __future__ import annotations


class MimecastError(Exception):
    """Base of everything this package raises on purpose."""

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
    """The vendor could not be reached, or not understood. Nothing was changed."""


class MalformedAnswer(TransportError):
    """The response is not JSON, is too long, has the wrong shape, or pages in a circle."""


class UnclearOutcome(MimecastError):
    """The response of a write was lost: look the object up by its natural key before anything else."""


class AuthenticationError(MimecastError):
    """The credentials are missing, wrong, or withdrawn."""


class Forbidden(MimecastError):
    """The API application lacks the product, or its role lacks the permission."""


class RateLimited(MimecastError):
    """The quota stayed used up; the call was not executed."""


class NotFound(MimecastError):
    """The vendor does not know the path or the object."""


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
    """The live account is not the configured one. ``configured`` and ``live`` hold code or region."""

    def __init__(self, message: str, *, configured: str, live: str) -> None:
        super().__init__(message)
        self.configured = configured
        self.live = live


class DomainHeldElsewhere(MimecastError):
    """The domain, or its parent, is managed by another Mimecast account."""


class DomainNotRegistered(MimecastError):
    """A domain that the configuration takes for granted is not there."""


class AddressesRefused(MimecastError):
    """Some addresses may not be changed. Raised before the first write."""


class PartlyDone(MimecastError):
    """Some of many writes failed; what succeeded stays, and a re-run does only the rest."""


class AmbiguousGroup(MimecastError):
    """More than one group has the name."""


class GroupNotFound(MimecastError):
    """No group has the name."""


class IntegrationUnusable(MimecastError):
    """The directory integration is absent, ambiguous, of another kind, or not as it is required to be."""


class DnsUpdateError(MimecastError):
    """The name server did not take the update."""
