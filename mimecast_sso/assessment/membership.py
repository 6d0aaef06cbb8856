"""Mimecast during and after a run: group members, console forms, existing addresses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mimecast_sso.assessment.desired import Desired
from mimecast_sso.assessment.sign_in import AddressState, EntraState, HeldProfile, Profiles
from mimecast_sso.assessment.synchronisation import removed_addresses
from mimecast_sso.console.source import ConsoleForm
from mimecast_sso.settings import AddressSource, DomainMode, ProfileSlot, Removal
from mimecast_sso.text.names import domain_of


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a slot's group.

    Attributes:
        listed: As read.
        left: People who left so recently that Mimecast may still treat them as members; ``joined`` is the reverse.
        after: The members after the run: with external changes kept, and with them undone.
    """

    listed: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()
    after: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    eventually: frozenset[str] = frozenset()
    """After the outstanding console work is done, attested and deployed."""


def members_of(desired: Desired, slot: ProfileSlot) -> Members | None:
    """The effect of the run on a slot's group; ``None`` if it could not be read."""
    known = desired.snapshot.groups.get(slot)
    if known is None:
        joining = frozenset(_joining(desired, slot))
        return Members(after=(joining, joining), eventually=_eventual_members(desired, slot))
    if known.value is None:
        return None
    group = known.value
    return Members(
        listed=group.members,
        left=group.left,
        joined=group.joined,
        after=(
            _after(desired, slot, group.members, undo=False),
            _after(desired, slot, group.members, undo=True),
        ),
        eventually=_eventual_members(desired, slot)
        | desired.record.membership(slot).unmanaged(group.members),
    )


def _joining(desired: Desired, slot: ProfileSlot) -> tuple[str, ...]:
    certificates = desired.settings.certificates
    inside = slot in certificates.populated and not desired.destroys
    return desired.members if inside and desired.opens(slot) else ()


def joining_unread(desired: Desired, slot: ProfileSlot) -> frozenset[str]:
    """People whom the run adds to a group that could not be read, and no deployment is known to have added before."""
    known = desired.snapshot.groups.get(slot)
    if known is None or known.value is not None:
        return frozenset()
    return frozenset(_joining(desired, slot)) - desired.record.membership(slot).added


def _eventual_members(desired: Desired, slot: ProfileSlot) -> frozenset[str]:
    inside = slot in desired.settings.certificates.populated and not desired.destroys
    return frozenset(desired.members) if inside else frozenset()


def _after(desired: Desired, slot: ProfileSlot, listed: frozenset[str], *, undo: bool) -> frozenset[str]:
    certificates = desired.settings.certificates
    recorded = desired.record.memberships.get(slot)
    before = desired.record.membership(slot).members
    if desired.destroys or slot not in certificates.slots:
        return listed - before
    opens = desired.opens(slot)
    if slot in certificates.populated:
        configured, hold = frozenset(desired.members), not opens
    else:
        main = certificates.active_generation.profile
        configured, hold = (frozenset[str]() if desired.opens(main) else frozenset(desired.members)), True
    if undo:
        before = listed
    elif recorded and recorded.members == configured and recorded.hold == hold:
        return listed  # Nothing differs from what was recorded, so nothing is written.
    return (listed if hold else listed | configured) - (before - configured)


def profile_of(form: ConsoleForm | None) -> HeldProfile | None:
    """A form, reduced to what decides about sign-ins."""
    if form is None:
        return None
    values = form.values
    return HeldProfile(
        issuer=str(values["issuerUrl"]),
        login_url=str(values["loginUrl"]),
        thumbprint=form.thumbprint,
        by_metadata=values["monitorMetadataUrl"] is True,
        enforces_portal=values["enforcePersonalPortal"] is True,
        single_sign_on=values["allowSingleSignOn"] is True,
        contexts=True in (values["passwordProtectedContext"], values["integratedAuthenticationContext"]),
    )


