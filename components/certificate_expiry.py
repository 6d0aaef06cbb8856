"""Says in previews and deployments when the signing certificate ends, as read live from Entra.

The certificates are read while the rest of the program asks its own questions: a token and two reads take as long as
everything else together.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pulumi

from providers.entra import certificate_expiry
from providers.entra.certificate_expiry import Expiry
from providers.entra.errors import GraphError
from providers.entra.graph import shared_client
from providers.entra.signing_certificates import SigningCertificates, find_service_principal, read


@dataclass(frozen=True, slots=True)
class Live:
    """The certificates at Entra and the time there; ``problem`` is why they are unknown, or ""."""

    certificates: SigningCertificates
    now: datetime | None
    problem: str = ""

    def mark(self, end_date: str) -> str:
        """The warning mark that was reached, as the stack's output shows it."""
        return certificate_expiry.mark(end_date, self.now) if self.now else certificate_expiry.UNKNOWN

    def say(self, trusted: Mapping[str, str], resource: pulumi.Resource) -> None:
        """Logs a warning where it is time to act, or where it is not known whether it is."""
        if self.now is None:
            pulumi.log.warn(
                f"When the signing certificate expires is unknown here: {self.problem}", resource=resource
            )
            return
        expiry = Expiry(self.certificates, self.now, trusted)
        if expiry.warns:
            pulumi.log.warn(". ".join(expiry.lines()) + ".", resource=resource)


def begin(identifier: str) -> Future[Live]:
    """Starts reading the certificates of the service principal with this identifier, if there is one."""
    with_one_thread = ThreadPoolExecutor(1, "signing-certificates")
    reading = with_one_thread.submit(_read, identifier)
    with_one_thread.shutdown(wait=False)
    return reading


def _read(identifier: str) -> Live:
    none = SigningCertificates((), "")
    try:
        graph = shared_client()
        principal = find_service_principal(graph, identifier)
        return Live(read(graph, principal) if principal else none, graph.now())
    except GraphError as error:
        return Live(none, None, str(error))
