"""The response with which an identity provider ends a sign-in (saml-core 3.3.3, profiles 4.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from mimecast_sso.saml import assertion_checks, names, signatures
from mimecast_sso.saml.assertion_checks import ValidityClock
from mimecast_sso.saml.documents import decode, encode, instant, new_id, parse, text
from mimecast_sso.saml.errors import (
    MalformedResponse,
    Replayed,
    SignatureInvalid,
    StatusNotSuccess,
    WrongInResponseTo,
    WrongRecipient,
)
from mimecast_sso.saml.names import PREFIXES, tag

CLOCK_SKEW = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Assertion:
    """An identity provider's statement about a person, with its audience and validity. Times are aware."""

    issuer: str
    name_id: str
    name_id_format: str
    audience: str
    recipient: str
    in_response_to: str | None
    issued: datetime
    not_before: datetime
    not_on_or_after: datetime
    authn_context: str = names.CONTEXT_PASSWORD
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class ValidatedAssertion:
    """The signed content, read from the signed element only."""

    id: str
    name_id: str
    name_id_format: str | None
    authn_context: str | None
    attributes: Mapping[str, tuple[str, ...]]
    not_on_or_after: datetime
    in_response_to: str | None


def build(assertion: Assertion, key: RSAPrivateKey, certificate: x509.Certificate) -> str:
    """The value of the ``SAMLResponse`` field: a Response whose assertion is signed with RSA and SHA-256."""
    root = envelope(
        "Response",
        issuer=assertion.issuer,
        destination=assertion.recipient,
        in_response_to=assertion.in_response_to,
        issued=assertion.issued,
    )
    root.append(signatures.sign(_assertion_element(assertion), key, certificate))
    return encode(root)


def envelope(
    kind: str,
    *,
    issuer: str,
    destination: str,
    in_response_to: str | None,
    issued: datetime,
    refusal: tuple[str, str] | None = None,
) -> etree._Element:
    """A ``Response`` or ``LogoutResponse`` with only a status.

    ``refusal`` is the second-level status code and the message of a refusal.
    """
    root = etree.Element(
        tag("samlp", kind),
        {"ID": new_id(), "Version": "2.0", "IssueInstant": instant(issued), "Destination": destination},
        nsmap={"samlp": names.PROTOCOL},
    )
    if in_response_to:
        root.set("InResponseTo", in_response_to)
    _child(root, "saml", "Issuer", issuer)
    status = _child(root, "samlp", "Status")
    code = _child(
        status, "samlp", "StatusCode", Value=names.STATUS_RESPONDER if refusal else names.STATUS_SUCCESS
    )
    if refusal:
        _child(code, "samlp", "StatusCode", Value=refusal[0])
        _child(status, "samlp", "StatusMessage", refusal[1])
    return root


def validate(
    encoded: str,
    *,
    certificate_body: str,
    expected_issuer: str,
    audience: str,
    recipient: str,
    in_response_to: str | None,
    now: datetime,
    first_use: Callable[[str, datetime], bool],
    clock_skew: timedelta = CLOCK_SKEW,
) -> ValidatedAssertion:
    """Check a ``SAMLResponse`` as a service provider must, and return its signed content.

    ``certificate_body`` is the base64 of the identity provider's certificate, with or without its first and last
    line. ``in_response_to`` is the id of the request; ``None`` accepts unsolicited responses
    only. ``first_use`` stores the id of an otherwise valid assertion until the given time, and returns
    whether it is new.

    Raises:
        MalformedResponse, StatusNotSuccess, SignatureInvalid, WrongIssuer, WrongAudience, WrongRecipient,
        NotYetValid, Expired, WrongInResponseTo, Replayed
    """
    try:
        root = parse(decode(encoded))
    except ValueError as error:
        raise MalformedResponse(str(error)) from error
    if root.tag != tag("samlp", "Response"):
        raise MalformedResponse(f"not a Response but {root.tag}")
    clock = ValidityClock(now, clock_skew)
    try:
        _check_envelope(root, expected_issuer, clock)
        _check_addressee(root, recipient, in_response_to)
        assertion = _verified_assertion(root, signatures.read_certificate(certificate_body), now)
        assertion_checks.check_head(assertion, clock)
        assertion_checks.check_parts(assertion)
        assertion_checks.check_issuer(assertion, expected_issuer)
        ends = assertion_checks.check_conditions(assertion, audience, clock)
        confirmed_until = assertion_checks.check_subject(assertion, recipient, in_response_to, clock)
        assertion_checks.check_statements(assertion, clock)
    except ValueError as error:
        raise MalformedResponse(str(error)) from error
    found = _validated(assertion, min(ends or confirmed_until, confirmed_until), in_response_to)
    if not first_use(found.id, found.not_on_or_after + clock_skew):
        raise Replayed("the assertion has already been used")
    return found


# Building


def _child(
    parent: etree._Element, prefix: str, name: str, content: str | None = None, **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, tag(prefix, name), attributes)
    child.text = content
    return child


