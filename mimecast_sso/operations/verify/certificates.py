"""One certificate in three places: in the federation metadata, active in Entra, and at Mimecast."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.profiles import Profile
from mimecast_sso.operations.verify.checks import Check, Result
from mimecast_sso.saml import metadata
from mimecast_sso.saml.documents import SIZE_LIMIT
from mimecast_sso.saml.errors import MalformedMetadata, SignatureInvalid
from mimecast_sso.saml.names import BINDING_POST
from providers.entra.certificate_expiry import Expiry

if TYPE_CHECKING:
    from providers.entra.signing_certificates import SigningCertificate

_TIMEOUT_SECONDS = 30
_NONE_YET = (requests.codes.bad_request, requests.codes.not_found)
_FRESH = timedelta(minutes=30)
"""How long a new certificate may be unpublished without anything being wrong. Assumed: no figure is documented."""

_GRAPH = "read live: Microsoft Graph"
_METADATA = "read live: federation metadata"
_BOTH = "read live: federation metadata, Microsoft Graph"


class NotPublished(OperationError):  # noqa: N818  (the finding itself)
    """Entra answers, and has no metadata of this application (yet)."""


def fetch(url: str) -> bytes:
    """The federation metadata. Raises NotPublished, OperationError; this also for a host that no Entra cloud has."""
    if urlsplit(url).scheme != "https" or urlsplit(url).hostname not in {
        cloud.login_host for cloud in CLOUDS.values()
    }:
        raise OperationError(f"{url} is not at an Entra cloud's sign-in host.")
    try:
        with requests.get(url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            if answer.status_code in _NONE_YET:
                raise NotPublished(f"Entra has none of this application: it answers {answer.status_code}.")
            if answer.status_code != requests.codes.ok:
                raise OperationError(f"The federation metadata answers {answer.status_code}.")
            content = answer.raw.read(SIZE_LIMIT + 1, decode_content=True)
    except requests.RequestException as error:
        raise OperationError(
            f"The federation metadata could not be reached: {type(error).__name__}."
        ) from None
    return bytes(content)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What is compared: Entra's certificates, the profile that was deployed, and the metadata or why there is none."""

    expiry: Expiry
    profile: Profile
    document: bytes | OperationError

    def checks(self) -> Iterator[Check]:
        """All of them."""
        active = self.expiry.certificates.active(self.expiry.now)
        if active is None or self.expiry.certificates.named() is None:
            found = "; ".join(self.expiry.lines()) or "the application has no signing certificate"
            yield Check("Entra: active certificate", Result.FAILS, found, _GRAPH)
            active = None
        if isinstance(self.document, OperationError):
            yield self._not_read(self.document)
        else:
            yield from self._metadata(self.document, active)
        if active:
            yield self._at_mimecast(active)
            yield self._life()

    def _metadata(self, xml: bytes, active: SigningCertificate | None) -> Iterator[Check]:
        try:
            provider = metadata.parse(xml)
        except MalformedMetadata as error:
            yield Check("metadata", Result.FAILS, f"cannot be read: {error}", _METADATA)
            return
        form = self.profile.form
        yield _same("metadata: entity id", str(form["issuerUrl"]), provider.entity_id)
        login = provider.single_sign_on_urls.get(BINDING_POST, "")
        yield _same("metadata: sign-on URL", str(form["loginUrl"]), login)
        yield self._signature(xml, active)
        if active:
            yield _shown(active, [thumbprint(body) for body in provider.signing_certificates])

    def _not_read(self, error: OperationError) -> Check:
        """Right after a deployment, metadata that is not there is not published yet."""
        if not isinstance(error, NotPublished):
            return Check("metadata", Result.UNKNOWN, str(error), "unknown")
        youngest = max((each.not_before for each in self.expiry.certificates.certificates), default=None)
        if youngest and self.expiry.now < youngest + _FRESH:
            found = f"not published yet: the certificate is of {youngest:%Y-%m-%d %H:%M} UTC. {error}"
            return Check("metadata", Result.WAITING, found, _METADATA)
        return Check("metadata", Result.FAILS, str(error), _METADATA)

    def _signature(self, xml: bytes, active: SigningCertificate | None) -> Check:
        what, problem = "metadata: signature", "the application has no signing certificate to check it with"
        live = self.expiry.certificates.certificates
        for certificate in sorted(live, key=lambda each: each != active):
            try:
                metadata.verify(xml, certificate.body, self.expiry.now)
            except SignatureInvalid as error:
                problem = problem if certificate != active else str(error)
                continue
            kind = "the active" if certificate == active else "an inactive"
            return Check(what, Result.FINE, f"holds, by {kind} certificate of this application", _BOTH)
        return self._signed_by_another(xml, problem)

    def _signed_by_another(self, xml: bytes, problem: str) -> Check:
        """Which key signs an application's metadata is not documented, so an intact one of another's is open."""
        what, enclosed = "metadata: signature", metadata.enclosed_certificate(xml)
        if enclosed and thumbprint(enclosed) not in self.expiry.certificates.thumbprints:
            try:
                metadata.verify(xml, enclosed, self.expiry.now)
            except SignatureInvalid:
                return Check(
                    what, Result.FAILS, "does not hold by the certificate that it encloses either", _BOTH
                )
            found = f"intact, by certificate {thumbprint(enclosed)}, which is none of this application's"
            return Check(what, Result.OPEN, found, _BOTH)
        return Check(what, Result.FAILS, problem, _BOTH)

    def _at_mimecast(self, active: SigningCertificate) -> Check:
        what = "Mimecast: certificate"
        trusted = self.expiry.trusted
        if active.thumbprint in trusted:
            return Check(
                what, Result.FINE, f"the active one, {active.thumbprint}", _attested(trusted, active)
            )
        if not trusted:
            found = f"nobody confirmed that the profile has {active.thumbprint}: it is {self.profile.state}"
            return Check(what, Result.WAITING, found, "unknown")
        known = "; ".join(f"{other}, {how}" for other, how in trusted.items())
        return Check(
            what,
            Result.FAILS,
            f"Entra signs with {active.thumbprint}, and Mimecast has another: sign-ins are refused",
            f"attested: {known}",
        )

    def _life(self) -> Check:
        result = Result.FAILS if self.expiry.fails else Result.WARNS if self.expiry.warns else Result.FINE
        found = ". ".join(line.rstrip(".") for line in self.expiry.lines())
        return Check("certificate: life", result, found, f"{_GRAPH}, by its own clock")


