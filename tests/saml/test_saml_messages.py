"""SAML messages against the attacks and mistakes a service provider must survive.

The judge of what we build is signxml and lxml used directly, not our own validation.
"""

from __future__ import annotations

import base64
import copy
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from saml import authn_request, metadata, names, response
from saml.authn_request import AuthnRequest
from saml.documents import parse_instant
from saml.errors import (
    Expired,
    MalformedMetadata,
    MalformedRequest,
    MalformedResponse,
    NotYetValid,
    SamlError,
    SignatureInvalid,
    StatusNotSuccess,
    WrongAudience,
    WrongInResponseTo,
    WrongIssuer,
    WrongRecipient,
)
from saml.metadata import IdentityProvider
from saml.names import PREFIXES

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://sts.windows.net/7d1e6c1c-3f5a-4f0e-9a57-6d2f1b3c4a01/"
AUDIENCE = "https://eu-api.mimecast.com/sso/CUK25A118"
RECIPIENT = "https://eu-api.mimecast.com/login/saml"
REQUEST_ID = "_request"


@cache
def key_pair(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1000))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def body(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def an_assertion(**changes: object) -> response.Assertion:
    values: dict[str, object] = {
        "issuer": ISSUER,
        "name_id": "ada@example.com",
        "name_id_format": names.FORMAT_EMAIL,
        "audience": AUDIENCE,
        "recipient": RECIPIENT,
        "in_response_to": REQUEST_ID,
        "issued": NOW,
        "not_before": NOW - timedelta(minutes=5),
        "not_on_or_after": NOW + timedelta(minutes=60),
        "attributes": {"http://schemas.microsoft.com/identity/claims/tenantid": ("7d1e",)},
    }
    return response.Assertion(**{**values, **changes})  # type: ignore[arg-type]


def built(**changes: object) -> str:
    return response.build(an_assertion(**changes), *key_pair("entra"))


def validated(encoded: str, **changes: object) -> response.ValidatedAssertion:
    values: dict[str, object] = {
        "certificate_body": body(key_pair("entra")[1]),
        "expected_issuer": ISSUER,
        "audience": AUDIENCE,
        "recipient": RECIPIENT,
        "in_response_to": REQUEST_ID,
        "now": NOW,
    }
    return response.validate(encoded, **{**values, **changes})  # type: ignore[arg-type]


def altered(encoded: str, change: Callable[[etree._Element], None]) -> str:
    root = etree.fromstring(base64.b64decode(encoded))
    change(root)
    return base64.b64encode(etree.tostring(root)).decode("ascii")


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, PREFIXES)
    assert found is not None, path
    return found


def test_a_signed_response_is_accepted_and_read() -> None:
    assertion = validated(built())
    assert assertion.name_id == "ada@example.com"
    assert assertion.name_id_format == names.FORMAT_EMAIL
    assert assertion.attributes == {"http://schemas.microsoft.com/identity/claims/tenantid": ("7d1e",)}
    assert assertion.in_response_to == REQUEST_ID


def test_an_independent_verifier_accepts_what_is_built() -> None:
    root = etree.fromstring(base64.b64decode(built()))
    verified = XMLVerifier().verify(
        etree.tostring(root),
        x509_cert=key_pair("entra")[1],
        expect_config=SignatureConfiguration(
            location=f"./{{{names.ASSERTION}}}Assertion/", verification_time=NOW
        ),
    )
    assert not isinstance(verified, list)
    assert verified.signed_xml is not None
    assert verified.signed_xml.get("ID") == find(root, "saml:Assertion").get("ID")
    order = [etree.QName(child).localname for child in find(root, "saml:Assertion")]
    assert order[:3] == ["Issuer", "Signature", "Subject"], "the schema's order"


def test_a_certificate_with_its_first_and_last_line_is_read_too() -> None:
    pem = key_pair("entra")[1].public_bytes(Encoding.PEM).decode("ascii")
    assert validated(built(), certificate_body=pem).name_id == "ada@example.com"


@pytest.mark.parametrize("certificate_body", ["", "not base64!", "AAAA"])
def test_an_unreadable_certificate_is_named(certificate_body: str) -> None:
    with pytest.raises(SignatureInvalid, match="certificate cannot be read"):
        validated(built(), certificate_body=certificate_body)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"expected_issuer": "https://sts.windows.net/other/"}, WrongIssuer),
        ({"audience": "https://us-api.mimecast.com/sso/CUK25A118"}, WrongAudience),
        ({"audience": AUDIENCE.lower()}, WrongAudience),
        ({"recipient": "https://us-api.mimecast.com/login/saml"}, WrongRecipient),
        ({"in_response_to": "_another"}, WrongInResponseTo),
        ({"in_response_to": None}, WrongInResponseTo),
        ({"now": NOW - timedelta(minutes=9)}, NotYetValid),
        ({"now": NOW + timedelta(minutes=64)}, Expired),
        ({"certificate_body": body(key_pair("somebody else")[1])}, SignatureInvalid),
    ],
)
def test_each_expectation_is_checked(changes: dict[str, object], error: type[SamlError]) -> None:
    with pytest.raises(error):
        validated(built(), **changes)


