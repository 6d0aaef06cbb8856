"""What a service provider must check of a signed assertion (saml-core 2, profiles 4.1.4).

Each function raises one of ``mimecast_sso.saml.errors``, or ``ValueError`` for a malformed time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from mimecast_sso.saml import names
from mimecast_sso.saml.documents import instant, parse_instant, text
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
from mimecast_sso.saml.names import PREFIXES, tag

_VERSION = "2.0"
_EXACTLY_ONCE = ("Issuer", "Subject", "Conditions")
_AT_MOST_ONCE = ("Advice",)
_STATEMENTS = ("AttributeStatement", "AuthnStatement", "AuthzDecisionStatement")
_PARTS = {
    tag("ds", "Signature"),
    *(tag("saml", name) for name in (*_EXACTLY_ONCE, *_AT_MOST_ONCE, *_STATEMENTS)),
}
_AUDIENCE = tag("saml", "AudienceRestriction")
_ONE_TIME_USE = tag("saml", "OneTimeUse")
_PROXY = tag("saml", "ProxyRestriction")


@dataclass(frozen=True, slots=True)
class ValidityClock:
    """The current time, and the allowed difference to other clocks."""

    now: datetime
    skew: timedelta

    def check_begun(self, moment: datetime, what: str) -> None:
        """Raises NotYetValid before ``moment``."""
        if self.now + self.skew < moment:
            raise NotYetValid(f"{what} is {instant(moment)}, now it is {instant(self.now)}")

    def check_not_over(self, moment: datetime, what: str = "expired at") -> None:
        """Raises Expired from ``moment`` on."""
        if self.now - self.skew >= moment:
            raise Expired(f"{what} {instant(moment)}, now it is {instant(self.now)}")


def check_head(element: etree._Element, clock: ValidityClock) -> None:
    """Check the common attributes of responses and assertions: version, id, time of issue (core 2.3.3, 3.2.2)."""
    name = etree.QName(element).localname
    if element.get("Version") != _VERSION:
        raise MalformedResponse(f"the {name} has version {element.get('Version')}, not {_VERSION}")
    if not element.get("ID"):
        raise MalformedResponse(f"the {name} has no ID")
    clock.check_begun(parse_instant(element.get("IssueInstant")), f"the {name}'s time of issue")


def check_parts(assertion: etree._Element) -> None:
    """Check the number of each element against the schema; encrypted ones are not supported."""
    found = Counter(str(child.tag) for child in assertion.iterchildren(etree.Element))
    for name in _EXACTLY_ONCE:
        if found[tag("saml", name)] != 1:
            raise MalformedResponse(f"an assertion needs exactly one {name}")
    for name in _AT_MOST_ONCE:
        if found[tag("saml", name)] > 1:
            raise MalformedResponse(f"an assertion has at most one {name}")
    odd = sorted(found.keys() - _PARTS)
    if odd:
        raise MalformedResponse(f"an assertion has no {odd[0]}")


def check_issuer(element: etree._Element, expected: str) -> None:
    """Check the issuer of an assertion, or of a response that names one."""
    issuer = text(element, "saml:Issuer")
    if issuer != expected:
        raise WrongIssuer(f"issued by {issuer}, expected {expected}")


def check_conditions(assertion: etree._Element, audience: str, clock: ValidityClock) -> datetime | None:
    """Check the assertion's conditions (core 2.5.1); return until when it is valid, if stated."""
    conditions = assertion.find("saml:Conditions", PREFIXES)
    if conditions is None:
        raise MalformedResponse("an assertion needs Conditions")
    begins, ends = (
        None if written is None else parse_instant(written)
        for written in (conditions.get("NotBefore"), conditions.get("NotOnOrAfter"))
    )
    if begins is not None:
        clock.check_begun(begins, "valid from")
    if ends is not None:
        clock.check_not_over(ends)
    if begins is not None and ends is not None and begins >= ends:
        raise MalformedResponse("the Conditions end before they begin")
    children = list(conditions.iterchildren(etree.Element))
    _check_kinds(str(child.tag) for child in children)
    _check_audience([child for child in children if child.tag == _AUDIENCE], audience)
    return ends


