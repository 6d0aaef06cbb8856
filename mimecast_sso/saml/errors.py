"""What can be wrong with a SAML message."""

# ruff: noqa: N818 - each name is the finding itself, as a service provider reports it

from __future__ import annotations


class SamlError(Exception):
    """A SAML message that must not be trusted; the message of the exception says why."""


class MalformedRequest(SamlError):
    """An AuthnRequest that cannot be read."""


class MalformedResponse(SamlError):
    """A Response that cannot be read, or lacks what the profile demands."""


class MalformedMetadata(SamlError):
    """A metadata document that cannot be read."""


class SignatureInvalid(SamlError):
    """Not signed, signed with another key, altered since, or the signature covers something else."""


class WrongIssuer(SamlError):
    """The assertion is another identity provider's."""


class WrongAudience(SamlError):
    """The assertion is meant for another service provider."""


class WrongRecipient(SamlError):
    """The assertion is meant for another endpoint."""


class NotYetValid(SamlError):
    """The assertion's time has not come."""


class Expired(SamlError):
    """The assertion's time is over."""


class WrongInResponseTo(SamlError):
    """The assertion answers another request, or none."""


class Replayed(SamlError):
    """The assertion has been used already."""


class StatusNotSuccess(SamlError):
    """The identity provider answers that there was no sign-in."""

    def __init__(self, status: str, message: str | None) -> None:
        self.status = status
        """The second-level status code when there is one, else the first-level one."""
        self.message = message
        super().__init__(f"{status}: {message}" if message else status)
