"""Drift of credentials that can act as the application: keys, passwords, federated identity credentials. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift.finding import Finding
from mimecast_sso.assessment.drift.forms import APPLICATION, CREDENTIAL, FEDERATED, unmanaged
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from providers.entra.applications import Credential, LiveApplication


def find(assessment: Assessment, live: LiveApplication) -> Iterator[Finding]:
    """Those that do not belong to this stack; the three credentials of a certificate count once."""
    retired = {each.thumbprint for each in assessment.settings.certificates.retired}
    managed = {*assessment.desired.record.thumbprints.values(), *retired}
    seen: set[str] = set()
    for credential in live.credentials:
        key = credential.thumbprint or credential.key_id
        if credential.thumbprint not in managed and key not in seen:
            seen.add(key)
            yield unmanaged(credential.holder, CREDENTIAL, key, _named(credential), live)
    for federated in live.federated or ():
        issuer, subject = (foreign.name(each) or "?" for each in (federated.issuer, federated.subject))
        shown = f"{quoted(federated.name)}, for tokens of {issuer} with subject {subject}"
        yield unmanaged(APPLICATION, FEDERATED, federated.key_id, shown, live)


def _named(credential: Credential) -> str:
    kind = "certificate" if credential.thumbprint else credential.kind
    name = f" {quoted(credential.name)}" if credential.name else ""
    return f"{kind}{name} {credential.thumbprint or credential.key_id}, valid until {credential.ends[:10]}"