def _check_kinds(tags: Iterable[str]) -> None:
    found = Counter(tags)
    odd = sorted(found.keys() - {_AUDIENCE, _ONE_TIME_USE, _PROXY})
    if odd:
        raise MalformedResponse(f"the condition {odd[0]} is unknown, so it cannot be checked")
    if found[_ONE_TIME_USE] > 1 or found[_PROXY] > 1:
        raise MalformedResponse("a condition that is allowed once occurs twice")


def _check_audience(restrictions: list[etree._Element], audience: str) -> None:
    """Check that every audience restriction names this service provider."""
    if not restrictions:
        raise WrongAudience(f"it has no audience; this is {audience}")
    for restriction in restrictions:
        audiences = [
            (element.text or "").strip() for element in restriction.findall("saml:Audience", PREFIXES)
        ]
        if audience not in audiences:
            raise WrongAudience(f"meant for {', '.join(audiences) or 'nobody'}, this is {audience}")


def check_subject(
    assertion: etree._Element, recipient: str, in_response_to: str | None, clock: ValidityClock
) -> datetime:
    """Check that a bearer confirmation is valid (profiles 4.1.4.3); return until when."""
    identifiers = [
        child
        for name in ("BaseID", "NameID", "EncryptedID")
        for child in assertion.findall(f"saml:Subject/saml:{name}", PREFIXES)
    ]
    if len(identifiers) != 1 or identifiers[0].tag != tag("saml", "NameID"):
        raise MalformedResponse("a subject needs exactly one NameID, which is not encrypted")
    path = f"saml:Subject/saml:SubjectConfirmation[@Method='{names.BEARER}']"
    problem: SamlError = MalformedResponse("an assertion needs a bearer confirmation")
    for confirmation in assertion.findall(path, PREFIXES):
        try:
            return _confirmed_until(confirmation, recipient, in_response_to, clock)
        except SamlError as error:
            problem = error
    raise problem


def _confirmed_until(
    confirmation: etree._Element, recipient: str, in_response_to: str | None, clock: ValidityClock
) -> datetime:
    data = confirmation.findall("saml:SubjectConfirmationData", PREFIXES)
    if len(data) != 1:
        raise MalformedResponse("a bearer confirmation needs its data, once")
    if data[0].get("NotBefore") is not None:
        raise MalformedResponse("a bearer confirmation must not have NotBefore")
    if data[0].get("Recipient") != recipient:
        raise WrongRecipient(f"the assertion is meant for {data[0].get('Recipient')}, this is {recipient}")
    if data[0].get("InResponseTo") != in_response_to:
        raise WrongInResponseTo(
            f"the assertion responds to {data[0].get('InResponseTo')}, not {in_response_to}"
        )
    expires = parse_instant(data[0].get("NotOnOrAfter"))
    clock.check_not_over(expires)
    return expires


def check_statements(assertion: etree._Element, clock: ValidityClock) -> None:
    """Check that the person signed in, not in the future, in a session that has not ended (core 2.7.2)."""
    statements = assertion.findall("saml:AuthnStatement", PREFIXES)
    if not statements:
        raise MalformedResponse("an assertion needs an AuthnStatement")
    for statement in statements:
        clock.check_begun(parse_instant(statement.get("AuthnInstant")), "the time of the sign-in")
        session_end = statement.get("SessionNotOnOrAfter")
        if session_end is not None:
            clock.check_not_over(parse_instant(session_end), "the session ended at")
        if len(statement.findall("saml:AuthnContext", PREFIXES)) != 1:
            raise MalformedResponse("an AuthnStatement needs exactly one AuthnContext")
    if assertion.find("saml:AttributeStatement/saml:EncryptedAttribute", PREFIXES) is not None:
        raise MalformedResponse("encrypted attributes are not supported")
