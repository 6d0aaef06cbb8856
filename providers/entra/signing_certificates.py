"""The token signing certificates of a service principal: read, choose the active one, remove a retired one.

Facts, from Microsoft's "servicePrincipal resource type", "Configure a SAML application with the Graph API" and
"Manage certificates for federated single sign-on":

- one certificate is two ``keyCredentials`` (usage ``Sign`` and ``Verify``) and one ``passwordCredential``, tied
  together by ``customKeyIdentifier``, the base-64 text of the certificate's SHA-1;
- ``preferredTokenSigningKeyThumbprint`` names the active one, in 40 hexadecimal digits; a later certificate
  stays inactive until it is named there;
- when the active one has expired and a valid inactive one exists, Entra switches to it automatically;
- no call removes one certificate: both lists are written completely, without a version to compare (no ETag).
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text import certificates
from mimecast_sso.text.times import graph_time
from providers.entra.errors import (
    CertificateInUse,
    CertificateUnknown,
    ForeignChange,
    NotTakenOver,
    Refused,
)
from providers.entra.odata import literal
from providers.entra.protocols import Graph

_SUBJECT = "CN=Mimecast Personal Portal "
_CLOCK_DIFFERENCE = timedelta(minutes=5)
_LISTS = ("keyCredentials", "passwordCredentials")
_PICTURE = ",".join((*_LISTS, "preferredTokenSigningKeyThumbprint"))


def subject(label: str) -> str:
    """The display name of a generation's certificate."""
    return _SUBJECT + label


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """One certificate with its public half.

    ``thumbprint`` is its SHA-1 in 40 capital hexadecimal digits, ``key_id`` the id of the key with usage ``Verify``,
    ``custom_key_identifier`` what ties its three credentials together, ``body`` its base-64 DER ("" where Graph
    did not show it). Times are aware UTC.
    """

    thumbprint: str
    display_name: str
    not_before: datetime
    not_after: datetime
    key_id: str
    custom_key_identifier: str
    body: str = ""

    @property
    def label(self) -> str:
        """The label of the generation it was created for; "" for an unmanaged one."""
        return self.display_name.removeprefix(_SUBJECT) if self.display_name.startswith(_SUBJECT) else ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it is valid at ``now``; a new one counts at once, although clocks differ slightly."""
        return self.not_before - _CLOCK_DIFFERENCE <= now < self.not_after

    def __str__(self) -> str:
        return f"{self.thumbprint} ({self.display_name}, until {self.not_after:%Y-%m-%d})"


@dataclass(frozen=True, slots=True)
class PrincipalCertificates:
    """All certificates of a principal in Graph's order, and the thumbprint that Entra prefers ("": none named).

    ``key_ids``: the ids of all keys and passwords on the principal, in lower case.
    """

    certificates: tuple[SigningCertificate, ...]
    preferred: str
    key_ids: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def thumbprints(self) -> frozenset[str]:
        """The thumbprints of all certificates."""
        return frozenset(certificate.thumbprint for certificate in self.certificates)

    def get(self, thumbprint: str) -> SigningCertificate | None:
        """The certificate with this thumbprint, or ``None``."""
        return next((each for each in self.certificates if each.thumbprint == thumbprint), None)

    def labelled(self, label: str) -> tuple[SigningCertificate, ...]:
        """The certificates created for a generation: normally one, more after a lost response."""
        return tuple(each for each in self.certificates if each.label == label)

    def named(self) -> SigningCertificate | None:
        """The active one by name; without a name, the only one (assumed: the first becomes active)."""
        if not self.preferred and len(self.certificates) == 1:
            return self.certificates[0]
        return self.get(self.preferred)

    def active(self, now: datetime) -> SigningCertificate | None:
        """The certificate that signs at ``now``, after Entra's automatic switch; ``None`` if unknown.

        Documented is the switch from an expired active one to a valid inactive one. Assumed: the same for one
        that is not valid yet, that Entra chooses the one with the latest expiry if several are valid,
        and that it continues to sign with an expired one if none is valid.
        """
        named = self.named()
        if named is not None and named.is_valid(now):
            return named
        return next(iter(self.successors(now)), named)

    def successors(self, now: datetime) -> tuple[SigningCertificate, ...]:
        """Valid inactive ones at ``now``, the latest expiry first: those to which Entra may switch automatically."""
        others = (each for each in self.certificates if each != self.named() and each.is_valid(now))
        return tuple(sorted(others, key=lambda each: each.not_after, reverse=True))


def find_service_principal(graph: Graph, identifier: str) -> str | None:
    """The object id of the service principal with this identifier (entity id) among its names, or ``None``.

    Raises GraphError, or Refused if several have it, which Entra does not allow in one tenant.
    """
    found = [
        str(principal["id"])
        for principal in graph.list(
            "/servicePrincipals",
            filter=f"servicePrincipalNames/any(n:n eq {literal(identifier)})",
            select="id",
        )
    ]
    if len(found) > 1:
        raise Refused(f"Several service principals have the name {identifier}: {', '.join(found)}")
    return found[0] if found else None


def read(graph: Graph, service_principal: str) -> PrincipalCertificates:
    """The certificates of the principal with this object id. Raises NotFound if it no longer exists."""
    return _parsed(_read_lists(graph, service_principal))


@dataclass(frozen=True, slots=True)
class TakenAway:
    """The certificates ``left`` on a principal, and the ids of the removed keys; none if removed earlier."""

    left: PrincipalCertificates
    key_ids: tuple[str, ...] = ()


def activate(
    graph: Graph, service_principal: str, thumbprint: str, *, replace: bool
) -> PrincipalCertificates:
    """Activate a certificate, and return the state afterwards.

    With ``replace`` false, another active certificate stays active, because relying parties that trust it may not
    trust the new one yet. Raises CertificateUnknown, NotTakenOver, GraphError.
    """
    with _lock(service_principal):
        before = read(graph, service_principal)
        if thumbprint not in before.thumbprints:
            known = ", ".join(sorted(before.thumbprints)) or "none"
            raise CertificateUnknown(
                f"Signing certificate {thumbprint} is not on service principal {service_principal}, which has: {known}"
            )
        named = before.named()
        other_is_active = named is not None and named.thumbprint != thumbprint
        if before.preferred == thumbprint or (other_is_active and not replace):
            return before
        graph.patch(
            f"/servicePrincipals/{service_principal}", {"preferredTokenSigningKeyThumbprint": thumbprint}
        )
        after = read(graph, service_principal)
        if after.preferred != thumbprint:
            raise NotTakenOver(
                f"Entra accepted {thumbprint} as active certificate of {service_principal}, but names "
                f"{after.preferred or 'none'}. Rerun; if this repeats, something else changes it as well"
            )
        return after


def retire(graph: Graph, service_principal: str, thumbprint: str) -> TakenAway:
    """Remove one certificate with its three credentials, and return what is left.

    Repeatable: does nothing if the certificate is already removed. The lists are read again before they are
    written, compared, and compared once more afterwards. What is added externally between that read and the write is
    lost with the old lists, and no response shows it: `providers.entra.certificate_losses` finds it later.

    Raises:
        CertificateInUse: It is the active one or the last valid one.
        ForeignChange: The certificates were changed outside this stack meanwhile.
        GraphError: Entra could not be read or written.
    """
    with _lock(service_principal):
        decided_on = read(graph, service_principal)
        certificate = decided_on.get(thumbprint)
        if certificate is None:
            return TakenAway(decided_on)
        _check_retirable(decided_on, certificate, graph.now())
        live = _read_lists(graph, service_principal)
        before = _parsed(live)
        _stop_at_changes(decided_on, before, "between two reads; nothing was written")
        rest = _without(live, certificate.custom_key_identifier)
        try:
            graph.patch(f"/servicePrincipals/{service_principal}", rest)
        except Refused:
            # Entra refuses a list with a certificate that was removed meanwhile.
            _stop_at_changes(before, read(graph, service_principal), "meanwhile; nothing was written")
            raise
        after = read(graph, service_principal)
        others = tuple(each for each in before.certificates if each != certificate)
        expected = PrincipalCertificates(others, before.preferred)
        _stop_at_changes(expected, after, f"while {thumbprint} was removed")
        return TakenAway(after, _key_ids(live, certificate.custom_key_identifier))


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """An external change of one certificate: ``what`` is ``added``, ``removed`` or ``activated``."""

    what: str
    thumbprint: str
    text: str


def differences(recorded: PrincipalCertificates, live: PrincipalCertificates) -> tuple[KeyDifference, ...]:
    """Differences between Entra and the record: certificates added or removed, another one active."""
    found = [
        KeyDifference("removed", each.thumbprint, f"removed: {each}")
        for each in recorded.certificates
        if each.thumbprint not in live.thumbprints
    ]
    found += [
        KeyDifference("added", each.thumbprint, f"added: {each}")
        for each in live.certificates
        if each.thumbprint not in recorded.thumbprints
    ]
    was, is_ = recorded.named(), live.named()
    # Without a certificate of either name, the name is all that tells them apart.
    if recorded.preferred != live.preferred and (was != is_ or is_ is None):
        text = f"active: {is_ or live.preferred or 'none'}, was {was or recorded.preferred or 'none'}"
        found.append(KeyDifference("activated", live.preferred, text))
    return tuple(found)


def _stop_at_changes(before: PrincipalCertificates, after: PrincipalCertificates, when: str) -> None:
    found = differences(before, after)
    if found:
        raise ForeignChange(
            f"The signing certificates were changed outside this stack {when}: "
            f"{'; '.join(each.text for each in found)}",
            thumbprints=tuple(each.thumbprint for each in found),
        )


def _check_retirable(
    certificates: PrincipalCertificates, certificate: SigningCertificate, now: datetime
) -> None:
    if certificate in (certificates.named(), certificates.active(now)):
        raise CertificateInUse(
            f"Certificate {certificate} signs, so it is not removed. Activate another one first"
        )
    others = (each for each in certificates.certificates if each != certificate)
    if certificate.is_valid(now) and not any(each.is_valid(now) for each in others):
        raise CertificateInUse(
            f"Certificate {certificate} is the last valid one, so it is not removed. Create another one first"
        )


def _without(live: Mapping[str, JSON], custom_key_identifier: str) -> dict[str, JSON]:
    """Both lists without one certificate. Keys are sent as null, which leaves them as they are."""
    rest = {
        name: [item for item in live[name] if item.get("customKeyIdentifier") != custom_key_identifier]
        for name in _LISTS
    }
    return rest | {"keyCredentials": [{**item, "key": None} for item in rest["keyCredentials"]]}


def _read_lists(graph: Graph, service_principal: str) -> dict[str, JSON]:
    return _lists(graph.get(f"/servicePrincipals/{service_principal}", select=_PICTURE))


def parsed(principal: Mapping[str, JSON]) -> PrincipalCertificates:
    """The certificates of a service principal that was read with the necessary properties."""
    return _parsed(_lists(principal))


def _lists(found: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: found.get(name) or [] for name in _LISTS} | {
        "preferred": str(found.get("preferredTokenSigningKeyThumbprint") or "").upper()
    }


def _parsed(live: Mapping[str, JSON]) -> PrincipalCertificates:
    key_ids = {str(item["keyId"]).casefold() for name in _LISTS for item in live[name]}
    certificates = tuple(_certificates(live["keyCredentials"]))
    return PrincipalCertificates(certificates, live["preferred"], frozenset(key_ids))


def _key_ids(live: Mapping[str, JSON], custom_key_identifier: str) -> tuple[str, ...]:
    """The ids of the three credentials of one certificate."""
    return tuple(
        sorted(
            {
                str(item["keyId"]).casefold()
                for name in _LISTS
                for item in live[name]
                if item.get("customKeyIdentifier") == custom_key_identifier
            }
        )
    )


def _certificates(keys: Sequence[Mapping[str, JSON]]) -> Iterator[SigningCertificate]:
    """The certificates with both halves; one half alone cannot sign."""
    sign = {key.get("customKeyIdentifier") for key in keys if key.get("usage") == "Sign"}
    for key in keys:
        if key.get("usage") == "Verify" and key.get("customKeyIdentifier") in sign:
            yield SigningCertificate(
                thumbprint=thumbprint_of(key),
                display_name=str(key.get("displayName") or ""),
                not_before=graph_time(key["startDateTime"]),
                not_after=graph_time(key["endDateTime"]),
                key_id=str(key["keyId"]),
                custom_key_identifier=str(key["customKeyIdentifier"]),
                body=str(key.get("key") or ""),
            )


def thumbprint_of(key: Mapping[str, JSON]) -> str:
    """SHA-1 of a credential's certificate, 40 hexadecimal digits in capitals, from Graph's item."""
    if key.get("key"):
        return certificates.thumbprint(base64.b64decode(str(key["key"])))
    identifier = str(key["customKeyIdentifier"])
    try:
        return base64.b64decode(identifier, validate=True).hex().upper()
    except binascii.Error:
        return identifier.upper()


_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_locks_lock = threading.Lock()


def _lock(service_principal: str) -> threading.Lock:
    """The lock of one principal: writers in this process alternate, because each writes the whole list."""
    with _locks_lock:
        return _locks[service_principal]
