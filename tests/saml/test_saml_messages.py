"""Building and reading SAML messages; forged ones are in ``test_forged_responses.py``.

Built messages are checked with signxml and lxml directly, not with our own validation.
"""

from __future__ import annotations

import base64
import zlib
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from mimecast_sso.saml import authn_request, metadata, names
from mimecast_sso.saml.authn_request import AuthnRequest
from mimecast_sso.saml.documents import parse_instant
from mimecast_sso.saml.errors import (
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
from mimecast_sso.saml.metadata import IdentityProvider
from tests.saml.messages import (
    AUDIENCE,
    ISSUER,
    NOW,
    RECIPIENT,
    REQUEST_ID,
    altered,
    body,
    built,
    find,
    key_pair,
    validated,
)


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
        ({"now": NOW - timedelta(minutes=4)}, NotYetValid),
        ({"now": NOW + timedelta(minutes=64)}, Expired),
        ({"certificate_body": body(key_pair("somebody else")[1])}, SignatureInvalid),
    ],
)
def test_each_expectation_is_checked(changes: dict[str, object], error: type[SamlError]) -> None:
    with pytest.raises(error):
        validated(built(), **changes)


def test_clocks_may_differ_by_the_skew() -> None:
    assert validated(built(not_before=NOW), now=NOW - timedelta(minutes=2)).name_id
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


@pytest.mark.parametrize(
    "encoded", ["", "%%%", base64.b64encode(b"<a>").decode(), base64.b64encode(b"<a/>").decode()]
)
def test_a_document_that_is_not_a_response_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedResponse):
        validated(encoded)


def test_a_document_that_is_too_long_is_not_parsed() -> None:
    long = base64.b64encode(b"<a>" + b" " * 300_000 + b"</a>").decode("ascii")
    with pytest.raises(MalformedResponse, match="longer"):
        validated(long)


def test_encrypted_assertions_are_named() -> None:
    def change(root: etree._Element) -> None:
        etree.SubElement(root, f"{{{names.ASSERTION}}}EncryptedAssertion")

    with pytest.raises(MalformedResponse, match="encrypted"):
        validated(altered(built(), change))


def test_a_status_other_than_success_has_its_message() -> None:
    def change(root: etree._Element) -> None:
        code = find(root, "samlp:Status/samlp:StatusCode")
        code.set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
        message = etree.SubElement(find(root, "samlp:Status"), f"{{{names.PROTOCOL}}}StatusMessage")
        message.text = "AADSTS50105"

    with pytest.raises(StatusNotSuccess) as caught:
        validated(altered(built(), change))
    assert caught.value.message == "AADSTS50105"


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
def test_a_document_that_is_not_a_request_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedRequest):
        authn_request.parse(encoded)


def test_a_compression_bomb_is_not_unpacked() -> None:
    compressor = zlib.compressobj(wbits=-15)
    bomb = compressor.compress(b"<a>" + b" " * 50_000_000) + compressor.flush()
    with pytest.raises(MalformedRequest, match="longer"):
        authn_request.parse(base64.b64encode(bomb).decode("ascii"), binding="redirect")


# Metadata and times


def a_provider() -> IdentityProvider:
    return IdentityProvider(
        entity_id=ISSUER,
        signing_certificates=(body(key_pair("entra")[1]), body(key_pair("attacker")[1])),
        single_sign_on_urls={
            names.BINDING_POST: "https://idp.example/saml2",
            names.BINDING_REDIRECT: "https://idp.example/saml2",
        },
        single_logout_urls={names.BINDING_REDIRECT: "https://idp.example/saml2"},
    )


def test_metadata_survives_writing_and_reading() -> None:
    assert metadata.parse(metadata.build(a_provider())) == a_provider()
    signed = metadata.build(a_provider(), key_pair("entra"))
    assert metadata.parse(signed) == a_provider()
    assert metadata.verify(signed, body(key_pair("entra")[1]), NOW) == a_provider()
    assert metadata.enclosed_certificate(signed) == body(key_pair("entra")[1])


def test_metadata_that_nobody_or_somebody_else_signed_is_refused() -> None:
    trusted = body(key_pair("entra")[1])
    unsigned = metadata.build(a_provider())
    assert metadata.enclosed_certificate(unsigned) is None
    with pytest.raises(SignatureInvalid, match="not signed"):
        metadata.verify(unsigned, trusted, NOW)
    signed = metadata.build(a_provider(), key_pair("entra"))
    for forged in (
        metadata.build(a_provider(), key_pair("attacker")),
        signed.replace(b"idp.example", b"evil.example"),
        signed.replace(b"<md:IDPSSODescriptor", b"<md:Extensions/><md:IDPSSODescriptor"),
    ):
        with pytest.raises(SignatureInvalid):
            metadata.verify(forged, trusted, NOW)
    with pytest.raises(SignatureInvalid, match="expired"):
        metadata.verify(signed, trusted, NOW + timedelta(days=1001))


@pytest.mark.parametrize("xml", [b"", b"<a/>", b"<!DOCTYPE a><a/>"])
def test_a_document_that_is_not_metadata_is_malformed(xml: bytes) -> None:
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
def test_invalid_times_are_refused(written: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(written)
