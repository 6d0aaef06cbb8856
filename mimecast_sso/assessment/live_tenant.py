"""What a run will change at Mimecast, reported before it does.

A dynamic provider's outputs are hidden in previews. So the program compares the live domains and addresses of its
snapshot with the configuration. If a change depends on the stack's record, the text says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mimecast_sso.assessment.snapshot import Snapshot
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import Address, AddressSource, Domain, DomainMode, Settings
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import domain_of, enumerate_some
from mimecast_sso.text.wording import count
from providers.mimecast import DomainStatus
from providers.mimecast.address_book import LiveAddress, missing_from
from providers.mimecast.domains import DomainState


@dataclass(frozen=True, slots=True)
class LiveTenant:
    """The account's domains by name, and those desired addresses that exist."""

    domains: Mapping[str, DomainStatus]
    addresses: Mapping[str, LiveAddress]

    def is_internal(self, domain: str) -> bool:
        """Whether Mimecast has verified the domain, so that it can have addresses."""
        status = self.domains.get(domain)
        return status is not None and status.state is DomainState.INTERNAL


def _statement(text: str, verdict: Verdict = Verdict.NOTE) -> Statement:
    return Statement(text, How.LIVE, "Mimecast", verdict)


# -- Addresses ------------------------------------------------------------------------------------------------


def address_statements(
    live: LiveTenant, people: Sequence[Address], *, check_only: bool, recorded: Collection[str] = ()
) -> Iterator[Statement]:
    """Report addresses that are created, differ, are on hold or cannot be changed: the count and the first few.

    ``recorded`` are those of the last deployment: only a run that refreshes creates one of them again.
    """
    names = {person.address: person.name or "" for person in people}
    waiting = sorted(address for address in names if not live.is_internal(domain_of(address)))
    here = {address: name for address, name in names.items() if live.is_internal(domain_of(address))}
    if check_only:
        yield from _checked(live, here)
    else:
        yield from _changed(live, here, recorded)
    if waiting:
        done = "checked" if check_only else "created"
        yield _statement(
            f"{_addresses(waiting)} on hold until the domain is verified, then {done}: "
            f"{enumerate_some(waiting)}"
        )


def _checked(live: LiveTenant, people: Mapping[str, str]) -> Iterator[Statement]:
    missing = list(missing_from(live.addresses, people))
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield _statement(
            f"{len(missing)} of {count(len(people), 'assigned person')} {verb} not at Mimecast and "
            "cannot sign in: "
            f"{enumerate_some(missing)}. Nothing is written: mimecast-sso:addresses.source is synchronised",
            Verdict.WARNS,
        )


def _changed(live: LiveTenant, people: Mapping[str, str], recorded: Collection[str]) -> Iterator[Statement]:
    created: list[str] = []
    gone: list[str] = []
    renamed, fixed = [], []
    for address, name in sorted(people.items()):
        existing = live.addresses.get(address)
        if existing is None:
            (gone if address in recorded else created).append(address)
        elif existing.alias or (existing.synchronised and name not in ("", existing.name)):
            fixed.append(address)
        elif name not in ("", existing.name):
            renamed.append(f"{address} ({quoted(existing.name)} becomes {quoted(name)})")
    if created:
        yield _statement(f"{_addresses(created)} created at Mimecast: {enumerate_some(created)}")
    if gone:
        yield _statement(
            f"{_addresses(gone)} no longer at Mimecast: {enumerate_some(gone)}. A run with --refresh creates "
            f"{'it' if len(gone) == 1 else 'them'} again",
            Verdict.WARNS,
        )
    if renamed:
        yield _statement(
            f"{count(len(renamed), 'address has', 'addresses have')} a different name at Mimecast: "
            f"{enumerate_some(renamed)}. Changed if this stack already manages or adopts them; otherwise the run "
            "is refused"
        )
    if fixed:
        yield _statement(
            f"{count(len(fixed), 'address differs', 'addresses differ')} but cannot be changed (an alias, or owned by "
            f"directory synchronisation), so a run that changes addresses stops there: {enumerate_some(fixed)}",
            Verdict.WARNS,
        )


def _addresses(which: Sequence[str]) -> str:
    return count(len(which), "address is", "addresses are")


# -- Domains --------------------------------------------------------------------------------------------------


def domain_statements(live: LiveTenant, domains: Sequence[Domain]) -> Iterator[Statement]:
    """Report what happens to each domain, the effect on mail, and the effect of removing it."""
    for domain in domains:
        status = live.domains.get(domain.name)
        if status is None or domain.mode is DomainMode.REQUIRE:
            yield from _absent(live, domain)
        elif status.state is DomainState.INTERNAL:
            yield from _internal(domain, status)
        else:
            yield _pending(status)
    yield from _others(live, {domain.name for domain in domains})


