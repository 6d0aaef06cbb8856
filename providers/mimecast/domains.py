"""Internal domains: find, register with proof of ownership, update, release.

An internal domain can never be deleted by API; a pending one can. Registering a domain changes which mail
Mimecast accepts for it, once it is verified.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.mimecast_api import (
    CREATE_DOMAIN,
    DELETE_PENDING_DOMAIN,
    DOMAINS_PAGE,
    GENERATE_TOKEN_PATH,
    GET_INTERNAL_DOMAIN,
    GET_PENDING_DOMAIN,
    INTERNAL_DOMAINS_PATH,
    PROOF_RECORD_TYPE,
    Endpoint,
)
from mimecast_sso.facts.mimecast_errors import DOMAIN_EXISTS
from mimecast_sso.text.names import same_key
from mimecast_sso.text.times import utc_text
from providers.mimecast.client import MimecastClient
from providers.mimecast.errors import (
    DomainHeldElsewhere,
    DomainNotRegistered,
    MalformedResponse,
    MimecastError,
    Rejected,
)
from providers.mimecast.responses import Json, LegacyResponse
from providers.mimecast.settling import settle

_log = logging.getLogger(__name__)


class Mode(StrEnum):
    """What a stack may do with a domain."""

    ENSURE = "ensure"
    """An existing domain is used unchanged; a missing one is registered."""
    REGISTER = "register"
    """Like ``ensure``, and its inbound type is enforced."""
    REQUIRE = "require"
    """It must exist and be verified; nothing is ever written."""


class DomainState(StrEnum):
    """The state of a domain."""

    INTERNAL = "internal"
    PENDING = "pending"
    EXPIRED = "expired"
    """Pending, and its proof is no longer accepted until it is reissued."""


@dataclass(frozen=True, slots=True)
class DomainStatus:
    """A domain at Mimecast. ``secure_id`` is opaque and may differ between reads."""

    domain: str
    state: DomainState
    inbound_type: str
    secure_id: str
    proof_value: str = ""
    expires: str = ""
    """ISO 8601 in UTC, or empty."""

    @property
    def proof_name(self) -> str:
        """The name of the proof record: the apex of the domain."""
        return self.domain

    @property
    def proof_type(self) -> str:
        """The type of the proof record."""
        return PROOF_RECORD_TYPE


class DomainList:
    """The account's domains, internal and pending, each list read once until something is written. Thread-safe."""

    def __init__(self, client: MimecastClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._lists: dict[Endpoint, tuple[Json, ...]] = {}

    def find(self, domain: str, now: datetime | None = None) -> DomainStatus | None:
        """The domain by name, internal or pending; ``None`` if it is neither."""
        # The whole list: the response for a single missing name is not documented.
        internal = _named(self._list(GET_INTERNAL_DOMAIN, "list the internal domains"), domain)
        if internal is not None:
            return _internal(domain, internal)
        pending = _named(self._list(GET_PENDING_DOMAIN, "list the pending domains"), domain)
        return _pending(domain, pending, now or self._client.now()) if pending is not None else None

    def forget(self) -> None:
        """Drop the cached lists; to be called around every write."""
        with self._lock:
            self._lists.clear()

    def _list(self, endpoint: Endpoint, what: str) -> tuple[Json, ...]:
        with self._lock:
            if endpoint not in self._lists:
                self._lists[endpoint] = self._client.legacy(endpoint).accepted(what).data
            return self._lists[endpoint]


def find_domain(client: MimecastClient, domain: str, now: datetime | None = None) -> DomainStatus | None:
    """The current domain, internal or pending; ``None`` if it is neither."""
    return DomainList(client).find(domain, now)


def list_domains(
    client: MimecastClient,
    *,
    pending: bool | Callable[[Collection[str]], bool],
    now: datetime | None = None,
) -> dict[str, DomainStatus]:
    """The account's internal domains by name, and with ``pending`` also the pending ones (one call each).

    ``pending`` may be a function of the names of the internal domains. Only a role that may register domains can list
    pending ones.
    """
    internal: dict[str, DomainStatus] = {}
    for item in client.legacy(GET_INTERNAL_DOMAIN).accepted("list the internal domains").data:
        name = same_key(str(item.get("domain") or ""))
        internal[name] = _internal(name, item)
    if not (pending(internal) if callable(pending) else pending):
        return internal
    found: dict[str, DomainStatus] = {}
    for item in client.legacy(GET_PENDING_DOMAIN).accepted("list the pending domains").data:
        name = same_key(str(item.get("domain") or ""))
        found[name] = _pending(name, item, now or client.now())
    return found | internal


def provide_domain(
    client: MimecastClient, domain: str, mode: Mode, inbound_type: str, now: datetime | None = None
) -> tuple[DomainStatus, bool]:
    """Ensure that the domain exists, as ``mode`` allows; return it and whether this call registered it.

    Raises:
        DomainNotRegistered: mode ``require``, and the domain is not internal.
        DomainHeldElsewhere: another account manages it or its parent.
    """
    found = find_domain(client, domain, now)
    if mode is Mode.REQUIRE:
        if found is None or found.state is not DomainState.INTERNAL:
            raise DomainNotRegistered(
                f"{domain} is not an internal domain of this Mimecast account"
                f"{'' if found is None else ', only a pending one'}, but its mode is require. "
                f"Register and verify it ({DOMAINS_PAGE}), or set its mode to ensure"
            )
        return found, False
    registered = found is None
    status = found or _register(client, domain, inbound_type, now)
    if status.state is DomainState.EXPIRED:
        status = renew_proof(client, domain, now)
    if mode is Mode.REGISTER:
        status = _with_inbound_type(client, status, inbound_type)
    return status, registered


def renew_proof(client: MimecastClient, domain: str, now: datetime | None = None) -> DomainStatus:
    """Reissue the proof of a pending domain, valid for 30 days from now."""
    results = _renewals(client, domain)
    if same_key(domain) not in results:
        raise MalformedResponse(
            f"Mimecast did not reissue the proof of {domain}", method="POST", path=GENERATE_TOKEN_PATH
        )
    status = find_domain(client, domain, now)
    if status is None:
        raise DomainNotRegistered(f"{domain} was removed from Mimecast while its proof was being reissued")
    return status


def remove_domain(client: MimecastClient, domain: str, *, registered: bool) -> None:
    """Release the domain: delete it if it is pending and this stack ``registered`` it, otherwise log why it is kept."""
    found = find_domain(client, domain)
    if found is None:
        return
    if found.state is DomainState.INTERNAL:
        _log.warning(
            "%s stays an internal domain at Mimecast: no API removes one. Ask Mimecast support to remove it if "
            "necessary",
            domain,
        )
        return
    if not registered:
        _log.warning("%s stays pending at Mimecast: it existed before this stack", domain)
        return

    def delete() -> bool:
        response = client.legacy(DELETE_PENDING_DOMAIN, {"domain": domain, "id": found.secure_id})
        if response.failures and find_domain(client, domain) is not None:
            response.accepted(f"delete the pending domain {domain}")
        return True

    settle(delete, lambda: find_domain(client, domain) is None)


def _register(client: MimecastClient, domain: str, inbound_type: str, now: datetime | None) -> DomainStatus:
    def register() -> DomainStatus:
        response = client.legacy(CREATE_DOMAIN, {"domain": domain, "inboundType": inbound_type})
        # The response is not sufficient: a subdomain of an internal domain is internal at once.
        return find_domain(client, domain, now) or _registered(response, domain, now or client.now())

    return settle(register, lambda: find_domain(client, domain, now))


def _registered(response: LegacyResponse, domain: str, now: datetime) -> DomainStatus:
    """The domain from the response to its registration, while Mimecast does not list it yet."""
    created = _named(response.data, domain)
    if created is not None and created.get("token"):
        return _pending(domain, created, now)
    refusal = response.rejection(response.failures[0], f"register {domain}") if response.failures else None
    if refusal is not None and not _held_elsewhere(refusal):
        raise refusal
    # It is not documented whether the vendor reports this as a failure.
    raise DomainHeldElsewhere(
        f"{domain} cannot be registered: another Mimecast account manages it or its parent domain. "
        f"Have it released there or by Mimecast support, or remove {domain} from mimecast-sso:domains",
        method="POST",
        path=CREATE_DOMAIN.path,
        code=refusal.code if refusal else "",
    )


def _held_elsewhere(refusal: MimecastError) -> bool:
    return isinstance(refusal, Rejected) and (refusal.code == DOMAIN_EXISTS or "exist" in refusal.code)


def _with_inbound_type(client: MimecastClient, status: DomainStatus, inbound_type: str) -> DomainStatus:
    if status.state is not DomainState.INTERNAL or status.inbound_type in ("", inbound_type):
        return status
    path = f"{INTERNAL_DOMAINS_PATH}/{quote(status.secure_id, safe='')}"

    def change() -> DomainStatus:
        client.v2(
            "PATCH", path, permission="Directories | Internal | Edit", body={"inboundType": inbound_type}
        )
        return find_domain(client, status.domain) or status

    def changed() -> DomainStatus | None:
        found = find_domain(client, status.domain)
        return found if found and found.inbound_type == inbound_type else None

    return settle(change, changed)


def _renewals(client: MimecastClient, domain: str) -> set[str]:
    def renew() -> set[str]:
        response = client.v2(
            "POST",
            GENERATE_TOKEN_PATH,
            permission="Directories | Internal | Register New Domain",
            body={"domains": [domain]},
        )
        results = response.get("results")
        return {
            same_key(str(result.get("domain") or ""))
            for result in (results if isinstance(results, list) else [])
            if isinstance(result, dict) and result.get("status") != "failed"
        }

    # A repeated call is harmless, and the caller reads the result anyway.
    return settle(renew, lambda: {same_key(domain)})


def _named(items: tuple[Mapping[str, JSON], ...], domain: str) -> Mapping[str, JSON] | None:
    return next((item for item in items if same_key(str(item.get("domain") or "")) == domain), None)


def _internal(domain: str, item: Mapping[str, JSON]) -> DomainStatus:
    return DomainStatus(
        domain, DomainState.INTERNAL, str(item.get("inboundType") or ""), str(item.get("id") or "")
    )


def _pending(domain: str, item: Mapping[str, JSON], now: datetime) -> DomainStatus:
    ends = parse_time(str(item.get("expiry") or ""))
    return DomainStatus(
        domain=domain,
        state=DomainState.EXPIRED if ends is not None and ends <= now else DomainState.PENDING,
        inbound_type=str(item.get("inboundType") or ""),
        secure_id=str(item.get("id") or ""),
        proof_value=str(item.get("token") or ""),
        expires=utc_text(ends) if ends is not None else "",
    )


def parse_time(text: str) -> datetime | None:
    """A vendor's time (``2015-04-02T15:58:47+0000`` or with ``Z``), or ``None`` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