def test_clocks_may_differ_by_the_skew() -> None:
    assert validated(built(), now=NOW - timedelta(minutes=7)).name_id
    assert validated(built(), now=NOW + timedelta(minutes=62)).name_id


def test_the_signers_certificate_must_be_valid_now() -> None:
    late = NOW + timedelta(days=1001)
    encoded = built(issued=late, not_before=late, not_on_or_after=late + timedelta(hours=1))
    with pytest.raises(SignatureInvalid, match="expired"):
        validated(encoded, now=late)


def test_an_unsolicited_response_is_accepted_only_when_none_was_asked_for() -> None:
    encoded = built(in_response_to=None)
    assert validated(encoded, in_response_to=None).name_id == "ada@example.com"
    with pytest.raises(WrongInResponseTo):
        validated(encoded)


def test_an_altered_assertion_is_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, ".//saml:NameID").text = "grace@example.com"

    with pytest.raises(SignatureInvalid):
        validated(altered(built(), change))


def test_an_unsigned_assertion_is_refused() -> None:
    def change(root: etree._Element) -> None:
        assertion = find(root, "saml:Assertion")
        assertion.remove(find(assertion, "ds:Signature"))

    with pytest.raises(SignatureInvalid, match="not signed"):
        validated(altered(built(), change))


def test_an_attackers_own_key_is_refused_though_its_certificate_is_enclosed() -> None:
    forged = response.build(an_assertion(), *key_pair("attacker"))
    with pytest.raises(SignatureInvalid):
        validated(forged)


def evil_copy(root: etree._Element) -> etree._Element:
    evil = copy.deepcopy(find(root, "saml:Assertion"))
    evil.set("ID", "_evil")
    evil.remove(find(evil, "ds:Signature"))
    find(evil, ".//saml:NameID").text = "grace@example.com"
    return evil


def wrap_before(root: etree._Element) -> None:
    find(root, "saml:Assertion").addprevious(evil_copy(root))


def wrap_after(root: etree._Element) -> None:
    root.append(evil_copy(root))


def wrap_inside_signature(root: etree._Element) -> None:
    """The forged assertion takes the place, the signed one hides in the signature's Object."""
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(root)
    signature = find(genuine, "ds:Signature")
    hidden = copy.deepcopy(genuine)
    hidden.remove(find(hidden, "ds:Signature"))
    etree.SubElement(signature, f"{{{names.SIGNATURE}}}Object").append(hidden)
    evil.insert(1, signature)
    root.replace(genuine, evil)


def wrap_in_extensions(root: etree._Element) -> None:
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(root)
    root.replace(genuine, evil)
    extensions = etree.SubElement(root, f"{{{names.PROTOCOL}}}Extensions")
    extensions.append(genuine)


def wrap_with_the_same_id(root: etree._Element) -> None:
    genuine = find(root, "saml:Assertion")
    evil = evil_copy(root)
    evil.set("ID", genuine.get("ID") or "")
    evil.insert(1, copy.deepcopy(find(genuine, "ds:Signature")))
    root.replace(genuine, evil)
    status = find(root, "samlp:Status")
    etree.SubElement(status, f"{{{names.PROTOCOL}}}StatusDetail").append(genuine)


@pytest.mark.parametrize(
    "attack", [wrap_before, wrap_after, wrap_inside_signature, wrap_in_extensions, wrap_with_the_same_id]
)
def test_signature_wrapping_is_refused(attack: Callable[[etree._Element], None]) -> None:
    with pytest.raises((MalformedResponse, SignatureInvalid)):
        validated(altered(built(), attack))


def test_a_signature_over_something_else_is_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, ".//ds:Reference").set("URI", "")

    with pytest.raises(SignatureInvalid, match="something else"):
        validated(altered(built(), change))


def test_a_comment_does_not_cut_the_name_short() -> None:
    encoded = built(name_id="ada@example.com.evil.example")
    xml = base64.b64decode(encoded).replace(b"ada@example.com.evil", b"ada@example.com<!-- -->.evil")
    assertion = validated(base64.b64encode(xml).decode("ascii"))
    assert assertion.name_id == "ada@example.com.evil.example"


