"""When the signing certificate ends, what Entra does then, and whether it is time to act. Pure.

``now`` is the time of the service that was asked (the Date header of its answer), not that of this machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mimecast_sso.facts.certificate_life import FAILING_DAYS, WARNING_DAYS
from providers.entra.signing_certificates import SigningCertificate, SigningCertificates

EXPIRED = "expired"
UNKNOWN = "unknown"
_DAY = timedelta(days=1)


def mark(end: datetime | str, now: datetime) -> str:
    """The nearest warning mark that was reached, as outputs show it: it changes six times in a certificate's life."""
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
    """The end of the certificate that is active by name; ``now`` is when it was looked at.

    ``trusted`` are the thumbprints that Mimecast is known to trust, each with how that is known.
    """

    certificates: SigningCertificates
    now: datetime
    trusted: Mapping[str, str]

    @property
    def named(self) -> SigningCertificate | None:
        """The certificate that this is about."""
        return self.certificates.named()

    @property
    def warns(self) -> bool:
        """Whether a warning mark was reached, or something else is wrong with the active certificate."""
        named = self.named
        if named is None:
            return bool(self.certificates.certificates)
        return not named.is_valid(self.now) or self._left(named) <= max(WARNING_DAYS) * _DAY

    @property
    def fails(self) -> bool:
        """Whether commands that check fail: the failing mark was reached, or the certificate is not valid."""
        named = self.named
        if named is None or not named.is_valid(self.now):
            return self.warns
        return self._left(named) <= FAILING_DAYS * _DAY

    def lines(self) -> Iterator[str]:
        """What to tell people, a sentence or two a line; nothing where there is no certificate at all."""
        named = self.named
        if named is None:
            if self.certificates.certificates:
                yield (
                    f"Entra names {self.certificates.preferred or 'no certificate'} as the active signing certificate, "
                    "and has no such certificate: what signs is unknown. Activate one of them: "
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

    def _left(self, certificate: SigningCertificate) -> timedelta:
        return certificate.not_after - self.now

    def _days(self, certificate: SigningCertificate) -> str:
        days = math.ceil(self._left(certificate) / _DAY)
        return "1 day" if days == 1 else f"{days} days"

    def _signs_now(self) -> str:
        signs = self.certificates.active(self.now)
        if signs is None or signs == self.named:
            return (
                "No other one is valid: it is assumed that Entra goes on signing with it, and unknown whether "
                "Mimecast takes that. Rotate now (mimecast-sso rotate)"
            )
        return (
            f"Entra has switched by itself to {signs}, {self._trust(signs)}. Make that the configuration, or activate "
            "another (mimecast-sso rotate)"
        )

    def _foreseen(self, named: SigningCertificate) -> str:
        end = _written(named.not_after)
        successors = self.certificates.successors(named.not_after)
        if not successors:
            return (
                f"Nobody can sign in through Entra from {end} on, unless Mimecast takes an expired certificate "
                "(unknown): Entra has no other one that is valid then. Begin a rotation (mimecast-sso rotate)"
            )
        which = (
            f"to {successors[0]}, {self._trust(successors[0])}"
            if len(successors) == 1
            else "to one of these, and which is not documented: "
            + "; ".join(f"{each}, {self._trust(each)}" for each in successors)
        )
        return f"At {end} Entra switches by itself {which}"

    def _trust(self, certificate: SigningCertificate) -> str:
        known = self.trusted.get(certificate.thumbprint)
        if known:
            return f"which Mimecast trusts ({known})"
        return "which Mimecast is not known to trust; if it does not, it refuses every sign-in"


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
