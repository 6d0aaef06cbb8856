"""Expiry of the signing certificate: warning thresholds, and what Entra does afterwards. Pure.

``now`` is the time of the service that was read (the Date header of its response), not of this machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mimecast_sso.facts.certificate_life import FAILING_DAYS, WARNING_DAYS
from mimecast_sso.text.wording import count
from providers.entra.signing_certificates import PrincipalCertificates, SigningCertificate

EXPIRED = "expired"
UNKNOWN = "unknown"
_DAY = timedelta(days=1)


def threshold(end: datetime | str, now: datetime) -> str:
    """The nearest warning threshold that was reached, for outputs: it changes six times in a certificate's life."""
    moment = datetime.fromisoformat(end) if isinstance(end, str) else end
    left = moment.astimezone(UTC) - now
    if left <= timedelta(0):
        return EXPIRED
    reached = [days for days in WARNING_DAYS if left <= days * _DAY]
    if not reached:
        return f"more than {max(WARNING_DAYS)} days"
    return "1 day or less" if min(reached) == 1 else f"{min(reached)} days or less"


@dataclass(frozen=True, slots=True)
class Expiry:
    """The expiry of the certificate that Entra names as active, as read at ``now``.

    ``trusted`` are the thumbprints that Mimecast is known to trust, each with its attestation; ``stack`` is the stack's
    name, for the commands in messages.
    """

    certificates: PrincipalCertificates
    now: datetime
    trusted: Mapping[str, str]
    stack: str

    @property
    def named(self) -> SigningCertificate | None:
        """The certificate that Entra names as active."""
        return self.certificates.named()

    @property
    def warns(self) -> bool:
        """Whether a warning threshold was reached, or the active certificate has another problem."""
        named = self.named
        if named is None:
            return bool(self.certificates.certificates)
        return not named.is_valid(self.now) or self._left(named) <= max(WARNING_DAYS) * _DAY

    @property
    def fails(self) -> bool:
        """Whether checks fail: the failing threshold was reached, or the certificate is not valid."""
        named = self.named
        if named is None or not named.is_valid(self.now):
            return self.warns
        return self._left(named) <= FAILING_DAYS * _DAY

    def lines(self) -> Iterator[str]:
        """Messages for people, one or two sentences per line; none if there is no certificate."""
        named = self.named
        if named is None:
            if self.certificates.certificates:
                yield (
                    f"Entra names {self.certificates.preferred or 'no certificate'} as the active signing certificate, "
                    "but has no such certificate, so the signing certificate is unknown. Activate one: "
                    + ", ".join(str(each) for each in self.certificates.certificates)
                )
            return
        if self.now < named.not_before and not named.is_valid(self.now):
            yield f"Signing certificate {named} is not valid before {_written(named.not_before)}. {self._signs_now()}"
        elif self.now >= named.not_after:
            yield f"Signing certificate {named} expired at {_written(named.not_after)}. {self._signs_now()}"
        else:
            yield f"Signing certificate {named} expires in {self._days(named)}, at {_written(named.not_after)}"
            if self.warns:
                yield self._foreseen(named)

    @property
    def _rotate(self) -> str:
        return f"mimecast-sso rotate status --stack {self.stack}"

    def _left(self, certificate: SigningCertificate) -> timedelta:
        return certificate.not_after - self.now

    def _days(self, certificate: SigningCertificate) -> str:
        days = math.ceil(self._left(certificate) / _DAY)
        return count(days, "day")

    def _signs_now(self) -> str:
        signs = self.certificates.active(self.now)
        if signs is None or signs == self.named:
            return (
                "No other certificate is valid. Entra is assumed to continue signing with it; whether Mimecast accepts "
                f"that is unknown. Rotate now: {self._rotate}"
            )
        return (
            f"Entra has switched automatically to {signs}, {self._trust(signs)}. Configure that one as active, or "
            f"activate another: {self._rotate}"
        )

    def _foreseen(self, named: SigningCertificate) -> str:
        end = _written(named.not_after)
        successors = self.certificates.successors(named.not_after)
        if not successors:
            return (
                f"Nobody can sign in through Entra from {end} on, unless Mimecast accepts an expired certificate "
                f"(unknown): Entra has no other certificate that is valid then. Start a rotation: {self._rotate}"
            )
        which = (
            f"to {successors[0]}, {self._trust(successors[0])}"
            if len(successors) == 1
            else "to one of these (which one is not documented): "
            + "; ".join(f"{each}, {self._trust(each)}" for each in successors)
        )
        return f"At {end} Entra switches automatically {which}"

    def _trust(self, certificate: SigningCertificate) -> str:
        known = self.trusted.get(certificate.thumbprint)
        if known:
            return f"which Mimecast trusts ({known})"
        return "which Mimecast is not attested to trust; if it does not, it refuses every sign-in"


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
