"""Read from Entra's sign-in log who signed in to an application; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from mimecast_sso.facts.entra_sign_ins import SIGN_INS, UNAVAILABLE
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.text.times import graph_time, utc_text
from providers.entra.errors import GraphError
from providers.entra.odata import literal
from providers.entra.protocols import GraphReads

MOST = 5_000
"""The maximum number of entries to read; the newest ones."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in; ``error`` is the number of the AADSTS code, 0 where Entra issued an assertion."""

    at: datetime
    user_id: str
    user_principal_name: str
    error: int
    reason: str


def since(graph: GraphReads, client_id: str, moment: datetime) -> list[SignIn]:
    """Interactive sign-ins to the application with this client id from ``moment`` on, oldest first.

    Raises GraphError; `unavailable` says which of these only mean that this caller may not read the log.
    """
    rows = graph.list(
        SIGN_INS, filter=f"appId eq {literal(client_id)} and createdDateTime ge {utc_text(moment)}"
    )
    return sorted((_sign_in(row) for row in islice(rows, MOST)), key=lambda sign_in: sign_in.at)


def unavailable(error: GraphError) -> str | None:
    """Why this caller cannot read the log, and the way out; None for any other error."""
    return UNAVAILABLE.get(error.code)


def _sign_in(row: dict[str, JSON]) -> SignIn:
    status = row.get("status") or {}
    return SignIn(
        at=graph_time(row["createdDateTime"]),
        user_id=str(row.get("userId") or ""),
        user_principal_name=str(row.get("userPrincipalName") or "").lower(),
        error=int(status.get("errorCode") or 0),
        reason=str(status.get("failureReason") or ""),
    )
