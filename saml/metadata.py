"""An identity provider's metadata (saml-metadata 2.4.3): who it is, where it signs in, and with which keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from saml import names
from saml.documents import new_id
from saml.documents import parse as parse_xml
from saml.errors import MalformedMetadata
from saml.names import PREFIXES, tag


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider; certificates are base64 without line breaks, URLs are keyed by binding."""

    entity_id: str
    signing_certificates: tuple[str, ...]
    single_sign_on_urls: Mapping[str, str]
    single_logout_urls: Mapping[str, str] = field(default_factory=dict)


def build(provider: IdentityProvider) -> bytes:
    """The metadata document, unsigned."""
    root = etree.Element(
        tag("md", "EntityDescriptor"),
        {"ID": new_id(), "entityID": provider.entity_id},
        nsmap={"md": names.METADATA},
    )
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
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def parse(xml: bytes) -> IdentityProvider:
    """Read a metadata document.

    Raises:
        MalformedMetadata: not a small plain XML document, not one entity, or no identity provider.
    """
    try:
        root = parse_xml(xml)
    except ValueError as error:
        raise MalformedMetadata(str(error)) from error
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
