"""Drift of the objects at Mimecast. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.assessment.drift.finding import Change, Finding, Part
from mimecast_sso.assessment.membership import members_of
from mimecast_sso.facts import resource_types as types
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.sign_in_reasons import Reason
from mimecast_sso.settings import Address, DomainMode, ProfileSlot
from providers.mimecast.address_book import LiveAddress
from providers.mimecast.directory_integration import shown
from providers.mimecast.domain_verification import ProofOutcome
from providers.mimecast.domains import DomainState, DomainStatus

_SOURCE = "Mimecast"
DOMAIN = "domain"
ADDRESS = "address"
INTEGRATION = "directory integration"
GROUP = "roll-out group"
MEMBER = "member"

_NOT_AT_MIMECAST = frozenset({Reason.NAME_ID_UNKNOWN, Reason.NOT_AT_MIMECAST})


def find(assessment: Assessment) -> Iterator[Finding]:
    """Domains, addresses, the directory integration, roll-out groups and their members."""
    yield from _domains(assessment)
    yield from _addresses(assessment)
    yield from _integration(assessment)
    for slot in assessment.desired.record.groups:
        yield from _group(assessment, slot)


def _domains(assessment: Assessment) -> Iterator[Finding]:
    live, record = assessment.snapshot.domains.value, assessment.desired.record
    if live is None:
        return
    # The verification is a resource of its own; the domain may have been recorded before it.
    verified = {
        each["domain"]
        for each in record.all_outputs_of(types.DOMAIN_VERIFICATION)
        if each["state"] == ProofOutcome.VERIFIED
    }
    for outputs in record.all_outputs_of(types.DOMAIN):
        name, status = outputs["domain"], live.get(outputs["domain"])
        if status is None:
            yield _finding(Part.MISSING, DOMAIN, "", name, reasons=_NOT_AT_MIMECAST)
            continue
        was_internal = outputs["state"] == DomainState.INTERNAL or name in verified
        if was_internal and status.state is not DomainState.INTERNAL:
            change = Change((DomainState.INTERNAL.value,), (status.state.value,))
            yield _finding(Part.CHANGED, DOMAIN, "state", name, change=change, reasons=_NOT_AT_MIMECAST)
        yield from _inbound_type(name, outputs, status)


def _inbound_type(name: str, outputs: Mapping[str, JSON], live: DomainStatus) -> Iterator[Finding]:
    """Compare the inbound type if this stack wrote it; that of a domain that already existed is never written."""
    was_set = outputs["registered"] or outputs["mode"] == DomainMode.REGISTER
    recorded = outputs["inboundType"]
    if was_set and live.inbound_type not in ("", recorded):
        change = Change((recorded,), (live.inbound_type,))
        yield _finding(Part.CHANGED, DOMAIN, "inboundType", name, change=change)


def _addresses(assessment: Assessment) -> Iterator[Finding]:
    live = assessment.snapshot.addresses.value
    book = assessment.desired.record.book
    if live is None or book is None:
        return
    configured = {each.address: each for each in assessment.addresses}
    # If addresses are only checked, the state may list some that did not exist at the last deployment either.
    for address in sorted(book.addresses - book.missing):
        yield from _address(
            address, book.entries[address]["name"], live.get(address), configured.get(address)
        )


def _address(address: str, name: str, live: LiveAddress | None, desired: Address | None) -> Iterator[Finding]:
    if live is None:
        change = Change((address,), (), () if desired is None else (address,))
        yield _finding(Part.MISSING, ADDRESS, "", address, change=change, reasons=_NOT_AT_MIMECAST)
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
            change=Change((name,), (live.name,), (desired.name,) if desired and desired.name else None),
        )


def _integration(assessment: Assessment) -> Iterator[Finding]:
    recorded, known = assessment.desired.record.integration, assessment.snapshot.integration
    if recorded is None or not known.is_known:
        return
    name, live = recorded.description, known.value
    if live is None:
        yield _finding(Part.MISSING, INTEGRATION, "", name)
        return
    configured = assessment.settings.directory_synchronisation
    properties = configured.properties if configured else {}
    if live.description != name:
        yield _finding(
            Part.CHANGED, INTEGRATION, "description", name, change=Change((name,), (live.description,))
        )
    for key, value in live.properties.items():
        if key in recorded.live and recorded.live[key] != value:
            desired = (shown(properties[key]),) if key in properties else None
            change = Change((shown(recorded.live[key]),), (shown(value),), desired)
            yield _finding(Part.CHANGED, INTEGRATION, key, name, change=change)


def _group(assessment: Assessment, slot: ProfileSlot) -> Iterator[Finding]:
    record = assessment.desired.record
    read = assessment.whole.groups[slot].value
    if read is not None and not read.exists:
        yield _finding(Part.MISSING, GROUP, "", record.groups[slot].name)
    group = assessment.snapshot.groups[slot].value
    if group is None:
        return
    membership, members = record.membership(slot), members_of(assessment.desired, slot)
    belong = members.after[1] if members is not None else frozenset[str]()
    for address in sorted(membership.added - group.members):
        change = Change((address,), (), (address,) if address in belong else ())
        yield replace(_finding(Part.MISSING, GROUP, MEMBER, address, change=change), group=group.name)
    for address in sorted(membership.unmanaged(group.members)):
        change = Change((), (address,), (address,) if address in belong else ())
        # Being in the group is what sends somebody to Entra, so whatever they fail for there is its doing.
        found = _finding(Part.UNMANAGED, GROUP, MEMBER, address, change=change, reasons=frozenset(Reason))
        yield replace(found, group=group.name)


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
