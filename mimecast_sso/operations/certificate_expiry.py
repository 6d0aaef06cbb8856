"""When the live signing certificate ends, for commands that check a deployment: drift and verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mimecast_sso.console.attestation import OPENS, attested_by
from mimecast_sso.facts.certificate_life import FAILING_DAYS
from mimecast_sso.facts.resource_types import AUTHENTICATION_PROFILE
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.settings import Settings
from providers.entra.certificate_expiry import Expiry
from providers.entra.errors import GraphError
from providers.entra.graph import GraphClient
from providers.entra.signing_certificates import find_service_principal, read


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; ``expiry`` is None where there is no application yet, or where ``problem`` says why."""

    expiry: Expiry | None
    problem: str = ""
    principal: str = ""
    """Object id of the service principal."""

    @property
    def code(self) -> Exit:
        """2 from the failing mark on, 1 where it is unknown, else fine: the earlier marks only warn."""
        if self.problem:
            return Exit.ERROR
        return Exit.CHANGES if self.expiry and self.expiry.fails else Exit.FINE

    def lines(self) -> Iterator[str]:
        """The findings as text."""
        if self.problem:
            yield f"Signing certificate: unknown, because it could not be read from Entra. {self.problem}"
        elif self.expiry is None or not self.expiry.certificates.certificates:
            yield "Signing certificate: there is none at Entra yet."
        else:
            yield from self.expiry.lines()
            if self.expiry.fails:
                yield f"This check fails from {FAILING_DAYS} days before the end on; deployments do not."


def check(graph: GraphClient, settings: Settings, resources: Iterable[Mapping[str, Any]]) -> Checked:
    """Reads the certificates of the stack's service principal from Entra, whatever the stack recorded of them.

    ``resources``: those in the stack's state, which say what Mimecast was attested to trust.
    """
    try:
        principal = find_service_principal(graph, settings.identifier)
        if principal is None:
            return Checked(None)
        expiry = Expiry(read(graph, principal), graph.now(), trusted(resources))
    except GraphError as error:
        return Checked(None, str(error))
    return Checked(expiry, principal=principal)


def trusted(resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The thumbprints that Mimecast is known to trust, each with how that is known: attested, by whom, when."""
    known = {}
    for resource in resources:
        outputs = resource.get("outputs") or {}
        if (
            resource["type"] == AUTHENTICATION_PROFILE
            and outputs.get("state") in OPENS
            and outputs.get("thumbprint")
        ):
            known[str(outputs["thumbprint"])] = f"{outputs['state']}: {attested_by(outputs['confirmed'])}"
    return known
