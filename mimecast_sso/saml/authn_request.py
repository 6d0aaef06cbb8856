"""The request with which a service provider starts a sign-in (saml-core 3.4.1)."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from mimecast_sso.saml.documents import SIZE_LIMIT, decode, encode, instant, parse_instant, text
from mimecast_sso.saml.documents import parse as parse_xml
from mimecast_sso.saml.errors import MalformedRequest
from mimecast_sso.saml.names import ASSERTION, BINDING_POST, PREFIXES, PROTOCOL, tag

Binding = Literal["post", "redirect"]

_RAW_DEFLATE = -15


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A sign-in request; what is ``None`` or empty is left to the identity provider."""

    id: str
    issue_instant: datetime
    destination: str | None
    issuer: str
    assertion_consumer_service_url: str | None = None
    name_id_format: str | None = None
    requested_authn_contexts: tuple[str, ...] = ()


def build(request: AuthnRequest, *, binding: Binding = "post") -> str:
    """The value of the ``SAMLRequest`` field (POST) or parameter (redirect, not yet URL-encoded)."""
    root = _element(request)
    if binding == "post":
        return encode(root)
    compressor = zlib.compressobj(wbits=_RAW_DEFLATE)
    compressed = compressor.compress(etree.tostring(root)) + compressor.flush()
    return base64.b64encode(compressed).decode("ascii")


def parse(encoded: str, *, binding: Binding = "post") -> AuthnRequest:
    """Read a ``SAMLRequest``.

    Raises:
        MalformedRequest: not base64, not a small plain XML document, or not an AuthnRequest.
    """
    try:
        xml = decode(encoded)
        root = parse_xml(_inflate(xml) if binding == "redirect" else xml)
        return _request(root)
    except ValueError as error:
        raise MalformedRequest(str(error)) from error


def _element(request: AuthnRequest) -> etree._Element:
    root = etree.Element(
        tag("samlp", "AuthnRequest"),
        {"ID": request.id, "Version": "2.0", "IssueInstant": instant(request.issue_instant)},
        nsmap={"samlp": PROTOCOL, "saml": ASSERTION},
    )
    if request.destination:
        root.set("Destination", request.destination)
    if request.assertion_consumer_service_url:
        root.set("AssertionConsumerServiceURL", request.assertion_consumer_service_url)
        root.set("ProtocolBinding", BINDING_POST)
    etree.SubElement(root, tag("saml", "Issuer")).text = request.issuer
    if request.name_id_format:
        etree.SubElement(root, tag("samlp", "NameIDPolicy"), {"Format": request.name_id_format})
    if request.requested_authn_contexts:
        contexts = etree.SubElement(root, tag("samlp", "RequestedAuthnContext"), {"Comparison": "exact"})
        for context in request.requested_authn_contexts:
            etree.SubElement(contexts, tag("saml", "AuthnContextClassRef")).text = context
    return root


def _request(root: etree._Element) -> AuthnRequest:
    if root.tag != tag("samlp", "AuthnRequest"):
        raise ValueError(f"not an AuthnRequest but {root.tag}")
    issuer = text(root, "saml:Issuer")
    identifier = root.get("ID")
    if not issuer or not identifier:
        raise ValueError("an AuthnRequest needs an ID and an Issuer")
    policy = root.find("samlp:NameIDPolicy", PREFIXES)
    contexts = root.findall("samlp:RequestedAuthnContext/saml:AuthnContextClassRef", PREFIXES)
    return AuthnRequest(
        id=identifier,
        issue_instant=parse_instant(root.get("IssueInstant")),
        destination=root.get("Destination"),
        issuer=issuer,
        assertion_consumer_service_url=root.get("AssertionConsumerServiceURL"),
        name_id_format=None if policy is None else policy.get("Format"),
        requested_authn_contexts=tuple((context.text or "").strip() for context in contexts),
    )


def _inflate(compressed: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        # One byte more than the limit, so that what is longer is refused and never held in memory.
        return decompressor.decompress(compressed, SIZE_LIMIT + 1)
    except zlib.error as error:
        raise ValueError(f"not compressed as the redirect binding demands: {error}") from error
