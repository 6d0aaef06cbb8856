"""Proof of ownership: publish the record, have Mimecast verify it, and trust only its list of domains afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mimecast_sso.facts.mimecast_api import PROOF_RECORD_TYPE, VERIFY_DOMAIN
from mimecast_sso.facts.mimecast_proof import CNAME_TARGET, CNAME_TYPE, cname_name
from providers.mimecast.client import MimecastClient
from providers.mimecast.domains import DomainState, DomainStatus, find_domain
from providers.mimecast.errors import DomainNotRegistered
from providers.mimecast.limits import Clock
from providers.mimecast.settling import settle

WAIT_SECONDS = 60.0
"""Seconds that one run waits for a published record to become visible."""

_FIRST_POLL = 0.5
_LONGEST_POLL = 10.0
_SAID_FROM = 4.0
"""Seconds; shorter pauses are not logged."""

_log = logging.getLogger(__name__)


class Publish(StrEnum):
    """Who puts the proof record into the domain's zone."""

    NONE = "none"
    """A person, or a DNS resource of the program."""
    RFC2136 = "rfc2136"


class ProofOutcome(StrEnum):
    """The state of the proof."""

    VERIFIED = "verified"
    PENDING = "pending"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ProofResult:
    """``next_step`` is what a person has to do; empty once verified."""

    outcome: ProofOutcome
    next_step: str


def verify_domain(
    client: MimecastClient,
    domain: str,
    publish: Callable[[DomainStatus], None] | None,
    *,
    wait_seconds: float = WAIT_SECONDS,
    clock: Clock | None = None,
) -> ProofResult:
    """Publish the proof with ``publish`` (``None``: published elsewhere), and ask Mimecast to verify it.

    With ``publish`` the record is waited for, ``wait_seconds`` at most; without, there is one try. Pending is not an
    error: the next run tries again.

    Raises:
        DomainNotRegistered: the account has no such domain, pending or internal.
        DnsUpdateError: from ``publish``.
    """
    clock = clock or Clock()
    status = _status(client, domain)
    if status.state is not DomainState.PENDING:
        return verification(status)
    if publish is not None:
        publish(status)
    ends_at = clock.monotonic() + (wait_seconds if publish is not None else 0.0)
    poll = _FIRST_POLL
    while True:
        status = _asked(client, domain)
        left = ends_at - clock.monotonic()
        if status.state is not DomainState.PENDING or left <= 0:
            return verification(status)
        if poll >= _SAID_FROM:
            waited = wait_seconds - left
            _log.warning(
                "The proof record of %s is not visible yet; waited %.0f s of %.0f",
                domain,
                waited,
                wait_seconds,
            )
        clock.sleep(min(poll, left))
        poll = min(2 * poll, _LONGEST_POLL)


def verification(status: DomainStatus) -> ProofResult:
    """The state of a domain's proof, and what a person has to do next."""
    if status.state is DomainState.INTERNAL:
        return ProofResult(ProofOutcome.VERIFIED, "")
    if status.state is DomainState.EXPIRED:
        return ProofResult(
            ProofOutcome.EXPIRED,
            f"The proof of {status.domain} expired on {status.expires}. Rerun the deployment, which reissues it, "
            f"then publish the new {PROOF_RECORD_TYPE} record",
        )
    until = f", before {status.expires}" if status.expires else ""
    return ProofResult(
        ProofOutcome.PENDING,
        f"Publish the {PROOF_RECORD_TYPE} record {status.proof_value} at {status.proof_name} (or the {CNAME_TYPE} "
        f"record {cname_name(status.domain, status.proof_value)} that points to {CNAME_TARGET}){until}, wait until it "
        "is visible in public DNS, and rerun the deployment",
    )


def _status(client: MimecastClient, domain: str) -> DomainStatus:
    status = find_domain(client, domain)
    if status is None:
        raise DomainNotRegistered(f"{domain} is not registered at Mimecast, so it cannot be verified")
    return status


def _asked(client: MimecastClient, domain: str) -> DomainStatus:
    # The response is not documented, and a record that is not visible yet may be a failure: the list of internal
    # domains decides. A repeated request is harmless, so a lost response does not stop the run.
    def ask() -> DomainStatus:
        client.legacy(VERIFY_DOMAIN, {"domain": domain})
        return _status(client, domain)

    return settle(ask, lambda: _status(client, domain))
