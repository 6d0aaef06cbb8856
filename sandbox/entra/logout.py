"""Single logout: a service provider's ``LogoutRequest`` ends the session in this browser.

Source: Microsoft's "Single Sign-Out SAML Protocol" (the response goes to the application's logout URL; the issuer must
be one of its identifiers). Assumed: the page that a person sees where the application has no logout URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from lxml import etree

from mimecast_sso.saml import authn_request, response
from mimecast_sso.saml.documents import parse_instant
from mimecast_sso.saml.names import tag


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A service provider's request to end a session."""

    id: str
    issuer: str


def read(root: etree._Element, now: datetime) -> LogoutRequest | None:
    """The request in a document; ``None`` for any other kind of document.

    Raises:
        ValueError: malformed or expired.
    """
    if root.tag != tag("samlp", "LogoutRequest"):
        return None
    issuer, identifier = authn_request.head(root)
    parse_instant(root.get("IssueInstant"))
    ends = root.get("NotOnOrAfter")
    if ends is not None and parse_instant(ends) <= now:
        raise ValueError(f"the LogoutRequest expired at {ends}")
    return LogoutRequest(identifier, issuer)


def response_url(
    request: LogoutRequest, *, issuer: str, address: str, now: datetime, relay_state: str | None
) -> str:
    """The address to which the browser takes the response: the application's logout URL, by the redirect binding."""
    message = response.envelope(
        "LogoutResponse", issuer=issuer, destination=address, in_response_to=request.id, issued=now
    )
    query = {"SAMLResponse": authn_request.deflate(message)}
    if relay_state is not None:
        query["RelayState"] = relay_state
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
