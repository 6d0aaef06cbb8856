"""One certificate in three places: in the federation metadata, active in Entra, and at Mimecast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from mimecast_sso.assessment.record import RecordedProfile
from mimecast_sso.facts.entra import CLOUDS
from mimecast_sso.operations.certificate_expiry import life
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.saml import metadata
from mimecast_sso.saml.documents import SIZE_LIMIT
from mimecast_sso.saml.errors import MalformedMetadata, SignatureInvalid
from mimecast_sso.saml.names import BINDING_POST
from mimecast_sso.text.certificates import thumbprint_of
from providers.authorization import Bearer
from providers.entra.certificate_expiry import Expiry
from providers.network import reason

if TYPE_CHECKING:
    from providers.entra.signing_certificates import SigningCertificate

_TIMEOUT_SECONDS = 30
_NONE_YET = (requests.codes.bad_request, requests.codes.not_found)
_FRESH = timedelta(minutes=30)
"""How long a new certificate may be missing from the metadata. Assumed: no figure is documented."""

_GRAPH = "Microsoft Graph"
_METADATA = "federation metadata"
_BOTH = "federation metadata, Microsoft Graph"


class NotPublished(OperationError):  # noqa: N818  (the finding itself)
    """Entra responded, but has no metadata of this application (yet)."""


def fetch(url: str) -> bytes:
    """Fetch the federation metadata.

    Raises:
        NotPublished: Entra has no metadata of this application (yet).
        OperationError: The host is not one of Entra's, or could not be reached.
    """
    if urlsplit(url).scheme != "https" or urlsplit(url).hostname not in {
        cloud.login_host for cloud in CLOUDS.values()
    }:
        raise OperationError(f"{url} is not on the sign-in host of an Entra cloud.")
    try:
        with requests.get(
            url, auth=Bearer(), timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as response:
            if response.status_code in _NONE_YET:
                raise NotPublished(
                    f"Entra has no federation metadata for this application (HTTP {response.status_code})."
                )
            if response.status_code != requests.codes.ok:
                raise OperationError(f"HTTP {response.status_code}.")
            content = response.raw.read(SIZE_LIMIT + 1, decode_content=True)
    except requests.RequestException as error:
        raise OperationError(f"The federation metadata could not be fetched: {reason(error)}.") from None
    return bytes(content)


@dataclass(frozen=True, slots=True)
class ComparedCertificates:
    """The input of the comparison: Entra's certificates, the deployed profile, and the metadata or why it is unread."""

    expiry: Expiry
    profile: RecordedProfile
    document: bytes | OperationError

    def checks(self) -> Iterator[Statement]:
        """All checks of the certificate."""
        active = self.expiry.certificates.active(self.expiry.now)
        if active is None or self.expiry.certificates.named() is None:
            text = "; ".join(self.expiry.lines()) or "the application has no signing certificate"
            yield Statement(text, How.LIVE, _GRAPH, Verdict.FAILS, "Entra: active certificate")
            active = None
        if isinstance(self.document, OperationError):
            yield self._not_read(self.document)
        else:
            yield from self._metadata(self.document, active)
        if active:
            yield self._at_mimecast(active)
            yield life(self.expiry)

    def _metadata(self, xml: bytes, active: SigningCertificate | None) -> Iterator[Statement]:
        try:
            provider = metadata.parse(xml)
        except MalformedMetadata as error:
            yield Statement(f"malformed: {error}", How.LIVE, _METADATA, Verdict.FAILS, "metadata")
            return
        form = self.profile.form
        yield _same("metadata: entity id", str(form["issuerUrl"]), provider.entity_id)
        login = provider.single_sign_on_urls.get(BINDING_POST, "")
        yield _same("metadata: sign-on URL", str(form["loginUrl"]), login)
        yield self._signature(xml, active)
        if active:
            yield _shown(active, [thumbprint_of(body) for body in provider.signing_certificates])

    def _not_read(self, error: OperationError) -> Statement:
        """Right after a deployment, missing metadata is not published yet rather than wrong."""
        if not isinstance(error, NotPublished):
            return Statement("not read", How.UNKNOWN, str(error), Verdict.UNKNOWN, "metadata")
        youngest = max((each.not_before for each in self.expiry.certificates.certificates), default=None)
        if youngest and self.expiry.now < youngest + _FRESH:
            text = f"not published yet: the certificate was created at {youngest:%Y-%m-%d %H:%M} UTC. {error}"
            return Statement(text, How.LIVE, _METADATA, Verdict.WAITING, "metadata")
        return Statement(str(error), How.LIVE, _METADATA, Verdict.FAILS, "metadata")

    def _signature(self, xml: bytes, active: SigningCertificate | None) -> Statement:
        problem = "cannot be checked: the application has no signing certificate"
        live = self.expiry.certificates.certificates
        for certificate in sorted(live, key=lambda each: each != active):
            try:
                metadata.verify(xml, certificate.body, self.expiry.now)
            except SignatureInvalid as error:
                problem = problem if certificate != active else str(error)
                continue
            kind = "the active" if certificate == active else "an inactive"
            return _signature(Verdict.FINE, f"valid, made with {kind} certificate of this application")
        return self._signed_by_another(xml, problem)

    def _signed_by_another(self, xml: bytes, problem: str) -> Statement:
        """Judge a signature by another key: which key signs the metadata is not documented, so a valid one is open."""
        enclosed = metadata.enclosed_certificate(xml)
        if not enclosed or thumbprint_of(enclosed) in self.expiry.certificates.thumbprints:
            return _signature(Verdict.FAILS, problem)
        try:
            metadata.verify(xml, enclosed, self.expiry.now)
        except SignatureInvalid:
            return _signature(Verdict.FAILS, "invalid, even with the certificate that it encloses")
        signer = f"certificate {thumbprint_of(enclosed)}, which does not belong to this application"
        return _signature(Verdict.OPEN, f"valid, made with {signer}")

    def _at_mimecast(self, active: SigningCertificate) -> Statement:
        subject, trusted = "Mimecast: certificate", self.expiry.trusted
        if active.thumbprint in trusted:
            text, known = f"the active one, {active.thumbprint}", trusted[active.thumbprint]
            return Statement(text, How.ATTESTED, known, Verdict.FINE, subject)
        if not trusted:
            text = f"whether the profile, which is {self.profile.state}, has {active.thumbprint}"
            why = "nobody has confirmed it" if self.profile.state == "due" else "confirm it again"
            return Statement(text, How.UNKNOWN, why, Verdict.WAITING, subject)
        text = f"Entra signs with {active.thumbprint}, but Mimecast has another certificate: sign-ins are refused"
        known = "; ".join(f"{other}, {how}" for other, how in trusted.items())
        return Statement(text, How.ATTESTED, known, Verdict.FAILS, subject)


