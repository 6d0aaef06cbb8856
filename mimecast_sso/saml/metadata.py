"""An identity provider's metadata (saml-metadata 2.4.3): entity id, sign-in endpoints and signing keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from mimecast_sso.saml import names, signatures
from mimecast_sso.saml.documents import new_id
from mimecast_sso.saml.documents import parse as parse_xml
from mimecast_sso.saml.errors import MalformedMetadata, SignatureInvalid
from mimecast_sso.saml.names import PREFIXES, tag


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider; certificates are base64 without line breaks, URLs are keyed by binding."""

    entity_id: str
    signing_certificates: tuple[str, ...]
    single_sign_on_urls: Mapping[str, str]
    single_logout_urls: Mapping[str, str] = field(default_factory=dict)


def build(provider: IdentityProvider, signer: tuple[RSAPrivateKey, x509.Certificate] | None = None) -> bytes:
    """The metadata document; signed as a whole if a signer is given (saml-metadata 3)."""
    root = etree.Element(
        tag("md", "EntityDescriptor"),
        {"ID": new_id(), "entityID": provider.entity_id},
        nsmap={"md": names.METADATA},
    )
    if signer:
        signatures.add_placeholder(root)  # The schema requires it first.
    descriptor = etree.SubElement(
        root, tag("md", "IDPSSODescriptor"), {"protocolSupportEnumeration": names.PROTOCOL}
    )
    for certificate in provider.signing_certificates:
        key = etree.SubElement(descriptor, tag("md", "KeyDescriptor"), {"use": "signing"})
        info = etree.SubElement(key, tag("ds", "KeyInfo"), nsmap={"ds": names.SIGNATURE})
        data = etree.SubElement(info, tag("ds", "X509Data"))
        etree.SubElement(data, tag("ds", "X509Certificate")).text = certificate
    _add_endpoints(descriptor, "SingleLogoutService", provider.single_logout_urls)
    _add_endpoints(descriptor, "SingleSignOnService", provider.single_sign_on_urls)
    if signer:
        root = signatures.sign(root, *signer)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def parse(xml: bytes) -> IdentityProvider:
    """Read a metadata document.

    Raises:
        MalformedMetadata: not a small plain XML document, not one entity, or no identity provider.
    """
    return _provider(_root(xml))


def verify(xml: bytes, certificate_body: str, now: datetime) -> IdentityProvider:
    """The content that the signature over the whole document covers; the certificate (base64) must be valid ``now``.

    Raises:
        MalformedMetadata: as `parse`.
        SignatureInvalid: not signed, or not by this certificate, or altered since.
    """
    root = _root(xml)
    signatures.check_unique_ids(root)
    if signatures.own_signature(root) is None:
        raise SignatureInvalid("the metadata is not signed")
    return _provider(signatures.verified(root, signatures.read_certificate(certificate_body), now))


def enclosed_certificate(xml: bytes) -> str | None:
    """The certificate (base64) enclosed in the signature; None if it is not signed or encloses none.

    It names the claimed signer and proves nothing. Raises MalformedMetadata.
    """
    found = _root(xml).find("ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate", PREFIXES)
    return None if found is None else "".join((found.text or "").split())


def _root(xml: bytes) -> etree._Element:
    try:
        return parse_xml(xml)
    except ValueError as error:
        raise MalformedMetadata(str(error)) from error


def _provider(root: etree._Element) -> IdentityProvider:
    descriptor = root.find("md:IDPSSODescriptor", PREFIXES)
    entity_id = root.get("entityID")
    if root.tag != tag("md", "EntityDescriptor") or descriptor is None or not entity_id:
        raise MalformedMetadata("not the metadata of one identity provider")
    certificates = (
        "".join((certificate.text or "").split())
        for key in descriptor.findall("md:KeyDescriptor", PREFIXES)
        if key.get("use") in {None, "signing"}
        for certificate in key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", PREFIXES)
    )
    return IdentityProvider(
        entity_id=entity_id,
        signing_certificates=tuple(certificates),
        single_sign_on_urls=_endpoints(descriptor, "SingleSignOnService"),
        single_logout_urls=_endpoints(descriptor, "SingleLogoutService"),
    )


def _add_endpoints(descriptor: etree._Element, name: str, urls: Mapping[str, str]) -> None:
    for binding, url in urls.items():
        etree.SubElement(descriptor, tag("md", name), {"Binding": binding, "Location": url})


def _endpoints(descriptor: etree._Element, name: str) -> dict[str, str]:
    return {
        endpoint.get("Binding") or "": endpoint.get("Location") or ""
        for endpoint in descriptor.findall(f"md:{name}", PREFIXES)
    }