@pytest.mark.parametrize(
    "prologue",
    [
        b'<!DOCTYPE r [<!ENTITY e "grace@example.com">]>',
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
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


@pytest.mark.parametrize(
    "encoded", ["", "%%%", base64.b64encode(b"<a>").decode(), base64.b64encode(b"<a/>").decode()]
)
def test_what_is_no_response_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedResponse):
        validated(encoded)


def test_what_is_too_long_is_not_parsed() -> None:
    long = base64.b64encode(b"<a>" + b" " * 300_000 + b"</a>").decode("ascii")
    with pytest.raises(MalformedResponse, match="longer"):
        validated(long)


def test_encrypted_assertions_are_named() -> None:
    def change(root: etree._Element) -> None:
        etree.SubElement(root, f"{{{names.ASSERTION}}}EncryptedAssertion")

    with pytest.raises(MalformedResponse, match="encrypted"):
        validated(altered(built(), change))


def test_a_status_other_than_success_carries_its_words() -> None:
    def change(root: etree._Element) -> None:
        code = find(root, "samlp:Status/samlp:StatusCode")
        code.set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
        message = etree.SubElement(find(root, "samlp:Status"), f"{{{names.PROTOCOL}}}StatusMessage")
        message.text = "AADSTS50105"

    with pytest.raises(StatusNotSuccess) as caught:
        validated(altered(built(), change))
    assert caught.value.message == "AADSTS50105"


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


# Requests


def a_request() -> AuthnRequest:
    return AuthnRequest(
        id=REQUEST_ID,
        issue_instant=NOW,
        destination="https://login.microsoftonline.com/7d1e/saml2",
        issuer=AUDIENCE,
        assertion_consumer_service_url=RECIPIENT,
        name_id_format=names.FORMAT_EMAIL,
        requested_authn_contexts=(names.CONTEXT_PASSWORD_PROTECTED, names.CONTEXT_INTEGRATED),
    )


@pytest.mark.parametrize("binding", ["post", "redirect"])
def test_requests_survive_both_bindings(binding: authn_request.Binding) -> None:
    assert (
        authn_request.parse(authn_request.build(a_request(), binding=binding), binding=binding) == a_request()
    )


def test_a_minimal_request_leaves_the_rest_to_the_identity_provider() -> None:
    request = AuthnRequest(id="_1", issue_instant=NOW, destination=None, issuer="a")
    assert authn_request.parse(authn_request.build(request)) == request


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "%",
        base64.b64encode(b"<a/>").decode("ascii"),
        base64.b64encode(b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>').decode("ascii"),
        base64.b64encode(f'<AuthnRequest xmlns="{names.PROTOCOL}" ID="_1"/>'.encode()).decode("ascii"),
    ],
)
def test_what_is_no_request_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedRequest):
        authn_request.parse(encoded)


def test_a_compression_bomb_is_not_unpacked() -> None:
    compressor = zlib.compressobj(wbits=-15)
    bomb = compressor.compress(b"<a>" + b" " * 50_000_000) + compressor.flush()
    with pytest.raises(MalformedRequest, match="longer"):
        authn_request.parse(base64.b64encode(bomb).decode("ascii"), binding="redirect")


# Metadata and times


def test_metadata_survives_writing_and_reading() -> None:
    provider = IdentityProvider(
        entity_id=ISSUER,
        signing_certificates=(body(key_pair("entra")[1]), body(key_pair("attacker")[1])),
        single_sign_on_urls={
            names.BINDING_POST: "https://idp.example/saml2",
            names.BINDING_REDIRECT: "https://idp.example/saml2",
        },
        single_logout_urls={names.BINDING_REDIRECT: "https://idp.example/saml2"},
    )
    assert metadata.parse(metadata.build(provider)) == provider


@pytest.mark.parametrize("xml", [b"", b"<a/>", b"<!DOCTYPE a><a/>"])
def test_what_is_no_metadata_is_malformed(xml: bytes) -> None:
    with pytest.raises(MalformedMetadata):
        metadata.parse(xml)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-21T12:00:00Z", NOW),
        ("2026-11-21T12:00:00.000Z", NOW),
        ("2026-11-21T12:00:00.1234567Z", NOW + timedelta(microseconds=123456)),
        ("2026-11-21T13:00:00+01:00", NOW),
        ("2026-11-21T12:00:00", NOW),
    ],
)
def test_times_are_read_as_providers_write_them(written: str, moment: datetime) -> None:
    assert parse_instant(written) == moment


@pytest.mark.parametrize("written", [None, "", "yesterday", "2026-11-21"])
def test_what_is_no_time_is_refused(written: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(written)