def metadata_url(outputs: Mapping[str, object], stack: str) -> str:
    """The URL among the outputs of a stack, given its name. Raises OperationError before the first deployment."""
    url = outputs.get("federationMetadataUrl")
    if not isinstance(url, str):
        raise OperationError(
            f"Stack {stack} has no output federationMetadataUrl. Deploy it first: mimecast-sso up --stack {stack}"
        )
    return url


def _same(subject: str, desired: str, found: str) -> Statement:
    if found == desired:
        return Statement(found, How.LIVE, _METADATA, Verdict.FINE, subject)
    text = f"{found or '(none)'}, configured: {desired}"
    return Statement(text, How.LIVE, _METADATA, Verdict.DIFFERS, subject)


def _signature(verdict: Verdict, text: str) -> Statement:
    return Statement(text, How.LIVE, _BOTH, verdict, "metadata: signature")


def _shown(active: SigningCertificate, shown: list[str]) -> Statement:
    if active.thumbprint in shown:
        more = f", and {len(shown) - 1} inactive" if len(shown) > 1 else ""
        verdict, text = Verdict.FINE, f"the active one, {active.thumbprint}{more}"
    else:
        verdict = Verdict.DIFFERS
        text = f"{', '.join(shown) or 'none'}, but Entra signs with {active.thumbprint}"
    return Statement(text, How.LIVE, _BOTH, verdict, "metadata: certificate")
