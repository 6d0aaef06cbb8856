"""Errors of SAML messages."""

# ruff: noqa: N818 - each name is the finding itself, as a service provider reports it

from __future__ import annotations


class SamlError(Exception):
    """A SAML message that must not be trusted; the message of the exception says why."""


class MalformedRequest(SamlError):
    """An AuthnRequest that cannot be read."""


class MalformedResponse(SamlError):
    """A Response that cannot be read, or lacks what the profile requires."""


class MalformedMetadata(SamlError):
    """A metadata document that cannot be read."""


class SignatureInvalid(SamlError):
    """Not signed, signed with another key, altered since, or the signature covers something else."""


class WrongIssuer(SamlError):
    """The assertion is from another identity provider."""


class WrongAudience(SamlError):
    """The assertion is meant for another service provider."""


class WrongRecipient(SamlError):
    """The assertion is meant for another endpoint."""


class NotYetValid(SamlError):
    """The assertion is not valid yet."""


class Expired(SamlError):
    """The assertion has expired."""


class WrongInResponseTo(SamlError):
    """The assertion responds to another request, or to none."""


class Replayed(SamlError):
    """The assertion has already been used."""


class StatusNotSuccess(SamlError):
    """The identity provider reports that there was no sign-in."""

    def __init__(self, status: str, message: str | None) -> None:
        self.status = status
        """The second-level status code if present, else the first-level one."""
        self.message = message
        super().__init__(f"{status}: {message}" if message else status)
