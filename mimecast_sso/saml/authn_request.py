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
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A sign-in request; ``None`` or empty fields are left to the identity provider."""

    id: str
    issue_instant: datetime
    destination: str | None
    issuer: str
    assertion_consumer_service_url: str | None = None
    name_id_format: str | None = None
    requested_authn_contexts: tuple[str, ...] = ()
    force_authn: bool = False
    is_passive: bool = False


def build(request: AuthnRequest, *, binding: Binding = "post") -> str:
    """The value of the ``SAMLRequest`` field (POST) or parameter (redirect, not yet URL-encoded)."""
    root = _element(request)
    if binding == "post":
        return encode(root)
    return deflate(root)


def deflate(root: etree._Element) -> str:
    """A message as a parameter of the redirect binding, not yet URL-encoded."""
    compressor = zlib.compressobj(wbits=_RAW_DEFLATE)
    compressed = compressor.compress(etree.tostring(root)) + compressor.flush()
    return base64.b64encode(compressed).decode("ascii")


def parse(encoded: str, *, binding: Binding = "post") -> AuthnRequest:
    """Read a ``SAMLRequest``.

    Raises:
        MalformedRequest: not base64, not a small plain XML document, or not an AuthnRequest.
    """
    try:
        return _request(document(encoded, binding=binding))
    except ValueError as error:
        raise MalformedRequest(str(error)) from error


def _element(request: AuthnRequest) -> etree._Element:
    root = etree.Element(
        tag("samlp", "AuthnRequest"),
        {"ID": request.id, "Version": "2.0", "IssueInstant": instant(request.issue_instant)},
        nsmap={"samlp": PROTOCOL, "saml": ASSERTION},
    )
    for name, value in (("ForceAuthn", request.force_authn), ("IsPassive", request.is_passive)):
        if value:
            root.set(name, "true")
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
    issuer, identifier = head(root)
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
        force_authn=_flag(root, "ForceAuthn"),
        is_passive=_flag(root, "IsPassive"),
    )


def head(root: etree._Element) -> tuple[str, str]:
    """Issuer and id of a request, whose version must be 2.0 (core 3.2.1).

    Raises:
        ValueError
    """
    name = etree.QName(root).localname
    if root.get("Version") != "2.0":
        raise ValueError(f"the {name} has version {root.get('Version')}, not 2.0")
    issuer, identifier = text(root, "saml:Issuer"), root.get("ID")
    if not issuer or not identifier:
        raise ValueError(f"the {name} needs an ID and an Issuer")
    return issuer, identifier


def _flag(root: etree._Element, name: str) -> bool:
    written = root.get(name, "false").strip()
    if written not in _FLAGS:
        raise ValueError(f"{name} is {written}, neither true nor false")
    return _FLAGS[written]


def document(encoded: str, *, binding: Binding) -> etree._Element:
    """The root element of a ``SAMLRequest``.

    Raises:
        ValueError: not base64, or not a small plain XML document.
    """
    xml = decode(encoded)
    return parse_xml(_inflate(xml) if binding == "redirect" else xml)


def _inflate(compressed: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        # One byte more than the limit, so that longer input is refused without holding it in memory.
        return decompressor.decompress(compressed, SIZE_LIMIT + 1)
    except zlib.error as error:
        raise ValueError(f"not compressed as the redirect binding requires: {error}") from error
