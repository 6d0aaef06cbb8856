"""Drift of the objects at Mimecast. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.settings import ProfileSlot
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.domains import DomainState

_SOURCE = "Mimecast"
_VERIFIED = "verified"
DOMAIN = "domain"
ADDRESS = "address"
GROUP = "roll-out group"
MEMBER = "member"


def find(assessment: Assessment) -> Iterator[Finding]:
    """Domains, addresses, roll-out groups and their members."""
    yield from _domains(assessment)
    yield from _addresses(assessment)
    for slot in assessment.desired.record.groups:
        yield from _group(assessment, slot)


def _domains(assessment: Assessment) -> Iterator[Finding]:
    live, record = assessment.snapshot.domains.value, assessment.desired.record
    if live is None:
        return
    # The verification is a resource of its own; the domain may have been recorded before it.
    verified = {
        str(each.get("domain"))
        for each in record.all_outputs_of(types.DOMAIN_VERIFICATION)
        if each.get("state") == _VERIFIED
    }
    for outputs in record.all_outputs_of(types.DOMAIN):
        name = str(outputs.get("domain") or "")
        status = live.get(name)
        if status is None:
            yield _finding(Part.MISSING, DOMAIN, "", name)
            continue
        inbound, internal = str(outputs.get("inboundType") or ""), DomainState.INTERNAL.value
        was_internal = outputs.get("state") == internal or name in verified
        if was_internal and status.state is not DomainState.INTERNAL:
            change = Change((internal,), (status.state.value,))
            yield _finding(Part.CHANGED, DOMAIN, "state", name, change=change)
        if inbound and status.inbound_type and inbound != status.inbound_type:
            change = Change((inbound,), (status.inbound_type,))
            yield _finding(Part.CHANGED, DOMAIN, "inboundType", name, change=change)


def _addresses(assessment: Assessment) -> Iterator[Finding]:
    live = assessment.snapshot.addresses.value
    outputs = assessment.desired.record.outputs_of(types.ADDRESS_BOOK)
    if live is None or outputs is None:
        return
    entries: Mapping[str, Mapping[str, Any] | None] = outputs.get("addresses") or {}
    names = {each.address: each.name for each in assessment.addresses}
    for address, entry in sorted(entries.items()):
        yield from _address(
            address, str((entry or {}).get("name") or ""), live.get(address), names.get(address)
        )


def _address(address: str, name: str, live: LiveAddress | None, desired: str | None) -> Iterator[Finding]:
    if live is None:
        reasons = frozenset({Reason.NAME_ID_UNKNOWN, Reason.NOT_AT_MIMECAST})
        yield _finding(Part.MISSING, ADDRESS, "", address, reasons=reasons)
        return
    if live.disabled:
        change = Change(("enabled",), ("disabled",))
        reasons = frozenset({Reason.ADDRESS_DISABLED})
        yield _finding(Part.CHANGED, ADDRESS, "status", address, change=change, reasons=reasons)
    if live.alias:
        change = Change(("user",), ("alias",))
        yield _finding(
            Part.CHANGED, ADDRESS, "kind", address, change=change, reasons=frozenset({Reason.ALIAS})
        )
    if name and live.name != name:
        yield _finding(
            Part.CHANGED,
            ADDRESS,
            "name",
            address,
            change=Change((name,), (live.name,), (desired,) if desired else None),
        )


def _group(assessment: Assessment, slot: ProfileSlot) -> Iterator[Finding]:
    record = assessment.desired.record
    known, recorded = assessment.snapshot.groups.get(slot), record.groups[slot]
    if known is None or known.value is None:
        return
    group = known.value
    if not group.exists:
        yield _finding(Part.MISSING, GROUP, "", recorded.name)
        return
    membership = record.memberships.get(slot)
    # While nobody is let in, the record lists who belongs in the group, not who is.
    members = frozenset[str]() if membership is None or membership.hold else membership.members
    for address in sorted(members - group.members):
        yield _finding(Part.MISSING, GROUP, MEMBER, address)
    for address in sorted(group.members - (membership.members if membership else frozenset())):
        yield Finding(Part.UNMANAGED, GROUP, MEMBER, address, address, Change((), (address,)), source=_SOURCE)


def _finding(
    part: Part,
    object_: str,
    aspect: str,
    key: str,
    *,
    change: Change | None = None,
    reasons: frozenset[Reason] = frozenset(),
) -> Finding:
    return Finding(
        part, object_, aspect, key, key, change or Change((key,), ()), source=_SOURCE, reasons=reasons
    )