def _assertion_element(assertion: Assertion) -> etree._Element:
    root = etree.Element(
        tag("saml", "Assertion"),
        {"ID": assertion.id, "IssueInstant": instant(assertion.issued), "Version": "2.0"},
        nsmap={"saml": names.ASSERTION},
    )
    _child(root, "saml", "Issuer", assertion.issuer)
    signatures.add_placeholder(root)  # The schema requires it right after the issuer.
    subject = _child(root, "saml", "Subject")
    _child(subject, "saml", "NameID", assertion.name_id, Format=assertion.name_id_format)
    confirmation = _child(subject, "saml", "SubjectConfirmation", Method=names.BEARER)
    data = _child(
        confirmation,
        "saml",
        "SubjectConfirmationData",
        NotOnOrAfter=instant(assertion.not_on_or_after),
        Recipient=assertion.recipient,
    )
    if assertion.in_response_to:
        data.set("InResponseTo", assertion.in_response_to)
    conditions = _child(
        root,
        "saml",
        "Conditions",
        NotBefore=instant(assertion.not_before),
        NotOnOrAfter=instant(assertion.not_on_or_after),
    )
    restriction = _child(conditions, "saml", "AudienceRestriction")
    _child(restriction, "saml", "Audience", assertion.audience)
    _add_attributes(root, assertion.attributes)
    statement = _child(
        root, "saml", "AuthnStatement", AuthnInstant=instant(assertion.issued), SessionIndex=assertion.id
    )
    context = _child(statement, "saml", "AuthnContext")
    _child(context, "saml", "AuthnContextClassRef", assertion.authn_context)
    return root


def _add_attributes(root: etree._Element, attributes: Mapping[str, Iterable[str]]) -> None:
    if not attributes:
        return
    statement = _child(root, "saml", "AttributeStatement")
    for name, values in attributes.items():
        attribute = _child(statement, "saml", "Attribute", Name=name)
        for value in values:
            _child(attribute, "saml", "AttributeValue", value)


# Validating


def _check_envelope(root: etree._Element, expected_issuer: str, clock: ValidityClock) -> None:
    """Check status, version, time and issuer of the response. The issuer is optional."""
    codes = root.findall("samlp:Status/samlp:StatusCode", PREFIXES)
    if len(codes) != 1:
        raise MalformedResponse("a Response needs exactly one StatusCode")
    _check_status(root, codes[0])
    assertion_checks.check_head(root, clock)
    issuers = root.findall("saml:Issuer", PREFIXES)
    if len(issuers) > 1:
        raise MalformedResponse("a Response has at most one Issuer")
    if issuers:
        assertion_checks.check_issuer(root, expected_issuer)


def _check_status(root: etree._Element, code: etree._Element) -> None:
    if code.get("Value") != names.STATUS_SUCCESS:
        detail = code.find("samlp:StatusCode", PREFIXES)
        value = (code if detail is None else detail).get("Value")
        raise StatusNotSuccess(value or "", text(root, "samlp:Status/samlp:StatusMessage"))


def _check_addressee(root: etree._Element, recipient: str, in_response_to: str | None) -> None:
    """Check the envelope as well, although only the assertion is trusted."""
    destination = root.get("Destination")
    if destination is None and signatures.own_signature(root) is not None:
        raise WrongRecipient("a signed response must name its Destination")  # bindings 3.5.5.2
    if destination is not None and destination != recipient:
        raise WrongRecipient(f"the response is meant for {destination}, this is {recipient}")
    if root.get("InResponseTo") != in_response_to:
        raise WrongInResponseTo(
            f"the response is for request {root.get('InResponseTo')}, not {in_response_to}"
        )


def _verified_assertion(root: etree._Element, certificate: x509.Certificate, now: datetime) -> etree._Element:
    """The signed assertion: parsed again from exactly the bytes that the signature covers."""
    if root.find(".//saml:EncryptedAssertion", PREFIXES) is not None:
        raise MalformedResponse("encrypted assertions are not supported")
    assertions = root.findall(".//saml:Assertion", PREFIXES)
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        raise MalformedResponse("a Response needs exactly one assertion, as its child")
    signatures.check_unique_ids(root)
    signed = _signed_element(root, assertions[0])
    payload = signatures.verified(signed, certificate, now)
    found = payload if payload.tag == tag("saml", "Assertion") else payload.find("saml:Assertion", PREFIXES)
    if found is None:
        raise SignatureInvalid("the signature does not cover the assertion")
    return found


def _signed_element(root: etree._Element, assertion: etree._Element) -> etree._Element:
    """The element (assertion or response) with its own signature that refers to it."""
    for element in (assertion, root):
        if signatures.own_signature(element) is not None:
            return element
    raise SignatureInvalid("the response is not signed")


def _validated(
    assertion: etree._Element, not_on_or_after: datetime, in_response_to: str | None
) -> ValidatedAssertion:
    name_id = text(assertion, "saml:Subject/saml:NameID")
    if not name_id:
        raise MalformedResponse("an assertion needs a NameID")
    element = assertion.find("saml:Subject/saml:NameID", PREFIXES)
    attributes = {
        attribute.get("Name") or "": tuple(
            "".join(part for part in value.itertext() if isinstance(part, str))
            for value in attribute.findall("saml:AttributeValue", PREFIXES)
        )
        for attribute in assertion.findall("saml:AttributeStatement/saml:Attribute", PREFIXES)
    }
    return ValidatedAssertion(
        id=assertion.get("ID") or "",
        name_id=name_id,
        name_id_format=None if element is None else element.get("Format"),
        authn_context=text(assertion, "saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef"),
        attributes=attributes,
        not_on_or_after=not_on_or_after,
        in_response_to=in_response_to,
    )
