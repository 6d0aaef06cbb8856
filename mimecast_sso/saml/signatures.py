"""Enveloped XML signatures for SAML (saml-core 5.4), created and checked with signxml.

An element must have exactly one signature of its own, with one reference, to that element, with the two transforms that
SAML allows, RSA with SHA-256, by a certificate that the caller passes. A certificate enclosed in a message is never
trusted.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from mimecast_sso.saml.documents import decode
from mimecast_sso.saml.errors import SignatureInvalid
from mimecast_sso.saml.names import PREFIXES, SIGNATURE, tag

_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"


def add_placeholder(parent: etree._Element) -> None:
    """Marks the position of the signature among the children of an element."""
    etree.SubElement(parent, tag("ds", "Signature"), {"Id": "placeholder"}, nsmap={"ds": SIGNATURE})


def sign(element: etree._Element, key: RSAPrivateKey, certificate: x509.Certificate) -> etree._Element:
    """The element with its signature (RSA, SHA-256, exclusive canonicalization) where the placeholder is."""
    # The library is loaded by the first signature, not by every import of this module.
    from signxml.algorithms import (  # noqa: PLC0415
        CanonicalizationMethod,
        DigestAlgorithm,
        SignatureMethod,
    )
    from signxml.signer import XMLSigner  # noqa: PLC0415

    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    signed: etree._Element = signer.sign(
        element, key=key, cert=pem, reference_uri=f"#{element.get('ID')}", id_attribute="ID"
    )
    return signed


def read_certificate(body: str) -> x509.Certificate:
    """The certificate in base64, with or without its first and last line. Raises SignatureInvalid."""
    lines = [line for line in body.strip().splitlines() if not line.startswith("-----")]
    try:
        return x509.load_der_x509_certificate(decode("".join(lines)))
    except ValueError as error:
        raise SignatureInvalid(f"the identity provider's certificate cannot be read: {error}") from error


def check_unique_ids(root: etree._Element) -> None:
    """Raise SignatureInvalid if an ID occurs twice: a reference to it would be ambiguous."""
    ids = [element.get("ID") for element in root.iter(etree.Element) if element.get("ID")]
    if len(ids) != len(set(ids)):
        raise SignatureInvalid("an ID occurs twice, so the signature's reference is ambiguous")


def own_signature(element: etree._Element) -> etree._Element | None:
    """The element's own signature, which refers only to it; None if it has none.

    Raises:
        SignatureInvalid: more than one, or one that covers something else or transforms it.
    """
    signatures = element.findall("ds:Signature", PREFIXES)
    if len(signatures) > 1:
        raise SignatureInvalid("more than one signature")
    if not signatures:
        return None
    _check_reference(signatures[0], element)
    return signatures[0]


def verified(signed: etree._Element, certificate: x509.Certificate, now: datetime) -> etree._Element:
    """The signed element: parsed again from exactly the bytes that its signature covers.

    The certificate must be valid ``now``. Raises SignatureInvalid.
    """
    from signxml.algorithms import DigestAlgorithm, SignatureMethod  # noqa: PLC0415
    from signxml.verifier import SignatureConfiguration, XMLVerifier  # noqa: PLC0415

    configuration = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=now,
    )
    try:
        result = XMLVerifier().verify(
            etree.tostring(signed, with_tail=False),
            x509_cert=certificate,
            id_attribute="ID",
            expect_config=configuration,
        )
    except Exception as error:
        # Any error of the library on a damaged signature: nothing was verified.
        raise SignatureInvalid(f"the signature is invalid: {error}") from error
    payload = None if isinstance(result, list) else result.signed_xml
    if payload is None or payload.get("ID") != signed.get("ID"):
        raise SignatureInvalid("the signature covers something else")
    return payload


def _check_reference(signature: etree._Element, element: etree._Element) -> None:
    references = signature.findall("ds:SignedInfo/ds:Reference", PREFIXES)
    if len(references) != 1 or references[0].get("URI") != f"#{element.get('ID')}":
        raise SignatureInvalid("the signature refers to an element other than its own")
    transforms = references[0].findall("ds:Transforms/ds:Transform", PREFIXES)
    if {transform.get("Algorithm") for transform in transforms} - {_ENVELOPED, _EXCLUSIVE_C14N}:
        raise SignatureInvalid("the signature transforms what it covers in a way that SAML does not allow")