def held_profiles(desired: Desired, entra: EntraState | None) -> tuple[Profiles, ...]:
    """The console forms that Mimecast may be acting on now; the settled one first.

    An attested form whose values are lost is presumed to fit the current Entra (``entra``).
    """
    settled = {slot: _settled(desired, slot, entra) for slot in ProfileSlot}
    found = [settled]
    for slot in ProfileSlot:
        for earlier in desired.console.may_still_hold(slot, desired.snapshot.mimecast_now):
            found += [each | {slot: profile_of(earlier)} for each in list(found)]
    return tuple(found)


def _settled(desired: Desired, slot: ProfileSlot, entra: EntraState | None) -> HeldProfile | None:
    held = desired.console.held(slot)
    if held.is_known or entra is None:
        return profile_of(held.value)
    return HeldProfile(
        entra.issuer, entra.login_url, entra.signing or "", by_metadata=not entra.signing, presumed=True
    )


def eventual_profiles(desired: Desired) -> Profiles:
    """The console forms after the outstanding work; for slots without a certificate, the current ones."""
    slots = desired.settings.certificates.slots
    found: dict[ProfileSlot, HeldProfile | None] = {}
    for slot in ProfileSlot:
        form = desired.eventual_form(slot) if slot in slots and not desired.destroys else None
        held = desired.console.held(slot).value
        due = (
            form is not None
            and not desired.opens(slot)
            and desired.settings.certificates.of_slot(slot) is not None
        )
        found[slot] = profile_of(form if due else held)
    return found


def addresses_after(desired: Desired) -> Mapping[str, tuple[AddressState, ...]]:
    """Addresses whose state the run changes, with the states that are possible, the most likely one first.

    The run creates and disables addresses, and a changed integration may delete some. Whether a domain that it
    registers is verified at once depends on the name server; until it is, the domain's addresses are on hold. A
    recorded address that no longer exists is recreated only by a run that refreshes.
    """
    settings, snapshot, book = desired.settings, desired.snapshot, desired.record.book
    live = snapshot.addresses.value
    changed: dict[str, tuple[AddressState, ...]] = {}
    creates = settings.addresses.source is not AddressSource.SYNCHRONISED and not desired.destroys
    if creates and live is not None:
        registered = {each.name for each in settings.domains if each.mode is not DomainMode.REQUIRE}
        for address in desired.addresses:
            if address in live:
                continue
            if book is not None and address in book.addresses:
                changed[address] = (AddressState.ABSENT, AddressState.PRESENT)
            elif snapshot.is_internal(domain_of(address)):
                changed[address] = (AddressState.PRESENT,)
            elif domain_of(address) in registered:
                outcomes = AddressState.PRESENT, AddressState.ABSENT  # The likelier one comes first.
                proved = _may_be_proved(desired, domain_of(address))
                changed[address] = outcomes if proved else outcomes[::-1]
    if book is not None and not book.check_only and settings.addresses.on_removal is Removal.DISABLE:
        kept = frozenset() if desired.destroys else frozenset(desired.addresses)
        for address in (book.addresses - kept) & (book.created | book.adopted):
            changed[address] = (AddressState.DISABLED,)
    # Only the integration's next run shows whether it deletes them, so both outcomes are possible.
    for address in removed_addresses(desired):
        changed[address] = (AddressState.PRESENT, AddressState.ABSENT)
    return changed


def _may_be_proved(desired: Desired, domain: str) -> bool:
    """Whether a domain that is not verified yet is likely to be in this run; a program may publish proofs itself.

    The proof of a domain that the run registers is not known before, so nobody can have published it by hand.
    """
    known = desired.snapshot.domains.value or {}
    parents = (each for each in known if domain.endswith(f".{each}"))
    return (
        domain in known
        or desired.settings.dns.publish != "none"
        or any(map(desired.snapshot.is_internal, parents))
    )
