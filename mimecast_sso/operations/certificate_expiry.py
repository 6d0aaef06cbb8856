"""Expiry of the live signing certificate, for the commands drift and verify."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mimecast_sso.assessment.recorded import in_state
from mimecast_sso.console.attestation import attested_by
from mimecast_sso.facts.certificate_life import FAILING_DAYS
from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Settings
from mimecast_sso.text.wording import count
from providers.entra.certificate_expiry import Expiry
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.entra.signing_certificates import find_service_principal, read

_GRAPH = "Microsoft Graph, by its own clock"
_SUBJECT = "certificate: expiry"


@dataclass(frozen=True, slots=True)
class CertificateReading:
    """The certificates of the stack's service principal.

    Attributes:
        statement: When the active one expires, or why that is unknown.
        expiry: The expiry that was read; None if nothing was read, or Entra has no service principal.
        principal: Object id of the service principal.
    """

    statement: Statement
    expiry: Expiry | None = None
    principal: str = ""


def check(
    graph: GraphClient, stack: str, settings: Settings, resources: Iterable[StateResource]
) -> CertificateReading:
    """Read the certificates of the stack's service principal from Entra, independently of the record.

    Args:
        graph: The Microsoft Graph client.
        stack: Name of the stack.
        settings: They name the service principal.
        resources: Those in the stack's state. They record what Mimecast is attested to trust.
    """
    try:
        principal = find_service_principal(graph, settings.identifier)
        if principal is None:
            text = f"no application has the identifier {settings.identifier}"
            return CertificateReading(
                Statement(text, How.LIVE, "Microsoft Graph", subject="Entra: application")
            )
        expiry = Expiry(read(graph, principal), graph.now(), trusted(resources), stack)
    except GraphError as error:
        return unread(error)
    return CertificateReading(life(expiry), expiry, principal)


def unread(error: GraphError) -> CertificateReading:
    """The result if Entra could not be read."""
    return CertificateReading(
        Statement("not read", How.UNKNOWN, str(error), Verdict.UNKNOWN, "Entra: certificates")
    )


def life(expiry: Expiry) -> Statement:
    """State how long the active certificate is valid. Earlier thresholds warn; the last one fails a check."""
    if not expiry.certificates.certificates:
        return Statement("no signing certificate yet", How.LIVE, _GRAPH, subject=_SUBJECT)
    text = ". ".join(line.rstrip(".") for line in expiry.lines())
    if not expiry.fails:
        return Statement(text, How.LIVE, _GRAPH, Verdict.WARNS if expiry.warns else Verdict.FINE, _SUBJECT)
    since = f"This check fails from {count(FAILING_DAYS, 'day')} before expiry; deployments do not"
    return Statement(f"{text}. {since}", How.LIVE, _GRAPH, Verdict.FAILS, _SUBJECT)


def trusted(resources: Iterable[StateResource]) -> dict[str, str]:
    """The thumbprints that Mimecast is known to trust, each with its attestation: state, by whom, when."""
    return {
        profile.thumbprint: f"{profile.state}: {attested_by(profile.confirmed)}"
        for profile in in_state(resources).profiles.values()
        if profile.opens and profile.confirmed and profile.thumbprint
    }