def _absent(live: LiveTenant, domain: Domain) -> Iterator[Statement]:
    if domain.mode is not DomainMode.REQUIRE:
        yield _statement(_registering(live, domain), Verdict.WARNS)
    elif not live.is_internal(domain.name):
        yield _statement(
            f"{domain.name} is not an internal domain of the account, but its mode is require: the run will fail",
            Verdict.WARNS,
        )


def _registering(live: LiveTenant, domain: Domain) -> str:
    at_once = any(live.is_internal(parent) for parent in _parents(domain.name))
    when = "at once (its parent domain is internal)" if at_once else "once verified"
    return (
        f"Registering {domain.name} changes mail flow: {when}, Mimecast accepts mail for it (inbound type "
        f"{domain.inbound_type}) and treats mail from it as internal, until Mimecast support removes it. Prepare "
        "routes first, or set mode: require"
    )


def _parents(domain: str) -> Iterator[str]:
    parent = domain.partition(".")[2]
    while parent:
        yield parent
        parent = parent.partition(".")[2]


def _internal(domain: Domain, status: DomainStatus) -> Iterator[Statement]:
    desired = domain.inbound_type.value
    if domain.mode is DomainMode.REGISTER and status.inbound_type not in ("", desired):
        yield _statement(
            f"The inbound type of {domain.name} changes from {status.inbound_type} to {desired}, which decides for "
            "which recipients Mimecast accepts mail",
            Verdict.WARNS,
        )


def _pending(status: DomainStatus) -> Statement:
    proof = (
        "its proof has expired and is reissued"
        if status.state is DomainState.EXPIRED
        else f"its proof is valid until {status.expires or 'an unknown time'}"
    )
    return _statement(
        f"{status.domain} is registered at Mimecast but not verified yet; {proof}. If this stack registered it, it is "
        "deleted there when it is removed from mimecast-sso:domains"
    )


def _others(live: LiveTenant, named: set[str]) -> Iterator[Statement]:
    """Report domains that are not configured, or no longer."""
    others = {name: status for name, status in sorted(live.domains.items()) if name not in named}
    pending = [name for name, status in others.items() if status.state is not DomainState.INTERNAL]
    internal = [name for name in others if name not in pending]
    if pending:
        yield _statement(
            f"Pending at Mimecast, but not in mimecast-sso:domains: {enumerate_some(pending)}. Deleted now if this "
            "stack registered it, otherwise unchanged"
        )
    if internal:
        yield _statement(
            f"Internal at Mimecast, but not in mimecast-sso:domains: {enumerate_some(internal)}. They are left "
            "unchanged, even if this stack managed them before: no API removes an internal domain"
        )


def unpublishable(settings: Settings, snapshot: Snapshot) -> Iterator[str]:
    """A text for each domain that the run would register and could not prove, so that it would stop half-way."""
    known = snapshot.domains.value
    if settings.dns.publish == "none" or known is None:
        return
    verified = [name for name in known if snapshot.is_internal(name)]
    for domain in settings.domains:
        # A subdomain of a verified domain needs no proof.
        proved = any(domain.name == each or domain.name.endswith(f".{each}") for each in verified)
        if domain.mode is not DomainMode.REQUIRE and not proved and not settings.dns.publishes(domain.name):
            yield (
                f"mimecast-sso:domains names {domain.name}, which is not in the zone {settings.dns.zone} of "
                "mimecast-sso:dns, so its proof record could not be published. Set dns.zone to the zone of the domain, "
                "or dns.publish to none and publish the record by hand."
            )


def uncreatable(settings: Settings, snapshot: Snapshot, addresses: Collection[str]) -> Iterator[str]:
    """A text if the run would create addresses in domains that Mimecast does not have, and would stop half-way."""
    known = snapshot.domains.value
    if known is None or settings.addresses.source is AddressSource.SYNCHRONISED:
        return
    managed = {each.name for each in settings.domains}
    elsewhere = sorted(
        each
        for each in {*addresses} - snapshot.recorded.addresses
        if domain_of(each) not in managed and not snapshot.is_internal(domain_of(each))
    )
    if elsewhere:
        domains = enumerate_some(sorted({domain_of(each) for each in elsewhere}))
        yield (
            f"mimecast-sso:addresses names {enumerate_some(elsewhere)}, but Mimecast has no internal domain {domains}, "
            "and mimecast-sso:domains does not name it, so the run could not create them. Add the domain to "
            "mimecast-sso:domains, or correct the addresses."
        )
