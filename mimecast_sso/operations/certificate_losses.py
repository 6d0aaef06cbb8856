"""External changes of the signing certificates that a deployment undid, for drift, verify and rotate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from mimecast_sso.facts.engine_documents import StateResource
from mimecast_sso.facts.entra_directory_audits import LATENCY_MINUTES, RETENTION_DAYS
from mimecast_sso.facts.resource_types import RETIRED_SIGNING_CERTIFICATE
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Certificates
from mimecast_sso.text.wording import count
from providers.entra import certificate_losses, directory_audits
from providers.entra.certificate_losses import LOG, RETENTION, LogReview, Ours
from providers.entra.errors import GraphError

if TYPE_CHECKING:
    from providers.entra.graph import GraphClient
    from providers.entra.signing_certificates import PrincipalCertificates

_SUBJECT = "certificates: external changes"
_SETTLE = "Repeat the change if it is needed, then list the reference under certificates.settledLosses"


def check(
    graph: GraphClient,
    principal: str,
    live: PrincipalCertificates,
    certificates: Certificates,
    resources: Iterable[StateResource],
) -> tuple[Statement, ...]:
    """Read the directory's audit log of a service principal: one list of Graph.

    Args:
        graph: The Microsoft Graph client.
        principal: Object id of the service principal.
        live: Its certificates, read before.
        certificates: What the configuration retires, and which losses it settles.
        resources: Those in the stack's state.

    Returns:
        A statement for each loss (``FAILS``) and each gap of the log, or one that there is none.
    """
    try:
        now = graph.now()
        entries = directory_audits.since(graph, principal, now - RETENTION)
        caller = str(graph.claims().get("oid") or "")
    except GraphError as error:
        return (_unread(error),)
    ours = Ours(
        caller,
        retired={entry.thumbprint: entry.label for entry in certificates.retired},
        retired_keys=_recorded(resources),
        settled=frozenset(certificates.settled_losses),
    )
    told = _told(certificate_losses.review(entries, live, now, ours))
    return tuple(replace(each, subject=_SUBJECT) for each in told)


def losses(statements: Iterable[Statement]) -> tuple[str, ...]:
    """The losses among the statements of `check`, in words."""
    return tuple(each.text for each in statements if each.verdict is Verdict.FAILS)


def _told(review: LogReview) -> tuple[Statement, ...]:
    found = tuple(Statement(f"{loss}. {_SETTLE}", How.LIVE, LOG, Verdict.FAILS) for loss in review.losses)
    # Without times, so that two reports with the same findings are equal.
    none = (
        f"no deployment undid any in the last {count(RETENTION_DAYS, 'day')}; entries may be "
        f"{count(LATENCY_MINUTES, 'minute')} late"
    )
    return (*found, *review.gaps) or (Statement(none, How.LIVE, LOG, Verdict.FINE),)


def _unread(error: GraphError) -> Statement:
    reason = directory_audits.unavailable(error)
    if reason:
        return Statement(f"{LOG} cannot be read here", How.UNKNOWN, reason, Verdict.NOT_POSSIBLE, _SUBJECT)
    return Statement(f"{LOG} was not read", How.UNKNOWN, str(error), Verdict.UNKNOWN, _SUBJECT)


def _recorded(resources: Iterable[StateResource]) -> dict[str, frozenset[str]]:
    outputs = (each.get("outputs") or {} for each in resources if each["type"] == RETIRED_SIGNING_CERTIFICATE)
    return {str(each["thumbprint"]): frozenset(each["keyIds"]) for each in outputs if each.get("keyIds")}
