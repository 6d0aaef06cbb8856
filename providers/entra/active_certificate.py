"""Which signing certificate of a service principal is the active one.

Facts (Microsoft's "Configure a SAML application with the Graph API"): ``preferredTokenSigningKeyThumbprint`` of
the service principal names it, 40 hexadecimal digits; a certificate made later stays inactive until it is named
there. ``customKeyIdentifier`` of a key is the base-64 text of the certificate's SHA-1.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from providers.entra.errors import CertificateUnknown, NotTakenOver


class Graph(Protocol):
    """The part of a Graph client that is used here."""

    def get(self, path: str, **query: str) -> dict[str, object]: ...
    def patch(self, path: str, values: dict[str, object]) -> None: ...


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The certificates of a principal by thumbprint (capitals), and the one that Entra prefers ("": none named)."""

    thumbprints: frozenset[str]
    preferred: str

    @property
    def active(self) -> str:
        """The certificate that signs: the preferred one, or the only one."""
        if self.preferred or len(self.thumbprints) != 1:
            return self.preferred
        return next(iter(self.thumbprints))


def read(graph: Graph, service_principal: str) -> SigningKeys:
    """The signing keys of the principal with this object id. Raises NotFound when it is gone."""
    found = graph.get(
        f"/servicePrincipals/{service_principal}",
        select="keyCredentials,preferredTokenSigningKeyThumbprint",
    )
    keys = found.get("keyCredentials") or []
    assert isinstance(keys, list)  # noqa: S101  (Graph's schema)
    thumbprints = {
        _thumbprint(str(key["customKeyIdentifier"])) for key in keys if key.get("usage") == "Verify"
    }
    return SigningKeys(
        frozenset(thumbprints), str(found.get("preferredTokenSigningKeyThumbprint") or "").upper()
    )


def activate(graph: Graph, service_principal: str, thumbprint: str, *, replace: bool) -> SigningKeys:
    """Makes a certificate the active one, and gives what is true afterwards.

    With ``replace`` false, another active certificate is left active: whoever trusts it has not been told of the
    new one. Raises CertificateUnknown, NotTakenOver, GraphError.
    """
    keys = read(graph, service_principal)
    if thumbprint not in keys.thumbprints:
        known = ", ".join(sorted(keys.thumbprints)) or "none"
        raise CertificateUnknown(
            f"Signing certificate {thumbprint} is not on service principal {service_principal}, which has: {known}"
        )
    if keys.preferred == thumbprint or (keys.active not in ("", thumbprint) and not replace):
        return keys
    graph.patch(f"/servicePrincipals/{service_principal}", {"preferredTokenSigningKeyThumbprint": thumbprint})
    after = read(graph, service_principal)
    if after.preferred != thumbprint:
        raise NotTakenOver(
            f"Entra accepted {thumbprint} as active certificate of {service_principal}, but names "
            f"{after.preferred or 'none'}. Run again; if it stays so, somebody else changes it too"
        )
    return after


def _thumbprint(custom_key_identifier: str) -> str:
    try:
        return base64.b64decode(custom_key_identifier, validate=True).hex().upper()
    except binascii.Error:
        return custom_key_identifier.upper()
