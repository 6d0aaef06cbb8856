"""Says in previews and deployments when the signing certificate ends, as read live from Entra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pulumi

from mimecast_sso.assessment.guards import Principal
from mimecast_sso.provenance import Known
from providers.entra import certificate_expiry
from providers.entra.certificate_expiry import Expiry
from providers.entra.signing_certificates import SigningCertificates


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


def of(principal: Known[Principal], now: datetime) -> Live:
    """The certificates of the service principal as it was read; none where there is no principal yet."""
    none = SigningCertificates((), "")
    if not principal.is_known:
        return Live(none, None, principal.source)
    return Live(principal.value.certificates if principal.value else none, now)