def thumbprint(body: str) -> str:
    """SHA-1 of a certificate in base64, 40 hexadecimal digits in capitals; "" for what is no base64."""
    try:
        der = base64.b64decode(body, validate=True)
    except binascii.Error:
        return ""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def metadata_url(outputs: Mapping[str, object]) -> str:
    """The URL among the stack's outputs. Raises OperationError before the first deployment."""
    url = outputs.get("federationMetadataUrl")
    if not isinstance(url, str):
        raise OperationError("The stack has no federationMetadataUrl among its outputs. Deploy it first: up")
    return url


def _same(what: str, wanted: str, found: str) -> Check:
    if found == wanted:
        return Check(what, Result.FINE, found, _METADATA)
    return Check(what, Result.DIFFERS, f"{found or '(none)'}, wanted: {wanted}", _METADATA)


def _shown(active: SigningCertificate, shown: list[str]) -> Check:
    what = "metadata: certificate"
    if active.thumbprint in shown:
        more = f", and {len(shown) - 1} inactive" if len(shown) > 1 else ""
        return Check(what, Result.FINE, f"the active one, {active.thumbprint}{more}", _BOTH)
    found = f"{', '.join(shown) or 'none'}, and Entra signs with {active.thumbprint}"
    return Check(what, Result.DIFFERS, found, _BOTH)


def _attested(trusted: Mapping[str, str], active: SigningCertificate) -> str:
    return f"attested: {trusted[active.thumbprint]}"
