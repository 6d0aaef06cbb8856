"""Responses signed by the right provider that SAML nevertheless forbids (saml-core 2 and 3, profiles 4.1.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from lxml import etree

from mimecast_sso.saml import names, signatures
from mimecast_sso.saml.documents import instant
from mimecast_sso.saml.errors import (
    Expired,
    MalformedResponse,
    NotYetValid,
    SamlError,
    WrongAudience,
    WrongInResponseTo,
    WrongIssuer,
    WrongRecipient,
)
from tests.saml.messages import AUDIENCE, NOW, RECIPIENT, built, closed, find, key_pair, opened, validated

Change = Callable[[etree._Element], None]
IN_2030 = "2030-01-01T00:00:00Z"


def signed(change: Change) -> str:
    """A response whose assertion was changed before the provider signed it."""
    root = opened(built())
    assertion = find(root, "saml:Assertion")
    assertion.remove(find(assertion, "ds:Signature"))
    change(assertion)
    signatures.add_placeholder(assertion)
    assertion.insert(1, assertion[-1])
    alone = etree.fromstring(
        etree.tostring(assertion)
    )  # As the provider signs it, before it is in a response.
    root.replace(assertion, signatures.sign(alone, *key_pair("entra")))
    return closed(root)


def wrapped(change: Change) -> str:
    """A response that was changed around the signed assertion."""
    root = opened(built())
    change(root)
    return closed(root)


def setting(path: str, name: str, value: str | None) -> Change:
    def change(element: etree._Element) -> None:
        found = element if path == "." else find(element, path)
        if value is None:
            del found.attrib[name]
        else:
            found.set(name, value)

    return change


def adding(path: str, xml: str) -> Change:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.PREFIXES.items())

    def change(element: etree._Element) -> None:
        parent = element if path == "." else find(element, path)
        parent.append(
            etree.fromstring(xml.replace(">", f" {spaces}>", 1).replace(f"/ {spaces}>", f" {spaces}/>"))
        )

    return change


def removing(path: str) -> Change:
    def change(element: etree._Element) -> None:
        found = find(element, path)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return change


CONDITIONS = "saml:Conditions"
CONFIRMATION = "saml:Subject/saml:SubjectConfirmation"
DATA = f"{CONFIRMATION}/saml:SubjectConfirmationData"
STATEMENT = "saml:AuthnStatement"


def restriction(audience: str) -> str:
    return f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (adding(CONDITIONS, restriction("https://other.example")), WrongAudience),
        (adding(CONDITIONS, "<saml:AudienceRestriction/>"), WrongAudience),
        (removing(f"{CONDITIONS}/saml:AudienceRestriction"), WrongAudience),
        (adding(CONDITIONS, "<saml:Condition/>"), MalformedResponse),
        (adding(CONDITIONS, "<ds:Odd/>"), MalformedResponse),
        (adding(".", "<saml:Conditions/>"), MalformedResponse),
        (removing(CONDITIONS), MalformedResponse),
        (setting(CONDITIONS, "NotOnOrAfter", "2026-11-21T11:50:00Z"), Expired),
        (setting(CONDITIONS, "NotBefore", "2026-11-21T13:00:00Z"), NotYetValid),
        (setting(CONDITIONS, "NotOnOrAfter", "soon"), MalformedResponse),
        (setting(DATA, "NotBefore", "2020-01-01T00:00:00Z"), MalformedResponse),
        (setting(DATA, "NotOnOrAfter", None), MalformedResponse),
        (setting(DATA, "Recipient", None), WrongRecipient),
        (setting(DATA, "InResponseTo", None), WrongInResponseTo),
        (removing(DATA), MalformedResponse),
        (removing(CONFIRMATION), MalformedResponse),
        (setting(CONFIRMATION, "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), MalformedResponse),
        (removing(STATEMENT), MalformedResponse),
        (removing(f"{STATEMENT}/saml:AuthnContext"), MalformedResponse),
        (setting(STATEMENT, "AuthnInstant", None), MalformedResponse),
        (setting(STATEMENT, "AuthnInstant", IN_2030), NotYetValid),
        (setting(STATEMENT, "SessionNotOnOrAfter", "2020-01-01T00:00:00Z"), Expired),
        (setting(".", "IssueInstant", IN_2030), NotYetValid),
        (setting(".", "IssueInstant", None), MalformedResponse),
        (setting(".", "Version", "1.1"), MalformedResponse),
        (setting(".", "Version", None), MalformedResponse),
        (adding("saml:Subject", "<saml:NameID>grace@example.com</saml:NameID>"), MalformedResponse),
        (adding("saml:Subject", "<saml:EncryptedID/>"), MalformedResponse),
        (adding("saml:Subject", "<saml:BaseID/>"), MalformedResponse),
        (removing("saml:Subject/saml:NameID"), MalformedResponse),
        (adding(".", "<saml:Subject/>"), MalformedResponse),
        (removing("saml:Subject"), MalformedResponse),
        (adding(".", "<saml:Issuer>https://other.example</saml:Issuer>"), MalformedResponse),
        (adding(".", "<saml:Statement/>"), MalformedResponse),
        (adding("saml:AttributeStatement", "<saml:EncryptedAttribute/>"), MalformedResponse),
    ],
)
def test_signed_assertions_that_saml_refuses(change: Change, error: type[SamlError]) -> None:
    with pytest.raises(error):
        validated(signed(change))


@pytest.mark.parametrize(
    "change",
    [
        adding(CONDITIONS, restriction(AUDIENCE)),
        adding(
            f"{CONDITIONS}/saml:AudienceRestriction", "<saml:Audience>https://other.example</saml:Audience>"
        ),
        adding(CONDITIONS, "<saml:OneTimeUse/>"),
        adding(CONDITIONS, '<saml:ProxyRestriction Count="0"/>'),
        setting(CONDITIONS, "NotOnOrAfter", None),
        setting(CONDITIONS, "NotBefore", None),
        setting(STATEMENT, "SessionNotOnOrAfter", "2026-11-21T20:00:00Z"),
        adding(".", "<saml:Advice/>"),
        adding("saml:Subject", f'<saml:SubjectConfirmation Method="{names.BEARER}"/>'),
    ],
)
def test_signed_assertions_that_saml_allows(change: Change) -> None:
    assert validated(signed(change)).name_id == "ada@example.com"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (adding(".", "<saml:Issuer>https://other.example</saml:Issuer>"), MalformedResponse),
        (setting(".", "Version", "1.1"), MalformedResponse),
        (setting(".", "ID", None), MalformedResponse),
        (setting(".", "IssueInstant", IN_2030), NotYetValid),
        (adding("samlp:Status", f'<samlp:StatusCode Value="{names.STATUS_SUCCESS}"/>'), MalformedResponse),
    ],
)
def test_envelopes_that_saml_refuses(change: Change, error: type[SamlError]) -> None:
    with pytest.raises(error):
        validated(wrapped(change))


def test_a_response_in_another_issuers_name_is_refused() -> None:
    def change(root: etree._Element) -> None:
        find(root, "saml:Issuer").text = "https://sts.windows.net/another/"

    with pytest.raises(WrongIssuer):
        validated(wrapped(change))
    assert validated(wrapped(removing("saml:Issuer"))).name_id, "a response need not name its issuer"


def test_a_signed_response_must_say_where_it_goes() -> None:
    root = opened(built())
    del root.attrib["Destination"]
    signatures.add_placeholder(root)
    assertion = find(root, "saml:Assertion")
    assertion.remove(find(assertion, "ds:Signature"))
    with pytest.raises(WrongRecipient):
        validated(closed(signatures.sign(root, *key_pair("entra"))))


def test_another_bearer_confirmation_may_hold() -> None:
    later = instant(NOW + timedelta(minutes=10))

    def change(assertion: etree._Element) -> None:
        find(assertion, DATA).set("Recipient", "https://elsewhere.example")
        adding(
            "saml:Subject",
            f'<saml:SubjectConfirmation Method="{names.BEARER}"><saml:SubjectConfirmationData'
            f' Recipient="{RECIPIENT}" NotOnOrAfter="{later}" InResponseTo="_request"/></saml:SubjectConfirmation>',
        )(assertion)

    assert instant(validated(signed(change)).not_on_or_after) == later
